// The journal beside the raw system calls it is made of: 1 MB bodies, so many in flight. "raw" writes the same bodies with
// writev and fdatasync into one preallocated file, one writer, everything that waits in the next write: what the journal could
// cost at least. Loads are completed along the way, so segments are used again as they are in production.
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSegmentJournal } from "../dist/journal/segment/segment-journal.js";

const BODY_BYTES = 1_000_000;
const SEGMENT_BYTES = 64 << 20;
const RAW_FILE_BYTES = 256 << 20;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 3);
const IN_FLIGHT = [1, 16, 64];

/** Where: the disk of the working directory, or of BENCH_DIR. The system's /tmp may be in memory. */
const base = process.env.BENCH_DIR ?? tmpdir();

export async function run(print) {
  const body = Buffer.alloc(BODY_BYTES);
  for (let at = 0; at < BODY_BYTES; at += 4) body.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  const directory = await mkdtemp(join(base, "traceo-bench-"));
  try {
    for (const inFlight of IN_FLIGHT) {
      print({ figure: "append", writer: "raw", inFlight, ...(await raw(join(directory, "raw"), body, inFlight)) });
      print({ figure: "append", writer: "journal", inFlight, ...(await journal(directory, body, inFlight)) });
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function journal(directory, body, inFlight) {
  const opened = await openSegmentJournal({ directory: join(directory, "journal"), segmentBytes: SEGMENT_BYTES });
  const record = {
    receivedUnixNano: 1_785_000_000_000_000_000n,
    tenant: "default",
    contentType: "protobuf",
    contentEncoding: "identity",
    acceptFromUnixNano: 0n,
    acceptToUnixNano: 2n ** 62n,
    outside: "clamp",
    decoding: '{"records":262144}',
    acceptedCount: 1,
    decodedBytes: BODY_BYTES,
    body,
  };
  try {
    // Segments are made before: their zeros are the price of the first burst, not of every one.
    for (let warm = 0; warm < 300; warm++) await opened.append(record);
    await opened.completeLoad(await opened.planLoad(opened.status().durableSequence));
    let loading = false;
    const load = async () => {
      loading = true;
      await opened.completeLoad(await opened.planLoad(opened.status().durableSequence));
      loading = false;
    };
    const figures = await drive(
      inFlight,
      () => opened.append(record),
      () => {
        if (!loading && opened.status().pendingBytes > SEGMENT_BYTES / 2) void load();
      },
    );
    while (loading) await new Promise(setImmediate);
    return figures;
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

async function raw(path, body, inFlight) {
  const file = await open(path, "w+");
  try {
    const zeros = Buffer.alloc(1 << 20);
    for (let at = 0; at < RAW_FILE_BYTES; at += zeros.length) await file.write(zeros, 0, zeros.length, at);
    await file.datasync();
    const waiting = [];
    let writing = false;
    let at = 0;
    const write = async () => {
      writing = true;
      while (waiting.length > 0) {
        const group = waiting.splice(0, 16);
        if (at + group.length * BODY_BYTES > RAW_FILE_BYTES) at = 0;
        await file.writev(
          group.map(() => body),
          at,
        );
        await file.datasync();
        at += group.length * BODY_BYTES;
        for (const resolve of group) resolve();
      }
      writing = false;
    };
    return await drive(
      inFlight,
      () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          if (!writing) void write();
        }),
      () => undefined,
    );
  } finally {
    await file.close();
    await rm(path);
  }
}

/** Keeps so many appends in flight for SECONDS: throughput, latency, and CPU of this process. */
async function drive(inFlight, append, between) {
  const latencies = [];
  const cpu = process.cpuUsage();
  const from = performance.now();
  const until = from + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (performance.now() < until) {
        const started = performance.now();
        await append();
        latencies.push(performance.now() - started);
        between();
      }
    }),
  );
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const at = (share) =>
    Number(latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))].toFixed(2));
  const megabytes = (latencies.length * BODY_BYTES) / 1e6;
  return {
    megabytesPerSecond: Math.round(megabytes / seconds),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    cpuMsPerMegabyte: Number(((user + system) / 1000 / megabytes).toFixed(3)),
  };
}
