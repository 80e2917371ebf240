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
    const small = build({ records: 100 }, 1);
    print({
      signal,
      rows: 100,
      [`${unit} per second`]: Math.round(1e5 / cpuMs(() => decodeOtlp(signal, small, options), 3, 200)),
    });
    const packed = bodies.map((body) => gzipSync(body));
    let packedTurn = 0;
    const gzip = { ...options, contentEncoding: "gzip" };
    const unpacked = cpuMs(() => decodeOtlp(signal, packed[packedTurn++ % packed.length], gzip), 3, 300);
    print({ signal, rows: ROWS, encoding: "gzip", [`${unit} per second`]: perSecond(unpacked) });
  }
}
