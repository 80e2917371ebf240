import { type AffectedTraces, isAffected, operationKey } from "./affected-traces.ts";
import { type Cause, findCause } from "./cause.ts";
import type { FoundProblem, OperationProblem } from "./problem.ts";
import { sayShare } from "./wording.ts";

/** Traces point at a cause, and two problems are one, when this share of them says so. */
const BELIEVED = 0.5;
/** Beginnings are known to the minute in summaries, and what waits shows later than what it waits for. */
const SAME_TIME_MS = 90_000;
const MOST_NAMED = 3;

/** One trouble: the problem nearest to its cause, and those that only wait for it or pass its failure on. */
export interface Trouble {
  readonly problem: OperationProblem;
  readonly symptoms: readonly OperationProblem[];
  /** Services that its traces pass through, and what these call. */
  readonly services: ReadonlySet<string>;
  /** Where the traces point, when that is not the problem's own operation. */
  readonly cause: Cause | null;
}

/**
 * Makes one trouble of the problems that show in the same traces: joined when most traces of one hold the other. The problem
 * that the others' traces point at stands for them all.
 */
export function foldByTraces(problems: readonly OperationProblem[], affected: AffectedTraces): Trouble[] {
  const causes = problems.map((problem) => findCause(problem, affected));
  const shownIn = affected.traces.map((trace) =>
    problems.map((problem) => trace.spans.some((span) => isAffected(span, problem))),
  );
  const groupOf = problems.map((_, index) => index);
  const find = (index: number): number => (groupOf[index] === index ? index : find(groupOf[index]!));
  for (let a = 0; a < problems.length; a++)
    for (let b = 0; b < problems.length; b++) {
      if (a === b) continue;
      const ofA = shownIn.filter((shown) => shown[a]);
      if (ofA.length > 0 && ofA.filter((shown) => shown[b]).length >= BELIEVED * ofA.length) groupOf[find(a)] = find(b);
    }
  const groups = new Map<number, number[]>();
  for (const index of problems.keys()) groups.set(find(index), [...(groups.get(find(index)) ?? []), index]);
  return [...groups.values()].map((members): Trouble => {
    const weights = new Map<string, number>();
    for (const index of members) {
      const cause = causes[index];
      if (cause == null) continue;
      const key = operationKey(cause.service, cause.name);
      weights.set(key, (weights.get(key) ?? 0) + cause.share * problems[index]!.score);
    }
    const [guilty] = [...weights].sort((a, b) => b[1] - a[1]);
    const pointing = (index: number): number => {
      const cause = causes[index];
      const { service, operation, score } = problems[index]!;
      const isCause = guilty?.[0] === operationKey(service, operation);
      const pointsThere = cause != null && operationKey(cause.service, cause.name) === guilty?.[0];
      return (isCause ? 2 : pointsThere ? 1 : 0) + score;
    };
    const [first, ...rest] = members.toSorted((a, b) => pointing(b) - pointing(a));
    const problem = problems[first!]!;
    const cause = causes[first!] ?? null;
    const peer = peerOf(problem, affected);
    const isOwn = cause !== null && cause.service === problem.service && cause.name === problem.operation;
    return {
      problem: {
        ...problem,
        // A client's span is often named by its method alone; whom it calls says more.
        title:
          peer === null ? problem.title : problem.title.replace(problem.operation, `${problem.operation} to ${peer}`),
        score: Math.max(...members.map((index) => problems[index]!.score)),
      },
      symptoms: rest.map((index) => problems[index]!),
      services: new Set(
        affected.traces.flatMap((trace, at) =>
          members.some((index) => shownIn[at]![index])
            ? trace.spans.flatMap((span) => (span.peer === "" ? [span.service] : [span.service, span.peer]))
            : [],
        ),
      ),
      cause: cause === null || isOwn || cause.share < BELIEVED ? null : cause,
    };
  });
}

/** What all affected client spans of an operation call, if it is one and the name does not say it already. */
function peerOf(problem: OperationProblem, affected: AffectedTraces): string | null {
  if (problem.spanKind !== "client" && problem.spanKind !== "producer") return null;
  const peers = new Set(
    affected.traces.flatMap(({ spans }) => spans.filter((span) => isAffected(span, problem)).map(({ peer }) => peer)),
  );
  const [peer] = peers;
  return peers.size !== 1 || peer === undefined || peer === "" || /\W/.test(problem.operation) ? null : peer;
}

/** A trouble as one problem that tells of its symptoms, and of what else changed with it. */
export function tellTrouble(trouble: Trouble, besides: readonly FoundProblem[]): OperationProblem {
  const { problem, cause, symptoms } = trouble;
  const sentences = [problem.detail];
  if (cause !== null)
    sentences.push(
      `In ${sayShare(cause.share)} of ${cause.traces} traces it comes from ${cause.service}: ${cause.name}.`,
    );
  // Requests first: they are what people feel.
  const entries = symptoms.toSorted((a, b) => Number(isEntry(b)) - Number(isEntry(a)) || b.score - a.score);
  for (const [kind, word] of [
    ["errors", "Also failing"],
    ["latency", "Also slow"],
  ] as const) {
    const named = entries.filter((symptom) => symptom.kind === kind);
    if (named.length > 0)
      sentences.push(`${word}: ${list(named.map(({ service, operation }) => `${service} ${operation}`))}.`);
  }
  // The service that the cause is in knows best what it is.
  const nearest = besides.toSorted(
    (a, b) => Number(b.service === problem.service) - Number(a.service === problem.service) || b.score - a.score,
  );
  return { ...problem, detail: [...sentences, ...withIt(nearest)].join(" ") };
}

const isEntry = (problem: OperationProblem): boolean =>
  problem.spanKind === "server" || problem.spanKind === "consumer";

function list(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMED).join(", ");
  return names.length > MOST_NAMED ? `${shown} and ${names.length - MOST_NAMED} more` : shown;
}

/** Whether something that changed belongs to a trouble: it came with it, in a service that its traces pass through. */
export function cameWith(other: FoundProblem, trouble: Trouble): boolean {
  return trouble.services.has(other.service) && other.sinceMs >= trouble.problem.sinceMs - SAME_TIME_MS;
}

/** Lines that began to come at one time are one problem, told by the gravest of them. */
export function foldByTime(logs: readonly FoundProblem[]): FoundProblem[] {
  const folded: { readonly first: FoundProblem; readonly rest: FoundProblem[] }[] = [];
  for (const log of logs.toSorted((a, b) => b.score - a.score)) {
    const group = folded.find(({ first }) => Math.abs(first.sinceMs - log.sinceMs) <= SAME_TIME_MS);
    if (group === undefined) folded.push({ first: log, rest: [] });
    else group.rest.push(log);
  }
  return folded.map(({ first, rest }) => ({ ...first, detail: [first.detail, ...withIt(rest)].join(" ") }));
}

function withIt(others: readonly FoundProblem[]): readonly string[] {
  return others.length === 0 ? [] : [`With it: ${list(others.map((other) => other.brief ?? other.title))}.`];
}
