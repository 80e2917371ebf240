/**
 * What one batch may cost. Past a limit on the whole batch it is refused ("too-large", naming the setting); past a limit on
 * a record the rest is cut off, counted in the record's dropped counts where OTLP has one, and in `DecodeOutcome.truncated`.
 * A batch that is decoded again from the journal must be decoded with the limits it was acknowledged under.
 */
export interface DecodeLimits {
  /** Bytes of a body after decompression (and after JSON has become protobuf). */
  readonly decompressedBytes: number;
  /** Bytes of the decoded columns of a batch: bounds what a body of many tiny parts can grow to. */
  readonly columnBytes: number;
  /** Spans, log records or data points of a batch. */
  readonly records: number;
  /** Attributes of a record, event, link, exemplar, scope or resource each. */
  readonly attributes: number;
  /** Bytes of an attribute key; a longer one is dropped with its value, since a shortened key would name another thing. */
  readonly keyBytes: number;
  /** Different attribute keys of a batch; attributes with further ones are dropped. */
  readonly keysPerBatch: number;
  /** Bytes of an attribute value: strings are cut at a UTF-8 border, arrays and maps after their last element that fits. */
  readonly valueBytes: number;
  /** Bytes of a log body, name, status message or any other text of a record. */
  readonly textBytes: number;
  /** How deep arrays and maps may stand in each other, at most 100; what is deeper becomes an empty value. */
  readonly nesting: number;
  readonly eventsPerSpan: number;
  readonly linksPerSpan: number;
  /** Buckets (or quantiles) of one data point; a point with more is rejected, since half a histogram is a wrong one. */
  readonly bucketsPerPoint: number;
  readonly exemplarsPerPoint: number;
}

export type DecodeLimit = keyof DecodeLimits;

export const DECODE_LIMITS: DecodeLimits = {
  decompressedBytes: 32 * 1024 * 1024,
  columnBytes: 64 * 1024 * 1024,
  records: 262_144,
  attributes: 256,
  keyBytes: 1024,
  keysPerBatch: 65_536,
  valueBytes: 64 * 1024,
  textBytes: 1024 * 1024,
  nesting: 16,
  eventsPerSpan: 1024,
  linksPerSpan: 1024,
  bucketsPerPoint: 4096,
  exemplarsPerPoint: 256,
};

/** The setting that holds a limit. */
export function limitSetting(limit: DecodeLimit): string {
  return `ingest.limits.${limit}`;
}
