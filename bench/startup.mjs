// How long the built program takes to be ready, and what it costs while nobody asks anything: empty, and with many spans
// (`--rows N`, ten million unless told) in it.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedEngine } from "../dist/engine/embedded/embedded-engine.js";
import { insertLoad } from "../dist/engine/load.js";
import { readRows } from "../dist/engine/rows.js";
import { migrate } from "../dist/engine/schema/migrate.js";
import { sampleBlockSql } from "../dist/engine/staged-sample.js";
import { quiet as engineQuiet } from "./engine.mjs";
import { quiet, sleep, startProgram } from "./program/program.mjs";

const BLOCK = 65_536;
const DAY_MS = 86_400_000;
const IDLE_SECONDS = Number(process.env.BENCH_IDLE_SECONDS ?? 60);

export async function run(print, options = []) {
  if (process.platform !== "linux") return print({ figure: "startup", skipped: "needs /proc" });
  const at = options.indexOf("--rows");
  const rows = at < 0 ? 10_000_000 : Number(options[at + 1]);
  const dataDir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "traceo-bench-"));
  try {
    // Its first start creates the tables.
    await look(print, dataDir, 0, "first");
    await look(print, dataDir, 0, "second");
    if (rows === 0) return;
    await fill(print, dataDir, rows);
    await look(print, dataDir, rows, "second");
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function look(print, dataDir, rows, start) {
  const program = await startProgram(dataDir);
  try {
    print({ figure: "milliseconds to ready", rows, start, value: Math.round(program.readyMs), aim: 3000 });
    if (start === "first") return;
    // Merges that the start found to do are not idling.
    await quiet(program);
    const before = program.cpuSeconds();
    await sleep(IDLE_SECONDS * 1000);
    const cpu = (program.cpuSeconds() - before) / IDLE_SECONDS;
    print({ figure: "percent of a core, idle", rows, value: Math.round(cpu * 10_000) / 100, aim: 2 });
    print({
      figure: "megabytes of all processes, idle",
      rows,
      value: Math.round(program.residentBytes() / 1e6),
      ofWhichOwn: Math.round(program.ownBytes() / 1e6),
      aim: 600,
    });
  } finally {
    await program.stop();
  }
}

/** Past the sockets, since how they came does not matter here: spans of the last day, by the loader's own way to the engine. */
async function fill(print, dataDir, rows) {
  const started = performance.now();
  const engine = await openEmbeddedEngine({
    dataDir: join(dataDir, "engine"),
    onStart: [async (early) => void (await migrate(early))],
  });
  try {
    const blocks = Math.ceil(rows / BLOCK);
    const overMs = DAY_MS / blocks;
    const from = Date.now() - DAY_MS;
    for (let load = 1; load <= blocks; load++) {
      const fromUnixMs = Math.floor(from + (load - 1) * overMs);
      const sql = sampleBlockSql("spans", { rows: BLOCK, seed: load, fromUnixMs, overMs: Math.ceil(overMs) });
      const { bytes } = await engine.read({ sql, format: "Native", limits: { resultBytes: 1e9, timeoutMs: 60_000 } });
      const dates = [fromUnixMs, fromUnixMs + Math.ceil(overMs)].map((ms) => new Date(ms).toISOString().slice(0, 10));
      await insertLoad(engine, load, [{ kind: "spans", parts: [bytes], dates: [...new Set(dates)] }]);
    }
    await engineQuiet(engine);
    const [[parts]] = await readRows(
      engine,
      "SELECT toString(count()) FROM system.parts WHERE active AND database = currentDatabase()",
    );
    print({
      figure: "filled",
      rows: blocks * BLOCK,
      parts: Number(parts),
      seconds: Math.round((performance.now() - started) / 1000),
    });
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}
