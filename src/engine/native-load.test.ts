import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Session } from "chdb";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Batch, Signal } from "#model/batch.ts";
import { DECODE_LIMITS } from "#wire/limits.ts";
import { decodeOtlp } from "#wire/otlp.ts";
import { type BuildSpec, buildLogs, buildMetrics, buildTraces } from "#wire/otlp-build.ts";
import {
  BLOCK_ROWS,
  type BuiltLoad,
  buildBlocks,
  createBuildContext,
  estimateBlockBytes,
  type PreparedBatch,
} from "./native-block.ts";
import {
  type LogSpec,
  type MetricSpec,
  makeLogs,
  makeMetrics,
  makeSpans,
  type PointSpec,
  type SpanSpec,
} from "./native-maker.suite.ts";
import { readBlocks, valueAt } from "./native-read.ts";
import type { StagedKind } from "./schema/staged.ts";

/** What a load is beyond single values: its size, its times, its partitions, what it leaves out. */
const DAY = 86_400_000_000_000n;
const HOUR = 3_600_000_000_000n;
const NOON = 20_000n * DAY + 12n * HOUR;
const WINDOW = { acceptFromUnixNano: NOON - 30n * DAY, acceptToUnixNano: NOON + HOUR, outside: "clamp" as const };
const REJECT = { ...WINDOW, outside: "reject" as const };

/** What the tables show as `resource_attributes`. */
const RESOURCE_MAP = "JSONExtract(resource, 'Map(String, String)')";

const RESOURCE = { attributes: { "service.name": "cart" } };
const SCOPE = { name: "test" };
const SPAN: SpanSpec = {
  ...{ resource: RESOURCE, scope: SCOPE, traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331" },
  ...{ parentSpanId: "", name: "GET /", start: NOON, end: NOON + 5n, attributes: {} },
};
const LOG: LogSpec = { resource: RESOURCE, scope: SCOPE, time: NOON, observedTime: NOON, body: "x", attributes: {} };
const POINT: PointSpec = {
  ...{ start: NOON, time: NOON, flags: 0, attributes: { a: "b" }, exemplars: [], value: 1, count: 0n, sum: 0, min: 0 },
  ...{ max: 0, bounds: [], buckets: [], scale: 0, zeroCount: 0n, zeroThreshold: 0, positiveStart: 0, positive: [] },
  ...{ negativeStart: 0, negative: [], quantiles: [] },
};
const METRIC: MetricSpec = {
  ...{ resource: RESOURCE, scope: SCOPE, name: "m", description: "", unit: "1", type: 1, temporality: 0 },
  ...{ monotonic: false, points: [POINT] },
};

const prepared = (batch: Batch, more: Partial<PreparedBatch> = {}): PreparedBatch => ({
  batch,
  tenant: "default",
  window: WINDOW,
  receivedUnixNano: NOON,
  ...more,
});

type Row = Record<string, unknown>;

function bytesOf(load: BuiltLoad, kind: StagedKind): Buffer {
  return Buffer.concat(load.blocks.find((block) => block.kind === kind)?.parts ?? []);
}

function rowsOf(load: BuiltLoad, kind: StagedKind): Row[] {
  return readBlocks(bytesOf(load, kind)).flatMap(({ rows, columns }) =>
    Array.from({ length: rows }, (_, row) =>
      Object.fromEntries(columns.map(({ name, values }) => [name, valueAt(values, row)])),
    ),
  );
}

const column = (load: BuiltLoad, kind: StagedKind, name: string) => rowsOf(load, kind).map((row) => row[name]);
const spans = (specs: readonly SpanSpec[], more: Partial<PreparedBatch> = {}) =>
  buildBlocks("traces", [prepared(makeSpans(specs), more)], createBuildContext());
const logs = (specs: readonly LogSpec[], more: Partial<PreparedBatch> = {}) =>
  buildBlocks("logs", [prepared(makeLogs(specs), more)], createBuildContext());

describe("large loads, read by the engine", { timeout: 60_000 }, () => {
  let session: Session;
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "traceo-load-"));
    session = new Session();
  });
  afterAll(() => {
    session.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function ask(load: BuiltLoad, kind: StagedKind, select: string): unknown {
    const path = join(folder, "load.native");
    writeFileSync(path, bytesOf(load, kind));
    return JSON.parse(session.query(`SELECT ${select} FROM file('${path}', 'Native') FORMAT JSONCompact`)).data[0];
  }

  it("holds what the reader decoded", () => {
    const records = 3000;
    const startUnixNano = NOON - HOUR;
    const options = { contentType: "protobuf", contentEncoding: "identity", limits: DECODE_LIMITS } as const;
    const load = (signal: Signal, build: (spec: BuildSpec, seed: number) => Uint8Array) =>
      buildBlocks(
        signal,
        [1, 2].map((seed) => prepared(decodeOtlp(signal, build({ records, startUnixNano }, seed), options).batch)),
        createBuildContext(),
      );
    const shop =
      "has(['gateway','catalogue','cart','checkout','payment','worker','search','mail','stock','users'], service_name)";
    const resource = `${RESOURCE_MAP}['service.name'] = service_name AND length(${RESOURCE_MAP}) = 8`;
    expect(
      ask(
        load("traces", buildTraces),
        "spans",
        `count(), uniqExact(span_id), uniqExact(trace_id), countIf(length(trace_id) = 32 AND length(span_id) = 16), countIf(${shop} AND ${resource}),
          countIf(length(attributes) = 8 AND mapContains(attributes, 'http.route') AND toUInt16OrZero(attributes['http.response.status_code']) IN (200, 500)
            AND toFloat64OrZero(attributes['customer.basket']) > 0 AND attributes['session.fresh'] IN ('true', 'false')),
          countIf(duration_nano BETWEEN 50000 AND 200050000), countIf(status_code = 'error' AND status_message != 'upstream timed out'),
          countIf(arrayAll(a -> a['cache.key'] LIKE 'product:%', \`events.attributes\`) AND length(\`events.time\`) <= 2 AND scope_name = '@traceo/build')`,
      ),
    ).toEqual([6000, 6000, 750, 6000, 6000, 6000, 6000, 0, 6000]);
    expect(
      ask(
        load("logs", buildLogs),
        "logs",
        `count(), countIf(${shop} AND ${resource}), countIf(trace_id = ''), countIf(body LIKE '% id=% took % ms'), countIf(template LIKE '% id=<*> took <*> ms' OR template = ''),
          uniqExact(template) <= 4097, countIf(severity_text = if(severity_number = 17, 'ERROR', 'INFO')), countIf(toUnixTimestamp64Nano(observed_time) = toUnixTimestamp64Nano(time) + 1000)`,
      ),
    ).toEqual([6000, 6000, 3000, 6000, 6000, 1, 6000, 6000]);
    const metrics = load("metrics", buildMetrics);
    const rows = metrics.blocks.map((block) => block.rows);
    expect(metrics.blocks.map(({ kind }) => kind)).toEqual(["series", "points", "histograms", "exemplars"]);
    expect(rows[1]! + rows[2]!).toBe(6000);
    const seriesIds = new Set(column(metrics, "series", "series_id"));
    expect(seriesIds.size).toBe(rows[0]);
    for (const kind of ["points", "histograms", "exemplars"] as const)
      for (const id of new Set(column(metrics, kind, "series_id"))) expect(seriesIds.has(id)).toBe(true);
    expect(
      ask(
        metrics,
        "histograms",
        "countIf(length(bounds) = 15 AND length(bucket_counts) = 16 AND arraySum(bucket_counts) = count) = count()",
      ),
    ).toEqual([1]);
  });

  it("cuts blocks at 65,536 rows, also within a batch", () => {
    const batch = makeLogs(
      Array.from({ length: 30_000 }, (_, i) => ({ ...LOG, body: `${i}`, time: NOON + BigInt(i) })),
    );
    const load = buildBlocks(
      "logs",
      Array.from({ length: 5 }, () => prepared(batch)),
      createBuildContext(),
    );
    expect(load.blocks.map(({ kind, rows }) => [kind, rows])).toEqual([["logs", 150_000]]);
    expect(readBlocks(bytesOf(load, "logs")).map(({ rows }) => rows)).toEqual([BLOCK_ROWS, BLOCK_ROWS, 18_928]);
    expect(
      ask(load, "logs", "count(), uniqExact(body), toString(sum(toUInt64(body))), uniqExact(service_name, tenant)"),
    ).toEqual([150_000, 30_000, String((29_999n * 30_000n * 5n) / 2n), 1]);
    const heldBytes = new Set(load.blocks[0]!.parts.map(({ buffer }) => buffer));
    let chunkBytes = 0;
    for (const { byteLength } of heldBytes) chunkBytes += byteLength;
    expect(load.blocks[0]!.sizeBytes).toBe(bytesOf(load, "logs").length);
    expect(chunkBytes).toBeLessThan(load.blocks[0]!.sizeBytes * 1.2);
  });

  it("takes dictionaries of every width", () => {
    for (const entries of [250, 300, 66_000]) {
      const events = Array.from({ length: entries }, (_, i) => ({ time: NOON, name: `event ${i}`, attributes: {} }));
      const load = spans([
        { ...SPAN, events: events.slice(0, 10) },
        { ...SPAN, events },
      ]);
      const expected = `arrayMap(i -> 'event ' || toString(i), range(${entries}))`;
      expect(ask(load, "spans", `countIf(\`events.name\` = ${expected}), sum(length(\`events.name\`))`)).toEqual([
        1,
        entries + 10,
      ]);
    }
    // Keys of attributes too.
    const attributes = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`key ${i}`, `value ${i}`]));
    const load = spans([SPAN, { ...SPAN, resource: { attributes }, attributes }, SPAN]);
    const map = "arrayMap(i -> ('key ' || toString(i), 'value ' || toString(i)), range(700))";
    expect(
      ask(
        load,
        "spans",
        `countIf(attributes = ${map}::Map(String, String)), countIf(${RESOURCE_MAP} = ${map}::Map(String, String)), count()`,
      ),
    ).toEqual([1, 1, 3]);
  });

  it("takes values longer than a chunk, repeated for each row", () => {
    const long = "long ".repeat(300_000);
    const resource = { attributes: { "service.name": "cart", long } };
    const load = spans([
      ...Array.from({ length: 5 }, () => ({ ...SPAN, resource })),
      { ...SPAN, statusMessage: long, attributes: { long } },
    ]);
    expect(
      ask(
        load,
        "spans",
        `countIf(${RESOURCE_MAP}['long'] = repeat('long ', 300000)), countIf(attributes['long'] = status_message AND length(status_message) = 1500000), count()`,
      ),
    ).toEqual([5, 1, 6]);
  });

  it("reads a dictionary in which an entry stands twice", () => {
    const path = join(folder, "twice.native");
    const text = (value: string) => [value.length, ...Buffer.from(value)];
    const uint64 = (value: number) => [value & 255, value >> 8, 0, 0, 0, 0, 0, 0];
    writeFileSync(
      path,
      Uint8Array.from([
        ...[1, 3, ...text("c"), ...text("LowCardinality(String)"), ...uint64(1), ...uint64(0x600), ...uint64(4)],
        ...[...text(""), ...text("x"), ...text("y"), ...text("x"), ...uint64(3), 1, 2, 3],
      ]),
    );
    expect(
      JSON.parse(session.query(`SELECT groupArray(c), uniqExact(c) FROM file('${path}', 'Native') FORMAT JSONCompact`))
        .data,
    ).toEqual([[["x", "y", "x"], 2]]);
  });
});

describe("loads", () => {
  it("of nothing have no block", () => {
    for (const [signal, batch] of [
      ["traces", makeSpans([])],
      ["logs", makeLogs([])],
      ["metrics", makeMetrics([])],
      ["metrics", makeMetrics([{ ...METRIC, points: [] }])],
    ] as const) {
      expect(buildBlocks(signal, [], createBuildContext()).blocks).toEqual([]);
      expect(buildBlocks(signal, [prepared(batch), prepared(batch)], createBuildContext()).blocks).toEqual([]);
    }
    const old = { ...SPAN, start: 1n };
    const load = spans([old, old], { window: REJECT });
    expect(load).toEqual({
      blocks: [],
      rejected: { tooOld: 2, tooNew: 0, missing: 0 },
      clamped: { tooOld: 0, tooNew: 0, missing: 0 },
    });
  });

  it("of another signal are a programmer's error", () => {
    expect(() => buildBlocks("logs", [prepared(makeSpans([SPAN]))], createBuildContext())).toThrow(TypeError);
  });

  it("name the UTC dates of their rows, exact to the nanosecond", () => {
    const times = [0n, DAY - 1n, DAY, 2n * DAY - 1n].map((time) => NOON - 12n * HOUR - 2n * DAY + time);
    const load = spans([...times, times[0]!].map((start) => ({ ...SPAN, start })));
    expect(load.blocks[0]!.dates).toEqual(["2024-10-02", "2024-10-03"]);
    const border = spans([
      { ...SPAN, start: 0n, end: 0n },
      { ...SPAN, start: 2n ** 64n - 1n },
      { ...SPAN, start: 5n },
    ]);
    expect(border.blocks[0]!.dates).toEqual(["2024-09-04", "2024-10-04"]);
    expect(border.clamped).toEqual({ tooOld: 1, tooNew: 1, missing: 1 });
  });

  it("leave out rejected rows with all that belongs to them, in every column", () => {
    const child = { time: NOON, attributes: { e: "f" } };
    const link = { traceId: SPAN.traceId, spanId: SPAN.spanId, attributes: { l: "m" } };
    const span = fc
      .record({ inside: fc.boolean(), n: fc.nat(999), events: fc.nat(2), links: fc.nat(2), other: fc.boolean() })
      .map(
        ({ inside, n, events, links, other }): SpanSpec => ({
          ...SPAN,
          resource: other ? { attributes: { r: `${n}` } } : RESOURCE,
          name: `name ${n}`,
          start: inside ? NOON - BigInt(n) : BigInt(n + 1),
          attributes: { n: BigInt(n) },
          events: Array.from({ length: events }, (_, i) => ({ ...child, name: `event ${i} of ${n}` })),
          links: Array.from({ length: links }, () => link),
        }),
      );
    fc.assert(
      fc.property(fc.array(span, { maxLength: 20 }), (specs) => {
        const inside = specs.filter(({ start }) => start > NOON - DAY);
        const load = spans(specs, { window: REJECT });
        expect(rowsOf(load, "spans")).toEqual(rowsOf(spans(inside), "spans"));
        expect(load.rejected.tooOld).toBe(specs.length - inside.length);
      }),
      { numRuns: 60 },
    );
  });

  it("are the same bytes when they are built again", () => {
    const specs = Array.from({ length: 300 }, (_, i) => ({
      ...LOG,
      time: i % 7 === 0 ? 0n : NOON,
      observedTime: 0n,
      body: `line ${"x".repeat(i % 11)} ${i}`,
      attributes: { [`k${i % 13}`]: `v${i}` },
    }));
    const build = () => bytesOf(logs(specs), "logs");
    expect(build().equals(build())).toBe(true);
  });

  it("are as large as was foretold, or smaller", () => {
    const huge = { name: "test", attributes: { "service.name": "cart", dump: "x".repeat(20_000), n: 5n } };
    const ordinary = Array.from({ length: 500 }, (_, i) => ({
      ...SPAN,
      name: `name ${i}`,
      attributes: { n: BigInt(i) },
    }));
    const batches = [
      makeSpans(ordinary),
      makeSpans(ordinary.map((span) => ({ ...span, scope: huge }))),
      makeLogs(Array.from({ length: 500 }, (_, i) => ({ ...LOG, body: `line ${i}`, scope: i % 2 ? huge : SCOPE }))),
      makeMetrics([
        { ...METRIC, points: Array.from({ length: 500 }, (_, i) => ({ ...POINT, attributes: { i: `${i}` } })) },
      ]),
    ];
    for (const batch of batches) {
      const { blocks } = buildBlocks(batch.signal, [prepared(batch)], createBuildContext());
      const sizeBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0);
      expect(estimateBlockBytes(batch)).toBeGreaterThan(sizeBytes);
      expect(estimateBlockBytes(batch)).toBeLessThan(sizeBytes * 4);
    }
  });

  it("use memory that was given back, without a trace of what it held", () => {
    const context = createBuildContext();
    const build = (body: string) =>
      buildBlocks("logs", [prepared(makeLogs(Array.from({ length: 2000 }, () => ({ ...LOG, body }))))], context);
    const first = build("a".repeat(2000));
    const before = bytesOf(first, "logs");
    const held = new Set(first.blocks[0]!.parts.map(({ buffer }) => buffer));
    context.memory.pool.give(first.blocks[0]!.parts);
    const second = build("b".repeat(2000));
    expect(second.blocks[0]!.parts.some(({ buffer }) => held.has(buffer))).toBe(true);
    expect(bytesOf(second, "logs").equals(before)).toBe(false);
    context.memory.pool.give(second.blocks[0]!.parts);
    expect(bytesOf(build("a".repeat(2000)), "logs").equals(before)).toBe(true);
  });
});

describe("spans", () => {
  it("keep exact durations, and none where a time is missing", () => {
    const cases: [start: bigint, end: bigint, duration: bigint][] = [
      [NOON, NOON + 2n ** 40n + 1n, 2n ** 40n + 1n],
      [NOON, NOON - 1n, -1n],
      [NOON, NOON - 2n ** 33n, -(2n ** 33n)],
      [0n, NOON, 0n],
      [NOON, 0n, 0n],
      [1n, 2n ** 64n - 1n, 2n ** 63n - 1n],
      [2n ** 64n - 1n, 1n, -(2n ** 63n)],
      [5n, 12n, 7n],
    ];
    const load = spans(cases.map(([start, end]) => ({ ...SPAN, start, end })));
    expect(column(load, "spans", "duration_nano")).toEqual(cases.map(([, , duration]) => duration));
  });

  it("hold event times within what the engine can keep", () => {
    const times = [0n, 5n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
    const load = spans([{ ...SPAN, events: times.map((time) => ({ time, name: "e", attributes: {} })) }]);
    expect(column(load, "spans", "events.time")).toEqual([[0n, 5n, 2n ** 63n - 1n, 2n ** 63n - 1n, 2n ** 63n - 1n]]);
  });

  it("without a service name belong to unknown_service", () => {
    const load = spans([
      { ...SPAN, resource: { attributes: {} } },
      { ...SPAN, resource: { attributes: { "service.name": 7n } } },
      { ...SPAN, resource: { attributes: { "service.name": "" } } },
      SPAN,
    ]);
    expect(column(load, "spans", "service_name")).toEqual([
      "unknown_service",
      "unknown_service",
      "unknown_service",
      "cart",
    ]);
  });
});

describe("logs", () => {
  it("have their template, whatever their body is", () => {
    const bodies = ["took 5 ms", { map: [["msg", "took 7 ms"]] as const }, { array: ["a", 1n] }, 12n, null, ""];
    const load = logs(bodies.map((body) => ({ ...LOG, body })));
    expect(column(load, "logs", "body")).toEqual(["took 5 ms", '{"msg":"took 7 ms"}', '["a",1]', "12", "", ""]);
    expect(column(load, "logs", "template")).toEqual(["took <*> ms", "took <*> ms", '["<*>",<*>]', "<*>", "", ""]);
  });

  it("have none beyond 4,096 different ones in a load", () => {
    const word = (i: number) =>
      [...i.toString(26)].map((digit) => "ghijklmnopqrstuvwxyzGHIJKL"[Number.parseInt(digit, 26)]).join("");
    const specs = Array.from({ length: 5000 }, (_, i) => ({ ...LOG, body: `word ${word(i)}` }));
    const batches = [prepared(makeLogs(specs)), prepared(makeLogs(specs.slice(0, 10)))];
    const templates = column(buildBlocks("logs", batches, createBuildContext()), "logs", "template");
    expect(templates.slice(0, 4096)).toEqual(specs.slice(0, 4096).map(({ body }) => body));
    expect(new Set(templates.slice(4096, 5000))).toEqual(new Set([""]));
    expect(templates.slice(5000)).toEqual(specs.slice(0, 10).map(({ body }) => body));
  });
});

describe("series rows", () => {
  const at = (...times: bigint[]) => ({ ...METRIC, points: times.map((time) => ({ ...POINT, time })) });
  const build = (
    context: ReturnType<typeof createBuildContext>,
    metric: MetricSpec,
    more: Partial<PreparedBatch> = {},
  ) => {
    const load = buildBlocks("metrics", [prepared(makeMetrics([metric]), more)], context);
    return rowsOf(load, "series").map((row) => [row["tenant"], row["first_time"], row["last_time"]]);
  };

  it("are staged once an hour and tenant, with the first and last time of the load that brings them", () => {
    const context = createBuildContext();
    expect(build(context, at(NOON + 5n, NOON + 2n, NOON + 9n))).toEqual([["default", NOON + 2n, NOON + 9n]]);
    expect(build(context, at(NOON + 1n, NOON + HOUR - 1n))).toEqual([]);
    expect(build(context, at(NOON + 1n), { tenant: "other" })).toEqual([["other", NOON + 1n, NOON + 1n]]);
    expect(build(context, at(NOON, NOON - 1n, NOON - HOUR, NOON - HOUR - 1n))).toEqual([
      ["default", NOON - HOUR, NOON - 1n],
      ["default", NOON - HOUR - 1n, NOON - HOUR - 1n],
    ]);
    expect(build(context, { ...at(NOON), unit: "s" })).toEqual([["default", NOON, NOON]]);
  });

  it("are staged again after a load that failed", () => {
    const context = createBuildContext();
    const first = build(context, at(NOON));
    expect(build(context, at(NOON))).toEqual([]);
    context.seriesSeen.forget();
    expect(build(context, at(NOON))).toEqual(first);
  });

  it("go by accepted times, and exemplars go with their points", () => {
    const exemplar = { time: 3n, value: 1, traceId: "", spanId: "", attributes: {} };
    const metric = {
      ...METRIC,
      points: [
        { ...POINT, time: 1n, exemplars: [exemplar, exemplar] },
        { ...POINT, time: NOON, exemplars: [{ ...exemplar, value: 2 }] },
        { ...POINT, time: 0n, exemplars: [{ ...exemplar, value: 3 }] },
      ],
    };
    const load = (window: PreparedBatch["window"]) =>
      buildBlocks("metrics", [prepared(makeMetrics([metric]), { window })], createBuildContext());
    const rejecting = load(REJECT);
    expect(rejecting.blocks.map(({ kind, rows, dates }) => [kind, rows, dates])).toEqual([
      ["series", 1, ["2024-10-04"]],
      ["points", 1, ["2024-10-04"]],
      ["exemplars", 1, ["2024-09-04"]],
    ]);
    expect(rejecting.rejected).toEqual({ tooOld: 1, tooNew: 0, missing: 1 });
    expect(column(rejecting, "exemplars", "value")).toEqual([2]);
    const clamping = load(WINDOW);
    expect(column(clamping, "points", "time")).toEqual([WINDOW.acceptFromUnixNano, NOON, NOON]);
    expect(column(clamping, "exemplars", "time")).toEqual(Array(4).fill(WINDOW.acceptFromUnixNano));
    expect(column(clamping, "series", "first_time")).toEqual([WINDOW.acceptFromUnixNano, NOON]);
    expect(clamping.clamped).toEqual({ tooOld: 1, tooNew: 0, missing: 1 });
  });
});
