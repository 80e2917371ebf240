import { type Buckets, histogramBucketValue } from "../metric/log-histogram.ts";
import type { Sink } from "../metric/sink.ts";

/** Eight buckets to a doubling, each 9% wide: what k6 asks for (growth factor 1.1). */
const SCHEMA = 3;
const PER_DOUBLING = 2 ** SCHEMA;
const ZERO_THRESHOLD = 2 ** -128;

/** A Prometheus native histogram: buckets as spans of neighbours, counts as differences to the one before. */
export interface NativeHistogram {
  readonly schema: number;
  readonly count: number;
  readonly sum: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: NativeBuckets;
  readonly negative: NativeBuckets;
}

export interface NativeBuckets {
  readonly spans: readonly { readonly offset: number; readonly length: number }[];
  readonly deltas: readonly number[];
}

/** Of a trend's values times `scale`. A value near a bound may be in the neighbouring bucket, by HISTOGRAM_RELATIVE_ERROR. */
export function nativeHistogram(sink: Sink, scale: number): NativeHistogram {
  const histogram = sink.distribution!.histogram();
  return {
    schema: SCHEMA,
    count: sink.count,
    sum: sink.sum * scale,
    zeroThreshold: ZERO_THRESHOLD,
    zeroCount: histogram.zeros,
    positive: spansOf(rebucketed(histogram.positive, scale)),
    negative: spansOf(rebucketed(histogram.negative, scale)),
  };
}

/** Bucket i of the schema holds (2^((i-1)/8), 2^(i/8)]. */
function rebucketed({ low, counts }: Buckets, scale: number): ReadonlyMap<number, number> {
  const result = new Map<number, number>();
  for (const [index, count] of counts.entries()) {
    if (count === 0) continue;
    const bucket = Math.ceil(Math.log2(histogramBucketValue(low + index) * scale) * PER_DOUBLING);
    result.set(bucket, (result.get(bucket) ?? 0) + count);
  }
  return result;
}

function spansOf(buckets: ReadonlyMap<number, number>): NativeBuckets {
  const spans: { offset: number; length: number }[] = [];
  const deltas: number[] = [];
  let next: number | undefined;
  let before = 0;
  for (const [bucket, count] of [...buckets].sort(([a], [b]) => a - b)) {
    if (next === undefined || bucket !== next) spans.push({ offset: bucket - (next ?? 0), length: 1 });
    else spans.at(-1)!.length++;
    deltas.push(count - before);
    before = count;
    next = bucket + 1;
  }
  return { spans, deltas };
}
