import { z } from "zod";
import { parseDurationNs } from "#query/duration.ts";
import { resolveField } from "#query/field.ts";
import { listLabels, listLabelValues, listMetrics } from "#query/metric-catalogue.ts";
import { METRIC_AGGREGATES, readMetric } from "#query/metric-series.ts";
import { Failure } from "#runtime/failure.ts";
import type { Labels, LabelValues, Metrics, SeriesAnswer } from "../contract/shapes.ts";
import { readPage } from "../page-cursor.ts";
import { integer, pageParameters, predicateOf, RANGE_PARAMETERS, rangeOf, TIME_PARAMETERS } from "../parameters.ts";
import { route } from "../route.ts";
import { labels, labelValues, metrics, series } from "../schema/metrics.ts";

export const metricsRoute = route({
  path: "/metrics",
  summary: "Metrics by name",
  pathParameters: z.object({}),
  query: z.object({
    ...TIME_PARAMETERS,
    ...pageParameters(100, 1000),
    search: z.string().max(200).default("").describe("Parts of the name, any case."),
    service: z.string().max(500).optional(),
  }),
  answer: metrics,
  explained: true,
  async handle({ query, question }): Promise<Metrics> {
    const page = readPage(
      query,
      ["metrics", question.tenant, query.search, query.service],
      z.object({ name: z.string().max(2000) }),
      question.nowUnixNano,
    );
    const found = await listMetrics(question, {
      ...query,
      range: page.range,
      service: query.service,
      after: page.after?.name,
    });
    return {
      metrics: found.metrics,
      next: page.next(found.next === null ? null : { name: found.next }),
      statistics: question.statistics,
    };
  },
});

const name = z.string().max(1000).describe("Name of the metric.");

export const labelsRoute = route({
  path: "/metrics/{name}/labels",
  summary: "What a metric's series can be told apart by",
  pathParameters: z.object({ name }),
  query: z.object(TIME_PARAMETERS),
  answer: labels,
  explained: true,
  async handle({ path, query, question }): Promise<Labels> {
    const found = await listLabels(question, path.name, rangeOf(query, question.nowUnixNano));
    return { labels: found, statistics: question.statistics };
  },
});

export const labelValuesRoute = route({
  path: "/metrics/{name}/labels/{label}",
  summary: "Values of one label with their number of series",
  pathParameters: z.object({ name, label: z.string().max(600).describe("A name from /metrics/{name}/labels.") }),
  query: z.object({ ...RANGE_PARAMETERS, ...pageParameters(100, 1000) }),
  answer: labelValues,
  explained: true,
  async handle({ path, query, question }): Promise<LabelValues> {
    const page = readPage(
      query,
      ["label", question.tenant, path.name, path.label, ...query.where],
      z.object({ offset: z.int().min(0).max(100_000) }),
      question.nowUnixNano,
    );
    const offset = page.after?.offset ?? 0;
    const found = await listLabelValues(question, {
      metric: path.name,
      field: resolveField("series", path.label),
      range: page.range,
      where: predicateOf("series", query.where),
      limit: query.limit,
      offset,
    });
    return {
      values: found.values,
      next: page.next(found.more ? { offset: offset + query.limit } : null),
      statistics: question.statistics,
    };
  },
});

export const seriesRoute = route({
  path: "/metrics/{name}/series",
  summary: "One metric as lines over time",
  description:
    "`rate` and `increase` know delta and cumulative counters and their resets; quantiles come from explicit or exponential histograms (Prometheus' interpolation) or from the sender's summaries. `sum` adds up series, not points.",
  pathParameters: z.object({ name }),
  query: z.object({
    ...RANGE_PARAMETERS,
    groupBy: z.array(z.string().max(600)).max(8).default([]).describe("A label; repeat it for several."),
    aggregate: z
      .enum(METRIC_AGGREGATES)
      .optional()
      .describe("Default: avg of a gauge, rate of a counter, sum of an up-down counter, p95 of a histogram."),
    step: z.string().max(20).optional().describe("As `30s`; default: some 120 points."),
    limit: integer(1, 200).default(20).describe("Lines, those with the largest values."),
  }),
  answer: series,
  explained: true,
  async handle({ path, query, question }): Promise<SeriesAnswer> {
    const step = query.step === undefined ? undefined : parseDurationNs(query.step);
    if (query.step !== undefined && (step === undefined || step < 1e9))
      throw new Failure("bad-request", "step: write a duration of a second or more, as 30s");
    const found = await readMetric(question, {
      metric: path.name,
      range: rangeOf(query, question.nowUnixNano),
      where: predicateOf("series", query.where),
      groupBy: query.groupBy.map((each) => resolveField("series", each)),
      aggregate: query.aggregate,
      stepNs: step === undefined ? undefined : BigInt(Math.round(step)),
      limit: query.limit,
    });
    return { ...found, statistics: question.statistics };
  },
});
