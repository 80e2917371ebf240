import { readFileSync } from "node:fs";
import protobuf from "protobufjs";
import type { Signal } from "#model/batch.ts";
import type { MetricRows, Plain } from "./rows.ts";

/**
 * What protobufjs, with the official definitions (descriptor.json, made from opentelemetry-proto), says a body contains, in
 * the shape of rows.ts. It knows none of our rules: only give it bodies that break none of them.
 */
const root = protobuf.Root.fromJSON(JSON.parse(readFileSync(new URL("descriptor.json", import.meta.url), "utf8")));

export const REQUEST: Readonly<Record<Signal, protobuf.Type>> = {
  traces: root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest"),
  logs: root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest"),
  metrics: root.lookupType("opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest"),
};

export const RESPONSE: Readonly<Record<Signal, protobuf.Type>> = {
  traces: root.lookupType("opentelemetry.proto.collector.trace.v1.ExportTraceServiceResponse"),
  logs: root.lookupType("opentelemetry.proto.collector.logs.v1.ExportLogsServiceResponse"),
  metrics: root.lookupType("opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceResponse"),
};

const ARRAY_VALUE = root.lookupType("opentelemetry.proto.common.v1.ArrayValue");
const KEY_VALUE_LIST = root.lookupType("opentelemetry.proto.common.v1.KeyValueList");

// biome-ignore lint/suspicious/noExplicitAny: a decoded protobufjs message has no static type.
type Message = any;

export function encodeRequest(signal: Signal, request: object): Uint8Array {
  return Uint8Array.from(REQUEST[signal].encode(REQUEST[signal].fromObject(request)).finish());
}

const big = (value: Message): bigint => {
  if (value === null || value === undefined) return 0n;
  if (typeof value === "number") return BigInt(value);
  const low = BigInt(value.low >>> 0);
  const high = BigInt(value.high >>> 0);
  return value.unsigned ? (high << 32n) | low : BigInt.asIntN(64, (high << 32n) | low);
};
const hex = (bytes: Message): string => Buffer.from(bytes ?? []).toString("hex");

function value(any: Message): Plain {
  switch (any?.value) {
    case "stringValue":
      return { string: any.stringValue };
    case "boolValue":
      return { bool: any.boolValue };
    case "intValue":
      return { int: big(any.intValue) };
    case "doubleValue":
      return { double: any.doubleValue };
    case "bytesValue":
      return { bytes: hex(any.bytesValue) };
    case "arrayValue":
      return { array: hex(ARRAY_VALUE.encode(any.arrayValue).finish()) };
    case "kvlistValue":
      return { map: hex(KEY_VALUE_LIST.encode(any.kvlistValue).finish()) };
    default:
      return null;
  }
}

const attributes = (list: Message[]): Plain => list.map((entry) => [entry.key, value(entry.value)]);

function origin(resource: Message, resourceUrl: string, scope: Message, scopeUrl: string): { [key: string]: Plain } {
  const service = (resource?.attributes ?? []).find((entry: Message) => entry.key === "service.name");
  return {
    resource: {
      attributes: attributes(resource?.attributes ?? []),
      dropped: resource?.droppedAttributesCount ?? 0,
      schemaUrl: resourceUrl,
      service: service?.value?.stringValue ?? "",
    },
    scope: {
      name: scope?.name ?? "",
      version: scope?.version ?? "",
      attributes: attributes(scope?.attributes ?? []),
      dropped: scope?.droppedAttributesCount ?? 0,
      schemaUrl: scopeUrl,
    },
  };
}

const known = (number: number, highest: number): number => (number >= 0 && number <= highest ? number : 0);

export function referenceSpans(body: Uint8Array): Plain[] {
  const request: Message = REQUEST.traces.decode(body);
  return request.resourceSpans.flatMap((one: Message) =>
    one.scopeSpans.flatMap((scoped: Message) =>
      scoped.spans.map((span: Message) => ({
        ...origin(one.resource, one.schemaUrl, scoped.scope, scoped.schemaUrl),
        traceId: hex(span.traceId),
        spanId: hex(span.spanId),
        parentSpanId: hex(span.parentSpanId),
        traceState: span.traceState,
        flags: span.flags,
        name: span.name,
        kind: known(span.kind, 5),
        start: big(span.startTimeUnixNano),
        end: big(span.endTimeUnixNano),
        statusCode: known(span.status?.code ?? 0, 2),
        statusMessage: span.status?.message ?? "",
        attributes: attributes(span.attributes),
        droppedAttributes: span.droppedAttributesCount,
        droppedEvents: span.droppedEventsCount,
        droppedLinks: span.droppedLinksCount,
        events: span.events.map((event: Message) => ({
          time: big(event.timeUnixNano),
          name: event.name,
          attributes: attributes(event.attributes),
          dropped: event.droppedAttributesCount,
        })),
        links: span.links.map((link: Message) => ({
          traceId: hex(link.traceId),
          spanId: hex(link.spanId),
          traceState: link.traceState,
          flags: link.flags,
          attributes: attributes(link.attributes),
          dropped: link.droppedAttributesCount,
        })),
      })),
    ),
  );
}

export function referenceLogs(body: Uint8Array): Plain[] {
  const request: Message = REQUEST.logs.decode(body);
  return request.resourceLogs.flatMap((one: Message) =>
    one.scopeLogs.flatMap((scoped: Message) =>
      scoped.logRecords.map((log: Message) => ({
        ...origin(one.resource, one.schemaUrl, scoped.scope, scoped.schemaUrl),
        time: big(log.timeUnixNano) || big(log.observedTimeUnixNano),
        observed: big(log.observedTimeUnixNano),
        traceId: hex(log.traceId),
        spanId: hex(log.spanId),
        flags: log.flags,
        severity: known(log.severityNumber, 24),
        severityText: log.severityText,
        eventName: log.eventName,
        body: value(log.body),
        attributes: attributes(log.attributes),
        dropped: log.droppedAttributesCount,
      })),
    ),
  );
}

const TYPES = { gauge: 1, sum: 2, histogram: 3, exponentialHistogram: 4, summary: 5 } as const;

export function referenceMetrics(body: Uint8Array): MetricRows {
  const request: Message = REQUEST.metrics.decode(body);
  const rows: MetricRows = { numbers: [], histograms: [], exponentials: [], summaries: [] };
  for (const one of request.resourceMetrics) {
    for (const scoped of one.scopeMetrics) {
      for (const metric of scoped.metrics) {
        if (metric.data === undefined) continue;
        const data = metric[metric.data];
        const about = {
          ...origin(one.resource, one.schemaUrl, scoped.scope, scoped.schemaUrl),
          name: metric.name,
          description: metric.description,
          unit: metric.unit,
          type: TYPES[metric.data as keyof typeof TYPES],
          temporality: known(data.aggregationTemporality ?? 0, 2),
          monotonic: data.isMonotonic ?? false,
        };
        for (const point of data.dataPoints) {
          const common = {
            metric: about,
            start: big(point.startTimeUnixNano),
            time: big(point.timeUnixNano),
            flags: point.flags,
            attributes: attributes(point.attributes),
          };
          const exemplars = (point.exemplars ?? []).map((exemplar: Message) => ({
            time: big(exemplar.timeUnixNano),
            value: number(exemplar),
            traceId: hex(exemplar.traceId),
            spanId: hex(exemplar.spanId),
            attributes: attributes(exemplar.filteredAttributes),
          }));
          const distribution = {
            ...common,
            count: big(point.count),
            sum: optional(point, "sum"),
            min: optional(point, "min"),
            max: optional(point, "max"),
          };
          if (metric.data === "histogram") {
            rows.histograms.push({
              ...distribution,
              bounds: [...point.explicitBounds],
              buckets: point.bucketCounts.map(big),
              exemplars,
            });
          } else if (metric.data === "exponentialHistogram") {
            rows.exponentials.push({
              ...distribution,
              scale: point.scale,
              zeroCount: big(point.zeroCount),
              zeroThreshold: point.zeroThreshold,
              positiveStart: point.positive?.offset ?? 0,
              positive: (point.positive?.bucketCounts ?? []).map(big),
              negativeStart: point.negative?.offset ?? 0,
              negative: (point.negative?.bucketCounts ?? []).map(big),
              exemplars,
            });
          } else if (metric.data === "summary") {
            rows.summaries.push({
              ...common,
              count: big(point.count),
              sum: point.sum,
              quantiles: point.quantileValues.map((entry: Message) => [entry.quantile, entry.value]),
            });
          } else
            rows.numbers.push({ ...common, value: (point.flags & 1) === 1 ? Number.NaN : number(point), exemplars });
        }
      }
    }
  }
  return rows;
}

function number(point: Message): number {
  return point.value === "asInt" ? Number(big(point.asInt)) : point.asDouble;
}

function optional(point: Message, field: string): number {
  return Object.hasOwn(point, field) && point[field] !== null ? point[field] : Number.NaN;
}
