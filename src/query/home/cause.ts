import { median } from "#math/robust.ts";
import { and, as, call, column, compare, descending, equals, or, select } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "../question.ts";
import { selfTimes } from "../trace/self-time.ts";
import { orderSpanTree } from "../trace/span-tree.ts";
import type { OperationProblem } from "./problem.ts";

/** Traces looked at on either side; enough to vote. */
const TRACES = 24;
const MOST_SPANS = 12_000;
const MS_NS = 1_000_000n;

/** The operation that most of the affected traces point at. */
export interface Cause {
  readonly service: string;
  readonly name: string;
  /** Share of the looked-at traces that point there. */
  readonly share: number;
  readonly traces: number;
}

/** The spans that the problem is about. */
export function affectedSpans(problem: OperationProblem): Predicate {
  return problem.slowerThanNs === null
    ? equals(column("status_code"), "error")
    : compare(column("duration_nano"), ">=", BigInt(Math.floor(problem.slowerThanNs)));
}

export function operationSpans(problem: OperationProblem): Predicate {
  return and(
    equals(column("service_name"), problem.service),
    equals(column("name"), problem.operation),
    equals(column("kind"), problem.spanKind),
  )!;
}

/**
 * Where the trouble of each operation really is, by the traces of its affected spans. Slow: below each affected span the one
 * whose own time exceeds most what it usually is. Failing: the failed span furthest below that has no failed child. A caller
 * is slow or fails because of what it calls; the vote of some two dozen traces tells which. By the problem's id.
 */
export async function findCauses(
  question: Question,
  problems: readonly OperationProblem[],
): Promise<ReadonlyMap<string, Cause | null>> {
  const slow = problems.filter((problem) => problem.slowerThanNs !== null);
  const [usual, ...causes] = await Promise.all([
    slow.length === 0 ? new Map<string, number>() : usualSelfTimes(question, slow),
    ...problems.map((problem) => {
      const since = BigInt(problem.sinceMs) * MS_NS;
      const range = { fromUnixNano: since, toUnixNano: question.nowUnixNano + 60_000n * MS_NS };
      return readTraces(question, range, and(operationSpans(problem), affectedSpans(problem))!, TRACES);
    }),
  ]);
  return new Map(problems.map((problem, index) => [problem.id, vote(problem, causes[index]!, usual)]));
}

function vote(
  problem: OperationProblem,
  affected: readonly SmallTrace[],
  usual: ReadonlyMap<string, number>,
): Cause | null {
  const votes = new Map<string, { service: string; name: string; count: number }>();
  for (const trace of affected) {
    const top = trace.spans.findIndex((span) => isAffected(span, problem));
    if (top < 0) continue;
    const span = trace.spans[guiltyBelow(trace, top, problem, usual)]!;
    const one = votes.get(keyOf(span)) ?? { service: span.service, name: span.name, count: 0 };
    one.count++;
    votes.set(keyOf(span), one);
  }
  const [winner] = [...votes.values()].sort((a, b) => b.count - a.count);
  if (winner === undefined) return null;
  return {
    service: winner.service,
    name: winner.name,
    share: winner.count / affected.length,
    traces: affected.length,
  };
}

interface TraceSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly failed: boolean;
  readonly duration: number;
  readonly self: number;
}

/** Spans in tree order. */
interface SmallTrace {
  readonly spans: readonly TraceSpan[];
  readonly parent: readonly number[];
}

const keyOf = (span: { service: string; name: string }): string => JSON.stringify([span.service, span.name]);

function isAffected(span: TraceSpan, problem: OperationProblem): boolean {
  if (span.service !== problem.service || span.name !== problem.operation || span.kind !== problem.spanKind)
    return false;
  return problem.slowerThanNs === null ? span.failed : span.duration >= problem.slowerThanNs;
}

function guiltyBelow(
  trace: SmallTrace,
  top: number,
  problem: OperationProblem,
  usual: ReadonlyMap<string, number>,
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
    const excess = span.self - (usual.get(keyOf(span)) ?? 0);
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

/** Median own time by operation in traces of these operations before anything changed. */
async function usualSelfTimes(
  question: Question,
  problems: readonly OperationProblem[],
): Promise<ReadonlyMap<string, number>> {
  const end = BigInt(Math.min(...problems.map((problem) => problem.sinceMs))) * MS_NS;
  const traces = await readTraces(
    question,
    { fromUnixNano: end - 900_000n * MS_NS, toUnixNano: end },
    or(...problems.map(operationSpans)),
    TRACES * 3,
  );
  const times = new Map<string, number[]>();
  for (const trace of traces)
    for (const span of trace.spans) {
      const list = times.get(keyOf(span)) ?? [];
      list.push(span.self);
      times.set(keyOf(span), list);
    }
  return new Map([...times].map(([key, list]) => [key, median(list)]));
}

/** The newest traces that have such a span, whole. */
async function readTraces(
  question: Question,
  range: TimeRange,
  where: Predicate,
  most: number,
): Promise<readonly SmallTrace[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: { fromUnixNano: range.fromUnixNano - 60_000n * MS_NS, toUnixNano: range.toUnixNano + 60_000n * MS_NS },
      where: {
        kind: "in-select",
        left: column("trace_id"),
        select: select({
          tenant: question.tenant,
          from: "spans",
          time: range,
          where: and(where, compare(column("trace_id"), "!=", "")),
          columns: [as("trace", column("trace_id"))],
          groupBy: ["trace"],
          orderBy: [descending(call("max", column("start_time")))],
          limit: most,
        }),
      },
      columns: [
        as("trace", column("trace_id")),
        as("span", column("span_id")),
        as("parent", column("parent_span_id")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("status", column("status_code")),
        as("time", call("unixNanoText", column("start_time"))),
        as("duration", column("duration_nano")),
      ],
      limit: MOST_SPANS,
    }),
  );
  const span = frame.strings("span");
  const parent = frame.strings("parent");
  const service = frame.strings("service");
  const name = frame.strings("name");
  const kind = frame.strings("kind");
  const status = frame.strings("status");
  const time = frame.strings("time");
  const duration = frame.numbers("duration");
  const rowsOf = new Map<string, number[]>();
  for (const [row, id] of frame.strings("trace").entries()) {
    const rows = rowsOf.get(id);
    if (rows === undefined) rowsOf.set(id, [row]);
    else rows.push(row);
  }
  return [...rowsOf.values()].map((rows) => {
    const first = BigInt(time[rows[0]!]!);
    const start = rows.map((row) => Number(BigInt(time[row]!) - first));
    const tree = orderSpanTree({
      spanId: rows.map((row) => span[row]!),
      parentSpanId: rows.map((row) => parent[row]!),
      start,
      kind: rows.map((row) => (kind[row] === "server" ? 2 : 0)),
    });
    const self = selfTimes({
      parent: tree.parent,
      start: tree.order.map((index) => start[index]!),
      duration: tree.order.map((index) => duration[rows[index]!]!),
    });
    return {
      parent: tree.parent,
      spans: tree.order.map((index, position) => {
        const row = rows[index]!;
        return {
          service: service[row]!,
          name: name[row]!,
          kind: kind[row]!,
          failed: status[row] === "error",
          duration: duration[row]!,
          self: self[position]!,
        };
      }),
    };
  });
}
