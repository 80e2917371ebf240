import type { Exemplar } from "../metric/frame.ts";
import { HISTOGRAM_SCALE, histogramBucketValue, type LogHistogram } from "../metric/log-histogram.ts";
import type { Series } from "../metric/totals.ts";
import type { Metric } from "../samples.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";

type Attributes = Iterable<readonly [key: string, value: string]>;

export interface OtlpMetricsOptions {
  readonly resource: Attributes;
  readonly scope: string;
  readonly metricPrefix: string;
  /** Deltas are of `fromUnixMs` to `toUnixMs`; cumulative values of the run's start to `toUnixMs`. */
  readonly temporality: "delta" | "cumulative";
  /** "exponential": the buckets as they are counted. "explicit": OpenTelemetry's default bounds, for receivers that know no others. */
  readonly histograms: "exponential" | "explicit";
  readonly fromUnixMs: number;
  readonly toUnixMs: number;
  readonly tags: (set: number) => Attributes;
  readonly exemplars: readonly Exemplar[];
}

const DELTA = 1;
const CUMULATIVE = 2;
/** The default of OpenTelemetry's SDKs. */
const BOUNDS = [0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

/**
 * Series as an OTLP ExportMetricsServiceRequest (opentelemetry-proto 1.x, metrics.proto): counters as monotonic sums,
 * gauges as gauges, rates as a sum for each `condition` (zero, nonzero: k6's own form), trends as histograms in their unit
 * (ms, By).
 */
export function encodeOtlpMetrics(series: readonly Series[], options: OtlpMetricsOptions): Uint8Array {
  const writer = new ProtobufWriter();
  const byMetric = new Map<Metric, Series[]>();
  for (const one of series) {
    const list = byMetric.get(one.metric) ?? [];
    byMetric.set(one.metric, list);
    list.push(one);
  }
  writer.message(1, () => {
    writer.message(1, () => writeAttributes(writer, 1, options.resource));
    writer.message(2, () => {
      writer.message(1, () => writer.text(1, options.scope));
      for (const [metric, list] of byMetric) writer.message(2, () => writeMetric(writer, metric, list, options));
    });
  });
  return writer.finish();
}

function writeMetric(
  writer: ProtobufWriter,
  metric: Metric,
  series: readonly Series[],
  options: OtlpMetricsOptions,
): void {
  writer.text(1, options.metricPrefix + metric.name);
  if (metric.contains !== "default") writer.text(3, metric.contains === "time" ? "ms" : "By");
  const temporality = options.temporality === "delta" ? DELTA : CUMULATIVE;
  const numberPoint = (one: Series, value: number, condition?: string): void =>
    writer.message(1, () => {
      writeTimes(writer, options);
      writer.double(4, value);
      writeAttributes(writer, 7, options.tags(one.tags));
      if (condition !== undefined) writeAttributes(writer, 7, [["condition", condition]]);
    });
  switch (metric.type) {
    case "gauge":
      writer.message(5, () => {
        for (const one of series) numberPoint(one, one.sink.last);
      });
      return;
    case "counter":
      writer.message(7, () => {
        for (const one of series) numberPoint(one, one.sink.sum);
        writer.integer(2, temporality);
        writer.integer(3, 1);
      });
      return;
    case "rate":
      writer.message(7, () => {
        for (const one of series) {
          const { count, sum } = one.sink;
          if (sum > 0) numberPoint(one, sum, "nonzero");
          if (count > sum) numberPoint(one, count - sum, "zero");
        }
        writer.integer(2, temporality);
        writer.integer(3, 1);
      });
      return;
    case "trend":
      writer.message(options.histograms === "exponential" ? 10 : 9, () => {
        for (const one of series)
          writer.message(1, () => {
            if (options.histograms === "exponential") writeExponential(writer, one, options);
            else writeExplicit(writer, one, options);
          });
        writer.integer(2, temporality);
      });
  }
}

function writeExponential(writer: ProtobufWriter, { metric, tags, sink }: Series, options: OtlpMetricsOptions): void {
  const histogram = sink.distribution!.histogram();
  const { positive, negative, zeros } = histogram;
  writeAttributes(writer, 1, options.tags(tags));
  writeTimes(writer, options);
  writer.fixed64(4, BigInt(sink.count));
  // The data model has no sum of values that can be negative.
  if (sink.min >= 0) writer.double(5, sink.sum);
  writer.signed(6, HISTOGRAM_SCALE);
  writer.fixed64(7, BigInt(zeros));
  for (const [field, side] of [
    [8, positive],
    [9, negative],
  ] as const)
    if (side.counts.length > 0)
      writer.message(field, () => {
        writer.signed(1, side.low);
        writer.packedIntegers(2, side.counts);
      });
  for (const exemplar of options.exemplars)
    if (exemplar.metric === metric.id && exemplar.tags === tags) writeExemplar(writer, 11, exemplar);
  writer.double(12, sink.min);
  writer.double(13, sink.max);
}

function writeExplicit(writer: ProtobufWriter, { metric, tags, sink }: Series, options: OtlpMetricsOptions): void {
  writeTimes(writer, options);
  writer.fixed64(4, BigInt(sink.count));
  if (sink.min >= 0) writer.double(5, sink.sum);
  writer.packedFixed64(6, explicitCounts(sink.distribution!.histogram()));
  writer.packedDoubles(7, BOUNDS);
  for (const exemplar of options.exemplars)
    if (exemplar.metric === metric.id && exemplar.tags === tags) writeExemplar(writer, 8, exemplar);
  writeAttributes(writer, 9, options.tags(tags));
  writer.double(11, sink.min);
  writer.double(12, sink.max);
}

/** Values near a bound may be on its other side, by HISTOGRAM_RELATIVE_ERROR. */
function explicitCounts({ positive, negative, zeros }: LogHistogram): readonly number[] {
  const counts = new Array<number>(BOUNDS.length + 1).fill(0);
  counts[0] = zeros + negative.counts.reduce((sum, count) => sum + count, 0);
  for (const [index, count] of positive.counts.entries()) {
    const value = histogramBucketValue(positive.low + index);
    const at = BOUNDS.findIndex((bound) => value <= bound);
    counts[at < 0 ? BOUNDS.length : at]! += count;
  }
  return counts;
}

function writeExemplar(writer: ProtobufWriter, field: number, { value, unixMs, traceId }: Exemplar): void {
  writer.message(field, () => {
    writer.fixed64(2, nanoseconds(unixMs));
    writer.double(3, value);
    writer.bytes(5, Buffer.from(traceId, "hex"));
  });
}

function writeTimes(writer: ProtobufWriter, { fromUnixMs, toUnixMs }: OtlpMetricsOptions): void {
  writer.fixed64(2, nanoseconds(fromUnixMs));
  writer.fixed64(3, nanoseconds(toUnixMs));
}

function writeAttributes(writer: ProtobufWriter, field: number, attributes: Attributes): void {
  for (const [key, value] of attributes)
    writer.message(field, () => {
      writer.text(1, key);
      writer.message(2, () => writer.text(1, value));
    });
}

function nanoseconds(unixMs: number): bigint {
  return BigInt(Math.round(unixMs * 1000)) * 1000n;
}
