import { z } from "zod";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { readArriving } from "#query/arriving.ts";
import { findProblems } from "#query/home-problems.ts";
import type { Home, HomeProblem, Ledger } from "../contract/shapes.ts";
import { homeLink } from "../home-link.ts";
import { rangeOf, TIME_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { home } from "../schema/home.ts";

export function homeRoute(startedMs: number) {
  return route({
    path: "/home",
    summary: "What is wrong now, ranked; what is arriving; whether anything is lost",
    description:
      "Compares the last minutes with the hour before: errors, durations, new error lines, traffic, memory and queues, silence, loss. `from` and `to` are for `arriving` only.",
    pathParameters: z.object({}),
    query: z.object(TIME_PARAMETERS),
    answer: home,
    explained: true,
    async handle({ query, question, dependencies }): Promise<Home> {
      const [arriving, problems] = await Promise.all([
        readArriving(question, rangeOf(query, question.nowUnixNano)),
        findProblems(question),
      ]);
      const lost = lossProblems(dependencies.ingestLedger(), startedMs, dependencies.clock.nowMs());
      return {
        problems: [
          ...lost,
          ...problems.map(
            ({
              id,
              kind,
              title,
              detail,
              service,
              operation,
              sinceMs,
              score,
              now,
              before,
              unit,
              ...rest
            }): HomeProblem => ({
              id,
              kind,
              title,
              detail,
              service,
              operation,
              sinceMs,
              score,
              now,
              before,
              unit,
              sparkline: rest.sparkline,
              differences: rest.differences,
              link: homeLink(rest.target),
            }),
          ),
        ].sort((a, b) => b.score - a.score),
        arriving,
        statistics: question.statistics,
      };
    },
  });
}

/** Records that were acknowledged and are nowhere, or that were dropped: the one thing that may not be. */
function lossProblems(
  ledger: Readonly<Record<Signal, Ledger>>,
  startedMs: number,
  nowMs: number,
): readonly HomeProblem[] {
  return SIGNALS.flatMap((signal): HomeProblem[] => {
    const { missing, dropped, received, reasons } = ledger[signal];
    const count = missing > 0 ? missing : dropped;
    if (count <= 0) return [];
    const why = reasons.map(({ reason, count: of }) => `${reason} (${of})`).join(", ");
    return [
      {
        id: `loss:${signal}`,
        kind: "loss",
        title: missing > 0 ? `${signal}: records are missing` : `${signal}: records were dropped`,
        detail: `${count} of ${received} since the program started${why === "" ? "" : `: ${why}`}. Run \`traceo doctor\`.`,
        service: "traceo",
        operation: null,
        sinceMs: startedMs,
        score: missing > 0 ? 1 : 0.8,
        now: count,
        before: 0,
        unit: "count",
        sparkline: { startMs: startedMs, stepMs: Math.max(1, nowMs - startedMs), values: [count] },
        differences: [],
        link: "/",
      },
    ];
  });
}
