// Records a second on one core: our reader beside protobufjs (static and reflection code from the official definitions) on
// the same bodies in the same process. Measured in CPU time of the whole process, so that garbage collection counts.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import protobuf from "protobufjs";
import { DECODE_LIMITS } from "../dist/wire/limits.js";
import { decodeOtlp } from "../dist/wire/otlp.js";
import { buildLogs, buildMetrics, buildTraces } from "../dist/wire/otlp-build.js";

const ROWS = 8192;
const root = protobuf.Root.fromJSON(
  JSON.parse(readFileSync(new URL("../test/otlp/descriptor.json", import.meta.url), "utf8")),
);
const requestType = (signal, name) =>
  root.lookupType(`opentelemetry.proto.collector.${signal}.v1.Export${name}ServiceRequest`);

const SIGNALS = [
  { signal: "traces", unit: "spans", target: 1_200_000, build: buildTraces, type: requestType("trace", "Trace") },
  { signal: "logs", unit: "log records", target: 1_500_000, build: buildLogs, type: requestType("logs", "Logs") },
  {
    signal: "metrics",
    unit: "points",
    target: 2_000_000,
    build: buildMetrics,
    type: requestType("metrics", "Metrics"),
  },
];

/** CPU milliseconds of one call: the best of `rounds` rounds that each last at least `roundMs`. */
function cpuMs(call, rounds, roundMs) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const from = process.cpuUsage();
    let calls = 0;
    let spent = 0;
    do {
      call();
      calls++;
      const { user, system } = process.cpuUsage(from);
      spent = (user + system) / 1000;
    } while (spent < roundMs);
    best = Math.min(best, spent / calls);
  }
  return best;
}

/** A body as an SDK would send it in OTLP/JSON: ids in hexadecimal, 64-bit numbers as strings. */
function asJson(type, body) {
  const text = JSON.stringify(
    type.toObject(type.decode(Buffer.from(body)), { longs: String, enums: Number }),
    (key, value) => {
      if (value?.type !== "Buffer") return value;
      return Buffer.from(value.data).toString(/^(traceId|spanId|parentSpanId)$/.test(key) ? "hex" : "base64");
    },
  );
  return Buffer.from(text);
}

export async function run(print) {
  for (const { signal, unit, target, build, type } of SIGNALS) {
    // Ten bodies in turn, so that neither reader sees one body's values only.
    const bodies = Array.from({ length: 10 }, (_, index) => build({ records: ROWS }, index + 1));
    let turn = 0;
    const next = () => bodies[turn++ % bodies.length];
    const options = { contentType: "protobuf", contentEncoding: "identity", limits: DECODE_LIMITS };
    const ours = () => decodeOtlp(signal, next(), options);
    const theirs = () => type.decode(next());
    const theirsBuffer = () => {
      const body = next();
      return type.decode(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
    };
    for (let warm = 0; warm < 40; warm++) ours();
    for (let warm = 0; warm < 5; warm++) {
      theirs();
      theirsBuffer();
    }
    const plain = cpuMs(theirs, 3, 400);
    const buffer = cpuMs(theirsBuffer, 3, 400);
    const own = cpuMs(ours, 5, 400);
    const perSecond = (ms) => Math.round((ROWS / ms) * 1000);
    const sizeBytes = bodies[0].length;
    print({
      signal,
      rows: ROWS,
      bodyBytes: sizeBytes,
      [`${unit} per second`]: perSecond(own),
      target,
      megabytesPerSecond: Math.round(sizeBytes / own / 1000),
      "protobufjs per second": perSecond(plain),
      "protobufjs (Buffer) per second": perSecond(buffer),
      ratio: Number((plain / own).toFixed(1)),
      "ratio (Buffer)": Number((buffer / own).toFixed(1)),
    });
    const figure = `${unit} per second`;
    const small = build({ records: 100 }, 1);
    const ofSmall = cpuMs(() => decodeOtlp(signal, small, options), 3, 200);
    print({ signal, rows: 100, [figure]: Math.round((100 / ofSmall) * 1000) });
    const packed = bodies.map((body) => gzipSync(body));
    const ofPacked = cpuMs(
      () => decodeOtlp(signal, packed[turn++ % 10], { ...options, contentEncoding: "gzip" }),
      3,
      300,
    );
    print({ signal, rows: ROWS, encoding: "gzip", [figure]: perSecond(ofPacked) });
    const texts = bodies.slice(0, 3).map((body) => asJson(type, body));
    const ofJson = cpuMs(() => decodeOtlp(signal, texts[turn++ % 3], { ...options, contentType: "json" }), 3, 400);
    const ofParse = cpuMs(() => JSON.parse(texts[turn++ % 3].toString()), 3, 400);
    print({
      signal,
      rows: ROWS,
      bodyBytes: texts[0].length,
      contentType: "json",
      [figure]: perSecond(ofJson),
      "JSON.parse alone per second": perSecond(ofParse),
    });
  }
}
