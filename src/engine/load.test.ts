import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { finishLoad, insertLoad, type LoadBlock, missingFrom, newestLoad } from "./load.ts";
import { readRows } from "./rows.ts";
import { insertSql } from "./schema/ddl.ts";
import { migrate } from "./schema/migrate.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";
import { TABLES } from "./schema/tables.ts";
import { sampleBlockSql } from "./staged-sample.ts";
import { openTestEngine, type TestEngine } from "./test-engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
  await migrate(engine);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);

/** A block whose rows are spread over `days` days. */
async function block(kind: StagedKind, seed: number, rows: number, days: number): Promise<LoadBlock> {
  const sql = sampleBlockSql(kind, { rows, seed, fromUnixMs: START_MS, overMs: days * DAY_MS - 1 });
  const { bytes } = await engine.read({ sql, format: "Native" });
  const dates = Array.from({ length: days }, (_, day) => new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10));
  return { kind, parts: [bytes], dates };
}

describe("loading", () => {
  it("fills every table from its kind, one part per partition", async () => {
    const kinds = Object.keys(STAGED) as StagedKind[];
    const blocks = await Promise.all(kinds.map((kind) => block(kind, 1, 3000, 2)));
    await insertLoad(engine, 1, blocks);
    for (const { name } of TABLES) {
      const rows = await readRows(
        engine,
        `SELECT uniqExact(_partition_id), uniqExact(_part), min(load), max(load) FROM ${name}`,
      );
      expect([name, rows]).toEqual([name, [["2", "2", "1", "1"]]]);
    }
    expect(await missingFrom(engine, 1, blocks)).toEqual([]);
    expect(await newestLoad(engine, kinds)).toBe(1);
  });

  it("says which tables and partitions lack a load, and inserts only those", async () => {
    const spans = await block("spans", 2, 4000, 3);
    const [first, second, third] = spans.dates as [string, string, string];
    const before = await readRows(engine, "SELECT count() FROM spans");
    // As a kill would leave it: all of the spans, a part of one summary, nothing of the rest.
    await using staged = await engine.stage(STAGED.spans, spans.parts);
    const [table, traces] = TABLES as readonly [(typeof TABLES)[number], (typeof TABLES)[number]];
    await engine.insert(insertSql(table), staged, { load: 2 });
    await engine.insert(insertSql(traces, `toDate(start_time) = '${second}'`), staged, { load: 2 });

    expect(await missingFrom(engine, 2, [spans])).toEqual([
      { table: "traces", dates: [first, third] },
      { table: "span_stats", dates: [first, second, third] },
      { table: "service_edges", dates: [first, second, third] },
    ]);
    await finishLoad(engine, 2, [spans]);
    expect(await missingFrom(engine, 2, [spans])).toEqual([]);
    await finishLoad(engine, 2, [spans]);

    expect(await readRows(engine, "SELECT count() FROM spans")).toEqual([[String(Number(before[0]![0]) + 4000)]]);
    const counted = await readRows(
      engine,
      `SELECT (SELECT sum(span_count) FROM traces WHERE load = 2), (SELECT sum(count) FROM span_stats WHERE load = 2),
        (SELECT count() FROM spans WHERE load = 2)`,
    );
    expect(counted).toEqual([["4000", "4000", "4000"]]);
  });

  it("waits for an insert that was left running before it asks what is missing", async () => {
    const points = await block("points", 5, 400_000, 1);
    await using staged = await engine.stage(STAGED.points, points.parts);
    const table = TABLES.find(({ name }) => name === "points")!;
    // Slow enough to be met running; nobody aborts it, as when only the answer was lost.
    const slow = insertSql(table, "sleepEachRow(0.000002) = 0");
    let ended = false;
    const left = engine.insert(slow, staged, { load: 5 }).finally(() => {
      ended = true;
    });
    const running = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'load into points'";
    while ((await readRows<[string]>(engine, running))[0]![0] === "0");
    expect(ended).toBe(false);
    expect(await finishLoad(engine, 5, [points])).toEqual([]);
    await left;
    expect(await readRows(engine, "SELECT count() FROM points WHERE load = 5")).toEqual([["400000"]]);
  });

  it("keeps a large load whole: one part per partition", async () => {
    const points = await block("points", 3, 1_500_000, 1);
    await insertLoad(engine, 3, [points]);
    expect(await readRows(engine, "SELECT uniqExact(_part), count() FROM points WHERE load = 3")).toEqual([
      ["1", "1500000"],
    ]);
  });

  it("loads more days than the engine takes in one INSERT", async () => {
    const wide = await block("logs", 4, 2000, 120);
    await insertLoad(engine, 4, [wide]);
    expect(await readRows(engine, "SELECT count(), uniqExact(toDate(time)) FROM logs WHERE load = 4")).toEqual([
      ["2000", "120"],
    ]);
    expect(await missingFrom(engine, 4, [wide])).toEqual([]);
  });
});
