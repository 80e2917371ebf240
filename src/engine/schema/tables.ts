import { METRIC_TYPE, SPAN_KIND, STATUS_CODE, type StagedKind, TEMPORALITY } from "./staged.ts";

/**
 * Every table and the recipe that fills it. A recipe is a SELECT over the staged block (`{block}`), kept beside the table;
 * `{load}` is the load's number, which every row keeps: it is how the loader asks, after an unknown outcome, which tables
 * and partitions already have the load. Summaries are additive or mergeable, so late data is right by construction, and a
 * new summary is its recipe run over history.
 */
export interface Table {
  readonly name: string;
  readonly filledFrom: StagedKind;
  readonly columns: string;
  readonly engine: string;
  readonly partitionBy: string;
  readonly orderBy: string;
  readonly settings: string;
  /** `SELECT … FROM {block}`, columns in the table's order, `load` last. */
  readonly recipe: string;
  /** The expression over the staged block that names a row's partition (a Date). */
  readonly partitionDate: string;
}

const ATTRIBUTES = "Map(LowCardinality(String), String)";
const LOW_CARDINALITY = "LowCardinality(String)";
const TIME = "DateTime64(9, 'UTC')";
const MAP_SETTINGS =
  "map_serialization_version = 'with_buckets', map_serialization_version_for_zero_level_parts = 'basic', map_buckets_min_avg_size = 0, map_buckets_strategy = 'linear'";
const DURABLE =
  "fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1, old_parts_lifetime = 480";

/** Attributes everybody filters on get a column of their own; the planner (and `attributes['k']` in SQL) uses it. */
export const PROMOTED_SPAN_ATTRIBUTES: readonly string[] = [
  "http.request.method",
  "http.response.status_code",
  "http.route",
  "url.path",
  "server.address",
  "db.system.name",
  "rpc.method",
  "messaging.destination.name",
  "error.type",
];
export const PROMOTED_RESOURCE_ATTRIBUTES: readonly string[] = [
  "service.version",
  "service.instance.id",
  "deployment.environment.name",
  "host.name",
  "k8s.namespace.name",
  "k8s.pod.name",
  "cloud.region",
];

/** The column that holds a promoted attribute: `attr_http_route`, `res_service_version`. */
export function promotedColumn(scope: "attributes" | "resource_attributes", key: string): string {
  return `${scope === "attributes" ? "attr" : "res"}_${key.replaceAll(/[^a-zA-Z0-9]/g, "_")}`;
}

function promoted(scope: "attributes" | "resource_attributes", keys: readonly string[]): string {
  return keys
    .map((key) => `${promotedColumn(scope, key)} ${LOW_CARDINALITY} MATERIALIZED ${scope}['${key}']`)
    .join(",\n    ");
}

const originColumns = `resource_attributes ${ATTRIBUTES},
    resource_schema_url ${LOW_CARDINALITY},
    scope_name ${LOW_CARDINALITY},
    scope_version ${LOW_CARDINALITY},
    scope_attributes ${ATTRIBUTES},
    scope_schema_url ${LOW_CARDINALITY}`;

/** Log-scale duration buckets: bucket b holds durations in (2^(b/8) ns, 2^((b+1)/8) ns], so a quantile read from them is within 4.5%. */
export const DURATION_BUCKET = "toInt16(floor(8 * log2(greatest(duration_nano, 1))))";

const spans: Table = {
  name: "spans",
  filledFrom: "spans",
  columns: `tenant ${LOW_CARDINALITY},
    service_name ${LOW_CARDINALITY},
    start_time ${TIME} CODEC(Delta(8), ZSTD(1)),
    duration_nano Int64 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    parent_span_id String CODEC(ZSTD(1)),
    trace_state String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    name ${LOW_CARDINALITY},
    kind ${SPAN_KIND},
    status_code ${STATUS_CODE},
    status_message String CODEC(ZSTD(1)),
    attributes ${ATTRIBUTES} CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    ${originColumns},
    events Nested (time ${TIME}, name ${LOW_CARDINALITY}, attributes ${ATTRIBUTES}, dropped_attributes_count UInt32),
    dropped_events_count UInt32 CODEC(ZSTD(1)),
    links Nested (trace_id String, span_id String, trace_state String, flags UInt32, attributes ${ATTRIBUTES}, dropped_attributes_count UInt32),
    dropped_links_count UInt32 CODEC(ZSTD(1)),
    load UInt64 CODEC(ZSTD(1)),
    end_time ${TIME} ALIAS addNanoseconds(start_time, duration_nano),
    ${promoted("attributes", PROMOTED_SPAN_ATTRIBUTES)},
    ${promoted("resource_attributes", PROMOTED_RESOURCE_ATTRIBUTES)},
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1`,
  engine: "MergeTree",
  partitionBy: "toDate(start_time)",
  orderBy: "(tenant, service_name, start_time)",
  settings: `${MAP_SETTINGS}, ${DURABLE}`,
  recipe: "SELECT *, {load} FROM {block}",
  partitionDate: "toDate(start_time)",
};

const logs: Table = {
  name: "logs",
  filledFrom: "logs",
  columns: `tenant ${LOW_CARDINALITY},
    service_name ${LOW_CARDINALITY},
    time ${TIME} CODEC(Delta(8), ZSTD(1)),
    observed_time ${TIME} CODEC(Delta(8), ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    flags UInt32 CODEC(ZSTD(1)),
    severity_number UInt8 CODEC(ZSTD(1)),
    severity_text ${LOW_CARDINALITY},
    event_name ${LOW_CARDINALITY},
    body String CODEC(ZSTD(1)),
    template ${LOW_CARDINALITY},
    attributes ${ATTRIBUTES} CODEC(ZSTD(1)),
    dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    ${originColumns},
    load UInt64 CODEC(ZSTD(1)),
    ${promoted("resource_attributes", PROMOTED_RESOURCE_ATTRIBUTES)},
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX body_text body TYPE text(tokenizer = 'splitByNonAlpha')`,
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time)",
  settings: `${MAP_SETTINGS}, ${DURABLE}, materialize_skip_indexes_on_insert = 0`,
  recipe: "SELECT *, {load} FROM {block}",
  partitionDate: "toDate(time)",
};

const traces: Table = {
  name: "traces",
  filledFrom: "spans",
  columns: `tenant ${LOW_CARDINALITY},
    date Date,
    trace_id String,
    start_time SimpleAggregateFunction(min, ${TIME}),
    end_time SimpleAggregateFunction(max, ${TIME}),
    span_count SimpleAggregateFunction(sum, UInt64),
    error_count SimpleAggregateFunction(sum, UInt64),
    services SimpleAggregateFunction(groupUniqArrayArray, Array(${LOW_CARDINALITY})),
    root_service SimpleAggregateFunction(max, String),
    root_name SimpleAggregateFunction(max, String),
    root_span_id SimpleAggregateFunction(max, String),
    root_duration_nano SimpleAggregateFunction(max, Int64),
    root_status_code SimpleAggregateFunction(max, ${STATUS_CODE}),
    load SimpleAggregateFunction(max, UInt64)`,
  engine: "AggregatingMergeTree",
  partitionBy: "date",
  orderBy: "(tenant, trace_id, date)",
  settings: DURABLE,
  recipe: `SELECT tenant, toDate(start_time) AS date, trace_id, min(start_time), max(addNanoseconds(start_time, duration_nano)), count(),
      countIf(status_code = 'error'), groupUniqArray(64)(service_name),
      maxIf(service_name::String, parent_span_id = ''), maxIf(name::String, parent_span_id = ''),
      maxIf(span_id, parent_span_id = ''), maxIf(duration_nano, parent_span_id = ''), maxIf(status_code, parent_span_id = ''), {load}
    FROM {block} GROUP BY tenant, date, trace_id`,
  partitionDate: "toDate(start_time)",
};

const spanStats: Table = {
  name: "span_stats",
  filledFrom: "spans",
  columns: `tenant ${LOW_CARDINALITY},
    service_name ${LOW_CARDINALITY},
    name ${LOW_CARDINALITY},
    kind ${SPAN_KIND},
    time DateTime('UTC'),
    count SimpleAggregateFunction(sum, UInt64),
    error_count SimpleAggregateFunction(sum, UInt64),
    duration_sum_nano SimpleAggregateFunction(sum, Int64),
    duration_max_nano SimpleAggregateFunction(max, Int64),
    duration_buckets SimpleAggregateFunction(sumMap, Map(Int16, UInt64)),
    load SimpleAggregateFunction(max, UInt64)`,
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time, name, kind)",
  settings: DURABLE,
  recipe: `SELECT tenant, service_name, name, kind, toStartOfMinute(toDateTime(start_time, 'UTC')) AS time, count(), countIf(status_code = 'error'), sum(duration_nano),
      max(duration_nano), sumMap(map(${DURATION_BUCKET}, toUInt64(1))), {load}
    FROM {block} GROUP BY tenant, service_name, name, kind, time`,
  partitionDate: "toDate(start_time)",
};

const logStats: Table = {
  name: "log_stats",
  filledFrom: "logs",
  columns: `tenant ${LOW_CARDINALITY},
    service_name ${LOW_CARDINALITY},
    severity_number UInt8,
    template ${LOW_CARDINALITY},
    time DateTime('UTC'),
    count SimpleAggregateFunction(sum, UInt64),
    load SimpleAggregateFunction(max, UInt64)`,
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, service_name, time, severity_number, template)",
  settings: DURABLE,
  recipe: `SELECT tenant, service_name, severity_number, template, toStartOfMinute(toDateTime(time, 'UTC')) AS minute, count(), {load}
    FROM {block} GROUP BY tenant, service_name, severity_number, template, minute`,
  partitionDate: "toDate(time)",
};

/**
 * Half edges: the caller's span and the callee's span meet under one `edge_id` (hash of trace id and the caller's span id)
 * whenever and in whatever order they arrive; a merge or a GROUP BY makes them one. `peer` names what a client span calls
 * when nobody answers for it (a database, a queue, a host).
 */
const serviceEdges: Table = {
  name: "service_edges",
  filledFrom: "spans",
  columns: `tenant ${LOW_CARDINALITY},
    time DateTime('UTC'),
    edge_id UInt64,
    client_service SimpleAggregateFunction(max, String),
    server_service SimpleAggregateFunction(max, String),
    peer SimpleAggregateFunction(max, String),
    peer_kind SimpleAggregateFunction(max, String),
    failed SimpleAggregateFunction(max, UInt8),
    client_duration_nano SimpleAggregateFunction(max, Int64),
    server_duration_nano SimpleAggregateFunction(max, Int64),
    load SimpleAggregateFunction(max, UInt64)`,
  engine: "AggregatingMergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, time, edge_id)",
  settings: DURABLE,
  recipe: `SELECT tenant, toStartOfHour(toDateTime(start_time, 'UTC')) AS time,
      cityHash64(trace_id, if(kind IN ('client', 'producer'), span_id, parent_span_id)) AS edge_id,
      if(kind IN ('client', 'producer'), service_name::String, ''), if(kind IN ('server', 'consumer'), service_name::String, ''),
      if(kind IN ('client', 'producer'), multiIf(attributes['peer.service'] != '', attributes['peer.service'],
         attributes['db.system.name'] != '', attributes['db.system.name'], attributes['db.system'] != '', attributes['db.system'],
         attributes['messaging.system'] != '', attributes['messaging.system'], attributes['server.address']), ''),
      if(kind IN ('client', 'producer'), multiIf(attributes['db.system.name'] != '' OR attributes['db.system'] != '', 'database',
         attributes['messaging.system'] != '', 'queue', 'service'), ''),
      status_code = 'error', if(kind IN ('client', 'producer'), duration_nano, 0), if(kind IN ('server', 'consumer'), duration_nano, 0), {load}
    FROM {block} WHERE kind IN ('client', 'producer') OR (kind IN ('server', 'consumer') AND parent_span_id != '')`,
  partitionDate: "toDate(start_time)",
};

const series: Table = {
  name: "series",
  filledFrom: "series",
  columns: `tenant ${LOW_CARDINALITY},
    series_id UInt64,
    metric_name ${LOW_CARDINALITY},
    metric_type ${METRIC_TYPE},
    temporality ${TEMPORALITY},
    is_monotonic Bool,
    unit ${LOW_CARDINALITY},
    description SimpleAggregateFunction(anyLast, String),
    service_name ${LOW_CARDINALITY},
    attributes ${ATTRIBUTES},
    ${originColumns},
    first_time SimpleAggregateFunction(min, ${TIME}),
    last_time SimpleAggregateFunction(max, ${TIME}),
    date Date,
    load SimpleAggregateFunction(max, UInt64)`,
  engine: "AggregatingMergeTree",
  partitionBy: "date",
  orderBy: "(tenant, metric_name, series_id, date)",
  settings: `${DURABLE}, allow_dimensions_from_aggregate_functions = 1`,
  recipe: "SELECT *, toDate(first_time), {load} FROM {block}",
  partitionDate: "toDate(first_time)",
};

/** Data points of gauges and sums; `samples` is the view over it that knows the series' attributes. */
const points: Table = {
  name: "points",
  filledFrom: "points",
  columns: `tenant ${LOW_CARDINALITY},
    metric_name ${LOW_CARDINALITY},
    series_id UInt64 CODEC(ZSTD(1)),
    time ${TIME} CODEC(Delta(8), ZSTD(1)),
    start_time ${TIME} CODEC(Delta(8), ZSTD(1)),
    flags UInt8 CODEC(ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    load UInt64 CODEC(ZSTD(1))`,
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, toStartOfHour(time), series_id, time)",
  settings: DURABLE,
  recipe: "SELECT *, {load} FROM {block}",
  partitionDate: "toDate(time)",
};

const histograms: Table = {
  name: "histograms",
  filledFrom: "histograms",
  columns: `tenant ${LOW_CARDINALITY},
    metric_name ${LOW_CARDINALITY},
    series_id UInt64 CODEC(ZSTD(1)),
    time ${TIME} CODEC(Delta(8), ZSTD(1)),
    start_time ${TIME} CODEC(Delta(8), ZSTD(1)),
    flags UInt8 CODEC(ZSTD(1)),
    count UInt64 CODEC(ZSTD(1)),
    sum Float64 CODEC(ZSTD(1)),
    min Float64 CODEC(ZSTD(1)),
    max Float64 CODEC(ZSTD(1)),
    bounds Array(Float64) CODEC(ZSTD(1)),
    bucket_counts Array(UInt64) CODEC(ZSTD(1)),
    scale Int32 CODEC(ZSTD(1)),
    zero_count UInt64 CODEC(ZSTD(1)),
    zero_threshold Float64 CODEC(ZSTD(1)),
    positive_offset Int32 CODEC(ZSTD(1)),
    positive_counts Array(UInt64) CODEC(ZSTD(1)),
    negative_offset Int32 CODEC(ZSTD(1)),
    negative_counts Array(UInt64) CODEC(ZSTD(1)),
    quantiles Array(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Float64) CODEC(ZSTD(1)),
    load UInt64 CODEC(ZSTD(1))`,
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, toStartOfHour(time), series_id, time)",
  settings: DURABLE,
  recipe: "SELECT *, {load} FROM {block}",
  partitionDate: "toDate(time)",
};

const exemplars: Table = {
  name: "exemplars",
  filledFrom: "exemplars",
  columns: `tenant ${LOW_CARDINALITY},
    metric_name ${LOW_CARDINALITY},
    series_id UInt64 CODEC(ZSTD(1)),
    time ${TIME} CODEC(Delta(8), ZSTD(1)),
    value Float64 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    attributes ${ATTRIBUTES} CODEC(ZSTD(1)),
    load UInt64 CODEC(ZSTD(1)),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1`,
  engine: "MergeTree",
  partitionBy: "toDate(time)",
  orderBy: "(tenant, metric_name, time)",
  settings: DURABLE,
  recipe: "SELECT *, {load} FROM {block}",
  partitionDate: "toDate(time)",
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

/** What people query as `samples`: each data point with the names and attributes of its series. */
export const SAMPLES_VIEW = `SELECT p.tenant AS tenant, p.metric_name AS metric_name, p.series_id AS series_id, p.time AS time, p.start_time AS start_time,
    p.value AS value, p.flags AS flags, s.metric_type AS metric_type, s.temporality AS temporality, s.is_monotonic AS is_monotonic, s.unit AS unit,
    s.service_name AS service_name, s.attributes AS attributes, s.resource_attributes AS resource_attributes, p.load AS load
  FROM points AS p
  ANY LEFT JOIN series AS s ON p.tenant = s.tenant AND p.metric_name = s.metric_name AND p.series_id = s.series_id`;
