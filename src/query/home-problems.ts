import { readAffectedTraces } from "./home/affected-traces.ts";
import { cameWith, foldByTime, foldByTraces, tellTrouble } from "./home/fold.ts";
import { readHistory } from "./home/history.ts";
import { findLogProblems } from "./home/log-problems.ts";
import { findCommonSlowdown, findErrorProblems, findLatencyProblems } from "./home/operation-problems.ts";
import { FOR_A_PART, type FoundProblem, type OperationProblem } from "./home/problem.ts";
import { findResourceProblems } from "./home/resource-problems.ts";
import { findTrafficProblems } from "./home/traffic-problems.ts";
import { tellWhomItHits } from "./home/whom-it-hits.ts";
import type { Question } from "./question.ts";
import { certain, type RankedDifference } from "./span-differences.ts";

const MOST_PROBLEMS = 12;
/** Operations whose traces are followed to the cause. */
const FOLLOWED = 16;
/** Troubles of which it is told whom they hit. */
const EXPLAINED = 2;
/** A difference this certain names whom a problem hits. */
const PLAIN = 0.5;

/**
 * What differs from before, the likeliest causes first. Operations that fail or are slow in the same traces are one problem,
 * with all else that changed along with it.
 */
export async function findProblems(question: Question): Promise<readonly FoundProblem[]> {
  const [history, resources] = await Promise.all([readHistory(question), findResourceProblems(question)]);
  const operations = mergeByOperation([...findErrorProblems(history), ...findLatencyProblems(history)]);
  const followed = operations.slice(0, FOLLOWED);
  const troubles = foldByTraces(followed, await readAffectedTraces(question, followed)).sort(
    (a, b) => b.problem.score - a.problem.score,
  );
  const common = findCommonSlowdown(history);
  const others = [
    ...(common === null ? [] : [common]),
    ...resources,
    ...findLogProblems(history),
    ...findTrafficProblems(history),
  ];
  const belongsTo = new Map(others.map((other) => [other, troubles.find((trouble) => cameWith(other, trouble))]));
  const told = await Promise.all(
    troubles.map(async (trouble, rank) => {
      const besides = others.filter((other) => belongsTo.get(other) === trouble);
      const problem = tellTrouble(trouble, besides);
      return rank < EXPLAINED ? nameWhomItHits(problem, await tellWhomItHits(question, problem)) : problem;
    }),
  );
  const alone = others.filter((other) => belongsTo.get(other) === undefined);
  return [
    ...told,
    ...foldByTime(alone.filter((other) => other.kind === "log-errors")),
    ...alone.filter((other) => other.kind !== "log-errors"),
  ]
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
    .slice(0, MOST_PROBLEMS);
}

/** The title of a problem that hits a part says which, where one difference tells nearly all of it. */
function nameWhomItHits(problem: OperationProblem, differences: readonly RankedDifference[]): OperationProblem {
  const [first] = differences;
  const title =
    first !== undefined && problem.title.endsWith(FOR_A_PART) && certain(first) >= PLAIN
      ? `${problem.title.slice(0, -FOR_A_PART.length)} for ${first.field.replace(/^(attributes|resource)\./, "")} ${first.value}`
      : problem.title;
  return { ...problem, title, differences };
}

/** An operation that fails and is slow is one problem: the graver of the two, which tells of the other. */
function mergeByOperation(problems: readonly OperationProblem[]): OperationProblem[] {
  const merged = new Map<string, OperationProblem>();
  for (const problem of problems.toSorted((a, b) => b.score - a.score)) {
    const key = JSON.stringify([problem.service, problem.operation, problem.spanKind]);
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

export type { FoundProblem };
