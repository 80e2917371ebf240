// Fills a data directory with spans and log lines through the loader's own recipes, and says what is in it to ask for.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openEmbeddedEngine } from "../../dist/engine/embedded/embedded-engine.js";
import { finishLoad, insertLoad, newestLoad } from "../../dist/engine/load.js";
import { readRows } from "../../dist/engine/rows.js";
import { migrate } from "../../dist/engine/schema/migrate.js";
import { sampleBlockSql } from "../../dist/engine/staged-sample.js";

const ROWS = 65_536;
const DAY_MS = 86_400_000;
/** Blocks are made in the engine too, which the program never does: more memory than it is given there. */
const ROOM_TO_FILL = { memoryLimitBytes: 1_500_000_000, ownMemoryLimitBytes: 3_000_000_000 };

/**
 * `rows` spans and as many log lines, in the order of time over 24 hours. A directory that was filled before is used as it
 * is, and one whose filling was cut off is filled up; then the 24 hours are those before it was begun.
 */
export async function fillStore(dataDir, rows, print) {
  const notes = join(dataDir, "bench-query.json");
  let store = existsSync(notes) ? JSON.parse(readFileSync(notes, "utf8")) : undefined;
  if (store?.traces !== undefined) return store;
  if (store === undefined) {
    const toMs = Math.floor(Date.now() / 60_000) * 60_000;
    store = { fromMs: toMs - DAY_MS, toMs, loads: Math.ceil(rows / ROWS), rowsPerLoad: ROWS };
    writeFileSync(notes, JSON.stringify(store));
  }
  const { fromMs, loads } = store;
  const started = performance.now();
  const engine = await openEmbeddedEngine({ dataDir: join(dataDir, "engine"), ...ROOM_TO_FILL });
  try {
    await migrate(engine);
    const newest = await newestLoad(engine, ["spans", "logs"]);
    for (let load = Math.max(1, newest); load <= loads; load++) {
      const fromUnixMs = fromMs + Math.floor(((load - 1) * DAY_MS) / loads);
      const overMs = Math.floor(DAY_MS / loads);
      const dates = [
        ...new Set([fromUnixMs, fromUnixMs + overMs].map((ms) => new Date(ms).toISOString().slice(0, 10))),
      ];
      const blocks = await Promise.all(
        ["spans", "logs"].map(async (kind) => {
          const sql = sampleBlockSql(kind, { rows: ROWS, seed: load, fromUnixMs, overMs });
          return { kind, parts: [(await engine.read({ sql, format: "Native" })).bytes], dates };
        }),
      );
      await (load === newest ? finishLoad : insertLoad)(engine, load, blocks).catch((error) => {
        throw new Error(`load ${load}: ${engine.status().lastFailure ?? "the engine is up"}`, { cause: error });
      });
    }
    const insertSeconds = (performance.now() - started) / 1000;
    await merged(engine);
    const traces = await readRows(engine, "SELECT trace_id FROM traces ORDER BY cityHash64(trace_id) LIMIT 200");
    const parts = await readRows(
      engine,
      "SELECT table, toString(count()), toString(sum(rows)), toString(sum(bytes_on_disk)) FROM system.parts WHERE active AND database = currentDatabase() AND rows > 0 GROUP BY table ORDER BY table",
    );
    print({
      figure: "store",
      rows: loads * ROWS,
      insertSeconds: Math.round(insertSeconds),
      settledSeconds: Math.round((performance.now() - started) / 1000),
      tables: Object.fromEntries(
        parts.map(([table, count, of, bytes]) => [
          table,
          { parts: Number(count), rows: Number(of), megabytes: Math.round(Number(bytes) / 1e6) },
        ]),
      ),
    });
    store = { ...store, traces: traces.map(([id]) => id) };
    writeFileSync(notes, JSON.stringify(store));
    return store;
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

/** Resolves when no merge has run for two seconds, at most five minutes later. */
async function merged(engine) {
  for (let still = 0, waited = 0; still < 10 && waited < 1500; waited++) {
    await new Promise((resolve) => setTimeout(resolve, 200));
    const [row] = await readRows(engine, "SELECT toString(count()) FROM system.merges");
    still = row[0] === "0" ? still + 1 : 0;
  }
}
