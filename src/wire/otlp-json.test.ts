import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type LogBatch, type MetricBatch, SIGNALS, type Signal, type SpanBatch } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { requests } from "../../test/otlp/arbitrary.ts";
import { dice } from "../../test/otlp/dice.ts";
import { printJson } from "../../test/otlp/print-json.ts";
import { referenceLogs, referenceMetrics, referenceSpans } from "../../test/otlp/reference.ts";
import { logRows, metricRows, spanRows } from "../../test/otlp/rows.ts";
import { DECODE_LIMITS, type DecodeLimits } from "./limits.ts";
import { decodeOtlp } from "./otlp.ts";
import { buildLogs, buildMetrics, buildTraces } from "./otlp-build.ts";
import { transcodeJson } from "./otlp-json.ts";

const BUILD = { traces: buildTraces, logs: buildLogs, metrics: buildMetrics };

function decode(signal: Signal, json: string | Uint8Array, limits: Partial<DecodeLimits> = {}) {
  const { batch, ...counts } = decodeOtlp(signal, typeof json === "string" ? Buffer.from(json) : json, {
    contentType: "json",
    contentEncoding: "identity",
    limits: { ...DECODE_LIMITS, ...limits },
  });
  const rows =
    signal === "traces"
      ? spanRows(batch as SpanBatch)
      : signal === "logs"
        ? logRows(batch as LogBatch)
        : metricRows(batch as MetricBatch);
  return { ...counts, rows };
}

function reference(signal: Signal, body: Uint8Array): unknown {
  if (signal === "traces") return referenceSpans(body);
  return signal === "logs" ? referenceLogs(body) : referenceMetrics(body);
}

function problem(signal: Signal, json: string, limits: Partial<DecodeLimits> = {}): string {
  try {
    decode(signal, json, limits);
  } catch (error) {
    if (error instanceof Failure) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

const span = (fields: string): string => `{"resourceSpans":[{"scopeSpans":[{"spans":[{${fields}}]}]}]}`;
const log = (fields: string): string => `{"resourceLogs":[{"scopeLogs":[{"logRecords":[{${fields}}]}]}]}`;
const gauge = (fields: string): string =>
  `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{${fields}}]}}]}]}]}`;
const IDS = `"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"B7AD6B7169203331"`;

describe.each(SIGNALS)("OTLP/JSON %s", (signal) => {
  it("reads what an SDK would send like the protobuf of it", () => {
    const body = BUILD[signal]({ records: 60 }, 5);
    expect(decode(signal, printJson(signal, body)).rows).toEqual(reference(signal, body));
  });

  it("reads every spelling of a request like the protobuf of it", () => {
    fc.assert(
      fc.property(requests[signal], fc.integer(), (body, seed) => {
        const json = printJson(signal, body, dice(seed));
        expect(decode(signal, json).rows).toEqual(reference(signal, body));
      }),
      { numRuns: 25 },
    );
  });
});

describe("OTLP/JSON", () => {
  it("reads the example of the specification", () => {
    const { rows } = decode(
      "traces",
      `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"my.service"}}]},
        "scopeSpans":[{"scope":{"name":"my.library","version":"1.0.0","attributes":[{"key":"my.scope.attribute","value":{"stringValue":"some scope attribute"}}]},
        "spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","parentSpanId":"EEE19B7EC3C1B173",
        "name":"I'm a server span","startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000","kind":2,
        "attributes":[{"key":"my.span.attr","value":{"stringValue":"some value"}}]}]}]}]}`,
    );
    expect(rows).toMatchObject([
      {
        resource: { service: "my.service" },
        scope: { name: "my.library", version: "1.0.0" },
        traceId: "5b8efff798038103d269b633813fc60c",
        spanId: "eee19b7ec3c1b174",
        parentSpanId: "eee19b7ec3c1b173",
        name: "I'm a server span",
        kind: 2,
        start: 1544712660000000000n,
        end: 1544712661000000000n,
        attributes: [["my.span.attr", { string: "some value" }]],
      },
    ]);
  });

  it("keeps 64-bit numbers exact", () => {
    const values = [
      "9223372036854775807",
      "-9223372036854775808",
      "9007199254740993",
      "-1",
      "0",
      "-0",
      "1e3",
      "12.50e1",
      "4.0",
    ];
    const exact = [9223372036854775807n, -9223372036854775808n, 9007199254740993n, -1n, 0n, 0n, 1000n, 125n, 4n];
    for (const [index, value] of values.entries()) {
      for (const text of [value, `"${value}"`]) {
        expect(decode("logs", log(`"body":{"intValue":${text}}`)).rows).toMatchObject([
          { body: { int: exact[index] } },
        ]);
      }
    }
    for (const value of [
      "18446744073709551615",
      "1700000000123456789",
      "999999999",
      "1000000000",
      "9999999999999999999",
    ]) {
      expect(decode("logs", log(`"timeUnixNano":${value}`)).rows).toMatchObject([{ time: BigInt(value) }]);
    }
  });

  it("reads attributes of every length", () => {
    for (const length of [
      0, 1, 2, 3, 4, 5, 60, 61, 62, 63, 64, 65, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 300,
    ]) {
      for (const other of [1, 2, 3, 4, 5, 60, 130]) {
        const [text, short] = ["x".repeat(length), "k".repeat(other)];
        const json = log(
          `"attributes":[{"key":"${short}","value":{"stringValue":"${text}"}},{"key":"${text}!","value":{"intValue":${length}}},{"key":"-${text}","value":{"intValue":"1234567890"}}]`,
        );
        expect(decode("logs", json).rows).toMatchObject([
          {
            attributes: [
              [short, { string: text }],
              [`${text}!`, { int: BigInt(length) }],
              [`-${text}`, { int: 1234567890n }],
            ],
          },
        ]);
      }
    }
  });

  it("reads any whole number like BigInt", () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
        expect(decode("logs", log(`"body":{"intValue":${value}}`)).rows).toMatchObject([{ body: { int: value } }]);
      }),
      { numRuns: 200 },
    );
  });

  it("reads any number like JSON.parse", () => {
    const decimals = fc
      .tuple(fc.integer({ min: -(10 ** 9), max: 10 ** 9 }), fc.nat(10 ** 9), fc.integer({ min: -340, max: 310 }))
      .map(([whole, fraction, exponent]) => `${whole}.${fraction}e${exponent}`);
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }).map(String), decimals), (text) => {
        const { rows } = decode("metrics", gauge(`"asDouble":${text}`));
        expect(rows).toMatchObject({ numbers: [{ value: JSON.parse(text) }] });
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [
      "a negative time",
      "traces",
      span(`${IDS},"startTimeUnixNano":-1`),
      "startTimeUnixNano: a number must not be negative",
    ],
    ["65 bits", "logs", log(`"timeUnixNano":18446744073709551616`), "timeUnixNano: a whole number"],
    [
      "an int of 64 bits unsigned",
      "logs",
      log(`"body":{"intValue":"9223372036854775808"}`),
      "body.intValue: a number needs more",
    ],
    ["half a number", "logs", log(`"timeUnixNano":1.5`), "timeUnixNano: a whole number"],
    ["33 bits", "logs", log(`"flags":4294967296`), "flags: a number needs more than 32 bits"],
    ["a string for a number", "logs", log(`"flags":"x"`), "flags: a whole number"],
    ["a number for a string", "logs", log(`"severityText":5`), "severityText: a string is expected"],
    ["an object for a list", "logs", log(`"attributes":{}`), "attributes: an array is expected"],
    ["a list for an object", "logs", log(`"body":[]`), "body: an object is expected"],
    ["a string for a bool", "logs", log(`"body":{"boolValue":"true"}`), "body.boolValue: true or false is expected"],
    [
      "letters that are no base64",
      "logs",
      log(`"body":{"bytesValue":"a!b"}`),
      "body.bytesValue: a character is not base64",
    ],
    ["base64 of 5 characters", "logs", log(`"body":{"bytesValue":"abcde"}`), "body.bytesValue: base64 text ends"],
    ["a control character", "logs", log(`"severityText":"a\nb"`), "severityText: a control character must be escaped"],
    ["an unknown escape", "logs", log(`"severityText":"a\\xb"`), "severityText: an escape is not known"],
    ["half an escape", "logs", log(`"severityText":"\\u12"`), "severityText: four hexadecimal digits"],
    ["01", "metrics", gauge(`"asDouble":01`), "asDouble: a number is expected"],
    ["1.", "metrics", gauge(`"asDouble":1.`), "asDouble: a number is expected"],
    ["NaN without quotes", "metrics", gauge(`"asDouble":NaN`), "asDouble: a number is expected"],
    ["a missing colon", "logs", log(`"flags" 1`), "a colon is expected"],
    ["a comma too many", "logs", log(`"flags":1,`), "a field name is expected"],
    ["a missing comma", "logs", log(`"flags":1 "x":1`), "a comma or a closing brace is expected"],
    ["an end too early", "logs", `{"resourceLogs":[{`, "resourceLogs[0]: a field name is expected"],
    ["something after the request", "logs", `{} {}`, "nothing may follow the request"],
    ["a list", "logs", `[]`, "an object is expected"],
    ["nothing", "logs", ``, "an object is expected"],
    ["a broken unknown field", "logs", `{"x":[1,}`, "a number is expected"],
    ["an unknown field that is not closed", "logs", `{"x":{"y":1]}`, "a comma or a closing bracket is expected"],
  ] as const)("refuses %s, with its place", (_, signal, json, message) => {
    const said = problem(signal, json);
    expect(said).toMatch(/^bad-payload: .*\(byte \d+ of the JSON text\)$/);
    expect(said).toContain(message);
  });

  it("names element and byte", () => {
    const json = log(`"attributes":[{"key":"a"},{"key":"b","value":{"arrayValue":{"values":[{},{"intValue":true}]}}}]`);
    expect(problem("logs", json)).toBe(
      `bad-payload: resourceLogs[0].scopeLogs[0].logRecords[0].attributes[1].value.arrayValue.values[1].intValue: a whole number of at most 64 bits is expected (byte ${json.indexOf("true")} of the JSON text)`,
    );
  });

  it("rejects records with ids that are no hexadecimal, and only those", () => {
    const spans = [
      `${IDS}`,
      `"traceId":"0af7651916cd43dd8448eb211c80319","spanId":"b7ad6b7169203331"`,
      `"traceId":"zzf7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"`,
      `"traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"b7ad6b7169203331"`,
      `"traceId":"","spanId":"b7ad6b7169203331"`,
      `${IDS},"parentSpanId":"xyz"`,
      `${IDS},"parentSpanId":""`,
    ];
    const json = `{"resourceSpans":[{"scopeSpans":[{"spans":[${spans.map((fields) => `{${fields}}`).join(",")}]}]}]}`;
    expect(decode("traces", json)).toMatchObject({
      accepted: 2,
      rejections: [
        { reason: "trace-id-invalid", count: 4 },
        { reason: "parent-span-id-invalid", count: 1 },
      ],
    });
    expect(decode("logs", log(`"traceId":"nope","spanId":"${"0".repeat(16)}"`)).rows).toMatchObject([
      { traceId: "", spanId: "" },
    ]);
  });

  it("takes a byte order mark, nulls, names of the .proto file and of enums, unknown ones too", () => {
    expect(
      decode("logs", `\ufeff ${log(`"severity_number":"SEVERITY_NUMBER_WARN2","body":null,"event_name":"e"`)} `).rows,
    ).toMatchObject([{ severity: 14, body: null, eventName: "e" }]);
    expect(decode("logs", log(`"severityNumber":"SEVERITY_NUMBER_NEW"`)).rows).toMatchObject([{ severity: 0 }]);
    expect(
      decode("logs", log(`"attributes":null,"body":{"arrayValue":{"values":[null,{"boolValue":true}]}}`)).rows,
    ).toMatchObject([{ attributes: [], body: { array: "0a000a021001" } }]);
  });

  it("undoes escapes, and mends surrogates without their other half", () => {
    expect(
      decode("logs", log(String.raw`"severityText":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude42\ud83dx\ude42"`)).rows,
    ).toMatchObject([{ severityText: '"\\/\b\f\n\r\té🙂\ufffdx\ufffd' }]);
  });

  it("mends text that is no UTF-8 as it does in protobuf", () => {
    const json = Buffer.from(log(`"severityText":"a#b"`));
    json[json.indexOf("#")] = 0xff;
    expect(decode("logs", json).rows).toMatchObject([{ severityText: "a\ufffdb" }]);
  });

  it("bounds nesting and size", () => {
    const nested = (depth: number) =>
      `${'{"arrayValue":{"values":['.repeat(depth)}{"intValue":1}${"]}}".repeat(depth)}`;
    expect(decode("logs", log(`"body":${nested(10)}`)).truncated).toEqual([]);
    expect(decode("logs", log(`"body":${nested(40)}`)).truncated).toEqual([{ limit: "nesting", count: 1 }]);
    expect(problem("logs", log(`"body":${nested(100_000)}`))).toContain("nested deeper than 128 levels");
    expect(problem("logs", `{"x":${"[".repeat(100_000)}`)).toContain("nested deeper than 128 levels");
    const points = gauge(`"asInt":1`).replace(
      `[{"asInt":1}]`,
      `[${Array.from({ length: 100 }, () => `{"asInt":1}`).join(",")}]`,
    );
    expect(problem("metrics", points, { decompressedBytes: points.length - 1 })).toMatch(
      /^too-large: .*decompressedBytes/,
    );
  });

  it("bounds what small JSON may become", () => {
    const json = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"h","histogram":{"dataPoints":[{"bucketCounts":[${"0,".repeat(999)}0]}]}}]}]}]}`;
    expect(() => transcodeJson("metrics", Buffer.from(json), 4000)).toThrow(/decompressedBytes/);
    expect(transcodeJson("metrics", Buffer.from(json), 9000).length).toBeGreaterThan(8000);
  });
});
