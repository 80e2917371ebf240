import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Batch, LogBatch, MetricBatch, Signal, SpanBatch } from "#model/batch.ts";
import { SIGNALS } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { requests } from "../../test/otlp/arbitrary.ts";
import { encodeRequest, REQUEST, referenceLogs, referenceMetrics, referenceSpans } from "../../test/otlp/reference.ts";
import { logRows, metricRows, spanRows } from "../../test/otlp/rows.ts";
import { Scrambler } from "../../test/otlp/scramble.ts";
import { DECODE_LIMITS, type DecodeLimits, limitSetting } from "./limits.ts";
import { type DecodeOptions, decodeOtlp } from "./otlp.ts";
import { buildLogs, buildMetrics, buildTraces } from "./otlp-build.ts";

const OPTIONS: DecodeOptions = { contentType: "protobuf", contentEncoding: "identity", limits: DECODE_LIMITS };

const BUILD = { traces: buildTraces, logs: buildLogs, metrics: buildMetrics };

function rowsOf(batch: Batch): unknown {
  if (batch.signal === "traces") return spanRows(batch);
  return batch.signal === "logs" ? logRows(batch) : metricRows(batch);
}

function referenceOf(signal: Signal, body: Uint8Array): unknown {
  if (signal === "traces") return referenceSpans(body);
  return signal === "logs" ? referenceLogs(body) : referenceMetrics(body);
}

const traceId = new Uint8Array(16).fill(0xaa);
const spanId = new Uint8Array(8).fill(0xbb);

interface Json {
  readonly [field: string]: unknown;
}

function traces(...spans: Json[]): Uint8Array {
  return encodeRequest("traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
}

function logs(...logRecords: Json[]): Uint8Array {
  return encodeRequest("logs", { resourceLogs: [{ scopeLogs: [{ logRecords }] }] });
}

function metrics(...list: Json[]): Uint8Array {
  return encodeRequest("metrics", { resourceMetrics: [{ scopeMetrics: [{ metrics: list }] }] });
}

function decodeSpans(body: Uint8Array, limits: Partial<DecodeLimits> = {}) {
  const outcome = decodeOtlp("traces", body, { ...OPTIONS, limits: { ...DECODE_LIMITS, ...limits } });
  return { ...outcome, rows: spanRows(outcome.batch as SpanBatch) as Json[] };
}

function decodeLogs(body: Uint8Array, limits: Partial<DecodeLimits> = {}) {
  const outcome = decodeOtlp("logs", body, { ...OPTIONS, limits: { ...DECODE_LIMITS, ...limits } });
  return { ...outcome, rows: logRows(outcome.batch as LogBatch) as Json[] };
}

function decodeMetrics(body: Uint8Array, limits: Partial<DecodeLimits> = {}) {
  const outcome = decodeOtlp("metrics", body, { ...OPTIONS, limits: { ...DECODE_LIMITS, ...limits } });
  return { ...outcome, rows: metricRows(outcome.batch as MetricBatch) };
}

function failureOf(call: () => unknown): Failure {
  try {
    call();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe.each(SIGNALS)("decodeOtlp %s", (signal) => {
  it("reads a built body as protobufjs does", () => {
    const body = BUILD[signal]({ records: 300 }, 7);
    const outcome = decodeOtlp(signal, body, OPTIONS);
    expect(outcome).toMatchObject({ accepted: 300, rejected: 0, rejections: [], truncated: [] });
    expect(rowsOf(outcome.batch)).toEqual(referenceOf(signal, body));
  });

  it("reads any request as protobufjs does", () => {
    fc.assert(
      fc.property(requests[signal], (body) => {
        const outcome = decodeOtlp(signal, body, OPTIONS);
        expect(outcome).toMatchObject({ rejected: 0, truncated: [] });
        expect(rowsOf(outcome.batch)).toEqual(referenceOf(signal, body));
      }),
      { numRuns: 25 },
    );
  });

  it("reads the same from every encoding of a request", () => {
    fc.assert(
      fc.property(requests[signal], fc.integer(), (body, seed) => {
        const scrambled = new Scrambler(seed).message(REQUEST[signal], body);
        expect(rowsOf(decodeOtlp(signal, scrambled, OPTIONS).batch)).toEqual(referenceOf(signal, body));
      }),
      { numRuns: 25 },
    );
  });
});

describe("records that break OTLP's rules", () => {
  it("rejects spans with invalid ids and keeps the others whole", () => {
    const good = { traceId, spanId, name: "good", attributes: [attribute("k", "v")], events: [{ name: "e" }] };
    const more = { attributes: [attribute("k", "x")], events: [{ name: "lost" }], links: [{ traceId, spanId }] };
    const { rows, accepted, rejected, rejections } = decodeSpans(
      traces(
        good,
        { ...more, spanId },
        { ...more, traceId: new Uint8Array(15).fill(1), spanId },
        { ...more, traceId: new Uint8Array(16), spanId },
        { ...more, traceId },
        { ...more, traceId, spanId: new Uint8Array(8) },
        { ...more, traceId, spanId: new Uint8Array(9).fill(1) },
        { ...more, traceId, spanId, parentSpanId: new Uint8Array(7).fill(1) },
        { ...good, name: "also good" },
      ),
    );
    expect({ accepted, rejected }).toEqual({ accepted: 2, rejected: 7 });
    expect(rejections).toEqual([
      { reason: "trace-id-invalid", count: 3 },
      { reason: "span-id-invalid", count: 3 },
      { reason: "parent-span-id-invalid", count: 1 },
    ]);
    expect(rows).toMatchObject(
      ["good", "also good"].map((name) => ({
        name,
        attributes: [["k", { string: "v" }]],
        events: [{ name: "e", attributes: [] }],
        links: [],
      })),
    );
  });

  it("takes an empty or zero parent for none", () => {
    const { rows } = decodeSpans(
      traces(
        { traceId, spanId, parentSpanId: new Uint8Array(0) },
        { traceId, spanId, parentSpanId: new Uint8Array(8) },
      ),
    );
    expect(rows).toMatchObject([{ parentSpanId: "" }, { parentSpanId: "" }]);
  });

  it("leaves out links that point nowhere and counts them", () => {
    const links = [
      { traceId, spanId, attributes: [attribute("n", "1")] },
      { traceId, attributes: [attribute("n", "2")] },
    ];
    const { rows } = decodeSpans(traces({ traceId, spanId, droppedLinksCount: 3, links: [...links, links[0]!] }));
    expect(rows[0]).toMatchObject({
      droppedLinks: 4,
      links: [{ attributes: [["n", { string: "1" }]] }, { attributes: [["n", { string: "1" }]] }],
    });
  });

  it("keeps log records with invalid ids, without the ids", () => {
    const { rows, accepted } = decodeLogs(
      logs(
        { traceId, spanId },
        { traceId: new Uint8Array(16), spanId: new Uint8Array(8) },
        { traceId: new Uint8Array(3), spanId: new Uint8Array(16).fill(1) },
      ),
    );
    expect(accepted).toBe(3);
    expect(rows.map((row) => [row["traceId"], row["spanId"]])).toEqual([
      ["aa".repeat(16), "bb".repeat(8)],
      ["", ""],
      ["", ""],
    ]);
  });

  it("takes a log record's observed time where it has no other", () => {
    const { rows } = decodeLogs(logs({ observedTimeUnixNano: 5 }, { timeUnixNano: 3, observedTimeUnixNano: 5 }, {}));
    expect(rows.map((row) => [row["time"], row["observed"]])).toEqual([
      [5n, 5n],
      [3n, 5n],
      [0n, 0n],
    ]);
  });

  it("reads enum numbers it does not know as unspecified", () => {
    expect(decodeSpans(traces({ traceId, spanId, kind: 6, status: { code: 9 } })).rows[0]).toMatchObject({
      kind: 0,
      statusCode: 0,
    });
    expect(decodeSpans(traces({ traceId, spanId, kind: -1, status: { code: -1 } })).rows[0]).toMatchObject({
      kind: 0,
      statusCode: 0,
    });
    expect(decodeLogs(logs({ severityNumber: 25 })).rows[0]).toMatchObject({ severity: 0 });
  });

  it("rejects points without a value, unless they say that there is none", () => {
    const exemplars = [{ asDouble: 1 }];
    const { rows, rejections, batch } = decodeMetrics(
      metrics({
        name: "m",
        gauge: {
          dataPoints: [
            { asInt: -3, exemplars },
            { exemplars, attributes: [attribute("k", "v")] },
            { flags: 1 },
            { asDouble: 2, flags: 1 },
          ],
        },
      }),
    );
    expect(rejections).toEqual([{ reason: "value-missing", count: 1 }]);
    expect(rows.numbers).toMatchObject([
      { value: -3, exemplars: [{ value: 1 }], attributes: [] },
      { value: Number.NaN, exemplars: [], attributes: [] },
      { value: Number.NaN },
    ]);
    expect(batch.count).toBe(3);
  });

  it("rejects points of a metric without a name", () => {
    const { accepted, rejections } = decodeMetrics(
      metrics(
        { sum: { dataPoints: [{ asInt: 1 }, { asInt: 2 }] } },
        { name: "m", gauge: { dataPoints: [{ asInt: 1 }] } },
      ),
    );
    expect(accepted).toBe(1);
    expect(rejections).toEqual([{ reason: "metric-name-missing", count: 2 }]);
  });

  it("rejects histograms whose buckets do not fit their bounds", () => {
    const point = (bucketCounts: number[], explicitBounds: number[]) => ({ bucketCounts, explicitBounds, count: 1 });
    const { rows, rejections } = decodeMetrics(
      metrics({
        name: "h",
        histogram: {
          dataPoints: [
            point([1, 2, 3], [1, 2]),
            point([1, 2], [1, 2]),
            point([], [1]),
            point([1], []),
            point([], []),
            point([1, 2, 3], [2, 2]),
            point([1, 2], [Number.NaN]),
            point([4, 5], [1]),
          ],
        },
      }),
    );
    expect(rejections).toEqual([
      { reason: "buckets-mismatched", count: 2 },
      { reason: "bounds-unordered", count: 2 },
    ]);
    expect(rows.histograms).toMatchObject([
      { buckets: [1n, 2n, 3n], bounds: [1, 2] },
      { buckets: [1n], bounds: [] },
      { buckets: [], bounds: [] },
      { buckets: [4n, 5n], bounds: [1] },
    ]);
  });

  it("leaves out exemplars without a value", () => {
    const exemplars = [
      { attributes: [], traceId },
      { asInt: 7, traceId, spanId },
      { filteredAttributes: [attribute("k", "v")] },
    ];
    const { rows } = decodeMetrics(metrics({ name: "m", gauge: { dataPoints: [{ asInt: 1, exemplars }] } }));
    expect(rows.numbers).toMatchObject([{ exemplars: [{ value: 7, traceId: "aa".repeat(16), attributes: [] }] }]);
  });

  it("keeps the first of two attributes with one key and counts the other", () => {
    const attributes = [attribute("k", "first"), attribute("other", "1"), attribute("k", "second")];
    const span = { traceId, spanId, attributes, droppedAttributesCount: 2 };
    const { rows } = decodeSpans(traces(span, span));
    for (const row of rows) {
      expect(row).toMatchObject({
        droppedAttributes: 3,
        attributes: [
          ["k", { string: "first" }],
          ["other", { string: "1" }],
        ],
      });
    }
  });

  it("takes the last member of a value that has several", () => {
    const values = [
      [0x18, 5, 0x10, 1],
      [0x10, 1, 0x18, 0x85, 1],
      [0x18, 0x80, 0x80, 1, 0x0a, 0],
      [0x0a, 1, 0x61, 0x18, 7],
      [0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0],
    ];
    const attributes = values.map((bytes, index) =>
      field(9, field(1, Buffer.from(`k${index}`)), field(2, Uint8Array.from(bytes))),
    );
    const span = field(2, traceSpan(), ...attributes);
    const expected = [{ bool: true }, { int: 133n }, { string: "" }, { int: 7n }, { bool: false }].map(
      (value, index) => [`k${index}`, value],
    );
    // The second span's keys are the predicted ones.
    expect(decodeSpans(field(1, field(2, span, span))).rows).toMatchObject([
      { attributes: expected },
      { attributes: expected },
    ]);
  });

  it("reads integers of every length", () => {
    const values = Array.from({ length: 64 }, (_, bit) => 2n ** BigInt(bit)).flatMap((value) => [
      value - 1n,
      value,
      -value,
    ]);
    const spans = values.map((value) => ({
      traceId,
      spanId,
      attributes: [{ key: "k", value: { intValue: BigInt.asIntN(64, value).toString() } }],
    }));
    const { rows } = decodeSpans(traces(...spans));
    expect(rows.map((row) => row["attributes"])).toEqual(
      values.map((value) => [["k", { int: BigInt.asIntN(64, value) }]]),
    );
  });

  it("mends text that is no UTF-8", () => {
    const broken = Uint8Array.of(0x61, 0xff, 0x62, 0xc3);
    const span = (name: Uint8Array) =>
      Buffer.concat([
        field(1, traceId),
        field(2, spanId),
        field(5, name),
        field(9, field(1, broken), field(2, field(1, broken))),
      ]);
    const request = field(1, field(2, field(2, span(broken)), field(2, span(Buffer.from("whole")))));
    const { rows } = decodeSpans(request);
    expect(rows).toMatchObject([
      { name: "a\ufffdb\ufffd", attributes: [["a\ufffdb\ufffd", { string: "a\ufffdb\ufffd" }]] },
      { name: "whole", attributes: [["a\ufffdb\ufffd", { string: "a\ufffdb\ufffd" }]] },
    ]);
  });

  it("mends text within arrays and maps", () => {
    const broken = Uint8Array.of(0xe2, 0x82);
    const list = field(5, field(1, field(1, broken)), field(1, field(3)), field(1, Buffer.from([0x18, 5])));
    const map = field(6, field(1, field(1, broken), field(2, field(1, broken))), field(1, field(1, Buffer.from("k"))));
    const log = (value: Uint8Array) => field(2, field(5, value));
    const { rows } = decodeLogs(field(1, field(2, log(list), log(map))));
    const mended = Buffer.from("\ufffd");
    expect(rows.map((row) => row["body"])).toEqual([
      { array: hex(field(1, field(1, mended)), field(1, field(3)), field(1, Buffer.from([0x18, 5]))) },
      { map: hex(field(1, field(1, mended), field(2, field(1, mended))), field(1, field(1, Buffer.from("k")))) },
    ]);
  });
});

describe("limits", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => attribute(`k${index}`, String(index)));

  it("drops attributes past the limit", () => {
    const { rows, truncated } = decodeSpans(
      traces({ traceId, spanId, attributes: many(10), events: [{ attributes: many(4) }] }),
      {
        attributes: 3,
      },
    );
    expect(truncated).toEqual([{ limit: "attributes", count: 8 }]);
    expect(rows[0]).toMatchObject({
      droppedAttributes: 7,
      attributes: [
        ["k0", {}],
        ["k1", {}],
        ["k2", {}],
      ],
      events: [{ dropped: 1 }],
    });
  });

  it("drops attributes of resources and scopes past the limit as well", () => {
    const scope = { attributes: many(5), droppedAttributesCount: 1 };
    const resource = { attributes: many(4), droppedAttributesCount: 10 };
    const body = encodeRequest("traces", {
      resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [{ traceId, spanId }] }] }],
    });
    expect(decodeSpans(body, { attributes: 3 }).rows).toMatchObject([
      {
        resource: {
          dropped: 11,
          attributes: [
            ["k0", {}],
            ["k1", {}],
            ["k2", {}],
          ],
        },
        scope: {
          dropped: 3,
          attributes: [
            ["k0", {}],
            ["k1", {}],
            ["k2", {}],
          ],
        },
      },
    ]);
  });

  it("drops attributes whose key is too long, and new keys past the limit of the batch", () => {
    const body = traces(
      { traceId, spanId, attributes: [attribute("long key", "1"), attribute("a", "1"), attribute("b", "1")] },
      { traceId, spanId, attributes: [attribute("c", "1"), attribute("b", "1"), attribute("d", "1")] },
    );
    const { rows, truncated } = decodeSpans(body, { keyBytes: 7, keysPerBatch: 3 });
    expect(truncated).toEqual([
      { limit: "keyBytes", count: 1 },
      { limit: "keysPerBatch", count: 1 },
    ]);
    expect(rows).toMatchObject([
      {
        droppedAttributes: 1,
        attributes: [
          ["a", {}],
          ["b", {}],
        ],
      },
      {
        droppedAttributes: 1,
        attributes: [
          ["c", {}],
          ["b", {}],
        ],
      },
    ]);
  });

  it("cuts text at a character's border", () => {
    const { rows, truncated } = decodeSpans(
      traces({ traceId, spanId, name: "aé🙂b", attributes: [attribute("k", "éé"), attribute("l", "abcd")] }),
      { textBytes: 5, valueBytes: 3 },
    );
    expect(truncated).toEqual([
      { limit: "textBytes", count: 1 },
      { limit: "valueBytes", count: 2 },
    ]);
    expect(rows[0]).toMatchObject({
      name: "aé",
      attributes: [
        ["k", { string: "é" }],
        ["l", { string: "abc" }],
      ],
    });
  });

  it("cuts bytes, and arrays and maps after their last element that fits", () => {
    const value = { arrayValue: { values: [{ stringValue: "abc" }, { intValue: 5 }, { stringValue: "rest" }] } };
    const body = logs(
      { body: { bytesValue: new Uint8Array(20).fill(7) } },
      { attributes: [{ key: "list", value }], body: value },
      { body: { kvlistValue: { values: [attribute("first", "1"), attribute("second", "2")] } } },
    );
    const { rows, truncated } = decodeLogs(body, { textBytes: 16, valueBytes: 8 });
    expect(truncated).toEqual([
      { limit: "textBytes", count: 3 },
      { limit: "valueBytes", count: 1 },
    ]);
    const abc = field(1, field(1, Buffer.from("abc")));
    expect(rows).toMatchObject([
      { body: { bytes: "07".repeat(16) } },
      { body: { array: hex(abc, field(1, Buffer.from([0x18, 5]))) }, attributes: [["list", { array: hex(abc) }]] },
      { body: { map: hex(field(1, field(1, Buffer.from("first")), field(2, field(1, Buffer.from("1"))))) } },
    ]);
  });

  it("empties values that are nested too deep", () => {
    const nest = (depth: number): Uint8Array =>
      depth === 0 ? field(1, Buffer.from("x")) : field(5, field(1, nest(depth - 1)));
    const log = (depth: number) => field(1, field(2, field(2, field(5, nest(depth)))));
    const array = (depth: number) => hex(nest(depth).subarray(2));
    expect(decodeLogs(log(3), { nesting: 3 })).toMatchObject({ truncated: [], rows: [{ body: { array: array(3) } }] });
    const deeper = decodeLogs(log(4), { nesting: 3 });
    expect(deeper.truncated).toEqual([{ limit: "nesting", count: 1 }]);
    expect(deeper.rows).toMatchObject([{ body: { array: hex(field(1, field(5, field(1, field(5, field(1)))))) } }]);
  });

  it("never nests deeper than the stack allows, whatever the setting", () => {
    let value: Buffer = Buffer.from([0x18, 1]);
    for (let depth = 0; depth < 5000; depth++) value = longField(5, longField(1, value));
    const body = longField(1, longField(2, longField(2, longField(5, value))));
    expect(decodeLogs(body, { nesting: 1_000_000 }).truncated).toEqual([{ limit: "nesting", count: 1 }]);
  });

  it("drops events and links past the limit, exemplars too", () => {
    const link = { traceId, spanId };
    const { rows, truncated } = decodeSpans(
      traces({
        traceId,
        spanId,
        events: [{ name: "1" }, { name: "2" }, { name: "3" }],
        links: [link, link],
        droppedEventsCount: 5,
      }),
      { eventsPerSpan: 2, linksPerSpan: 1 },
    );
    expect(truncated).toEqual([
      { limit: "eventsPerSpan", count: 1 },
      { limit: "linksPerSpan", count: 1 },
    ]);
    expect(rows[0]).toMatchObject({
      droppedEvents: 6,
      droppedLinks: 1,
      events: [{ name: "1" }, { name: "2" }],
      links: [{}],
    });
    const points = { dataPoints: [{ asInt: 1, exemplars: [{ asInt: 1 }, { asInt: 2 }] }] };
    expect(decodeMetrics(metrics({ name: "m", gauge: points }), { exemplarsPerPoint: 1 })).toMatchObject({
      truncated: [{ limit: "exemplarsPerPoint", count: 1 }],
      rows: { numbers: [{ exemplars: [{ value: 1 }] }] },
    });
  });

  it("rejects points with more buckets than allowed", () => {
    const body = metrics(
      {
        name: "h",
        histogram: {
          dataPoints: [
            { bucketCounts: [1, 2, 3], explicitBounds: [1, 2] },
            { bucketCounts: [1, 2], explicitBounds: [1] },
          ],
        },
      },
      {
        name: "e",
        exponentialHistogram: {
          dataPoints: [{ positive: { bucketCounts: [1, 2] }, negative: { bucketCounts: [1] } }, {}],
        },
      },
      {
        name: "s",
        summary: { dataPoints: [{ quantileValues: [{}, {}, {}] }, { quantileValues: [{ quantile: 1, value: 2 }] }] },
      },
    );
    const { rejections, rows } = decodeMetrics(body, { bucketsPerPoint: 2 });
    expect(rejections).toEqual([{ reason: "too-many-buckets", count: 3 }]);
    expect(rows).toMatchObject({
      histograms: [{ buckets: [1n, 2n] }],
      exponentials: [{ positive: [], negative: [] }],
      summaries: [{ quantiles: [[1, 2]] }],
    });
  });

  it("refuses a batch over a limit of its own, naming the setting", () => {
    const body = buildTraces({ records: 20 });
    for (const [limit, value] of [
      ["records", 19],
      ["decompressedBytes", body.length - 1],
      ["columnBytes", 4096],
    ] as const) {
      const failure = failureOf(() => decodeSpans(body, { [limit]: value }));
      expect(failure).toMatchObject({ code: "too-large", message: expect.stringContaining(limitSetting(limit)) });
    }
    expect(failureOf(() => decodeMetrics(buildMetrics({ records: 20 }), { records: 19 })).code).toBe("too-large");
    expect(decodeSpans(body, { records: 20, decompressedBytes: body.length }).accepted).toBe(20);
  });

  it("decides by the batch, not by what came before it", () => {
    const body = buildTraces({ records: 200 });
    const limits = { columnBytes: 40_000 };
    const fresh = failureOf(() => decodeSpans(body, limits)).message;
    decodeSpans(buildTraces({ records: 10 }), limits);
    expect(failureOf(() => decodeSpans(body, limits)).message).toBe(fresh);
    const once = decodeSpans(buildTraces({ records: 30 }, 3)).rows;
    decodeSpans(buildTraces({ records: 300 }, 4));
    expect(decodeSpans(buildTraces({ records: 30 }, 3)).rows).toEqual(once);
  });
});

describe("broken bodies", () => {
  it("says which field and byte", () => {
    const span = Buffer.concat([
      field(1, traceId),
      field(2, spanId),
      field(9, field(1, Buffer.from("key")), Buffer.from([0x12, 9, 1])),
    ]);
    const body = field(1, field(2, field(2, traceSpan()), field(2, span)));
    const failure = failureOf(() => decodeSpans(body));
    expect(failure.code).toBe("bad-payload");
    expect(failure.message).toMatch(
      /^resource_spans\[0\]\.scope_spans\[0\]\.spans\[1\]\.attributes\[0\]\.value: a length of 9 bytes runs past the end of its message \(byte \d+\)$/,
    );
  });

  it.each([
    ["a group", [0x0b, 0x0c]],
    ["the end of a group", [0x0c]],
    ["wire type 6", [0x0e, 0]],
    ["field number 0", [0x02, 0]],
    ["field number 2^29", [0x82, 0x80, 0x80, 0x80, 0x10, 0]],
    ["a length past the end", [0x0a, 5, 0]],
    ["a length past 2^32", [0x0a, 0x80, 0x80, 0x80, 0x80, 0x10]],
    ["a varint without an end", [0x08, 0x80]],
    ["a varint of 11 bytes", [0x08, ...Array.from({ length: 10 }, () => 0x80), 1]],
    ["half a fixed64", [0x09, 1, 2, 3]],
    ["half a fixed32", [0x0d, 1]],
    ["a tag without a value", [0x0a]],
  ])("refuses %s", (_, bytes) => {
    for (const signal of SIGNALS) {
      expect(failureOf(() => decodeOtlp(signal, Uint8Array.from(bytes), OPTIONS)).code).toBe("bad-payload");
    }
  });

  it("refuses a packed list that ends within a number", () => {
    const point = field(6, new Uint8Array(12));
    const body = field(1, field(2, field(2, field(1, Buffer.from("h")), field(9, field(1, point)))));
    expect(failureOf(() => decodeMetrics(body)).message).toContain(
      "histogram.data_points[0].bucket_counts[0]: a packed list",
    );
  });

  it("takes an empty body for a request of nothing", () => {
    for (const signal of SIGNALS) {
      expect(decodeOtlp(signal, new Uint8Array(0), OPTIONS)).toMatchObject({ accepted: 0, rejected: 0 });
    }
  });

  it("refuses content types and encodings it does not know", () => {
    const options = { ...OPTIONS, contentType: "text" as "json" };
    expect(failureOf(() => decodeOtlp("logs", new Uint8Array(0), options)).code).toBe("unsupported-media");
    const encoding = { ...OPTIONS, contentEncoding: "br" as "gzip" };
    expect(failureOf(() => decodeOtlp("logs", new Uint8Array(0), encoding)).code).toBe("unsupported-media");
  });
});

function attribute(key: string, stringValue: string): Json {
  return { key, value: { stringValue } };
}

/** A length-delimited field of the parts' bytes. */
function field(number: number, ...parts: Uint8Array[]): Uint8Array {
  const payload = Buffer.concat(parts);
  const length = payload.length < 0x80 ? [payload.length] : [(payload.length & 0x7f) | 0x80, payload.length >>> 7];
  return Uint8Array.from(Buffer.concat([Uint8Array.from([number * 8 + 2, ...length]), payload]));
}

/** A length-delimited field of any length. */
function longField(number: number, payload: Uint8Array): Buffer {
  const head = [number * 8 + 2];
  let rest = payload.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Uint8Array.from([...head, rest]), payload]);
}

function traceSpan(): Uint8Array {
  return Buffer.concat([field(1, traceId), field(2, spanId)]);
}

function hex(...parts: Uint8Array[]): string {
  return Buffer.concat(parts).toString("hex");
}
