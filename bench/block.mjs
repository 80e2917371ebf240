// What building Native blocks costs: CPU seconds of the whole process (garbage collection counts) per million records, bytes
// per row, beside what decoding the same bodies costs. Bodies are built by wire/otlp-build: 8 resource attributes, 8 record
// attributes, 0 to 2 events a span; points have 4 attributes, one in five is a histogram with 15 bounds.
import { buildBlocks, createBuildContext } from "../dist/engine/native-block.js";
import { DECODE_LIMITS } from "../dist/wire/limits.js";
import { decodeOtlp } from "../dist/wire/otlp.js";
import { buildLogs, buildMetrics, buildTraces } from "../dist/wire/otlp-build.js";

const ROWS = 8192;
const BATCHES = 8;
const START = 1_767_225_600_000_000_000n;
const WINDOW = { acceptFromUnixNano: START - 10n ** 15n, acceptToUnixNano: START + 10n ** 15n, outside: "clamp" };
const OPTIONS = { contentType: "protobuf", contentEncoding: "identity", limits: DECODE_LIMITS };
const SIGNALS = [
  { signal: "traces", unit: "spans", aim: 1.0, build: buildTraces },
  { signal: "logs", unit: "log records", aim: 0.7, build: buildLogs },
  { signal: "metrics", unit: "points", aim: 0.4, build: buildMetrics },
];

/** CPU seconds of one call: the best of `rounds` short rounds of at least `roundMs`, so that a busy machine matters little. */
function cpuSeconds(call, rounds, roundMs) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const from = process.cpuUsage();
    let calls = 0;
    let spent = 0;
    do {
      call();
      calls++;
      const { user, system } = process.cpuUsage(from);
      spent = (user + system) / 1e6;
    } while (spent * 1000 < roundMs);
    best = Math.min(best, spent / calls);
  }
  return best;
}

/** Lines of a shop's services: some hundred templates, not one per line as the random words of wire/otlp-build make. */
function withLines(batch, seed) {
  const services = ["cart", "checkout", "payment", "catalogue", "search", "worker"];
  const lines = [
    (n) =>
      `192.0.2.${n % 250} - - [10/Oct/2025:13:55:${n % 60} +0000] "GET /api/orders/${n} HTTP/1.1" 200 ${n % 5000} "-" "Mozilla/5.0 (X11; Linux x86_64)"`,
    (n) =>
      `level=info ts=2025-10-10T13:55:36.${n % 1000}Z caller=${services[n % 6]}.go:${n % 400} msg="request done" method=GET path=/api/v1/users/${n} status=200 duration=${(n % 900) / 10}ms`,
    (n) =>
      `Order ${(n * 2654435761) % 4294967296} of customer ${n} accepted by ${services[n % 6]} after ${n % 300} ms, total ${n % 1000}.${n % 100} EUR`,
    (n) =>
      `{"level":"info","time":"2025-10-10T13:55:36Z","msg":"stock of product ${n} is ${n % 50}","service":"${services[n % 6]}"}`,
    (n) =>
      `2025-10-10 13:55:36.${n % 1000} UTC [${n % 32768}] LOG:  duration: ${n % 10000}.${n % 1000} ms  statement: SELECT * FROM orders WHERE id = ${n}`,
    (n) => `Cache miss for key product:${n % 5000}, loading from database`,
  ];
  const texts = Array.from({ length: batch.count }, (_, row) =>
    lines[(row * 7 + seed) % lines.length](row * 31 + seed),
  );
  const encoded = texts.map((text) => new TextEncoder().encode(text));
  const bodyLow = new Uint32Array(batch.count);
  const bodyHigh = Uint32Array.from(encoded, ({ length }) => length);
  let end = batch.body.length;
  encoded.forEach(({ length }, row) => {
    bodyLow[row] = end;
    end += length;
  });
  const body = new Uint8Array(end);
  body.set(batch.body);
  encoded.forEach((bytes, row) => {
    body.set(bytes, bodyLow[row]);
  });
  return { ...batch, body, bodyLow, bodyHigh };
}

export async function run(print) {
  for (const { signal, unit, aim, build } of SIGNALS) {
    const bodies = Array.from({ length: BATCHES }, (_, index) => build({ records: ROWS }, index + 1));
    const decode = () => bodies.map((body) => decodeOtlp(signal, body, OPTIONS));
    const batches = decode().map(({ batch }) => ({
      batch,
      tenant: "default",
      window: WINDOW,
      receivedUnixNano: START,
    }));
    const context = createBuildContext();
    const call = (batches) => {
      const load = buildBlocks(signal, batches, context);
      for (const { parts } of load.blocks) context.memory.pool.give(parts);
      return load;
    };
    for (let warm = 0; warm < 10; warm++) {
      decode();
      call(batches);
    }
    const records = batches.reduce((sum, { batch }) => sum + batch.count, 0);
    const building = (cpuSeconds(() => call(batches), 25, 150) / records) * 1e6;
    const decoding = (cpuSeconds(decode, 25, 150) / records) * 1e6;
    context.seriesSeen.forget();
    const { blocks } = call(batches);
    const round = (number) => Number(number.toFixed(3));
    print({
      signal,
      records,
      [`CPU seconds per million ${unit}, building`]: round(building),
      aim,
      [`CPU seconds per million ${unit}, decoding`]: round(decoding),
      "share of building": round(building / (building + decoding)),
      "body bytes per record": round(bodies.reduce((sum, body) => sum + body.length, 0) / records),
      "block bytes per row": Object.fromEntries(
        blocks.map(({ kind, rows, sizeBytes }) => [kind, round(sizeBytes / rows)]),
      ),
    });
    const chunks = new Set(blocks.flatMap(({ parts }) => parts.map(({ buffer }) => buffer)));
    const sizeBytes = blocks.reduce((sum, block) => sum + block.sizeBytes, 0);
    print({
      signal,
      records,
      "block bytes": sizeBytes,
      "memory held by its chunks, of its size": round(
        [...chunks].reduce((sum, chunk) => sum + chunk.byteLength, 0) / sizeBytes,
      ),
    });
    if (signal === "logs") {
      const lines = batches.map((prepared, index) => ({ ...prepared, batch: withLines(prepared.batch, index) }));
      for (let warm = 0; warm < 10; warm++) call(lines);
      const { blocks } = call(lines);
      print({
        signal,
        records,
        lines: "of a shop, 100 templates",
        [`CPU seconds per million ${unit}, building`]: round((cpuSeconds(() => call(lines), 25, 150) / records) * 1e6),
        aim,
        "block bytes per row": round(blocks[0].sizeBytes / records),
      });
    }
    const small = [batches[0]].map((prepared) => ({
      ...prepared,
      batch: decodeOtlp(signal, build({ records: 200 }, 1), OPTIONS).batch,
    }));
    for (let warm = 0; warm < 50; warm++) call(small);
    print({
      signal,
      records: 200,
      [`CPU seconds per million ${unit}, building`]: round((cpuSeconds(() => call(small), 20, 50) / 200) * 1e6),
    });
  }
}
