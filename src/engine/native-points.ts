import {
  type ExponentialPointColumns,
  type HistogramPointColumns,
  type MetricBatch,
  MetricType,
  type NumberPointColumns,
  type SummaryPointColumns,
} from "#model/batch.ts";
import type { Bytes } from "#pipeline/bytes.ts";
import { halvesOf, type TimeHalves } from "#pipeline/time-window.ts";
import {
  type BuildMemory,
  type Range,
  version,
  writeAttributes,
  writeIds,
  writeNumbers,
  writeOffsets,
  writeTimes,
} from "./native-columns.ts";
import { writeOwnerRefs, writeTenants } from "./native-origin.ts";
import type { NativeWriter } from "./native-writer.ts";

/** Rows of one batch whose series are known. */
export interface SeriesRange extends Range<MetricBatch> {
  readonly tenant: Bytes;
  /** Per row: its metric in the batch's table; its series id in halves; its accepted time. */
  readonly metric: Uint32Array;
  readonly ids: Uint32Array;
  readonly times: TimeHalves;
}

export interface PointRange extends SeriesRange {
  readonly points: NumberPointColumns;
}

/** One of the three kinds, so that a row's columns are those of its kind or have a constant. */
export interface HistogramRange extends SeriesRange {
  readonly points: HistogramPointColumns | ExponentialPointColumns | SummaryPointColumns;
  readonly explicit: HistogramPointColumns | undefined;
  readonly exponential: ExponentialPointColumns | undefined;
  readonly summary: SummaryPointColumns | undefined;
}

/** The columns that rows of points, histograms and exemplars have. */
class SeriesColumns<R extends SeriesRange> {
  protected readonly ranges: readonly R[];
  protected readonly memory: BuildMemory;

  constructor(ranges: readonly R[], memory: BuildMemory) {
    this.ranges = ranges;
    this.memory = memory;
  }

  /** Appends the column of this name, prefix included; false if there is none of that name. */
  write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    switch (name) {
      case "tenant":
        writeTenants(out, memory, ranges);
        return true;
      case "metric_name":
        writeOwnerRefs(
          out,
          memory,
          ranges,
          ({ metric }) => metric,
          ({ batch }) => batch.metrics.name,
        );
        return true;
      case "series_id":
        for (const { ids, from, to } of ranges) out.numbers(ids, from * 2, to * 2);
        return true;
      case "time":
        for (const { times, from, to } of ranges) writeTimes(out, times, from, to);
        return true;
      default:
        return false;
    }
  }
}

interface StartedRange extends SeriesRange {
  readonly points: { readonly startTime: BigUint64Array; readonly flags: Uint32Array };
}

function writeStart(name: string, out: NativeWriter, ranges: readonly StartedRange[]): boolean {
  switch (name) {
    case "start_time":
      for (const { points, from, to } of ranges) writeTimes(out, halvesOf(points.startTime), from, to);
      return true;
    case "flags":
      // OpenTelemetry defines one bit of the 32.
      for (const { points, from, to } of ranges) out.raw(new Uint8Array(points.flags.subarray(from, to)));
      return true;
    default:
      return false;
  }
}

/** The columns of STAGED_POINTS by name. */
export class PointColumns extends SeriesColumns<PointRange> {
  override write(name: string, out: NativeWriter): boolean {
    if (name !== "value") return writeStart(name, out, this.ranges) || super.write(name, out);
    writeNumbers(out, this.ranges, ({ points }) => points.value);
    return true;
  }
}

type Numbers = ArrayBufferView & { readonly BYTES_PER_ELEMENT: number };

/** A column of the kinds that have it; 0, or NaN, in rows of the others. */
function writeIfPresent(
  out: NativeWriter,
  ranges: readonly HistogramRange[],
  columnOf: (range: HistogramRange) => Numbers | undefined,
  absent: Numbers,
): void {
  for (const range of ranges) {
    const column = columnOf(range);
    const count = range.to - range.from;
    if (column !== undefined) out.numbers(column, range.from, range.to);
    else if (count > 0) {
      out.reserve(8);
      out.numbers(absent, 0, 1);
      out.repeat(absent.BYTES_PER_ELEMENT, count);
    }
  }
}

const NOT_A_NUMBER = new Float64Array([Number.NaN]);
const ZERO_64 = new Float64Array([0]);
const ZERO_32 = new Int32Array([0]);

/** An array column of the kinds that have it; empty in rows of the others. */
function writeArrays(
  out: NativeWriter,
  ranges: readonly HistogramRange[],
  arrayOf: (range: HistogramRange) => { readonly offset: Uint32Array; readonly values: Numbers } | undefined,
): void {
  const none = new Uint32Array(ranges.reduce((most, { to }) => Math.max(most, to), 0) + 1);
  writeOffsets(out, ranges, (range) => arrayOf(range)?.offset ?? none);
  for (const range of ranges) {
    const array = arrayOf(range);
    if (array !== undefined) out.numbers(array.values, array.offset[range.from]!, array.offset[range.to]!);
  }
}

/** The columns of STAGED_HISTOGRAMS by name. */
export class HistogramColumns extends SeriesColumns<HistogramRange> {
  override write(name: string, out: NativeWriter): boolean {
    const { ranges } = this;
    switch (name) {
      case "count":
        writeNumbers(out, ranges, ({ points }) => points.totalCount);
        return true;
      case "sum":
        writeNumbers(out, ranges, ({ points }) => points.sum);
        return true;
      case "min":
        writeIfPresent(out, ranges, ({ explicit, exponential }) => (explicit ?? exponential)?.min, NOT_A_NUMBER);
        return true;
      case "max":
        writeIfPresent(out, ranges, ({ explicit, exponential }) => (explicit ?? exponential)?.max, NOT_A_NUMBER);
        return true;
      case "bounds":
        writeArrays(
          out,
          ranges,
          ({ explicit }) => explicit && { offset: explicit.boundOffset, values: explicit.bounds },
        );
        return true;
      case "bucket_counts":
        writeArrays(
          out,
          ranges,
          ({ explicit }) => explicit && { offset: explicit.bucketOffset, values: explicit.buckets },
        );
        return true;
      case "scale":
        writeIfPresent(out, ranges, ({ exponential }) => exponential?.scale, ZERO_32);
        return true;
      case "zero_count":
        writeIfPresent(out, ranges, ({ exponential }) => exponential?.zeroCount, ZERO_64);
        return true;
      case "zero_threshold":
        writeIfPresent(out, ranges, ({ exponential }) => exponential?.zeroThreshold, ZERO_64);
        return true;
      case "positive_offset":
        writeIfPresent(out, ranges, ({ exponential }) => exponential?.positiveStart, ZERO_32);
        return true;
      case "positive_counts":
        writeArrays(
          out,
          ranges,
          ({ exponential }) =>
            exponential && { offset: exponential.positiveOffset, values: exponential.positiveBuckets },
        );
        return true;
      case "negative_offset":
        writeIfPresent(out, ranges, ({ exponential }) => exponential?.negativeStart, ZERO_32);
        return true;
      case "negative_counts":
        writeArrays(
          out,
          ranges,
          ({ exponential }) =>
            exponential && { offset: exponential.negativeOffset, values: exponential.negativeBuckets },
        );
        return true;
      case "quantiles":
        writeArrays(
          out,
          ranges,
          ({ summary }) => summary && { offset: summary.quantileOffset, values: summary.quantile },
        );
        return true;
      case "quantile_values":
        writeArrays(
          out,
          ranges,
          ({ summary }) => summary && { offset: summary.quantileOffset, values: summary.quantileValue },
        );
        return true;
      default:
        return writeStart(name, out, ranges) || super.write(name, out);
    }
  }
}

/** The columns of STAGED_EXEMPLARS by name. */
export class ExemplarColumns extends SeriesColumns<SeriesRange> {
  override write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    switch (name) {
      case "value":
        writeNumbers(out, ranges, ({ batch }) => batch.exemplars.value);
        return true;
      case "trace_id":
        writeIds(out, ranges, 16, ({ batch }) => batch.exemplars.traceId);
        return true;
      case "span_id":
        writeIds(out, ranges, 8, ({ batch }) => batch.exemplars.spanId);
        return true;
      case "attributes":
        version(out);
        writeAttributes(out, memory, ranges, ({ batch }) => batch.exemplars.attributes);
        return true;
      default:
        return super.write(name, out);
    }
  }
}

/** Which table of points an exemplar's point stands in. */
export function pointsOfKind(batch: MetricBatch, kind: number) {
  switch (kind) {
    case MetricType.histogram:
      return batch.histograms;
    case MetricType.exponentialHistogram:
      return batch.exponentials;
    case MetricType.summary:
      return batch.summaries;
    default:
      return batch.numbers;
  }
}
