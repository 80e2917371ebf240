/** Why a record is refused while the rest of its batch is kept, with the sentence its sender gets. Decided in otlp.ts. */
export const REJECTIONS = {
  "trace-id-invalid": "a trace id must be 16 bytes, not all zero",
  "span-id-invalid": "a span id must be 8 bytes, not all zero",
  "parent-span-id-invalid": "a parent span id must be empty or 8 bytes",
  "metric-name-missing": "a metric must have a name",
  "value-missing": "a data point must have a value",
  "buckets-mismatched": "a histogram must have one bucket count more than bounds",
  "bounds-unordered": "the bounds of a histogram must rise",
  "too-many-buckets": "a data point has more buckets than ingest.limits.bucketsPerPoint allows",
} as const satisfies Record<string, string>;

export type Rejection = keyof typeof REJECTIONS;
