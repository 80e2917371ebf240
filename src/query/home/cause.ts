import { type AffectedTraces, isAffected, operationKey, type SmallTrace } from "./affected-traces.ts";
import type { OperationProblem } from "./problem.ts";

/** The operation that most of the affected traces point at. */
export interface Cause {
  readonly service: string;
  readonly name: string;
  /** Share of the looked-at traces that point there. */
  readonly share: number;
  readonly traces: number;
}

/**
 * Where the trouble of an operation really is, by the traces of its affected spans. Slow: below each affected span the one
 * whose own time exceeds most what it usually is. Failing: the failed span furthest below that has no failed child. A caller
 * is slow or fails because of what it calls; the vote of some two dozen traces tells which. Null where no trace is known.
 */
export function findCause(problem: OperationProblem, { traces, usualSelf }: AffectedTraces): Cause | null {
  const votes = new Map<string, { service: string; name: string; count: number }>();
  let voters = 0;
  for (const trace of traces) {
    const top = trace.spans.findIndex((span) => isAffected(span, problem));
    if (top < 0) continue;
    voters++;
    const span = trace.spans[guiltyBelow(trace, top, problem, usualSelf)]!;
    const key = operationKey(span.service, span.name);
    const one = votes.get(key) ?? { service: span.service, name: span.name, count: 0 };
    one.count++;
    votes.set(key, one);
  }
  const [winner] = [...votes.values()].sort((a, b) => b.count - a.count);
  if (winner === undefined) return null;
  return { service: winner.service, name: winner.name, share: winner.count / voters, traces: voters };
}

function guiltyBelow(
  trace: SmallTrace,
  top: number,
  problem: OperationProblem,
  usualSelf: ReadonlyMap<string, number>,
): number {
  const below = new Set([top]);
  let guilty = top;
  let most = Number.NEGATIVE_INFINITY;
  for (let index = top; index < trace.spans.length; index++) {
    if (index !== top && !below.has(trace.parent[index]!)) continue;
    below.add(index);
    const span = trace.spans[index]!;
    if (problem.slowerThanNs === null) {
      // Tree order goes downward, so that this walks one failed branch to its end.
      if (index !== top && span.failed && isBelow(trace, index, guilty)) guilty = index;
      continue;
    }
    const excess = span.self - (usualSelf.get(operationKey(span.service, span.name)) ?? 0);
    if (excess > most) {
      most = excess;
      guilty = index;
    }
  }
  return guilty;
}

function isBelow(trace: SmallTrace, index: number, above: number): boolean {
  let at = trace.parent[index]!;
  while (at > above) at = trace.parent[at]!;
  return at === above;
}
