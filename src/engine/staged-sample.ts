import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./schema/promoted.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";

/** What a generated block holds. The same options give the same rows, so that a test can compare them one by one. */
export interface SampleOptions {
  readonly rows: number;
  /** Distinguishes the ids of one block from another's. */
  readonly seed?: number;
  readonly fromUnixMs: number;
  /** Rows are spread evenly over this long. */
  readonly overMs: number;
  readonly tenant?: string;
}

/**
 * SELECTs that make blocks of the staged columns out of numbers, for tests and benches: read them with format Native and
 * stage the answer. The shapes are those of a shop of twelve services: eight spans to a trace, eight attributes to a span,
 * log lines of a hundred bytes from sixty templates, two thousand series.
 */
export function sampleBlockSql(kind: StagedKind, options: SampleOptions): string {
  const { rows, seed = 1, fromUnixMs, overMs, tenant = "default" } = options;
  const exact = STAGED[kind].map(
    ({ name, type }) => `CAST(\`${name}\`, '${type.replaceAll("'", "\\'")}') AS \`${name}\``,
  );
  return `SELECT ${exact.join(", ")} FROM (SELECT *, ${COMPUTED[kind] ?? "0"} FROM (
    WITH ${seed} AS seed, number AS i, '${tenant}' AS sample_tenant,
      toUInt8(1 + cityHash64(i, 2) % 12) AS service, cityHash64(i, 10) % 24 AS instance,
      fromUnixTimestamp64Nano(toInt64(${fromUnixMs}) * 1000000 + intDiv(toInt64(i) * ${overMs}, ${rows}) * 1000000 + toInt64(i * 7919 % 1000000), 'UTC') AS at
    SELECT ${SELECTS[kind]} FROM numbers(${rows})))`;
}

/** What the builder stages beside what it is made of. */
const COMPUTED: Partial<Record<StagedKind, string>> = {
  spans: [
    "toJSONString(resource_attributes) AS resource",
    ...PROMOTED_SPAN_ATTRIBUTES.map((key) => `attributes['${key}'] AS ${promotedColumn("attributes", key)}`),
  ].join(", "),
  logs: "toJSONString(resource_attributes) AS resource",
};

const ATTRIBUTES = "'Map(LowCardinality(String), String)'";
const SERVICE = `arrayElement(['gateway','catalogue','cart','checkout','payment','worker','search','recommend','mail','stock','price','ledger'], service)`;
const RESOURCE = `CAST(map('service.name', ${SERVICE}, 'service.version', concat('1.', toString(service % 4), '.0'),
  'service.instance.id', concat('instance-', toString(instance)), 'host.name', concat('host-', toString(instance)),
  'deployment.environment.name', 'production', 'cloud.region', 'eu-west-1', 'telemetry.sdk.language', 'nodejs'), ${ATTRIBUTES}) AS resource_attributes,
  '' AS resource_schema_url, '@opentelemetry/instrumentation-http' AS scope_name, '0.223.0' AS scope_version,
  CAST(map(), ${ATTRIBUTES}) AS scope_attributes, '' AS scope_schema_url`;
const HEX = (of: string, digits: number): string =>
  `lower(leftPad(substring(concat(hex(sipHash128(${of}, seed)), ''), 1, ${digits}), ${digits}, '0'))`;

const SELECTS: Readonly<Record<StagedKind, string>> = {
  spans: `sample_tenant AS tenant, ${SERVICE} AS service_name, at AS start_time,
    toInt64(exp(log(2e6) + (cityHash64(i, seed) % 10000000) / 1.5e6)) AS duration_nano,
    ${HEX("intDiv(i, 8)", 32)} AS trace_id, ${HEX("i, 1", 16)} AS span_id,
    if(i % 8 = 0, '', ${HEX("i - 1, 1", 16)}) AS parent_span_id, '' AS trace_state, toUInt32(1) AS flags,
    concat(arrayElement(['GET','POST','PUT'], 1 + cityHash64(i) % 3), ' /', toString(cityHash64(i, 3) % 8)) AS name,
    CAST(arrayElement([2, 3, 1], 1 + i % 3), 'Enum8(\\'unspecified\\' = 0, \\'internal\\' = 1, \\'server\\' = 2, \\'client\\' = 3, \\'producer\\' = 4, \\'consumer\\' = 5)') AS kind,
    CAST(if(cityHash64(i, 4) % 50 = 0, 2, 0), 'Enum8(\\'unset\\' = 0, \\'ok\\' = 1, \\'error\\' = 2)') AS status_code,
    if(cityHash64(i, 4) % 50 = 0, 'upstream timed out', '') AS status_message,
    CAST(map('http.request.method', 'GET', 'http.route', concat('/api/', toString(cityHash64(i, 3) % 8)), 'http.response.status_code', if(cityHash64(i, 4) % 50 = 0, '500', '200'),
      'url.path', concat('/api/', toString(cityHash64(i, 3) % 8), '/', toString(i % 1000)), 'server.address', ${SERVICE}, 'user.id', toString(cityHash64(i, 5) % 20000),
      'customer.tier', arrayElement(['free','pro','team'], 1 + i % 3), 'thread.name', concat('worker-', toString(i % 16))), ${ATTRIBUTES}) AS attributes,
    toUInt32(0) AS dropped_attributes_count, ${RESOURCE},
    if(cityHash64(i, 4) % 50 = 0, [at], []) AS \`events.time\`, if(cityHash64(i, 4) % 50 = 0, ['exception'], []) AS \`events.name\`,
    if(cityHash64(i, 4) % 50 = 0, [CAST(map('exception.type', 'Timeout', 'exception.message', 'upstream timed out'), ${ATTRIBUTES})], []) AS \`events.attributes\`,
    if(cityHash64(i, 4) % 50 = 0, [toUInt32(0)], []) AS \`events.dropped_attributes_count\`, toUInt32(0) AS dropped_events_count,
    CAST([], 'Array(String)') AS \`links.trace_id\`, CAST([], 'Array(String)') AS \`links.span_id\`, CAST([], 'Array(String)') AS \`links.trace_state\`,
    CAST([], 'Array(UInt32)') AS \`links.flags\`, CAST([], concat('Array(', ${ATTRIBUTES}, ')')) AS \`links.attributes\`,
    CAST([], 'Array(UInt32)') AS \`links.dropped_attributes_count\`, toUInt32(0) AS dropped_links_count`,
  logs: `sample_tenant AS tenant, ${SERVICE} AS service_name, at AS time, at AS observed_time,
    if(i % 2 = 0, ${HEX("intDiv(i, 8)", 32)}, '') AS trace_id, if(i % 2 = 0, ${HEX("i, 1", 16)}, '') AS span_id, toUInt32(1) AS flags,
    toUInt8(arrayElement([9, 9, 9, 9, 9, 5, 13, 17], 1 + cityHash64(i, 6) % 8)) AS severity_number,
    arrayElement(['INFO', 'INFO', 'INFO', 'INFO', 'INFO', 'DEBUG', 'WARN', 'ERROR'], 1 + cityHash64(i, 6) % 8) AS severity_text, '' AS event_name,
    concat('request ', toString(i), ' for customer ', toString(cityHash64(i, 5) % 20000), ' step ', toString(cityHash64(i, 7) % 60),
      if(i % 10000 = 77, concat(' needle', toString(i)), ''), ' answered in ', toString(cityHash64(i, 8) % 900), ' ms by upstream of the Shop pool') AS body,
    concat('request <*> for customer <*> step ', toString(cityHash64(i, 7) % 60), ' answered in <*> ms by upstream of the Shop pool') AS template,
    CAST(map('http.route', concat('/api/', toString(cityHash64(i, 3) % 8)), 'user.id', toString(cityHash64(i, 5) % 20000), 'thread.name', concat('worker-', toString(i % 16))), ${ATTRIBUTES}) AS attributes,
    toUInt32(0) AS dropped_attributes_count, ${RESOURCE}`,
  series: `sample_tenant AS tenant, cityHash64(i, 'series') AS series_id, concat('metric.', toString(i % 100)) AS metric_name,
    CAST(if(i % 3 = 0, 1, 2), 'Enum8(\\'gauge\\' = 1, \\'sum\\' = 2, \\'histogram\\' = 3, \\'exponential_histogram\\' = 4, \\'summary\\' = 5)') AS metric_type,
    CAST(if(i % 3 = 0, 0, 2), 'Enum8(\\'unspecified\\' = 0, \\'delta\\' = 1, \\'cumulative\\' = 2)') AS temporality, i % 3 != 0 AS is_monotonic,
    '1' AS unit, 'Something that is measured' AS description, ${SERVICE} AS service_name,
    CAST(map('k', toString(intDiv(i, 100) % 20), 'http.route', concat('/api/', toString(intDiv(i, 100) % 8))), ${ATTRIBUTES}) AS attributes, ${RESOURCE},
    at AS first_time, at AS last_time`,
  points: `sample_tenant AS tenant, concat('metric.', toString(i % 2000 % 100)) AS metric_name, cityHash64(i % 2000, 'series') AS series_id,
    at AS time, if(i % 2000 % 3 = 0, fromUnixTimestamp64Nano(toInt64(0), 'UTC'), fromUnixTimestamp64Nano(toInt64(1700000000000000000), 'UTC')) AS start_time,
    toUInt8(0) AS flags, toFloat64(if(i % 2000 % 3 = 0, cityHash64(i, 9) % 1000 / 10, intDiv(i, 2000) * 3)) AS value`,
  histograms: `sample_tenant AS tenant, concat('latency.', toString(i % 20)) AS metric_name, cityHash64(i % 500, 'histogram') AS series_id, at AS time,
    fromUnixTimestamp64Nano(toInt64(1700000000000000000), 'UTC') AS start_time, toUInt8(0) AS flags, toUInt64(100) AS count, toFloat64(i % 977) AS sum, nan AS min, nan AS max,
    [5., 10., 25., 50., 100., 250., 500., 1000.] AS bounds, CAST([1, 4, 20, 30, 30, 10, 3, 1, 1], 'Array(UInt64)') AS bucket_counts, toInt32(0) AS scale, toUInt64(0) AS zero_count,
    toFloat64(0) AS zero_threshold, toInt32(0) AS positive_offset, CAST([], 'Array(UInt64)') AS positive_counts, toInt32(0) AS negative_offset, CAST([], 'Array(UInt64)') AS negative_counts,
    CAST([], 'Array(Float64)') AS quantiles, CAST([], 'Array(Float64)') AS quantile_values`,
  exemplars: `sample_tenant AS tenant, concat('latency.', toString(i % 20)) AS metric_name, cityHash64(i % 500, 'histogram') AS series_id, at AS time,
    toFloat64(i % 977) AS value, ${HEX("intDiv(i, 8)", 32)} AS trace_id, ${HEX("i, 1", 16)} AS span_id, CAST(map('user.id', toString(i % 100)), ${ATTRIBUTES}) AS attributes`,
};
