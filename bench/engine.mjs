// What the embedded engine pays for rows: CPU seconds of its process per million, at insert and until merges are quiet, and
// bytes on disk, per table and per signal. Blocks of 65,536 rows of engine/staged-sample, one load after the other.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openEmbeddedEngine } from "../dist/engine/embedded/embedded-engine.js";
import { insertLoad } from "../dist/engine/load.js";
import { readRows } from "../dist/engine/rows.js";
import { insertSql } from "../dist/engine/schema/ddl.js";
import { migrate } from "../dist/engine/schema/migrate.js";
import { STAGED } from "../dist/engine/schema/staged.js";
import { TABLES } from "../dist/engine/schema/tables.js";
import { sampleBlockSql } from "../dist/engine/staged-sample.js";

const ROWS = 65_536;
const LOADS = Number(process.env.BENCH_LOADS ?? 16);
const START = Date.UTC(2026, 0, 5, 10);
const DATES = ["2026-01-05"];
const KINDS = ["spans", "logs", "points", "histograms"];

/** CPU seconds that a process has used. */
export function cpuSecondsOf(processId) {
  const fields = readFileSync(`/proc/${processId}/stat`, "utf8").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export async function run(print) {
  if (process.platform !== "linux") return print({ figure: "insert", skipped: "needs /proc" });
  const dataDir = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), "traceo-bench-"));
  const engine = await openEmbeddedEngine({ dataDir });
  try {
    await migrate(engine);
    const cpu = () => cpuSecondsOf(engine.status().processId);
    for (const kind of KINDS) {
      const blocks = [];
      for (let load = 1; load <= LOADS; load++) {
        const sql = sampleBlockSql(kind, { rows: ROWS, seed: load, fromUnixMs: START + load * 60_000, overMs: 60_000 });
        blocks.push((await engine.read({ sql, format: "Native" })).bytes);
      }
      const millions = (LOADS * ROWS) / 1e6;
      const tables = TABLES.filter(({ filledFrom }) => filledFrom === kind);
      // Each table by itself, merges stopped, so that their work is not counted as another's.
      for (const table of tables) {
        await engine.execute(`SYSTEM STOP MERGES ${table.name}`);
        let spent = 0;
        for (const [at, bytes] of blocks.entries()) {
          const block = await engine.stage(STAGED[kind], [bytes]);
          const before = cpu();
          await engine.insert(insertSql(table), block, { load: at + 1 });
          spent += cpu() - before;
          await block[Symbol.asyncDispose]();
        }
        await engine.execute(`SYSTEM START MERGES ${table.name}`);
        const before = cpu();
        await engine.execute(`OPTIMIZE TABLE ${table.name} FINAL`);
        const merged = cpu() - before;
        const [row] = await readRows(
          engine,
          "SELECT toString(sum(rows)), toString(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = currentDatabase() AND table = {table:String}",
          { table: table.name },
        );
        print({
          figure: "insert",
          table: table.name,
          insertCpuSecondsPerMillion: round(spent / millions),
          oneMergeCpuSecondsPerMillion: round(merged / millions),
          rowsPerSourceRow: round(Number(row[0]) / (LOADS * ROWS)),
          bytesPerSourceRow: round(Number(row[1]) / (LOADS * ROWS)),
        });
        await engine.execute(`TRUNCATE TABLE ${table.name}`);
      }
      // All tables of the signal as the loader fills them, merges running, until nothing is left to merge.
      const before = cpu();
      const started = performance.now();
      for (const [at, bytes] of blocks.entries())
        await insertLoad(engine, at + 1, [{ kind, parts: [bytes], dates: DATES }]);
      const inserted = cpu() - before;
      const seconds = (performance.now() - started) / 1000;
      await quiet(engine);
      print({
        figure: "load",
        kind,
        insertCpuSecondsPerMillion: round(inserted / millions),
        settledCpuSecondsPerMillion: round((cpu() - before) / millions),
        millisecondsPerLoad: Math.round((seconds * 1000) / LOADS),
        residentMegabytes: Math.round((engine.status().residentBytes ?? 0) / 1e6),
      });
      for (const { name } of tables) await engine.execute(`TRUNCATE TABLE ${name}`);
    }
  } finally {
    await engine[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Resolves when no merge has run for two seconds. */
export async function quiet(engine) {
  for (let still = 0; still < 20; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [row] = await readRows(engine, "SELECT toString(count()) FROM system.merges");
    still = row[0] === "0" ? still + 1 : 0;
  }
}

const round = (value) => Math.round(value * 100) / 100;
