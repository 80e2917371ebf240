import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MetricType } from "#model/batch.ts";
import { type BuiltLoad, buildBlocks, createBuildContext, type PreparedBatch } from "./native-block.ts";
import {
  type Attributes,
  encodeValue,
  type LogSpec,
  type MetricSpec,
  makeLogs,
  makeMetrics,
  makeSpans,
  type PointSpec,
  type ResourceSpec,
  type ScopeSpec,
  type SpanSpec,
  textOf,
  textsOf,
  timeText,
  type Value,
} from "./native-maker.suite.ts";
import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./schema/promoted.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";

/** Blocks are read by the engine itself and compared field by field with what went in. */
const NOW = 1_760_000_000_000_000_000n;
const WINDOW = {
  acceptFromUnixNano: NOW - 86_400_000_000_000n,
  acceptToUnixNano: NOW + 3_600_000_000_000n,
  outside: "clamp" as const,
};

let session: Session;
let folder: string;
const context = createBuildContext();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "traceo-native-"));
  session = new Session();
});
afterAll(() => {
  session.close();
  rmSync(folder, { recursive: true, force: true });
});

type Row = Record<string, unknown>;

function rowsOf(load: BuiltLoad, kind: StagedKind): Row[] {
  const block = load.blocks.find((candidate) => candidate.kind === kind);
  if (block === undefined) return [];
  const path = join(folder, `${kind}.native`);
  writeFileSync(path, Buffer.concat(block.parts));
  const columns = JSON.parse(session.query(`DESCRIBE file('${path}', 'Native') FORMAT JSON`)).data as Row[];
  expect(columns.map(({ name, type }) => ({ name, type }))).toEqual(STAGED[kind]);
  const text = session.query(`SELECT * FROM file('${path}', 'Native') FORMAT JSONEachRow
    SETTINGS date_time_output_format = 'unix_timestamp', output_format_json_quote_64bit_integers = 1,
      output_format_json_quote_denormals = 1, max_threads = 1`);
  const rows = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row)
    .map((row) => (typeof row["resource"] === "string" ? { ...row, resource: JSON.parse(row["resource"]) } : row));
  expect(rows.length).toBe(block.rows);
  context.memory.pool.give(block.parts);
  return rows;
}

function prepared<B extends PreparedBatch["batch"]>(batch: B, more: Partial<PreparedBatch> = {}): PreparedBatch {
  return { batch, tenant: "default", window: WINDOW, receivedUnixNano: NOW, ...more };
}

function originOf(resource: ResourceSpec, scope: ScopeSpec): Row {
  return {
    resource: textsOf(resource.attributes),
    resource_schema_url: resource.schemaUrl ?? "",
    scope_name: scope.name ?? "",
    scope_version: scope.version ?? "",
    scope_attributes: textsOf(scope.attributes),
    scope_schema_url: scope.schemaUrl ?? "",
  };
}

/** A series' resource is staged as a map: its recipe sorts it. */
function seriesOriginOf(of: ResourceSpec, scope: ScopeSpec): Row {
  const { resource, ...rest } = originOf(of, scope);
  return { resource_attributes: resource, ...rest };
}

function serviceOf(resource: ResourceSpec): string {
  const name = resource.attributes["service.name"];
  return typeof name === "string" && name !== "" ? name : "unknown_service";
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES = ["unset", "ok", "error"];

function spanRow(spec: SpanSpec, tenant = "default"): Row {
  const events = spec.events ?? [];
  const links = spec.links ?? [];
  return {
    tenant,
    service_name: serviceOf(spec.resource),
    start_time: timeText(spec.start),
    duration_nano: String(spec.end - spec.start),
    trace_id: spec.traceId,
    span_id: spec.spanId,
    parent_span_id: spec.parentSpanId,
    trace_state: spec.traceState ?? "",
    flags: spec.flags ?? 0,
    name: spec.name,
    kind: KINDS[spec.kind ?? 0],
    status_code: STATUSES[spec.statusCode ?? 0],
    status_message: spec.statusMessage ?? "",
    attributes: textsOf(spec.attributes),
    dropped_attributes_count: spec.droppedAttributes ?? 0,
    ...originOf(spec.resource, spec.scope),
    "events.time": events.map(({ time }) => timeText(time)),
    "events.name": events.map(({ name }) => name),
    "events.attributes": events.map(({ attributes }) => textsOf(attributes)),
    "events.dropped_attributes_count": events.map(({ dropped }) => dropped ?? 0),
    dropped_events_count: spec.droppedEvents ?? 0,
    "links.trace_id": links.map(({ traceId }) => traceId),
    "links.span_id": links.map(({ spanId }) => spanId),
    "links.trace_state": links.map(({ traceState }) => traceState ?? ""),
    "links.flags": links.map(({ flags }) => flags ?? 0),
    "links.attributes": links.map(({ attributes }) => textsOf(attributes)),
    "links.dropped_attributes_count": links.map(({ dropped }) => dropped ?? 0),
    dropped_links_count: spec.droppedLinks ?? 0,
    ...Object.fromEntries(
      PROMOTED_SPAN_ATTRIBUTES.map((key) => [promotedColumn("attributes", key), textsOf(spec.attributes)[key] ?? ""]),
    ),
  };
}

function logRow(spec: LogSpec): Row {
  return {
    tenant: "default",
    service_name: serviceOf(spec.resource),
    time: timeText(spec.time !== 0n ? spec.time : spec.observedTime !== 0n ? spec.observedTime : NOW),
    observed_time: timeText(spec.observedTime === 0n ? NOW : spec.observedTime),
    trace_id: spec.traceId ?? "",
    span_id: spec.spanId ?? "",
    flags: spec.flags ?? 0,
    severity_number: spec.severityNumber ?? 0,
    severity_text: spec.severityText ?? "",
    event_name: spec.eventName ?? "",
    body: textOf(spec.body),
    attributes: textsOf(spec.attributes),
    dropped_attributes_count: spec.droppedAttributes ?? 0,
    ...originOf(spec.resource, spec.scope),
  };
}

const METRIC_TYPES = ["", "gauge", "sum", "histogram", "exponential_histogram", "summary"];
const TEMPORALITIES = ["unspecified", "delta", "cumulative"];

/** As JSON shows a Float64. */
function doubleOf(number: number): unknown {
  if (Number.isFinite(number)) return number;
  return Number.isNaN(number) ? "nan" : number > 0 ? "inf" : "-inf";
}

interface PlacedPoint {
  readonly metric: MetricSpec;
  readonly point: PointSpec;
  readonly tenant: string;
}

/** Points in the order of the staged block: kind by kind within each batch. */
function pointsOf(batches: readonly (readonly MetricSpec[])[], ...types: number[]): PlacedPoint[] {
  return batches.flatMap((metrics, i) =>
    types.flatMap((type) =>
      metrics
        .filter((metric) => metric.type === type || (type === MetricType.gauge && metric.type === MetricType.sum))
        .flatMap((metric) => metric.points.map((point) => ({ metric, point, tenant: `tenant-${i}` }))),
    ),
  );
}

/** What makes a series, as text. */
function identityOf({ metric, point }: PlacedPoint): string {
  const { name, unit, type, temporality, monotonic, resource, scope } = metric;
  const sorted = (attributes: Attributes = {}) =>
    Object.entries(attributes)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) => [key, Buffer.from(encodeValue(value)).toString("hex")]);
  return JSON.stringify([
    [name, unit, type, temporality, monotonic, sorted(resource.attributes)],
    [scope.name ?? "", scope.version ?? "", sorted(scope.attributes), sorted(point.attributes)],
  ]);
}

function pointRow({ metric, point, tenant }: PlacedPoint): Row {
  return {
    tenant,
    metric_name: metric.name,
    time: timeText(point.time),
    start_time: timeText(point.start),
    flags: point.flags & 255,
  };
}

function histogramRow(placed: PlacedPoint): Row {
  const { metric, point } = placed;
  const explicit = metric.type === MetricType.histogram;
  const exponential = metric.type === MetricType.exponentialHistogram;
  const summary = metric.type === MetricType.summary;
  return {
    ...pointRow(placed),
    count: String(point.count),
    sum: doubleOf(point.sum),
    min: summary ? "nan" : doubleOf(point.min),
    max: summary ? "nan" : doubleOf(point.max),
    bounds: explicit ? point.bounds.map(doubleOf) : [],
    bucket_counts: explicit ? point.buckets.map(String) : [],
    scale: exponential ? point.scale : 0,
    zero_count: exponential ? String(point.zeroCount) : "0",
    zero_threshold: exponential ? doubleOf(point.zeroThreshold) : 0,
    positive_offset: exponential ? point.positiveStart : 0,
    positive_counts: exponential ? point.positive.map(String) : [],
    negative_offset: exponential ? point.negativeStart : 0,
    negative_counts: exponential ? point.negative.map(String) : [],
    quantiles: summary ? point.quantiles.map(([quantile]) => doubleOf(quantile)) : [],
    quantile_values: summary ? point.quantiles.map(([, value]) => doubleOf(value)) : [],
  };
}

const withoutId = ({ series_id: _, ...row }: Row): Row => row;
const withoutTemplate = ({ template: _, ...row }: Row): Row => row;

// ── what may arrive ──────────────────────────────────────────────────────────────────────────────────────────────────

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "grapheme", maxLength: 90 }));
const bigText = fc.nat(3).chain((power) => fc.constant('é"\\\n\u0001x'.repeat(8 ** power)));
const id = (size: number) =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes).toString("hex"));
const idOrNone = (size: number) => fc.oneof({ weight: 4, arbitrary: id(size) }, fc.constant(""));
const uint32 = fc.nat({ max: 0xffff_ffff });
const time = fc.bigInt({ min: WINDOW.acceptFromUnixNano, max: WINDOW.acceptToUnixNano });

const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    text,
    fc.boolean(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer({ min: -200, max: 100_000 }).map(BigInt),
    fc.double(),
    fc.integer().map(Number),
    fc.constant(null),
    bigText,
    fc.uint8Array({ maxLength: 9 }).map((bytes) => ({ bytes })),
    fc.array(tie("value"), { maxLength: 4 }).map((array) => ({ array })),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 4 }).map((map) => ({ map })),
  ),
}));

const attributes: fc.Arbitrary<Attributes> = fc.dictionary(
  fc.oneof(
    fc.constantFrom("http.route", "url.path", "http.response.status_code", "service.name", "k8s.pod.name", "user.id"),
    text,
  ),
  value,
  { maxKeys: 8, noNullPrototype: true },
);
const resource: fc.Arbitrary<ResourceSpec> = fc.record({ attributes, schemaUrl: text });
const scope: fc.Arbitrary<ScopeSpec> = fc.record({ name: text, version: text, attributes, schemaUrl: text });
const origins = fc.tuple(
  fc.array(resource, { minLength: 1, maxLength: 3 }),
  fc.array(scope, { minLength: 1, maxLength: 3 }),
);

const span = fc.record({
  traceId: id(16),
  spanId: id(8),
  parentSpanId: idOrNone(8),
  traceState: text,
  flags: uint32,
  name: text,
  kind: fc.nat(5),
  start: time,
  end: time,
  statusCode: fc.nat(2),
  statusMessage: text,
  attributes,
  droppedAttributes: uint32,
  events: fc.array(fc.record({ time, name: text, attributes, dropped: uint32 }), { maxLength: 3 }),
  droppedEvents: uint32,
  links: fc.array(
    fc.record({ traceId: id(16), spanId: id(8), traceState: text, flags: uint32, attributes, dropped: uint32 }),
    { maxLength: 2 },
  ),
  droppedLinks: uint32,
});

const log = fc.record({
  time: fc.oneof({ weight: 4, arbitrary: time }, fc.constant(0n)),
  observedTime: fc.oneof(time, fc.constant(0n)),
  traceId: idOrNone(16),
  spanId: idOrNone(8),
  flags: uint32,
  severityNumber: fc.nat(24),
  severityText: text,
  eventName: text,
  body: value,
  attributes,
  droppedAttributes: uint32,
});

const double = fc.double();
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const int32 = fc.integer();
const point: fc.Arbitrary<PointSpec> = fc.record({
  start: time,
  time,
  flags: uint32,
  attributes,
  exemplars: fc.array(fc.record({ time, value: double, traceId: idOrNone(16), spanId: idOrNone(8), attributes }), {
    maxLength: 2,
  }),
  value: double,
  count: uint64,
  sum: double,
  min: double,
  max: double,
  bounds: fc.array(double, { maxLength: 4 }),
  buckets: fc.array(uint64, { maxLength: 5 }),
  scale: int32,
  zeroCount: uint64,
  zeroThreshold: double,
  positiveStart: int32,
  positive: fc.array(uint64, { maxLength: 3 }),
  negativeStart: int32,
  negative: fc.array(uint64, { maxLength: 3 }),
  quantiles: fc.array(fc.tuple(double, double), { maxLength: 3 }),
});
const metric = fc.record({
  name: fc.constantFrom("http.server.duration", "cpu", "queue"),
  description: text,
  unit: fc.constantFrom("s", "1", ""),
  type: fc.integer({ min: 1, max: 5 }),
  temporality: fc.nat(2),
  monotonic: fc.boolean(),
  points: fc.array(point, { maxLength: 4 }),
});

/** Batches of records that share a few resources and scopes. */
function batchesOf<T extends object>(record: fc.Arbitrary<T>) {
  const batch = fc
    .tuple(origins, fc.array(fc.tuple(record, fc.nat(2), fc.nat(2)), { maxLength: 12 }))
    .map(([[resources, scopes], records]) =>
      records.map(([fields, r, s]) => ({
        ...fields,
        resource: resources[r % resources.length]!,
        scope: scopes[s % scopes.length]!,
      })),
    );
  return fc.array(batch, { maxLength: 3 });
}

const runs = { numRuns: 40, endOnFailure: true };

describe("Native blocks as the engine reads them", { timeout: 60_000 }, () => {
  it("spans: every field of every span comes back", () => {
    fc.assert(
      fc.property(batchesOf(span), (batches) => {
        const load = buildBlocks(
          "traces",
          batches.map((specs, i) => prepared(makeSpans(specs), { tenant: `tenant-${i}` })),
          context,
        );
        expect(rowsOf(load, "spans")).toEqual(
          batches.flatMap((specs, i) => specs.map((spec) => spanRow(spec, `tenant-${i}`))),
        );
      }),
      runs,
    );
  });

  it("logs: every field of every line comes back", () => {
    fc.assert(
      fc.property(batchesOf(log), (batches) => {
        const load = buildBlocks(
          "logs",
          batches.map((specs) => prepared(makeLogs(specs))),
          context,
        );
        expect(rowsOf(load, "logs").map(withoutTemplate)).toEqual(batches.flat().map(logRow));
      }),
      runs,
    );
  });

  it("metrics: every point of every kind comes back, with its series and exemplars", () => {
    fc.assert(
      fc.property(batchesOf(metric), (batches) => {
        const load = buildBlocks(
          "metrics",
          batches.map((specs, i) => prepared(makeMetrics(specs), { tenant: `tenant-${i}` })),
          createBuildContext(),
        );
        const numbers = pointsOf(batches, MetricType.gauge);
        const others = pointsOf(batches, MetricType.histogram, MetricType.exponentialHistogram, MetricType.summary);
        const points = rowsOf(load, "points");
        const histograms = rowsOf(load, "histograms");
        expect(points.map(withoutId)).toEqual(
          numbers.map((placed) => ({ ...pointRow(placed), value: doubleOf(placed.point.value) })),
        );
        expect(histograms.map(withoutId)).toEqual(others.map(histogramRow));

        // Two points have the same series if and only if all that identifies it is the same.
        const idOf = new Map<PointSpec, unknown>();
        const idOfIdentity = new Map<string, unknown>();
        const identityOfId = new Map<unknown, string>();
        [...numbers, ...others].forEach((placed, i) => {
          const seriesId = [...points, ...histograms][i]!["series_id"];
          const identity = identityOf(placed);
          expect(idOfIdentity.get(identity) ?? seriesId).toBe(seriesId);
          expect(identityOfId.get(seriesId) ?? identity).toBe(identity);
          idOfIdentity.set(identity, seriesId);
          identityOfId.set(seriesId, identity);
          idOf.set(placed.point, seriesId);
        });

        // One row per tenant, series and hour, with what identifies the series and the span of its points.
        const rows = new Map<string, Row>();
        for (const placed of [...numbers, ...others]) {
          const { metric: of, point: at, tenant } = placed;
          const key = `${tenant} ${idOf.get(at)} ${at.time / 3_600_000_000_000n}`;
          const before = rows.get(key);
          const time = timeText(at.time);
          rows.set(key, {
            tenant,
            series_id: idOf.get(at),
            metric_name: of.name,
            metric_type: METRIC_TYPES[of.type],
            temporality: TEMPORALITIES[of.temporality],
            is_monotonic: of.monotonic,
            unit: of.unit,
            service_name: serviceOf(of.resource),
            attributes: textsOf(at.attributes),
            ...seriesOriginOf(of.resource, of.scope),
            first_time: before === undefined || time < String(before["first_time"]) ? time : before["first_time"],
            last_time: before === undefined || time > String(before["last_time"]) ? time : before["last_time"],
          });
        }
        const order = (row: Row) => `${row["tenant"]} ${row["series_id"]} ${row["first_time"]}`;
        const sorted = (list: Row[]) => list.sort((left, right) => (order(left) < order(right) ? -1 : 1));
        // Not part of the identity: which of several descriptions and schema URLs stays is open.
        const comparable = ({ description: _, resource_schema_url: __, scope_schema_url: ___, ...row }: Row): Row =>
          row;
        expect(sorted(rowsOf(load, "series").map(comparable))).toEqual(sorted([...rows.values()].map(comparable)));

        const ordered = batches.flatMap((metrics, i) =>
          [MetricType.gauge, MetricType.histogram, MetricType.exponentialHistogram].flatMap((type) =>
            pointsOf([metrics], type).flatMap((placed) =>
              placed.point.exemplars.map((exemplar) => ({ ...placed, exemplar, tenant: `tenant-${i}` })),
            ),
          ),
        );
        expect(rowsOf(load, "exemplars")).toEqual(
          ordered.map(({ metric: of, point: at, tenant, exemplar }) => ({
            tenant,
            metric_name: of.name,
            series_id: idOf.get(at),
            time: timeText(exemplar.time),
            value: doubleOf(exemplar.value),
            trace_id: exemplar.traceId,
            span_id: exemplar.spanId,
            attributes: textsOf(exemplar.attributes),
          })),
        );
      }),
      runs,
    );
  });
});
