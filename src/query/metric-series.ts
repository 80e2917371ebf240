import { and, as, call, column, descending, equals, isIn, literal, output, select } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import type { Field } from "./field.ts";
import { type HistogramAggregate, readHistograms, readSummaries } from "./metric/histogram-series.ts";
import { type LevelAggregate, readIncreases, readLevels, type StepValues } from "./metric/number-series.ts";
import { lookUpSeries, type SeriesSelection } from "./metric/series-lookup.ts";
import type { Question } from "./question.ts";
import { type Buckets, roundBuckets, unixMs } from "./time.ts";

export const METRIC_AGGREGATES = ["avg", "sum", "min", "max", "rate", "increase", "p50", "p90", "p95", "p99"] as const;
export type MetricAggregate = (typeof METRIC_AGGREGATES)[number];

export interface MetricAsked {
  readonly metric: string;
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly groupBy: readonly Field[];
  /** Default by kind: the mean of a gauge, the rate of a counter, the sum of an up-down counter, p95 of a histogram. */
  readonly aggregate: MetricAggregate | undefined;
  readonly stepNs: bigint | undefined;
  /** Lines at most, those with the largest values. */
  readonly limit: number;
}

/** The API's SeriesAnswer without statistics. */
export interface MetricLines {
  readonly metric: string;
  readonly type: string;
  readonly unit: string;
  readonly aggregate: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly series: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly values: readonly (number | null)[];
  }[];
  readonly exemplars: readonly {
    readonly timeMs: number;
    readonly value: number;
    readonly traceId: string;
    readonly spanId: string;
  }[];
  readonly omitted: number;
}

const POINTS = 120;
const MOST_POINTS = 2000;
const MOST_EXEMPLARS = 200;

/** One metric as lines over time. Throws not-found for an unknown one, bad-request for what cannot be asked of its kind. */
export async function readMetric(question: Question, asked: MetricAsked): Promise<MetricLines> {
  const buckets = bucketsOf(asked.range, asked.stepNs);
  const series = await lookUpSeries(question, asked);
  if (series === undefined) {
    // Without filters: is there such a metric at all?
    const any =
      asked.where === undefined ? undefined : await lookUpSeries(question, { ...asked, where: undefined, groupBy: [] });
    if (any === undefined)
      throw new Failure("not-found", `no metric ${JSON.stringify(asked.metric.slice(0, 200))} in this time range`, {
        remedy: "Check the name, or widen the time range.",
      });
    return { ...emptyLines(asked, any, buckets), aggregate: asked.aggregate ?? standardAggregate(any) };
  }
  const aggregate = asked.aggregate ?? standardAggregate(series);
  const values = await readValues(question, asked.metric, series, buckets, aggregate);
  const lines = series.groups
    .map((labels, group) => ({ labels, values: values[group]!, weight: weightOf(values[group]!) }))
    .filter(({ weight }) => weight !== null)
    .sort((a, b) => b.weight! - a.weight!);
  return {
    ...emptyLines(asked, series, buckets),
    aggregate,
    series: lines.slice(0, asked.limit).map(({ labels, values: line }) => ({ labels, values: line })),
    exemplars: await readExemplars(question, asked.metric, series, buckets),
    omitted: Math.max(0, lines.length - asked.limit),
  };
}

function emptyLines(asked: MetricAsked, series: SeriesSelection, buckets: Buckets): Omit<MetricLines, "aggregate"> {
  return {
    metric: asked.metric,
    type: series.type,
    unit: series.unit,
    startMs: unixMs(buckets.startUnixNano),
    stepMs: Number(buckets.stepNs) / 1e6,
    series: [],
    exemplars: [],
    omitted: 0,
  };
}

function bucketsOf(range: TimeRange, stepNs: bigint | undefined): Buckets {
  if (stepNs === undefined) {
    const round = roundBuckets(range, POINTS);
    const least = 5_000_000_000n;
    return round.stepNs >= least ? round : alignedBuckets(range, least);
  }
  const buckets = alignedBuckets(range, stepNs);
  if (buckets.count > MOST_POINTS)
    throw new Failure(
      "bad-request",
      `step: makes ${buckets.count} points, at most ${MOST_POINTS}; ask for a longer step`,
    );
  return buckets;
}

function alignedBuckets(range: TimeRange, stepNs: bigint): Buckets {
  const startUnixNano = (range.fromUnixNano / stepNs) * stepNs;
  return { startUnixNano, stepNs, count: Number((range.toUnixNano - startUnixNano + stepNs - 1n) / stepNs) };
}

function standardAggregate(series: SeriesSelection): MetricAggregate {
  switch (series.type) {
    case "gauge":
      return "avg";
    case "sum":
      return series.monotonic || series.temporality === "delta" ? "rate" : "sum";
    case "summary":
      return "p50";
    default:
      return "p95";
  }
}

function readValues(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
  aggregate: MetricAggregate,
): Promise<StepValues> {
  const refuse = (why: string): never => {
    throw new Failure("bad-request", `aggregate: ${metric} is a ${series.type}; ${why}`);
  };
  switch (series.type) {
    case "histogram":
    case "exponential_histogram":
      return readHistograms(question, metric, series, buckets, aggregate as HistogramAggregate);
    case "summary":
      if (!/^p\d+$|^avg$/.test(aggregate)) refuse("it has avg and the quantiles that were sent");
      return readSummaries(question, metric, series, buckets, aggregate);
    default:
      if (aggregate.startsWith("p")) refuse("quantiles are of histograms");
      if (aggregate === "rate" || aggregate === "increase") {
        if (series.type === "gauge") refuse("rates are of counters; ask for avg, sum, min or max");
        if (!series.monotonic && series.temporality !== "delta")
          refuse("it goes up and down; ask for avg, sum, min or max");
        return readIncreases(question, metric, series, buckets, aggregate);
      }
      return readLevels(question, metric, series, buckets, aggregate as LevelAggregate);
  }
}

/** The mean of a line, for choosing which to show; null for a line without a value. */
function weightOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  let count = 0;
  for (const value of values)
    if (value !== null) {
      sum += Math.abs(value);
      count++;
    }
  return count === 0 ? null : sum / count;
}

/** The largest exemplars of each step, at most two. */
async function readExemplars(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
): Promise<MetricLines["exemplars"]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "exemplars",
      time: {
        fromUnixNano: buckets.startUnixNano,
        toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
      },
      where: and(equals(column("metric_name"), metric), isIn(column("series_id"), series.ids), {
        kind: "exists",
        left: column("trace_id"),
      }),
      columns: [
        as("slot", call("bucket", column("time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("time", call("unixNanoText", column("time"))),
        as("value", column("value")),
        as("trace", column("trace_id")),
        as("span", column("span_id")),
      ],
      orderBy: [descending(output("value"))],
      limitBy: { count: 2, columns: ["slot"] },
      limit: MOST_EXEMPLARS,
    }),
  );
  const value = frame.numbers("value");
  const trace = frame.strings("trace");
  const span = frame.strings("span");
  return frame
    .strings("time")
    .map((time, row) => ({
      timeMs: unixMs(BigInt(time)),
      value: value[row]!,
      traceId: trace[row]!,
      spanId: span[row]!,
    }))
    .filter((exemplar) => Number.isFinite(exemplar.value))
    .sort((a, b) => a.timeMs - b.timeMs);
}
