import { z } from "zod";
import { and, column } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { resolveField } from "#query/field.ts";
import { filtersPredicate } from "#query/filter-predicate.ts";
import { searchLogs } from "#query/log-search.ts";
import { readFacet, readFields } from "#query/record-facet.ts";
import { readHistogram } from "#query/record-histogram.ts";
import { textPredicate } from "#query/text-search.ts";
import type { Facet, Fields, Histogram, Logs } from "../contract/shapes.ts";
import { readPage } from "../page-cursor.ts";
import { pageParameters, parseFilters, predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { FACET_PARAMETERS, HISTOGRAM_PARAMETERS, TEXT_PARAMETER, withoutField } from "../record-parameters.ts";
import { route } from "../route.ts";
import { logs } from "../schema/logs.ts";
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
