import { and, as, column, equals, select } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { affectedSpans, type Cause, findCauses, operationSpans } from "./home/cause.ts";
import { findLogProblems } from "./home/log-problems.ts";
import { readMinuteHistory } from "./home/minute-history.ts";
import { findErrorProblems, findLatencyProblems } from "./home/operation-problems.ts";
import type { FoundProblem, OperationProblem } from "./home/problem.ts";
import { findResourceProblems } from "./home/resource-problems.ts";
import { findTrafficProblems } from "./home/traffic-problems.ts";
import { sayShare } from "./home/wording.ts";
import type { Question } from "./question.ts";
import { certain, type RankedDifference, rankDifferences } from "./span-differences.ts";

const MOST_PROBLEMS = 12;
/** Problems whose traces are followed to their cause. */
const FOLLOWED = 8;
/** Problems of which it is told whom they hit. */
const EXPLAINED = 3;
const MOST_DIFFERENCES = 8;
/** A cause is believed when this share of the traces points at it. */
const BELIEVED = 0.5;

/** What differs from before, the likeliest causes first. */
export async function findProblems(question: Question): Promise<readonly FoundProblem[]> {
  const [history, resources] = await Promise.all([readMinuteHistory(question), findResourceProblems(question)]);
  const operations = mergeByOperation([...findErrorProblems(history), ...findLatencyProblems(history)]);
  const causes = await findCauses(question, operations.slice(0, FOLLOWED));
  const ranked = rankByCause(operations, causes);
  const others = [...findLogProblems(history), ...findTrafficProblems(history), ...onePerMetric(resources)];
  const problems = [...ranked, ...others]
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, MOST_PROBLEMS);
  const explained = problems.filter((problem) => "spanKind" in problem).slice(0, EXPLAINED) as OperationProblem[];
  const differences = new Map(
    await Promise.all(
      explained.map(
        async (problem): Promise<[string, readonly RankedDifference[]]> => [
          problem.id,
          await tellAffected(question, problem),
        ],
      ),
    ),
  );
  return problems.map((problem) => {
    const found = differences.get(problem.id);
    return found === undefined ? problem : { ...problem, differences: found };
  });
}

/** An operation that fails and is slow is one problem: the graver of the two, which tells of the other. */
function mergeByOperation(problems: readonly OperationProblem[]): OperationProblem[] {
  const merged = new Map<string, OperationProblem>();
  for (const problem of problems.toSorted((a, b) => b.score - a.score)) {
    const key = operationKey(problem.service, problem.operation);
    const graver = merged.get(key);
    merged.set(
      key,
      graver === undefined || graver.kind === problem.kind
        ? (graver ?? problem)
        : { ...graver, detail: `${graver.detail} Besides: ${problem.detail}` },
    );
  }
  return [...merged.values()];
}

const operationKey = (service: string, name: string): string => JSON.stringify([service, name]);

/** Puts each cause above those that only wait for it or pass its failure on. */
export function rankByCause(
  problems: readonly OperationProblem[],
  causes: ReadonlyMap<string, Cause | null>,
): OperationProblem[] {
  const byKey = new Map(problems.map((problem) => [operationKey(problem.service, problem.operation), problem]));
  const causeOf = (problem: OperationProblem): Cause | null => {
    const cause = causes.get(problem.id) ?? null;
    return cause === null ||
      cause.share < BELIEVED ||
      (cause.service === problem.service && cause.name === problem.operation)
      ? null
      : cause;
  };
  const scores = new Map(problems.map((problem) => [problem.id, problem.score]));
  for (const problem of problems) {
    const cause = causeOf(problem);
    const behind = cause === null ? undefined : byKey.get(operationKey(cause.service, cause.name));
    if (behind === undefined) continue;
    scores.set(behind.id, Math.min(1, Math.max(scores.get(behind.id)!, problem.score) + 0.01));
  }
  return problems.map((problem) => {
    const cause = causeOf(problem);
    if (cause === null) return { ...problem, score: scores.get(problem.id)! };
    const said = `${problem.detail} In ${sayShare(cause.share)} of ${cause.traces} traces it comes from ${cause.service}: ${cause.name}.`;
    const behind = byKey.get(operationKey(cause.service, cause.name));
    if (behind !== undefined)
      return { ...problem, detail: said, score: Math.min(problem.score * 0.6, scores.get(behind.id)! - 0.02) };
    // The cause itself does not stand out by its numbers; the link leads to it all the same.
    return {
      ...problem,
      detail: said,
      score: scores.get(problem.id)!,
      target: {
        ...problem.target,
        where: [
          { field: "service", op: "=", values: [cause.service] },
          { field: "name", op: "=", values: [cause.name] },
          ...(problem.slowerThanNs === null ? [{ field: "status", op: "=" as const, values: ["error"] }] : []),
        ],
        sort: problem.slowerThanNs === null ? "start" : "duration",
      },
    };
  });
}

/** Several instances of one service that grow alike are one problem: the one that grew most. */
function onePerMetric(problems: readonly FoundProblem[]): FoundProblem[] {
  const best = new Map<string, FoundProblem>();
  for (const problem of problems) {
    const known = best.get(problem.service);
    if (known === undefined || problem.score > known.score) best.set(problem.service, problem);
  }
  return [...best.values()];
}

/**
 * Whom a problem hits: first by the attributes of its own spans; where these say little, by those of the requests it is part
 * of, since a database span seldom knows the customer.
 */
async function tellAffected(question: Question, problem: OperationProblem): Promise<readonly RankedDifference[]> {
  const range = {
    fromUnixNano: BigInt(problem.sinceMs) * 1_000_000n,
    toUnixNano: question.nowUnixNano + 60_000_000_000n,
  };
  const leaveOut = new Set(["name", "service", "kind", "status", "event", "scope"]);
  const own = await rankDifferences(question, {
    range,
    where: operationSpans(problem),
    inside: affectedSpans(problem),
    sameOperations: false,
    leaveOut,
    limit: MOST_DIFFERENCES,
  });
  const clear = own.differences.filter((difference) => certain(difference) > 0);
  if (clear.length > 0 && certain(clear[0]!) > 0.3) return clear;
  const tracesWith = (where: Predicate): Predicate => ({
    kind: "in-select",
    left: column("trace_id"),
    select: select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [as("trace", column("trace_id"))],
      groupBy: ["trace"],
      limit: 100_000,
    }),
  });
  const entry = await rankDifferences(question, {
    range,
    where: and(equals(column("parent_span_id"), ""), tracesWith(operationSpans(problem))),
    inside: tracesWith(and(operationSpans(problem), affectedSpans(problem))!),
    sameOperations: false,
    leaveOut: new Set([...leaveOut].filter((field) => field !== "name" && field !== "service")),
    limit: MOST_DIFFERENCES,
  });
  return [...clear, ...entry.differences.filter((difference) => certain(difference) > 0)]
    .sort((a, b) => certain(b) - certain(a))
    .slice(0, MOST_DIFFERENCES);
}

export type { FoundProblem };
