/**
 * A decoded batch: columns that point into the bytes they were decoded from.
 *
 * Decoding makes no object and no string per record. Everything of variable length stays where the sender put it, in
 * `body` (the decompressed protobuf bytes; OTLP/JSON is transcoded to protobuf first, so there is one reader), and a
 * column holds where it starts and how long it is. Numbers are in typed arrays. The block builder copies the bytes once,
 * straight into the engine's Native format. Every array may be longer than the count beside it (capacity); only the
 * first `count` entries mean anything. All columns of a decoded batch lie in one ArrayBuffer: one thing to transfer.
 *
 *   body      ┌──────────────── one ExportTraceServiceRequest ───────────────┐
 *             │ … "checkout" … 0af7651916cd43dd8448eb211c80319c … "GET /" …    │
 *             └────▲───────────▲──────────────────────────────────▲───────────┘
 *   columns    service        traceId[row]                        name.start[row], name.length[row]
 *
 * Text that had to be mended (it was no UTF-8) stands behind the request, at the end of `body`.
 *
 * Invariants: every reference lies inside `body`; strings are valid UTF-8 (checked by the reader, also within arrays and
 * maps, whose encoding is sound to the last byte and no deeper than the limit); a row's attributes are
 * entries `offset[row] … offset[row + 1] - 1`; resource and scope indices are below their tables' counts.
 */

export type Signal = "traces" | "logs" | "metrics";

export const SIGNALS: readonly Signal[] = ["traces", "logs", "metrics"];

/** "Not there": the value of an offset column (trace id, span id) where the record had none. */
export const ABSENT = 0xffff_ffff;

/** Variable-length values of a column, in bytes of `body`. An absent value has length 0. */
export interface Refs {
  readonly start: Uint32Array;
  readonly length: Uint32Array;
}

/** What an attribute value is. `array` and `map` refer to the bytes of the encoded AnyValue's ArrayValue / KeyValueList. */
export const AttributeType = {
  empty: 0,
  string: 1,
  bool: 2,
  int: 3,
  double: 4,
  bytes: 5,
  array: 6,
  map: 7,
} as const;

/**
 * Attributes of many owners as entity, attribute, value.
 * Owner `o` has entries `offset[o] … offset[o + 1] - 1`; `offset` has one entry more than there are owners.
 * - string, bytes, array, map: `low` is the start in `body`, `high` the length.
 * - int (two's complement), double (IEEE 754): `low` and `high` are the two 32-bit halves; bool: `low` is 0 or 1.
 * Duplicate keys of one owner: the reader keeps the first and counts the rest as dropped.
 */
export interface AttributeColumns {
  readonly offset: Uint32Array;
  readonly count: number;
  /** Index in `Batch.keys`. */
  readonly key: Uint32Array;
  readonly type: Uint8Array;
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Each distinct attribute key of the batch once. */
export interface KeyDictionary extends Refs {
  readonly count: number;
}

export interface ResourceColumns {
  readonly count: number;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
  readonly schemaUrl: Refs;
  /** The value of `service.name`, length 0 if it is missing or no string. */
  readonly serviceName: Refs;
}

export interface ScopeColumns {
  readonly count: number;
  readonly name: Refs;
  readonly version: Refs;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
  readonly schemaUrl: Refs;
}

interface BatchBase {
  readonly body: Uint8Array;
  readonly keys: KeyDictionary;
  readonly resources: ResourceColumns;
  readonly scopes: ScopeColumns;
}

/** Times are Unix nanoseconds, exact. Ids are offsets of 16 or 8 bytes in `body`, or ABSENT. */
export interface SpanBatch extends BatchBase {
  readonly signal: "traces";
  readonly count: number;
  readonly resource: Uint32Array;
  readonly scope: Uint32Array;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly parentSpanId: Uint32Array;
  readonly traceState: Refs;
  readonly flags: Uint32Array;
  readonly name: Refs;
  /** 0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer; an unknown number is read as 0. */
  readonly kind: Uint8Array;
  readonly startTime: BigUint64Array;
  readonly endTime: BigUint64Array;
  /** 0 unset, 1 ok, 2 error; an unknown number is read as 0. */
  readonly statusCode: Uint8Array;
  readonly statusMessage: Refs;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
  readonly events: SpanEventColumns;
  readonly links: SpanLinkColumns;
}

/** Events of row r: entries `offset[r] … offset[r + 1] - 1`. */
export interface SpanEventColumns {
  readonly offset: Uint32Array;
  readonly count: number;
  readonly time: BigUint64Array;
  readonly name: Refs;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
  /** Per span (not per event): how many events the sender, or our limit, left out. */
  readonly droppedEvents: Uint32Array;
}

export interface SpanLinkColumns {
  readonly offset: Uint32Array;
  readonly count: number;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly traceState: Refs;
  readonly flags: Uint32Array;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
  readonly droppedLinks: Uint32Array;
}

export interface LogBatch extends BatchBase {
  readonly signal: "logs";
  readonly count: number;
  readonly resource: Uint32Array;
  readonly scope: Uint32Array;
  /** time_unix_nano, or observed_time_unix_nano where that is 0; 0 where both are. */
  readonly time: BigUint64Array;
  readonly observedTime: BigUint64Array;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly flags: Uint32Array;
  /** 0 (unspecified) to 24. */
  readonly severityNumber: Uint8Array;
  readonly severityText: Refs;
  readonly eventName: Refs;
  /** The body as AttributeColumns stores a value: type, low, high. */
  readonly bodyType: Uint8Array;
  readonly bodyLow: Uint32Array;
  readonly bodyHigh: Uint32Array;
  readonly attributes: AttributeColumns;
  readonly droppedAttributes: Uint32Array;
}

export const MetricType = { gauge: 1, sum: 2, histogram: 3, exponentialHistogram: 4, summary: 5 } as const;

export interface MetricBatch extends BatchBase {
  readonly signal: "metrics";
  /** Data points of all kinds: numbers.count + histograms.count + exponentials.count + summaries.count. */
  readonly count: number;
  readonly metrics: MetricTable;
  readonly numbers: NumberPointColumns;
  readonly histograms: HistogramPointColumns;
  readonly exponentials: ExponentialPointColumns;
  readonly summaries: SummaryPointColumns;
  readonly exemplars: ExemplarColumns;
}

/** One row per Metric message. */
export interface MetricTable {
  readonly count: number;
  readonly resource: Uint32Array;
  readonly scope: Uint32Array;
  readonly name: Refs;
  readonly description: Refs;
  readonly unit: Refs;
  /** MetricType. */
  readonly type: Uint8Array;
  /** 0 unspecified, 1 delta, 2 cumulative. */
  readonly temporality: Uint8Array;
  readonly monotonic: Uint8Array;
}

interface PointColumns {
  readonly count: number;
  /** Index in MetricTable. */
  readonly metric: Uint32Array;
  readonly startTime: BigUint64Array;
  readonly time: BigUint64Array;
  /** Bit 0: no recorded value (stale). */
  readonly flags: Uint32Array;
  readonly attributes: AttributeColumns;
}

export interface NumberPointColumns extends PointColumns {
  readonly value: Float64Array;
}

/** Optional fields (sum, min, max) are NaN where the sender left them out. Counts are exact 64-bit. */
export interface HistogramPointColumns extends PointColumns {
  readonly totalCount: BigUint64Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly boundOffset: Uint32Array;
  readonly bounds: Float64Array;
  readonly bucketOffset: Uint32Array;
  readonly buckets: BigUint64Array;
}

export interface ExponentialPointColumns extends PointColumns {
  readonly totalCount: BigUint64Array;
  readonly sum: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly scale: Int32Array;
  readonly zeroCount: BigUint64Array;
  readonly zeroThreshold: Float64Array;
  readonly positiveStart: Int32Array;
  readonly positiveOffset: Uint32Array;
  readonly positiveBuckets: BigUint64Array;
  readonly negativeStart: Int32Array;
  readonly negativeOffset: Uint32Array;
  readonly negativeBuckets: BigUint64Array;
}

export interface SummaryPointColumns extends PointColumns {
  readonly totalCount: BigUint64Array;
  readonly sum: Float64Array;
  readonly quantileOffset: Uint32Array;
  readonly quantile: Float64Array;
  readonly quantileValue: Float64Array;
}

/**
 * Exemplars name the point they belong to: the kind of its table (MetricType; `gauge` for `numbers`, so for sums as well) and
 * its index there. They stand in the order of their points, kind by kind as the batch had them.
 */
export interface ExemplarColumns {
  readonly count: number;
  readonly pointKind: Uint8Array;
  readonly point: Uint32Array;
  readonly time: BigUint64Array;
  readonly value: Float64Array;
  readonly traceId: Uint32Array;
  readonly spanId: Uint32Array;
  readonly attributes: AttributeColumns;
}

export type Batch = SpanBatch | LogBatch | MetricBatch;
