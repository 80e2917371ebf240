// How long the embedded engine takes to be ready, and what it costs while nobody asks anything: empty, and with BENCH_ROWS
// (default ten million) spans in it.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedEngine } from "../dist/engine/embedded/embedded-engine.js";
import { readRows } from "../dist/engine/rows.js";
import { insertSql } from "../dist/engine/schema/ddl.js";
import { migrate } from "../dist/engine/schema/migrate.js";
import { STAGED } from "../dist/engine/schema/staged.js";
import { TABLES } from "../dist/engine/schema/tables.js";
import { sampleBlockSql } from "../dist/engine/staged-sample.js";
import { cpuSecondsOf, quiet } from "./engine.mjs";

const ROWS = Number(process.env.BENCH_ROWS ?? 10_000_000);
const BLOCK = 100_000;
const IDLE_SECONDS = Number(process.env.BENCH_IDLE_SECONDS ?? 60);
const START = Date.UTC(2026, 0, 5);

export async function run(print) {
  if (process.platform !== "linux") return print({ figure: "startup", skipped: "needs /proc" });
  const dataDir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "traceo-bench-"));
  try {
    const open = async (rows) => {
      const started = performance.now();
      const engine = await openEmbeddedEngine({ dataDir, onStart: [async (early) => void (await migrate(early))] });
      print({ figure: "startup", rows, readyMilliseconds: Math.round(performance.now() - started) });
      return engine;
    };
    const empty = await open(0);
    try {
      await idle(print, empty, 0);
      await fill(empty);
      const [row] = await readRows(
        empty,
        "SELECT toString(count()) FROM system.parts WHERE database = currentDatabase()",
      );
      print({ figure: "filled", rows: ROWS, parts: Number(row[0]) });
    } finally {
      process.kill(empty.status().processId, "SIGKILL");
      await empty[Symbol.asyncDispose]();
    }
    const full = await open(ROWS);
    try {
      await idle(print, full, ROWS);
    } finally {
      await full[Symbol.asyncDispose]();
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function fill(engine) {
  const tables = TABLES.filter(({ filledFrom }) => filledFrom === "spans");
  for (let load = 1; load * BLOCK <= ROWS; load++) {
    const overMs = 86_400_000 / (ROWS / BLOCK);
    const sql = sampleBlockSql("spans", { rows: BLOCK, seed: load, fromUnixMs: START + (load - 1) * overMs, overMs });
    const { bytes } = await engine.read({ sql, format: "Native", limits: { resultBytes: 1e9, timeoutMs: 60_000 } });
    const block = await engine.stage(STAGED.spans, [bytes]);
    for (const table of tables) await engine.insert(insertSql(table), block, { load });
    await block[Symbol.asyncDispose]();
  }
}

async function idle(print, engine, rows) {
  // Merges that the start found to do are not idling.
  await quiet(engine);
  const { processId } = engine.status();
  const before = cpuSecondsOf(processId);
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
  const status = readFileSync(`/proc/${processId}/status`, "utf8");
  const megabytes = (name) => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)[1]) / 1000);
  print({
    figure: "idle",
    rows,
    cpuPercent: Math.round(((cpuSecondsOf(processId) - before) / IDLE_SECONDS) * 10_000) / 100,
    residentMegabytes: megabytes("VmRSS"),
    ofWhichAnonymousMegabytes: megabytes("RssAnon"),
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)[1]),
  });
}
