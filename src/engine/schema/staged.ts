import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./promoted.ts";

/**
 * The columns of a staged block: what the block builder writes and the recipes read. Order and types are exact, they stand
 * in the Native header. A traces or logs load stages one block; a metrics load stages up to four.
 * Names and meanings follow OpenTelemetry's data model; times are Unix nanoseconds, UTC; ids are lower-case hex text
 * ('' where absent), so that people can paste them into SQL; attribute values that are not strings are their JSON text.
 */
export interface StagedColumn {
  readonly name: string;
  readonly type: string;
}

const LOW_CARDINALITY = "LowCardinality(String)";
const ATTRIBUTES = "Map(LowCardinality(String), String)";
const TIME = "DateTime64(9, 'UTC')";

export const SPAN_KIND =
  "Enum8('unspecified' = 0, 'internal' = 1, 'server' = 2, 'client' = 3, 'producer' = 4, 'consumer' = 5)";
export const STATUS_CODE = "Enum8('unset' = 0, 'ok' = 1, 'error' = 2)";
export const METRIC_TYPE = "Enum8('gauge' = 1, 'sum' = 2, 'histogram' = 3, 'exponential_histogram' = 4, 'summary' = 5)";
export const TEMPORALITY = "Enum8('unspecified' = 0, 'delta' = 1, 'cumulative' = 2)";

const originTail: readonly StagedColumn[] = [
  { name: "resource_schema_url", type: LOW_CARDINALITY },
  { name: "scope_name", type: LOW_CARDINALITY },
  { name: "scope_version", type: LOW_CARDINALITY },
  { name: "scope_attributes", type: ATTRIBUTES },
  { name: "scope_schema_url", type: LOW_CARDINALITY },
];

/** The resource's attributes as a JSON object of texts, in the sender's order: the same for thousands of rows. */
const origin: readonly StagedColumn[] = [{ name: "resource", type: LOW_CARDINALITY }, ...originTail];

export const STAGED_SPANS: readonly StagedColumn[] = [
  { name: "tenant", type: LOW_CARDINALITY },
  { name: "service_name", type: LOW_CARDINALITY },
  { name: "start_time", type: TIME },
  /** end - start; negative where the sender's clock said so. */
  { name: "duration_nano", type: "Int64" },
  { name: "trace_id", type: "String" },
  { name: "span_id", type: "String" },
  { name: "parent_span_id", type: "String" },
  { name: "trace_state", type: "String" },
  { name: "flags", type: "UInt32" },
  { name: "name", type: LOW_CARDINALITY },
  { name: "kind", type: SPAN_KIND },
  { name: "status_code", type: STATUS_CODE },
  { name: "status_message", type: "String" },
  { name: "attributes", type: ATTRIBUTES },
  { name: "dropped_attributes_count", type: "UInt32" },
  ...origin,
  { name: "events.time", type: `Array(${TIME})` },
  { name: "events.name", type: `Array(${LOW_CARDINALITY})` },
  { name: "events.attributes", type: `Array(${ATTRIBUTES})` },
  { name: "events.dropped_attributes_count", type: "Array(UInt32)" },
  { name: "dropped_events_count", type: "UInt32" },
  { name: "links.trace_id", type: "Array(String)" },
  { name: "links.span_id", type: "Array(String)" },
  { name: "links.trace_state", type: "Array(String)" },
  { name: "links.flags", type: "Array(UInt32)" },
  { name: "links.attributes", type: `Array(${ATTRIBUTES})` },
  { name: "links.dropped_attributes_count", type: "Array(UInt32)" },
  { name: "dropped_links_count", type: "UInt32" },
  ...PROMOTED_SPAN_ATTRIBUTES.map((key) => ({ name: promotedColumn("attributes", key), type: LOW_CARDINALITY })),
];

export const STAGED_LOGS: readonly StagedColumn[] = [
  { name: "tenant", type: LOW_CARDINALITY },
  { name: "service_name", type: LOW_CARDINALITY },
  { name: "time", type: TIME },
  { name: "observed_time", type: TIME },
  { name: "trace_id", type: "String" },
  { name: "span_id", type: "String" },
  { name: "flags", type: "UInt32" },
  { name: "severity_number", type: "UInt8" },
  { name: "severity_text", type: LOW_CARDINALITY },
  { name: "event_name", type: LOW_CARDINALITY },
  { name: "body", type: "String" },
  /** The body with its variable parts replaced by <*> (pipeline/template.ts); '' where there are too many to tell. */
  { name: "template", type: LOW_CARDINALITY },
  { name: "attributes", type: ATTRIBUTES },
  { name: "dropped_attributes_count", type: "UInt32" },
  ...origin,
];

/** Only series not written for this hour before; the rest of a load's points refer to known ones. */
export const STAGED_SERIES: readonly StagedColumn[] = [
  { name: "tenant", type: LOW_CARDINALITY },
  /** 64-bit hash of metric name, type, unit, temporality, monotonicity, sorted attributes, resource and scope. */
  { name: "series_id", type: "UInt64" },
  { name: "metric_name", type: LOW_CARDINALITY },
  { name: "metric_type", type: METRIC_TYPE },
  { name: "temporality", type: TEMPORALITY },
  { name: "is_monotonic", type: "Bool" },
  { name: "unit", type: LOW_CARDINALITY },
  { name: "description", type: "String" },
  { name: "service_name", type: LOW_CARDINALITY },
  { name: "attributes", type: ATTRIBUTES },
  { name: "resource_attributes", type: ATTRIBUTES },
  ...originTail,
  /** Time of the first and last point of this load that brought the row. */
  { name: "first_time", type: TIME },
  { name: "last_time", type: TIME },
];

const point: readonly StagedColumn[] = [
  { name: "tenant", type: LOW_CARDINALITY },
  { name: "metric_name", type: LOW_CARDINALITY },
  { name: "series_id", type: "UInt64" },
  { name: "time", type: TIME },
  { name: "start_time", type: TIME },
  { name: "flags", type: "UInt8" },
];

export const STAGED_POINTS: readonly StagedColumn[] = [...point, { name: "value", type: "Float64" }];

/** Explicit and exponential histograms and summaries; the arrays that a kind does not have are empty. */
export const STAGED_HISTOGRAMS: readonly StagedColumn[] = [
  ...point,
  { name: "count", type: "UInt64" },
  /** NaN where the sender gave none; min and max too. */
  { name: "sum", type: "Float64" },
  { name: "min", type: "Float64" },
  { name: "max", type: "Float64" },
  { name: "bounds", type: "Array(Float64)" },
  { name: "bucket_counts", type: "Array(UInt64)" },
  { name: "scale", type: "Int32" },
  { name: "zero_count", type: "UInt64" },
  { name: "zero_threshold", type: "Float64" },
  { name: "positive_offset", type: "Int32" },
  { name: "positive_counts", type: "Array(UInt64)" },
  { name: "negative_offset", type: "Int32" },
  { name: "negative_counts", type: "Array(UInt64)" },
  { name: "quantiles", type: "Array(Float64)" },
  { name: "quantile_values", type: "Array(Float64)" },
];

export const STAGED_EXEMPLARS: readonly StagedColumn[] = [
  { name: "tenant", type: LOW_CARDINALITY },
  { name: "metric_name", type: LOW_CARDINALITY },
  { name: "series_id", type: "UInt64" },
  { name: "time", type: TIME },
  { name: "value", type: "Float64" },
  { name: "trace_id", type: "String" },
  { name: "span_id", type: "String" },
  { name: "attributes", type: ATTRIBUTES },
];

export type StagedKind = "spans" | "logs" | "series" | "points" | "histograms" | "exemplars";

export const STAGED: Readonly<Record<StagedKind, readonly StagedColumn[]>> = {
  spans: STAGED_SPANS,
  logs: STAGED_LOGS,
  series: STAGED_SERIES,
  points: STAGED_POINTS,
  histograms: STAGED_HISTOGRAMS,
  exemplars: STAGED_EXEMPLARS,
};
