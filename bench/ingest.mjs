// The whole write path of the built program over real sockets (OTLP/HTTP, protobuf, bodies built beforehand), per signal: what
// is acknowledged a second, what a million records cost until they can be queried and nothing is left to merge, bytes on disk,
// memory, latency of the acknowledgement; and how long after it a record can be queried at a low rate.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedEngine } from "../dist/engine/embedded/embedded-engine.js";
import { readRows } from "../dist/engine/rows.js";
import { TABLES } from "../dist/engine/schema/tables.js";
import { buildLogs, buildMetrics, buildTraces } from "../dist/wire/otlp-build.js";
import { percentile, quiet, sleep, startProgram } from "./program/program.mjs";

const RECORDS = Number(process.env.BENCH_RECORDS ?? 1_000_000);
const PER_BODY = 4096;
const CONNECTIONS = 4;
/** So many records may wait to be loaded in the paced part: what is decoded then still is when it is loaded. */
const MOST_PENDING = 100_000;
const SAMPLES = Number(process.env.BENCH_SAMPLES ?? 40);
const SIGNALS = [
  { signal: "traces", unit: "spans", build: buildTraces, tables: ["spans"], aim: 100_000 },
  { signal: "logs", unit: "log records", build: buildLogs, tables: ["logs"], aim: 80_000 },
  { signal: "metrics", unit: "points", build: buildMetrics, tables: ["points", "histograms"] },
].filter(({ signal }) => (process.env.BENCH_SIGNALS ?? signal).includes(signal));

export async function run(print) {
  if (process.platform !== "linux") return print({ figure: "ingest", skipped: "needs /proc" });
  for (const what of SIGNALS) await flood(print, what);
  await trickle(print);
}

/**
 * First a burst, a quarter of the records as fast as they are acknowledged, which also warms the program up; then the rest no
 * faster than they are loaded, which is what a million costs in the long run.
 */
async function flood(print, { signal, unit, build, tables, aim }) {
  const bodies = [];
  const count = Math.ceil(RECORDS / PER_BODY);
  const startUnixNano = BigInt(Date.now() - 600_000) * 1_000_000n;
  for (let seed = 1; seed <= count; seed++) {
    const first = startUnixNano + BigInt(Math.floor((seed * 500_000) / count)) * 1_000_000n;
    bodies.push(build({ records: PER_BODY, startUnixNano: first, stepNano: 100_000n }, seed));
  }
  const inBurst = Math.ceil(count / 4);
  await withProgram(async (program, dataDir) => {
    const figure = (name, value, more = {}) => print({ signal, figure: name, value, ...more });
    const pending = async () => (await program.status()).ledger[signal].pending;
    const loaded = async () => {
      while ((await pending()) > 0) await sleep(50);
    };
    await quiet(program);
    const sender = openSender(program.otlpUrl, signal);
    const peak = watchMemory(program);

    const burst = await sendAll(sender, bodies.slice(0, inBurst), () => undefined);
    figure("acknowledged records a second, burst", Math.round((inBurst * PER_BODY) / burst.seconds), {
      records: inBurst * PER_BODY,
    });
    figure("acknowledgement milliseconds, burst", latenciesOf(burst));
    await loaded();
    await quiet(program);

    const idle = await restingCpu(program);
    const cpuBefore = program.cpuSeconds();
    const ownBefore = program.ownCpuSeconds();
    const started = performance.now();
    let isFull = false;
    const watch = setInterval(() => void pending().then((records) => (isFull = records > MOST_PENDING)), 100);
    const paced = await sendAll(sender, bodies.slice(inBurst), async () => {
      while (isFull) await sleep(20);
    });
    clearInterval(watch);
    await loaded();
    const seconds = (performance.now() - started) / 1000;
    await quiet(program);
    const settledSeconds = (performance.now() - started) / 1000;
    const cpu = program.cpuSeconds() - cpuBefore - idle * settledSeconds;
    const own = program.ownCpuSeconds() - ownBefore;
    const records = (count - inBurst) * PER_BODY;
    const millions = records / 1e6;
    sender.close();
    const memory = peak.stop();
    let rows = 0;
    for (const table of tables) rows += Number((await program.sql(`SELECT count() FROM ${table}`))[0][0]);
    figure("acknowledged and loaded records a second", Math.round(records / seconds), { records });
    figure("CPU seconds per million until settled", round(cpu / millions), aim && { aim: round(1e6 / aim) });
    figure("of these outside the engine", round(own / millions));
    figure(`${unit} per CPU second, all included`, Math.round(records / cpu), aim && { aim });
    figure("acknowledgement milliseconds, paced", latenciesOf(paced));
    figure("peak memory, megabytes", memory);
    figure("records sent and not stored", count * PER_BODY - rows, {
      aim: 0,
      refusedRequests: burst.refused + paced.refused,
    });
    await program.stop();
    for (const [name, value] of Object.entries(await bytesPerRow(dataDir, count * PER_BODY)))
      figure(`bytes a record on disk, ${name}`, value);
  });
}

/** Sends the bodies over all connections; what is refused is sent again a moment later, as a sender does. */
async function sendAll(sender, bodies, mayGo) {
  const latencies = [];
  let refused = 0;
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      while (next < bodies.length) {
        const body = bodies[next++];
        await mayGo();
        for (;;) {
          const sent = performance.now();
          const status = await sender.send(body);
          if (status === 200) {
            latencies.push(performance.now() - sent);
            break;
          }
          refused++;
          await sleep(200);
        }
      }
    }),
  );
  return { latencies, refused, seconds: (performance.now() - started) / 1000 };
}

const latenciesOf = ({ latencies }) => ({
  p50: round(percentile(latencies, 0.5)),
  p99: round(percentile(latencies, 0.99)),
});

/** One small body now and then: how long after its acknowledgement its records can be queried. */
async function trickle(print) {
  if (SAMPLES === 0) return;
  await withProgram(async (program) => {
    await quiet(program);
    for (const { signal, build, probe } of [
      {
        signal: "traces",
        build: buildTraces,
        probe: (id) => `SELECT count() FROM spans WHERE startsWith(trace_id, '${id}')`,
      },
      {
        signal: "logs",
        build: buildLogs,
        probe: (id) => `SELECT count() FROM logs WHERE startsWith(trace_id, '${id}')`,
      },
    ]) {
      const sender = openSender(program.otlpUrl, signal);
      const delays = [];
      for (let sample = 0; sample < SAMPLES; sample++) {
        const idPrefix = (0x1000 + sample).toString(16);
        const body = build({ records: 20, idPrefix, startUnixNano: BigInt(Date.now()) * 1_000_000n }, sample + 1);
        if ((await sender.send(body)) !== 200) throw new Error(`a body was refused: ${program.log()}`);
        const acknowledged = performance.now();
        for (;;) {
          const [[found]] = await program.sql(probe(idPrefix));
          if (Number(found) > 0) break;
          await sleep(10);
        }
        delays.push(performance.now() - acknowledged);
        // Not in step with the loader's own beat.
        await sleep(200 + ((sample * 137) % 900));
      }
      sender.close();
      print({
        signal,
        figure: "milliseconds from acknowledgement to queryable, low rate",
        p50: Math.round(percentile(delays, 0.5)),
        p95: Math.round(percentile(delays, 0.95)),
        max: Math.round(Math.max(...delays)),
        aim: 1000,
      });
    }
    await program.stop();
  });
}

async function withProgram(use) {
  const dataDir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "traceo-bench-"));
  const program = await startProgram(dataDir, { "telemetry.self": "false" });
  try {
    await use(program, dataDir);
  } finally {
    await program.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** CPU seconds a second of a program that has nothing to do. */
async function restingCpu(program) {
  const before = program.cpuSeconds();
  await sleep(3000);
  return (program.cpuSeconds() - before) / 3;
}

function watchMemory(program) {
  let resident = 0;
  let own = 0;
  const look = () => {
    resident = Math.max(resident, program.residentBytes());
    own = Math.max(own, program.ownBytes());
  };
  const timer = setInterval(look, 100);
  return {
    stop: () => {
      clearInterval(timer);
      return { resident: Math.round(resident / 1e6), ofWhichOwn: Math.round(own / 1e6) };
    },
  };
}

function openSender(url, signal) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const { hostname, port } = new URL(url);
  const send = (body) =>
    new Promise((resolve, reject) => {
      const headers = { "content-type": "application/x-protobuf", "content-length": body.length };
      const sent = request(
        { host: hostname, port, method: "POST", path: `/v1/${signal}`, agent, headers },
        (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        },
      );
      sent.on("error", reject);
      sent.end(body);
    });
  return { send, close: () => agent.destroy() };
}

/** Of each table with rows and of all of them. */
async function bytesPerRow(dataDir, records) {
  const engine = await openEmbeddedEngine({ dataDir: join(dataDir, "engine") });
  try {
    const found = await readRows(
      engine,
      "SELECT table, toString(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table",
    );
    const bytes = new Map(found.map(([table, size]) => [table, Number(size)]));
    const figures = {};
    let total = 0;
    for (const { name } of TABLES) {
      const size = bytes.get(name) ?? 0;
      if (size === 0) continue;
      figures[name] = round(size / records);
      total += size;
    }
    return { ...figures, total: round(total / records) };
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

const round = (value) => Math.round(value * 100) / 100;
