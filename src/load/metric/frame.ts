import type { Metric } from "../samples.ts";

/**
 * What one generator recorded in one interval: plain data and typed arrays, so that it travels from a worker thread (or, as
 * an agent's, over the network) without a copy. Metrics and tag sets are named by the generator's own numbers; each is
 * described in the first frame that uses it, so frames of a generator must be merged in order.
 */
export interface SampleFrame {
  /** Different for every generator of a run. */
  readonly generator: number;
  readonly fromUnixMs: number;
  readonly toUnixMs: number;
  readonly metrics: readonly Metric[];
  readonly tagSets: readonly TagSetDescription[];
  /** Samples whose tag set had to be folded, because there were too many. */
  readonly folded: number;
  readonly series: SeriesColumns;
  readonly exemplars: readonly Exemplar[];
  /** Every sample as it was added, when an output wants them. */
  readonly raw: RawSamples | undefined;
}

export interface TagSetDescription {
  readonly id: number;
  readonly entries: readonly (readonly [key: string, value: string])[];
}

/** The slow requests of an interval by their trace. */
export interface Exemplar {
  readonly metric: number;
  readonly tags: number;
  readonly value: number;
  readonly unixMs: number;
  readonly traceId: string;
}

/** Place i of each column is one series: one metric with one tag set. Sums as in Sink. */
export interface SeriesColumns {
  readonly length: number;
  readonly metric: Int32Array<ArrayBuffer>;
  readonly tags: Int32Array<ArrayBuffer>;
  readonly count: Float64Array<ArrayBuffer>;
  readonly sum: Float64Array<ArrayBuffer>;
  readonly min: Float64Array<ArrayBuffer>;
  readonly max: Float64Array<ArrayBuffer>;
  readonly last: Float64Array<ArrayBuffer>;
  readonly lastUnixMs: Float64Array<ArrayBuffer>;
  /** A trend's values, when they are sent as they are: values[valuesEnd[i-1] … valuesEnd[i]). */
  readonly valuesEnd: Uint32Array<ArrayBuffer>;
  readonly values: Float64Array<ArrayBuffer>;
  /** Otherwise its histogram: zeros, and buckets from `low` on for either side. */
  readonly zeros: Uint32Array<ArrayBuffer>;
  readonly positiveLow: Int32Array<ArrayBuffer>;
  readonly positiveEnd: Uint32Array<ArrayBuffer>;
  readonly positive: Uint32Array<ArrayBuffer>;
  readonly negativeLow: Int32Array<ArrayBuffer>;
  readonly negativeEnd: Uint32Array<ArrayBuffer>;
  readonly negative: Uint32Array<ArrayBuffer>;
}

export interface RawSamples {
  readonly length: number;
  readonly metric: Int32Array<ArrayBuffer>;
  readonly tags: Int32Array<ArrayBuffer>;
  readonly value: Float64Array<ArrayBuffer>;
  readonly unixMs: Float64Array<ArrayBuffer>;
  /** Samples that found no room in this interval: outputs say so, they never pretend to have all. */
  readonly dropped: number;
}

/** What to transfer with the frame: `port.postMessage(frame, frameTransfers(frame))`. */
export function frameTransfers(frame: SampleFrame): ArrayBuffer[] {
  const columns = [...Object.values(frame.series), ...Object.values(frame.raw ?? {})];
  return [...new Set(columns.flatMap((column) => (ArrayBuffer.isView(column) ? [column.buffer as ArrayBuffer] : [])))];
}
