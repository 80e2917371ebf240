import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltLoad, buildBlocks, createBuildContext, type PreparedBatch } from "./native-block.ts";
import {
  type Attributes,
  type LogSpec,
  makeLogs,
  makeSpans,
  type ResourceSpec,
  type ScopeSpec,
  type SpanSpec,
  textOf,
  textsOf,
  timeText,
  type Value,
} from "./native-maker.suite.ts";
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
    .map((line) => JSON.parse(line) as Row);
  expect(rows.length).toBe(block.rows);
  context.memory.pool.give(block.parts);
  return rows;
}

function prepared<B extends PreparedBatch["batch"]>(batch: B, more: Partial<PreparedBatch> = {}): PreparedBatch {
  return { batch, tenant: "default", window: WINDOW, receivedUnixNano: NOW, ...more };
}

function originOf(resource: ResourceSpec, scope: ScopeSpec): Row {
  return {
    resource_attributes: textsOf(resource.attributes),
    resource_schema_url: resource.schemaUrl ?? "",
    scope_name: scope.name ?? "",
    scope_version: scope.version ?? "",
    scope_attributes: textsOf(scope.attributes),
    scope_schema_url: scope.schemaUrl ?? "",
  };
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
  fc.oneof(fc.constantFrom("http.route", "service.name", "k8s.pod.name", "user.id"), text),
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

const runs = { numRuns: 60, endOnFailure: true };

describe("Native blocks as the engine reads them", () => {
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
});
