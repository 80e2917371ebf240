import { and, as, call, column, equals, isIn, list, literal, select } from "#plan/expression.ts";
import type { Expression, SelectColumn } from "#plan/select.ts";
import type { Question } from "../question.ts";
import { type Buckets, later } from "../time.ts";
import { type ExponentialCounts, type HistogramCounts, HistogramSum, histogramDifference } from "./histogram-sum.ts";
import { LOOKBACK_NS, type StepValues } from "./number-series.ts";
import type { SeriesSelection } from "./series-lookup.ts";

export type HistogramAggregate = "p50" | "p90" | "p95" | "p99" | "avg" | "sum" | "rate" | "increase" | "min" | "max";

const QUANTILES: Readonly<Record<string, number>> = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99 };
const MOST_ROWS = 100_000;

/** Columns of a point that tell its distribution, in the order of the tuple that is read. */
const PARTS = [
  "count",
  "sum",
  "bounds",
  "bucket_counts",
  "scale",
  "zero_count",
  "zero_threshold",
  "positive_offset",
  "positive_counts",
  "negative_offset",
  "negative_counts",
] as const;

/**
 * Quantiles, means and rates of histograms. Of each series one row a step is read: the last point of a cumulative one, of
 * which the one before is then taken away (a smaller count, a later start or other bounds are a new beginning and count from
 * nothing), the sum of the points of a delta one. What lies between two points is spread evenly over the steps between them.
 */
export async function readHistograms(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
  aggregate: HistogramAggregate,
): Promise<StepValues> {
  const delta = series.temporality === "delta";
  const back = later(buckets.stepNs, LOOKBACK_NS);
  const backSteps = Number((back + buckets.stepNs - 1n) / buckets.stepNs);
  const from = buckets.startUnixNano - BigInt(delta ? 0 : backSteps) * buckets.stepNs;
  const keep: readonly SelectColumn[] = delta
    ? PARTS.map((part) => as(part, deltaPart(part)))
    : [as("last", call("argMax", call("tuple", ...PARTS.map(column)), column("time")))];
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "histograms",
      time: {
        fromUnixNano: from,
        toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
      },
      where: and(
        equals(column("metric_name"), metric),
        isIn(column("series_id"), series.ids),
        equals(call("modulo", column("flags"), literal(2)), 0),
      ),
      columns: [
        as("id", call("text", column("series_id"))),
        as("group", call("any", call("transform", column("series_id"), list(series.ids), list(series.groupOf)))),
        as("slot", call("bucket", column("time"), literal(from), literal(buckets.stepNs))),
        as("started", call("unixNanoText", call("max", column("start_time")))),
        as("least", call("min", column("min"))),
        as("most", call("max", column("max"))),
        ...keep,
      ],
      groupBy: ["id", "slot", ...(delta ? ["bounds", "scale", "positive_offset", "negative_offset"] : [])],
      orderBy: [
        { by: { kind: "output", name: "id" }, descending: false },
        { by: { kind: "output", name: "slot" }, descending: false },
      ],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const sums = series.groups.map(() => new Map<number, Step>());
  const stepOf = (group: number, slot: number): Step => {
    let step = sums[group]!.get(slot);
    if (step === undefined) {
      step = { sum: new HistogramSum(), min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
      sums[group]!.set(slot, step);
    }
    return step;
  };
  const exponentialKind = series.type === "exponential_histogram";
  const ids = frame.strings("id");
  const groups = frame.numbers("group");
  const slots = frame.numbers("slot");
  const started = frame.strings("started");
  const least = frame.numbers("least");
  const most = frame.numbers("most");
  const parts = delta
    ? PARTS.map((part) => frame.raw(part))
    : PARTS.map((_, index) => frame.nested("last").map((tuple) => tuple[index]));
  let before: { id: string; slot: number; started: bigint; counts: HistogramCounts } | undefined;
  const firstSlot = delta ? 0 : backSteps;
  for (const [row, id] of ids.entries()) {
    const counts = countsOf(
      parts.map((part) => part[row]),
      exponentialKind,
    );
    const slot = slots[row]!;
    const began = BigInt(started[row]!);
    const group = groups[row]!;
    if (group < 0) continue;
    let counted: HistogramCounts | undefined = counts;
    let steps = 1;
    if (!delta) {
      if (before?.id === id) {
        counted = began > before.started ? counts : (histogramDifference(counts, before.counts) ?? counts);
        const gap = slot - before.slot;
        if (BigInt(gap) * buckets.stepNs <= LOOKBACK_NS) steps = gap;
      } else counted = began >= from ? counts : undefined;
      before = { id, slot, started: began, counts };
    }
    if (counted === undefined) continue;
    for (let at = slot - steps + 1; at <= slot; at++) {
      if (at < firstSlot || at >= firstSlot + buckets.count) continue;
      const step = stepOf(group, at - firstSlot);
      step.sum.add(counted, 1 / steps);
      if (least[row]! < step.min) step.min = least[row]!;
      if (most[row]! > step.max) step.max = most[row]!;
    }
  }
  const seconds = Number(buckets.stepNs) / 1e9;
  return sums.map((steps) =>
    Array.from({ length: buckets.count }, (_, slot) => {
      const step = steps.get(slot);
      return step === undefined ? null : aggregateOf(step, aggregate, seconds);
    }),
  );
}

interface Step {
  readonly sum: HistogramSum;
  min: number;
  max: number;
}

function aggregateOf(step: Step, aggregate: HistogramAggregate, seconds: number): number | null {
  const known = (value: number): number | null => (Number.isFinite(value) ? value : null);
  switch (aggregate) {
    case "avg":
      return step.sum.count === 0 ? null : known(step.sum.sum / step.sum.count);
    case "sum":
      return known(step.sum.sum);
    case "rate":
      return step.sum.count / seconds;
    case "increase":
      return step.sum.count;
    case "min":
      return known(step.min);
    case "max":
      return known(step.max);
    default:
      return step.sum.quantile(QUANTILES[aggregate]!);
  }
}

function deltaPart(part: (typeof PARTS)[number]): Expression {
  switch (part) {
    case "bounds":
    case "scale":
    case "positive_offset":
    case "negative_offset":
      return column(part);
    case "bucket_counts":
    case "positive_counts":
    case "negative_counts":
      return call("sumForEach", column(part));
    case "zero_threshold":
      return call("max", column(part));
    default:
      return call("sum", column(part));
  }
}

function countsOf(parts: readonly unknown[], exponentialKind: boolean): HistogramCounts {
  const [count, sum, bounds, counts, scale, zero, zeroThreshold, positiveOffset, positive, negativeOffset, negative] =
    parts;
  const side = (offset: unknown, list: unknown): Map<number, number> =>
    new Map(numbers(list).flatMap((each, index) => (each === 0 ? [] : [[Number(offset) + index, each] as const])));
  const exponential: ExponentialCounts | undefined = exponentialKind
    ? {
        scale: Number(scale),
        zero: Number(zero),
        zeroThreshold: Number(zeroThreshold),
        positive: side(positiveOffset, positive),
        negative: side(negativeOffset, negative),
      }
    : undefined;
  return {
    count: Number(count),
    sum: sum === null ? Number.NaN : Number(sum),
    explicit: exponentialKind ? undefined : { bounds: numbers(bounds), counts: numbers(counts) },
    exponential,
  };
}

function numbers(list: unknown): number[] {
  return Array.isArray(list) ? list.map(Number) : [];
}

/**
 * Summaries: their quantiles were made by the sender and cannot be merged, so a group's is the mean of its series'. Of each
 * series the last point of a step counts.
 */
export async function readSummaries(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
  aggregate: string,
): Promise<StepValues> {
  const wanted = QUANTILES[aggregate];
  const last = (part: string): Expression => call("argMax", column(part), column("time"));
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "histograms",
      time: {
        fromUnixNano: buckets.startUnixNano,
        toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
      },
      where: and(equals(column("metric_name"), metric), isIn(column("series_id"), series.ids)),
      columns: [
        as("id", column("series_id")),
        as("group", call("any", call("transform", column("series_id"), list(series.ids), list(series.groupOf)))),
        as("slot", call("bucket", column("time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("quantiles", last("quantiles")),
        as("values", last("quantile_values")),
        as("count", last("count")),
        as("sum", last("sum")),
      ],
      groupBy: ["id", "slot"],
      limit: MOST_ROWS,
    }),
  );
  const found = series.groups.map(() => Array.from({ length: buckets.count }, () => ({ sum: 0, count: 0 })));
  const slot = frame.numbers("slot");
  const quantiles = frame.lists<number>("quantiles");
  const values = frame.lists<number>("values");
  const count = frame.numbers("count");
  const sum = frame.numbers("sum");
  for (const [row, group] of frame.numbers("group").entries()) {
    const step = found[group]?.[slot[row]!];
    if (step === undefined) continue;
    const at = quantiles[row]!.findIndex((q) => wanted !== undefined && Math.abs(q - wanted) < 1e-9);
    const value = wanted === undefined ? sum[row]! / count[row]! : at < 0 ? Number.NaN : Number(values[row]![at]);
    if (!Number.isFinite(value)) continue;
    step.sum += value;
    step.count++;
  }
  return found.map((steps) => steps.map((step) => (step.count === 0 ? null : step.sum / step.count)));
}
