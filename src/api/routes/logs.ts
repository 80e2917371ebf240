import { z } from "zod";
import { and, column } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { searchLogs } from "#query/log-search.ts";
import { textPredicate } from "#query/text-search.ts";
import type { Logs } from "../contract/shapes.ts";
import { decodeCursor, encodeCursor, fingerprint } from "../cursor.ts";
import { pageParameters, predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { route } from "../route.ts";
import { logs } from "../schema/logs.ts";

const position = z.object({
  time: z.string().regex(/^\d{1,19}$/),
  hash: z.string().regex(/^\d{1,20}$/),
  equal: z.int().min(1).max(100_000),
});
const pinned = z.object({ from: z.string().regex(/^\d{1,19}$/), to: z.string().regex(/^\d{1,19}$/), at: position });

export const LOG_FILTER_PARAMETERS = {
  ...RANGE_PARAMETERS,
  text: z
    .string()
    .max(2000)
    .default("")
    .describe('Words that must all occur, "a phrase", -word that must not; any case.'),
};

/** Filters and text together. */
export function logPredicate(query: { where: readonly string[]; text: string }): Predicate | undefined {
  return and(predicateOf("logs", query.where), textPredicate(column("body"), query.text));
}

export const logsRoute = route({
  path: "/logs",
  summary: "Log lines",
  pathParameters: z.object({}),
  query: z.object({
    ...LOG_FILTER_PARAMETERS,
    ...pageParameters(100, 1000),
    order: z.enum(["newest", "oldest"]).default("newest"),
  }),
  answer: logs,
  explained: true,
  async handle({ query, question }): Promise<Logs> {
    const name = fingerprint(["logs", question.tenant, query.from, query.to, query.order, query.text, ...query.where]);
    const cursor = query.cursor === undefined ? undefined : decodeCursor(name, query.cursor, pinned);
    const range =
      cursor === undefined
        ? rangeOf(query, question.nowUnixNano)
        : { fromUnixNano: BigInt(cursor.from), toUnixNano: BigInt(cursor.to) };
    const found = await searchLogs(question, {
      range,
      where: logPredicate(query),
      order: query.order,
      limit: query.limit,
      after: cursor?.at,
    });
    return {
      logs: found.logs,
      next:
        found.next === null
          ? null
          : encodeCursor(name, { from: `${range.fromUnixNano}`, to: `${range.toUnixNano}`, at: found.next }),
      statistics: question.statistics,
    };
  },
});
