import { z } from "zod";
import { and, column } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { resolveField } from "#query/field.ts";
import { filtersPredicate } from "#query/filter-predicate.ts";
import { readContext } from "#query/log-context.ts";
import { readPatterns } from "#query/log-patterns.ts";
import { searchLogs } from "#query/log-search.ts";
import { readFacet, readFields } from "#query/record-facet.ts";
import { readHistogram } from "#query/record-histogram.ts";
import { textPredicate } from "#query/text-search.ts";
import { Failure } from "#runtime/failure.ts";
import type { Facet, Fields, Histogram, LogContext, Logs, Patterns } from "../contract/shapes.ts";
import { openLogStream } from "../log-stream.ts";
import { readPage } from "../page-cursor.ts";
import { integer, pageParameters, parseFilters, predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { FACET_PARAMETERS, HISTOGRAM_PARAMETERS, TEXT_PARAMETER, withoutField } from "../record-parameters.ts";
import { route } from "../route.ts";
import { logContext, logs, patterns } from "../schema/logs.ts";
import { facet, fields, histogram } from "../schema/records.ts";

const position = z.object({
  time: z.string().regex(/^\d{1,19}$/),
  hash: z.string().regex(/^\d{1,20}$/),
  equal: z.int().min(1).max(100_000),
});

/** Filters and text together. */
export function logPredicate(query: { where: readonly string[]; text: string }): Predicate | undefined {
  return and(predicateOf("logs", query.where), textPredicate(column("body"), query.text));
}

export const logsRoute = route({
  path: "/logs",
  summary: "Log lines",
  pathParameters: z.object({}),
  query: z.object({
    ...RANGE_PARAMETERS,
    ...TEXT_PARAMETER,
    ...pageParameters(100, 1000),
    order: z.enum(["newest", "oldest"]).default("newest"),
  }),
  answer: logs,
  explained: true,
  async handle({ query, question }): Promise<Logs> {
    const page = readPage(
      query,
      ["logs", question.tenant, query.order, query.text, ...query.where],
      position,
      question.nowUnixNano,
    );
    const found = await searchLogs(question, {
      range: page.range,
      where: logPredicate(query),
      order: query.order,
      limit: query.limit,
      after: page.after,
    });
    return { logs: found.logs, next: page.next(found.next), statistics: question.statistics };
  },
});

export const logHistogramRoute = route({
  path: "/logs/histogram",
  summary: "Log lines counted by time and a field",
  pathParameters: z.object({}),
  query: z.object({
    ...HISTOGRAM_PARAMETERS,
    ...TEXT_PARAMETER,
    groupBy: z.string().max(600).default("severity"),
  }),
  answer: histogram,
  explained: true,
  async handle({ query, question }): Promise<Histogram> {
    const found = await readHistogram(question, "logs", {
      range: rangeOf(query, question.nowUnixNano),
      where: logPredicate(query),
      groupBy: resolveField("logs", query.groupBy),
      buckets: query.buckets,
    });
    return { ...found, statistics: question.statistics };
  },
});

export const logFacetRoute = route({
  path: "/logs/facets",
  summary: "The commonest values of one field",
  description: "Filters on the field itself are left aside, so that its other values are seen too.",
  pathParameters: z.object({}),
  query: z.object({ ...FACET_PARAMETERS, ...TEXT_PARAMETER }),
  answer: facet,
  explained: true,
  async handle({ query, question }): Promise<Facet> {
    const field = resolveField("logs", query.field);
    const found = await readFacet(question, "logs", {
      range: rangeOf(query, question.nowUnixNano),
      where: and(
        filtersPredicate("logs", withoutField("logs", parseFilters(query.where), field.name)),
        textPredicate(column("body"), query.text),
      ),
      field,
      limit: query.limit,
    });
    return { ...found, statistics: question.statistics };
  },
});

export const logFieldsRoute = route({
  path: "/logs/fields",
  summary: "What log lines can be filtered by, most used first",
  pathParameters: z.object({}),
  query: z.object({ ...RANGE_PARAMETERS, ...TEXT_PARAMETER }),
  answer: fields,
  explained: true,
  async handle({ query, question }): Promise<Fields> {
    const found = await readFields(question, "logs", rangeOf(query, question.nowUnixNano), logPredicate(query));
    return { fields: found, statistics: question.statistics };
  },
});

export const logPatternsRoute = route({
  path: "/logs/patterns",
  summary: "Log lines by template, commonest first",
  pathParameters: z.object({}),
  query: z.object({ ...RANGE_PARAMETERS, ...TEXT_PARAMETER, limit: integer(1, 500).default(100) }),
  answer: patterns,
  explained: true,
  async handle({ query, question }): Promise<Patterns> {
    const found = await readPatterns(question, {
      range: rangeOf(query, question.nowUnixNano),
      where: logPredicate(query),
      limit: query.limit,
    });
    return { patterns: found, statistics: question.statistics };
  },
});

export const logContextRoute = route({
  path: "/logs/context",
  summary: "The lines around one line",
  pathParameters: z.object({}),
  query: z.object({
    id: z.string().max(60).describe("`id` of the line."),
    scope: z
      .enum(["service", "instance", "trace", "all"])
      .default("instance")
      .describe("Whose lines: of the same service, the same instance of it, the same trace, or everybody's."),
    before: integer(0, 500).default(20),
    after: integer(0, 500).default(20),
  }),
  answer: logContext,
  explained: true,
  handle({ query, question }): Promise<LogContext> {
    return readContext(question, query);
  },
});

/** Tails that may be open at once. */
const MOST_TAILS = 32;

export function logTailRoute(timing = { intervalMs: 1000, heartbeatMs: 15_000, bufferBytes: 1_000_000 }) {
  let open = 0;
  return route({
    path: "/logs/tail",
    summary: "Log lines as they arrive (server-sent events)",
    description:
      "Events: `rows` (LogRow[]), `dropped` ({count}: too many at once, or the client reads too slowly), `heartbeat`, and `problem` before the stream ends for a reason.",
    pathParameters: z.object({}),
    query: z.object({ where: RANGE_PARAMETERS.where, ...TEXT_PARAMETER }),
    answer: z.unknown(),
    answerType: "text/event-stream",
    async handle({ query, newQuestion, signal }): Promise<Response> {
      const where = logPredicate(query);
      if (open >= MOST_TAILS)
        throw new Failure("overloaded", `${open} tails are open already`, { retryAfterSeconds: 10 });
      open++;
      const body = openLogStream({ ...timing, where, signal, ask: newQuestion, closed: () => open-- });
      return new Response(body, {
        headers: {
          "content-type": "text/event-stream; charset=utf-8",
          "cache-control": "no-store",
          "x-accel-buffering": "no",
        },
      });
    },
  });
}
