import { z } from "zod";
import { and, call, column, compare, literal } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import { resolveField } from "#query/field.ts";
import { filtersPredicate, MOST_FILTERS } from "#query/filter-predicate.ts";
import { readFacet, readFields } from "#query/record-facet.ts";
import { readHistogram } from "#query/record-histogram.ts";
import { rankDifferences } from "#query/span-differences.ts";
import { readHeatmap } from "#query/span-heatmap.ts";
import { searchSpans } from "#query/span-search.ts";
import { parseTime } from "#query/time.ts";
import { Failure } from "#runtime/failure.ts";
import type { Filter } from "../contract/filter.ts";
import type { Differences, Facet, Fields, Heatmap, Histogram, Spans } from "../contract/shapes.ts";
import { readPage } from "../page-cursor.ts";
import { integer, pageParameters, parseFilters, predicateOf, RANGE_PARAMETERS, rangeOf } from "../parameters.ts";
import { FACET_PARAMETERS, HISTOGRAM_PARAMETERS, withoutField } from "../record-parameters.ts";
import { route } from "../route.ts";
import { facet, fields, histogram } from "../schema/records.ts";
import { differences, heatmap, spans } from "../schema/spans.ts";

const position = z.object({
  key: z.string().regex(/^-?\d{1,19}$/),
  hash: z.string().regex(/^\d{1,20}$/),
  equal: z.int().min(1).max(100_000),
});

export const spansRoute = route({
  path: "/spans",
  summary: "Single spans",
  pathParameters: z.object({}),
  query: z.object({
    ...RANGE_PARAMETERS,
    ...pageParameters(50, 500),
    sort: z.enum(["start", "duration"]).default("start").describe("Newest or slowest first."),
  }),
  answer: spans,
  explained: true,
  async handle({ query, question }): Promise<Spans> {
    const page = readPage(
      query,
      ["spans", question.tenant, query.sort, ...query.where],
      position,
      question.nowUnixNano,
    );
    const found = await searchSpans(question, {
      range: page.range,
      where: predicateOf("spans", query.where),
      sort: query.sort,
      limit: query.limit,
      after: page.after,
    });
    return { spans: found.spans, next: page.next(found.next), statistics: question.statistics };
  },
});

export const heatmapRoute = route({
  path: "/spans/heatmap",
  summary: "Spans by time and duration",
  pathParameters: z.object({}),
  query: z.object({
    ...RANGE_PARAMETERS,
    columns: integer(1, 400).default(120).describe("At most this many; each is a round length of time."),
    rows: integer(1, 120).default(40).describe("At most this many; all are of one height on the log scale."),
  }),
  answer: heatmap,
  explained: true,
  async handle({ query, question }): Promise<Heatmap> {
    const range = rangeOf(query, question.nowUnixNano);
    const found = await readHeatmap(question, range, predicateOf("spans", query.where), query);
    return { ...found, statistics: question.statistics };
  },
});

export const spanHistogramRoute = route({
  path: "/spans/histogram",
  summary: "Spans counted by time and a field",
  pathParameters: z.object({}),
  query: z.object({ ...HISTOGRAM_PARAMETERS, groupBy: z.string().max(600).default("status") }),
  answer: histogram,
  explained: true,
  async handle({ query, question }): Promise<Histogram> {
    const found = await readHistogram(question, "spans", {
      range: rangeOf(query, question.nowUnixNano),
      where: predicateOf("spans", query.where),
      groupBy: resolveField("spans", query.groupBy),
      buckets: query.buckets,
    });
    return { ...found, statistics: question.statistics };
  },
});

export const spanFacetRoute = route({
  path: "/spans/facets",
  summary: "The commonest values of one field",
  description: "Filters on the field itself are left aside, so that its other values are seen too.",
  pathParameters: z.object({}),
  query: z.object(FACET_PARAMETERS),
  answer: facet,
  explained: true,
  async handle({ query, question }): Promise<Facet> {
    const field = resolveField("spans", query.field);
    const found = await readFacet(question, "spans", {
      range: rangeOf(query, question.nowUnixNano),
      where: filtersPredicate("spans", withoutField("spans", parseFilters(query.where), field.name)),
      field,
      limit: query.limit,
    });
    return { ...found, statistics: question.statistics };
  },
});

export const spanFieldsRoute = route({
  path: "/spans/fields",
  summary: "What spans can be filtered by, most used first",
  pathParameters: z.object({}),
  query: z.object(RANGE_PARAMETERS),
  answer: fields,
  explained: true,
  async handle({ query, question }): Promise<Fields> {
    const found = await readFields(
      question,
      "spans",
      rangeOf(query, question.nowUnixNano),
      predicateOf("spans", query.where),
    );
    return { fields: found, statistics: question.statistics };
  },
});

function bound(field: string, op: ">=" | "<", value: string | undefined): readonly Filter[] {
  return value === undefined ? [] : [{ field, op, values: [value] }];
}

export const differencesRoute = route({
  path: "/spans/differences",
  summary: "What tells selected spans from the rest, ranked",
  description:
    "Fields are counted on up to 50,000 rows of each side, of more on a sample (`partial`, and `note` says of how many), whose size the intervals come from; `insideCount` and `outsideCount` of the answer are exact. The selection is `selectWhere` (filters), `selectFrom` and `selectTo` (a part of the time), `selectMinDuration` and `selectMaxDuration`; the rest are the other spans under the same `where`, by default of the same services and operations. Ids, times and nearly unique keys are left out. Intervals are Newcombe's hybrid score intervals with continuity correction (1998, method 11).",
  pathParameters: z.object({}),
  query: z.object({
    ...RANGE_PARAMETERS,
    selectWhere: z.array(z.string().max(20_000)).max(MOST_FILTERS).default([]),
    selectFrom: z.string().max(60).optional(),
    selectTo: z.string().max(60).optional(),
    selectMinDuration: z.string().max(40).optional().describe("Least duration, inclusive."),
    selectMaxDuration: z.string().max(40).optional().describe("Greatest duration, exclusive."),
    within: z
      .enum(["same", "all"])
      .default("same")
      .describe("Compare within the same services and operations, or all."),
    limit: integer(1, 200).default(40),
  }),
  answer: differences,
  explained: true,
  async handle({ query, question }): Promise<Differences> {
    const chosen = [
      ...parseFilters(query.selectWhere),
      ...bound("duration", ">=", query.selectMinDuration),
      ...bound("duration", "<", query.selectMaxDuration),
    ];
    const now = question.nowUnixNano;
    const moment = (text: string | undefined, op: ">=" | "<", name: string): Predicate | undefined =>
      text === undefined
        ? undefined
        : compare(column("start_time"), op, call("time", literal(parseTime(text, now, name))));
    const inside = and(
      filtersPredicate("spans", chosen),
      moment(query.selectFrom, ">=", "selectFrom"),
      moment(query.selectTo, "<", "selectTo"),
    );
    if (inside === undefined)
      throw new Failure(
        "bad-request",
        "selectWhere: say what is selected, by filters, a part of the time or durations",
      );
    const found = await rankDifferences(question, {
      range: rangeOf(query, now),
      where: predicateOf("spans", query.where),
      inside,
      sameOperations: query.within === "same",
      leaveOut: new Set(chosen.map((filter) => resolveField("spans", filter.field).name)),
      limit: query.limit,
    });
    return { ...found, statistics: question.statistics };
  },
});
