import { PROMOTED_RESOURCE_ATTRIBUTES, PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./promoted.ts";
import { METRIC_TYPE, SPAN_KIND, STATUS_CODE, type StagedKind, TEMPORALITY } from "./staged.ts";

/**
 * Every table and the recipe that fills it. A recipe is a SELECT over the staged block (`{block}`), kept beside the table;
 * `{load}` is the load's number, which every row keeps: it is how the loader asks, after an unknown outcome, which tables
 * and partitions already have the load. Summaries are additive or mergeable, so late data is right by construction, and a
 * new summary is its recipe run over history (`{block}` is then the table of the rows, `{load}` its column).
 *
 * What the columns cost was measured (docs/decisions): LowCardinality keys in a Map double the cost of every merge, so keys
 * are plain; a resource's attributes are the same for thousands of rows, so they are kept once, as JSON text in a
 * LowCardinality column, and `resource_attributes` is read out of it.
 */
export interface Table {
  readonly name: string;
  readonly filledFrom: StagedKind;
  /** Stored columns in the recipe's order, `load` last. */
  readonly columns: readonly Column[];
  /** ALIAS columns and indexes, as they stand in CREATE TABLE. */
  readonly extras: readonly string[];
  readonly engine: "MergeTree" | "AggregatingMergeTree";
  /** The partition: an expression over the table's columns that is a Date. */
  readonly partitionBy: string;
  readonly orderBy: string;
  readonly settings: string;
  /** Settings of its INSERT. */
  readonly insertSettings: string;
  /** `SELECT … FROM {block} WHERE {where} …`: values in the order of `columns`. */
  readonly recipe: string;
  /** The expression over the staged block that names a row's partition (a Date). */
  readonly partitionDate: string;
  /** The table whose rows this one summarises; undefined for tables of the rows themselves. */
  readonly summaryOf: string | undefined;
}

export interface Column {
  readonly name: string;
  readonly type: string;
  /** What stands behind the type: CODEC, MATERIALIZED. */
  readonly rest?: string;
}

const ATTRIBUTES = "Map(String, String)";
const LOW_CARDINALITY = "LowCardinality(String)";
const TIME = "DateTime64(9, 'UTC')";
const BUCKETED_MAPS =
  "map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic', map_buckets_min_avg_size = 0, map_buckets_strategy = 'linear'";
/**
 * Parts and merges are synced before they count. What was merged or dropped stays on disk for a minute: long enough that the
 * new part's directory entry is durable first, short enough that a start has little to look through and a dropped day's
 * space comes back soon.
 */
const DURABLE =
  "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 60";

/** Buffers that grow with what is written: else 2 MB per stream, and a table of forty columns has a hundred streams. */
const SMALL_BUFFERS = "min_columns_to_activate_adaptive_write_buffer = 1";
const STORED = `${DURABLE}, ${SMALL_BUFFERS}`;

/**
 * SQL for one resource attribute of `spans`, `logs` or `series` ('' where it is missing), forty times quicker than
 * `resource_attributes['key']`: the engine reads the JSON once per distinct resource, not once per row. Keys that a JSON path
 * might read otherwise are left to the map.
 */
export function resourceAttribute(key: string): string {
  if (/^[\w.-]+$/.test(key)) return `JSON_VALUE(resource, '$."${key}"')`;
  return `resource_attributes['${key.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}']`;
}

function column(name: string, type: string, rest?: string): Column {
  return rest === undefined ? { name, type } : { name, type, rest };
}

const zstd = (name: string, type: string): Column => column(name, type, "CODEC(ZSTD(1))");
const instant = (name: string): Column => column(name, TIME, "CODEC(Delta(8), ZSTD(1))");
const lowCardinality = (name: string): Column => column(name, LOW_CARDINALITY);
const simple = (name: string, aggregate: string, type: string): Column =>
  column(name, `SimpleAggregateFunction(${aggregate}, ${type})`);

const origin: readonly Column[] = [
  lowCardinality("resource"),
  lowCardinality("resource_schema_url"),
  lowCardinality("scope_name"),
  lowCardinality("scope_version"),
  column("scope_attributes", ATTRIBUTES),
  lowCardinality("scope_schema_url"),
];
const ORIGIN_VALUES = "resource, resource_schema_url, scope_name, scope_version, scope_attributes, scope_schema_url";
const originAliases: readonly string[] = [
  `resource_attributes ${ATTRIBUTES} ALIAS JSONExtract(resource, '${ATTRIBUTES}')`,
  ...PROMOTED_RESOURCE_ATTRIBUTES.map(
    (key) => `${promotedColumn("resource_attributes", key)} ${LOW_CARDINALITY} ALIAS ${resourceAttribute(key)}`,
  ),
];
const TRACE_ID_INDEX = "INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1";

/** The recipe groups by the whole key: merging what it made once more would find nothing. */
const GROUPED = "optimize_on_insert = 0";

const load = zstd("load", "UInt64");
const newestLoad = simple("load", "max", "UInt64");

/** Log-scale duration buckets: bucket b holds durations in [2^(b/8), 2^((b+1)/8)) ns, so a quantile read from them is within 4.5%. */
export const DURATION_BUCKET = "toInt16(floor(8 * log2(greatest(duration_nano, 1))))";

const spans: Table = {
  name: "spans",
  filledFrom: "spans",
  columns: [
    lowCardinality("tenant"),
    lowCardinality("service_name"),
    instant("start_time"),
    zstd("duration_nano", "Int64"),
    zstd("trace_id", "String"),
    zstd("span_id", "String"),
    zstd("parent_span_id", "String"),
    zstd("trace_state", "String"),
    zstd("flags", "UInt32"),
    lowCardinality("name"),
    column("kind", SPAN_KIND),
    column("status_code", STATUS_CODE),
    zstd("status_message", "String"),
    column("attributes", ATTRIBUTES),
    zstd("dropped_attributes_count", "UInt32"),
    ...origin,
    column("events.time", `Array(${TIME})`),
    column("events.name", "Array(LowCardinality(String))"),
    column("events.attributes", `Array(${ATTRIBUTES})`),
    column("events.dropped_attributes_count", "Array(UInt32)"),
    zstd("dropped_events_count", "UInt32"),
    column("links.trace_id", "Array(String)"),
    column("links.span_id", "Array(String)"),
    column("links.trace_state", "Array(String)"),
    column("links.flags", "Array(UInt32)"),
    column("links.attributes", `Array(${ATTRIBUTES})`),
    column("links.dropped_attributes_count", "Array(UInt32)"),
    zstd("dropped_links_count", "UInt32"),
    ...PROMOTED_SPAN_ATTRIBUTES.map((key) =>
      column(promotedColumn("attributes", key), LOW_CARDINALITY, `MATERIALIZED attributes['${key}']`),
    ),
    load,
  ],
  extras: [`end_time ${TIME} ALIAS addNanoseconds(start_time, duration_nano)`, ...originAliases, TRACE_ID_INDEX],
  engine: "MergeTree",
  partitionBy: "toDate(start_time)",
  orderBy: "(tenant, service_name, start_time)",
  settings: `${BUCKETED_MAPS}, ${STORED}`,
  // The block brings the promoted columns and the resource's text: a tenth of what computing them here would cost.
  insertSettings: "insert_allow_materialized_columns = 1",
  recipe: `SELECT tenant, service_name, start_time, duration_nano, trace_id, span_id, parent_span_id, trace_state, flags, name, kind, status_code,
      status_message, attributes, dropped_attributes_count, ${ORIGIN_VALUES},
      \`events.time\`, \`events.name\`, \`events.attributes\`, \`events.dropped_attributes_count\`, dropped_events_count,
      \`links.trace_id\`, \`links.span_id\`, \`links.trace_state\`, \`links.flags\`, \`links.attributes\`, \`links.dropped_attributes_count\`, dropped_links_count,
      ${PROMOTED_SPAN_ATTRIBUTES.map((key) => promotedColumn("attributes", key)).join(", ")}, {load}
    FROM {block} WHERE {where}`,
  partitionDate: "toDate(start_time)",
  summaryOf: undefined,
};

const logs: Table = {
  name: "logs",
  filledFrom: "logs",
  columns: [
    lowCardinality("tenant"),
    lowCardinality("service_name"),
    instant("time"),
    instant("observed_time"),
    zstd("trace_id", "String"),
    zstd("span_id", "String"),
    zstd("flags", "UInt32"),
    zstd("severity_number", "UInt8"),
    lowCardinality("severity_text"),
    lowCardinality("event_name"),
    zstd("body", "String"),
    lowCardinality("template"),
    column("attributes", ATTRIBUTES),
    zstd("dropped_attributes_count", "UInt32"),
    ...origin,
    load,
  ],
  // The index is on lower(body), written out, so that a part which has no index yet answers exactly as one which has.
  extras: [...originAliases, TRACE_ID_INDEX, "INDEX body_text lower(body) TYPE text(tokenizer = 'splitByNonAlpha')"],
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time)",
  settings: `${BUCKETED_MAPS}, ${STORED}`,
  // The text index costs twice what the rows do when it is built at insert; merges build it for half.
  insertSettings: "exclude_materialize_skip_indexes_on_insert = 'body_text'",
  recipe: `SELECT tenant, service_name, time, observed_time, trace_id, span_id, flags, severity_number, severity_text, event_name, body, template,
      attributes, dropped_attributes_count, ${ORIGIN_VALUES}, {load}
    FROM {block} WHERE {where}`,
  partitionDate: "toDate(time)",
  summaryOf: undefined,
};

const traces: Table = {
  name: "traces",
  filledFrom: "spans",
  columns: [
    lowCardinality("tenant"),
    column("date", "Date"),
    column("trace_id", "String"),
    simple("start_time", "min", TIME),
    simple("end_time", "max", TIME),
    simple("span_count", "sum", "UInt64"),
    simple("error_count", "sum", "UInt64"),
    simple("services", "groupUniqArrayArray", "Array(String)"),
    // The earliest span without a parent. One tuple, so that a trace with two of them does not mix their fields; `rank`
    // is greater the earlier it began, and 0 where no root has come yet.
    simple(
      "root",
      "max",
      `Tuple(rank UInt64, service String, name String, span_id String, duration_nano Int64, status_code ${STATUS_CODE})`,
    ),
    newestLoad,
  ],
  extras: [
    "root_service String ALIAS root.service",
    "root_name String ALIAS root.name",
    "root_span_id String ALIAS root.span_id",
    "root_duration_nano Int64 ALIAS root.duration_nano",
    `root_status_code ${STATUS_CODE} ALIAS root.status_code`,
  ],
  engine: "AggregatingMergeTree",
  partitionBy: "date",
  orderBy: "(tenant, trace_id, date)",
  settings: STORED,
  insertSettings: GROUPED,
  recipe: `SELECT tenant, toDate(start_time) AS date, trace_id, min(start_time), max(addNanoseconds(start_time, duration_nano)), count(),
      countIf(status_code = 'error'), groupUniqArray(64)(service_name::String),
      maxIf((18446744073709551615 - toUInt64(toUnixTimestamp64Nano(start_time)), service_name::String, name::String, span_id, duration_nano, status_code),
        parent_span_id = ''), max({load})
    FROM {block} WHERE {where} GROUP BY tenant, date, trace_id`,
  partitionDate: "toDate(start_time)",
  summaryOf: "spans",
};

const spanStats: Table = {
  name: "span_stats",
  filledFrom: "spans",
  columns: [
    lowCardinality("tenant"),
    lowCardinality("service_name"),
    lowCardinality("name"),
    column("kind", SPAN_KIND),
    column("time", "DateTime('UTC')"),
    simple("count", "sum", "UInt64"),
    simple("error_count", "sum", "UInt64"),
    simple("duration_sum_nano", "sum", "Int64"),
    simple("duration_max_nano", "max", "Int64"),
    simple("duration_buckets", "sumMap", "Map(Int16, UInt64)"),
    newestLoad,
  ],
  extras: [],
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time, name, kind)",
  settings: STORED,
  insertSettings: GROUPED,
  recipe: `SELECT tenant, service_name, name, kind, toStartOfMinute(toDateTime(start_time, 'UTC')) AS minute, count(), countIf(status_code = 'error'),
      sum(duration_nano), max(duration_nano), sumMap(map(${DURATION_BUCKET}, toUInt64(1))), max({load})
    FROM {block} WHERE {where} GROUP BY tenant, service_name, name, kind, minute`,
  partitionDate: "toDate(start_time)",
  summaryOf: "spans",
};

const logStats: Table = {
  name: "log_stats",
  filledFrom: "logs",
  columns: [
    lowCardinality("tenant"),
    lowCardinality("service_name"),
    column("severity_number", "UInt8"),
    lowCardinality("template"),
    column("time", "DateTime('UTC')"),
    simple("count", "sum", "UInt64"),
    newestLoad,
  ],
  extras: [],
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time, severity_number, template)",
  settings: STORED,
  insertSettings: GROUPED,
  recipe: `SELECT tenant, service_name, severity_number, template, toStartOfMinute(toDateTime(time, 'UTC')) AS minute, count(), max({load})
    FROM {block} WHERE {where} GROUP BY tenant, service_name, severity_number, template, minute`,
  partitionDate: "toDate(time)",
  summaryOf: "logs",
};

const DB_SYSTEM = promotedColumn("attributes", "db.system.name");
const SERVER = promotedColumn("attributes", "server.address");
const IS_CLIENT = "kind IN ('client', 'producer')";
const IS_SERVER = "kind IN ('server', 'consumer')";

/**
 * Half edges: the caller's span and the callee's span meet under one `edge_id` (hash of trace id and the caller's span id)
 * whenever and in whatever order they arrive; a merge or a GROUP BY makes them one. `peer` names what a client span calls
 * when nobody answers for it (a database, a queue, a host). Both halves of an edge share its id and the ids are evenly
 * spread, so `edge_id < x` reads a fair sample of whole edges, and quickly, since it is in the key.
 */
const serviceEdges: Table = {
  name: "service_edges",
  filledFrom: "spans",
  columns: [
    lowCardinality("tenant"),
    column("time", "DateTime('UTC')"),
    column("edge_id", "UInt64"),
    simple("client_service", "max", LOW_CARDINALITY),
    simple("server_service", "max", LOW_CARDINALITY),
    simple("peer", "max", LOW_CARDINALITY),
    simple("peer_kind", "max", LOW_CARDINALITY),
    simple("failed", "max", "UInt8"),
    simple("client_duration_nano", "max", "Int64"),
    simple("server_duration_nano", "max", "Int64"),
    newestLoad,
  ],
  extras: [],
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, time, edge_id)",
  settings: STORED,
  // Two halves in one block stay two rows until a merge: cheaper than merging at insert, and no reader may care.
  insertSettings: "optimize_on_insert = 0",
  recipe: `SELECT tenant, toStartOfMinute(toDateTime(start_time, 'UTC')) AS minute, cityHash64(trace_id, if(${IS_CLIENT}, span_id, parent_span_id)),
      if(${IS_CLIENT}, service_name, ''), if(${IS_SERVER}, service_name, ''),
      if(${IS_CLIENT}, multiIf(attributes['peer.service'] != '', attributes['peer.service'],
         ${DB_SYSTEM} != '', ${DB_SYSTEM}, attributes['db.system'] != '', attributes['db.system'],
         attributes['messaging.system'] != '', attributes['messaging.system'], ${SERVER}), ''),
      if(${IS_CLIENT}, multiIf(${DB_SYSTEM} != '' OR attributes['db.system'] != '', 'database',
         attributes['messaging.system'] != '', 'queue', 'service'), ''),
      status_code = 'error', if(${IS_CLIENT}, duration_nano, 0), if(${IS_SERVER}, duration_nano, 0), {load}
    FROM {block} WHERE (${IS_CLIENT} OR (${IS_SERVER} AND parent_span_id != '')) AND {where}`,
  partitionDate: "toDate(start_time)",
  summaryOf: "spans",
};

const series: Table = {
  name: "series",
  filledFrom: "series",
  columns: [
    lowCardinality("tenant"),
    column("series_id", "UInt64"),
    lowCardinality("metric_name"),
    column("metric_type", METRIC_TYPE),
    column("temporality", TEMPORALITY),
    column("is_monotonic", "Bool"),
    lowCardinality("unit"),
    column("description", "String"),
    lowCardinality("service_name"),
    column("attributes", ATTRIBUTES),
    ...origin,
    simple("first_time", "min", TIME),
    simple("last_time", "max", TIME),
    column("date", "Date"),
    newestLoad,
  ],
  extras: originAliases,
  engine: "AggregatingMergeTree",
  partitionBy: "date",
  orderBy: "(tenant, metric_name, series_id, date)",
  // All that is no aggregate follows from series_id, a hash of it, or may be any of its values (the description).
  settings: `${STORED}, allow_dimensions_outside_sorting_key = 1`,
  insertSettings: "",
  recipe: `SELECT tenant, series_id, metric_name, metric_type, temporality, is_monotonic, unit, description, service_name, mapSort(attributes),
      toJSONString(mapSort(resource_attributes)),
      resource_schema_url, scope_name, scope_version, scope_attributes, scope_schema_url, first_time, last_time, toDate(first_time), {load}
    FROM {block} WHERE {where}`,
  partitionDate: "toDate(first_time)",
  summaryOf: undefined,
};

const point: readonly Column[] = [
  lowCardinality("tenant"),
  lowCardinality("metric_name"),
  zstd("series_id", "UInt64"),
  instant("time"),
  instant("start_time"),
  zstd("flags", "UInt8"),
];

/** Data points of gauges and sums; `samples` is the view over it that knows the series' attributes. */
const points: Table = {
  name: "points",
  filledFrom: "points",
  columns: [...point, zstd("value", "Float64"), load],
  extras: [],
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, toStartOfHour(time), series_id, time)",
  settings: STORED,
  insertSettings: "",
  recipe: "SELECT *, {load} FROM {block} WHERE {where}",
  partitionDate: "toDate(time)",
  summaryOf: undefined,
};

const histograms: Table = {
  name: "histograms",
  filledFrom: "histograms",
  columns: [
    ...point,
    zstd("count", "UInt64"),
    zstd("sum", "Float64"),
    zstd("min", "Float64"),
    zstd("max", "Float64"),
    zstd("bounds", "Array(Float64)"),
    zstd("bucket_counts", "Array(UInt64)"),
    zstd("scale", "Int32"),
    zstd("zero_count", "UInt64"),
    zstd("zero_threshold", "Float64"),
    zstd("positive_offset", "Int32"),
    zstd("positive_counts", "Array(UInt64)"),
    zstd("negative_offset", "Int32"),
    zstd("negative_counts", "Array(UInt64)"),
    zstd("quantiles", "Array(Float64)"),
    zstd("quantile_values", "Array(Float64)"),
    load,
  ],
  extras: [],
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, toStartOfHour(time), series_id, time)",
  settings: STORED,
  insertSettings: "",
  recipe: "SELECT *, {load} FROM {block} WHERE {where}",
  partitionDate: "toDate(time)",
  summaryOf: undefined,
};

const exemplars: Table = {
  name: "exemplars",
  filledFrom: "exemplars",
  columns: [
    lowCardinality("tenant"),
    lowCardinality("metric_name"),
    zstd("series_id", "UInt64"),
    instant("time"),
    zstd("value", "Float64"),
    zstd("trace_id", "String"),
    zstd("span_id", "String"),
    column("attributes", ATTRIBUTES),
    load,
  ],
  extras: [TRACE_ID_INDEX],
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, time)",
  settings: STORED,
  insertSettings: "",
  recipe: "SELECT *, {load} FROM {block} WHERE {where}",
  partitionDate: "toDate(time)",
  summaryOf: undefined,
};

/** In loading order: the rows themselves first, then their summaries. */
export const TABLES: readonly Table[] = [
  spans,
  traces,
  spanStats,
  serviceEdges,
  logs,
  logStats,
  series,
  points,
  histograms,
  exemplars,
];

/**
 * What people query as `samples`: each data point with the names and attributes of its series. The grouped columns follow
 * from the series id (their maps are sorted), so grouping by them makes the rows of all days one and lets a filter such as
 * `attributes['k'] = 'v'` reach the few series before it reaches the many points.
 */
const SAMPLES = `SELECT p.tenant AS tenant, p.metric_name AS metric_name, p.series_id AS series_id, p.time AS time, p.start_time AS start_time,
    p.value AS value, p.flags AS flags, s.metric_type AS metric_type, s.temporality AS temporality, s.is_monotonic AS is_monotonic, s.unit AS unit,
    s.service_name AS service_name, s.attributes AS attributes, s.resource AS resource,
    JSONExtract(s.resource, '${ATTRIBUTES}') AS resource_attributes, p.load AS load
  FROM points AS p
  LEFT JOIN (
    SELECT tenant, metric_name, series_id, metric_type, temporality, is_monotonic, unit, service_name, attributes, resource
    FROM series GROUP BY ALL
  ) AS s USING (tenant, metric_name, series_id)`;

export interface View {
  readonly name: string;
  readonly select: string;
}

/** Views that people query; a confined reader sees through them what it sees in the tables. */
export const VIEWS: readonly View[] = [{ name: "samples", select: SAMPLES }];
