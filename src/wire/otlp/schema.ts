import type { Signal } from "#model/batch.ts";

/**
 * The messages of OTLP 1.x as data (opentelemetry-proto). The protobuf readers know their fields by heart; this table is for
 * what need not be as fast: turning JSON into protobuf, and saying where in a body an error is.
 */
export type ScalarKind =
  | "string"
  | "bytes"
  /** Bytes that OTLP/JSON writes as hexadecimal: trace and span ids. */
  | "id"
  | "bool"
  | "double"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  | "int64"
  | "uint32"
  | "uint64"
  | "sint32"
  | "enum";

export interface Field {
  /** As in the .proto file: `start_time_unix_nano`. */
  readonly name: string;
  /** As OTLP/JSON writes it: `startTimeUnixNano`. */
  readonly jsonName: string;
  readonly number: number;
  /** Tag of one value, and of a packed list where `isPacked`. */
  readonly tag: number;
  readonly kind: ScalarKind | "message";
  readonly message: Message | undefined;
  readonly isRepeated: boolean;
  readonly isPacked: boolean;
  /** Numbers of an enum's names. */
  readonly names: ReadonlyMap<string, number> | undefined;
}

export interface Message {
  readonly name: string;
  /** Its place among all messages. */
  readonly index: number;
  readonly fields: readonly Field[];
  /** Bytes to leave for its length when it is written: most of its kind fit, so that few have to be moved. */
  readonly lengthRoom: number;
}

const ENUMS: Readonly<Record<string, readonly string[]>> = {
  SpanKind: ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map((name) => `SPAN_KIND_${name}`),
  StatusCode: ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`),
  SeverityNumber: [
    "UNSPECIFIED",
    ...["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap((name) => [
      name,
      `${name}2`,
      `${name}3`,
      `${name}4`,
    ]),
  ].map((name) => `SEVERITY_NUMBER_${name}`),
  AggregationTemporality: ["UNSPECIFIED", "DELTA", "CUMULATIVE"].map((name) => `AGGREGATION_TEMPORALITY_${name}`),
};

const ATTRIBUTES = "KeyValue[]";

/** Message → field → "number kind", where a kind may be a message or an enum and `[]` means repeated. */
const MESSAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ExportTraceServiceRequest: { resource_spans: "1 ResourceSpans[]" },
  ResourceSpans: { resource: "1 Resource", scope_spans: "2 ScopeSpans[]", schema_url: "3 string" },
  ScopeSpans: { scope: "1 InstrumentationScope", spans: "2 Span[]", schema_url: "3 string" },
  Span: {
    trace_id: "1 id",
    span_id: "2 id",
    trace_state: "3 string",
    parent_span_id: "4 id",
    name: "5 string",
    kind: "6 SpanKind",
    start_time_unix_nano: "7 fixed64",
    end_time_unix_nano: "8 fixed64",
    attributes: `9 ${ATTRIBUTES}`,
    dropped_attributes_count: "10 uint32",
    events: "11 Event[]",
    dropped_events_count: "12 uint32",
    links: "13 Link[]",
    dropped_links_count: "14 uint32",
    status: "15 Status",
    flags: "16 fixed32",
  },
  Event: {
    time_unix_nano: "1 fixed64",
    name: "2 string",
    attributes: `3 ${ATTRIBUTES}`,
    dropped_attributes_count: "4 uint32",
  },
  Link: {
    trace_id: "1 id",
    span_id: "2 id",
    trace_state: "3 string",
    attributes: `4 ${ATTRIBUTES}`,
    dropped_attributes_count: "5 uint32",
    flags: "6 fixed32",
  },
  Status: { message: "2 string", code: "3 StatusCode" },

  ExportLogsServiceRequest: { resource_logs: "1 ResourceLogs[]" },
  ResourceLogs: { resource: "1 Resource", scope_logs: "2 ScopeLogs[]", schema_url: "3 string" },
  ScopeLogs: { scope: "1 InstrumentationScope", log_records: "2 LogRecord[]", schema_url: "3 string" },
  LogRecord: {
    time_unix_nano: "1 fixed64",
    observed_time_unix_nano: "11 fixed64",
    severity_number: "2 SeverityNumber",
    severity_text: "3 string",
    body: "5 AnyValue",
    attributes: `6 ${ATTRIBUTES}`,
    dropped_attributes_count: "7 uint32",
    flags: "8 fixed32",
    trace_id: "9 id",
    span_id: "10 id",
    event_name: "12 string",
  },

  ExportMetricsServiceRequest: { resource_metrics: "1 ResourceMetrics[]" },
  ResourceMetrics: { resource: "1 Resource", scope_metrics: "2 ScopeMetrics[]", schema_url: "3 string" },
  ScopeMetrics: { scope: "1 InstrumentationScope", metrics: "2 Metric[]", schema_url: "3 string" },
  Metric: {
    name: "1 string",
    description: "2 string",
    unit: "3 string",
    gauge: "5 Gauge",
    sum: "7 Sum",
    histogram: "9 Histogram",
    exponential_histogram: "10 ExponentialHistogram",
    summary: "11 Summary",
    metadata: `12 ${ATTRIBUTES}`,
  },
  Gauge: { data_points: "1 NumberDataPoint[]" },
  Sum: {
    data_points: "1 NumberDataPoint[]",
    aggregation_temporality: "2 AggregationTemporality",
    is_monotonic: "3 bool",
  },
  Histogram: { data_points: "1 HistogramDataPoint[]", aggregation_temporality: "2 AggregationTemporality" },
  ExponentialHistogram: {
    data_points: "1 ExponentialHistogramDataPoint[]",
    aggregation_temporality: "2 AggregationTemporality",
  },
  Summary: { data_points: "1 SummaryDataPoint[]" },
  NumberDataPoint: {
    attributes: `7 ${ATTRIBUTES}`,
    start_time_unix_nano: "2 fixed64",
    time_unix_nano: "3 fixed64",
    as_double: "4 double",
    as_int: "6 sfixed64",
    exemplars: "5 Exemplar[]",
    flags: "8 uint32",
  },
  HistogramDataPoint: {
    attributes: `9 ${ATTRIBUTES}`,
    start_time_unix_nano: "2 fixed64",
    time_unix_nano: "3 fixed64",
    count: "4 fixed64",
    sum: "5 double",
    bucket_counts: "6 fixed64[]",
    explicit_bounds: "7 double[]",
    exemplars: "8 Exemplar[]",
    flags: "10 uint32",
    min: "11 double",
    max: "12 double",
  },
  ExponentialHistogramDataPoint: {
    attributes: `1 ${ATTRIBUTES}`,
    start_time_unix_nano: "2 fixed64",
    time_unix_nano: "3 fixed64",
    count: "4 fixed64",
    sum: "5 double",
    scale: "6 sint32",
    zero_count: "7 fixed64",
    positive: "8 Buckets",
    negative: "9 Buckets",
    flags: "10 uint32",
    exemplars: "11 Exemplar[]",
    min: "12 double",
    max: "13 double",
    zero_threshold: "14 double",
  },
  Buckets: { offset: "1 sint32", bucket_counts: "2 uint64[]" },
  SummaryDataPoint: {
    attributes: `7 ${ATTRIBUTES}`,
    start_time_unix_nano: "2 fixed64",
    time_unix_nano: "3 fixed64",
    count: "4 fixed64",
    sum: "5 double",
    quantile_values: "6 ValueAtQuantile[]",
    flags: "8 uint32",
  },
  ValueAtQuantile: { quantile: "1 double", value: "2 double" },
  Exemplar: {
    filtered_attributes: `7 ${ATTRIBUTES}`,
    time_unix_nano: "2 fixed64",
    as_double: "3 double",
    as_int: "6 sfixed64",
    span_id: "4 id",
    trace_id: "5 id",
  },

  Resource: { attributes: `1 ${ATTRIBUTES}`, dropped_attributes_count: "2 uint32" },
  InstrumentationScope: {
    name: "1 string",
    version: "2 string",
    attributes: `3 ${ATTRIBUTES}`,
    dropped_attributes_count: "4 uint32",
  },
  KeyValue: { key: "1 string", value: "2 AnyValue" },
  AnyValue: {
    string_value: "1 string",
    bool_value: "2 bool",
    int_value: "3 int64",
    double_value: "4 double",
    array_value: "5 ArrayValue",
    kvlist_value: "6 KeyValueList",
    bytes_value: "7 bytes",
  },
  ArrayValue: { values: "1 AnyValue[]" },
  KeyValueList: { values: "1 KeyValue[]" },
};

const WIRE_TYPES: Readonly<Record<ScalarKind | "message", number>> = {
  message: 2,
  string: 2,
  bytes: 2,
  id: 2,
  double: 1,
  fixed64: 1,
  sfixed64: 1,
  fixed32: 5,
  bool: 0,
  int64: 0,
  uint32: 0,
  uint64: 0,
  sint32: 0,
  enum: 0,
};

const LENGTH_ROOM: Readonly<Record<string, number>> = {
  ResourceSpans: 4,
  ScopeSpans: 4,
  Span: 2,
  ResourceLogs: 4,
  ScopeLogs: 4,
  LogRecord: 2,
  ResourceMetrics: 4,
  ScopeMetrics: 4,
  Metric: 3,
  Gauge: 3,
  Sum: 3,
  Histogram: 3,
  ExponentialHistogram: 3,
  Summary: 3,
  HistogramDataPoint: 2,
  Resource: 2,
};

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function compile(): ReadonlyMap<string, Message> {
  const messages = new Map<string, Message & { fields: Field[] }>();
  for (const [index, name] of Object.keys(MESSAGES).entries()) {
    messages.set(name, { name, index, fields: [], lengthRoom: LENGTH_ROOM[name] ?? 1 });
  }
  for (const [message, fields] of Object.entries(MESSAGES)) {
    for (const [name, description] of Object.entries(fields)) {
      const [number, type] = description.split(" ") as [string, string];
      const isRepeated = type.endsWith("[]");
      const base = isRepeated ? type.slice(0, -2) : type;
      const names = ENUMS[base];
      const kind = messages.has(base) ? "message" : names === undefined ? (base as ScalarKind) : "enum";
      const isPacked = isRepeated && WIRE_TYPES[kind] !== 2;
      messages.get(message)!.fields.push({
        name,
        jsonName: camelCase(name),
        number: Number(number),
        tag: Number(number) * 8 + (isPacked ? 2 : WIRE_TYPES[kind]),
        kind,
        message: messages.get(base),
        isRepeated,
        isPacked,
        names: names === undefined ? undefined : new Map(names.map((value, index) => [value, index])),
      });
    }
  }
  return messages;
}

const compiled = compile();

export const REQUESTS: Readonly<Record<Signal, Message>> = {
  traces: compiled.get("ExportTraceServiceRequest")!,
  logs: compiled.get("ExportLogsServiceRequest")!,
  metrics: compiled.get("ExportMetricsServiceRequest")!,
};
