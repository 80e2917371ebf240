import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import { finishLoad, insertLoad, type LoadBlock } from "./load.ts";
import { readRows } from "./rows.ts";
import { migrate } from "./schema/migrate.ts";
import { sampleBlockSql } from "./staged-sample.ts";
import { openTestEngine, type TestEngine } from "./test-engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
  await migrate(engine);
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

/** Holds 130 MB for two seconds. */
const HEAVY = "SELECT length(g), sleep(2) FROM (SELECT groupArray(number) AS g FROM numbers(10000000))";

/**
 * As the loader does it: after an error what is missing is inserted, until nothing is. Resolves with the attempts. That the
 * process is ended for what its allocator keeps (supervisor.ts) may happen here as it may in life.
 */
async function load(number: number, blocks: readonly LoadBlock[]): Promise<number> {
  for (let attempts = 1; ; attempts++) {
    try {
      if (attempts === 1) await insertLoad(engine, number, blocks);
      else await finishLoad(engine, number, blocks);
      return attempts;
    } catch (error) {
      if (attempts === 100 || !(isFailure(error, "query-limit") || isFailure(error, "engine-unavailable"))) throw error;
      await engine.whenReady();
    }
  }
}

describe("inserts under reads that want all of the memory", () => {
  it("go through, each once, and the reads are told", async () => {
    const rows = 20_000;
    const fromUnixMs = Date.UTC(2026, 0, 5, 10);
    const blocks: Uint8Array[] = [];
    for (let seed = 1; seed <= 4; seed++) {
      const sql = sampleBlockSql("spans", { rows, seed, fromUnixMs, overMs: 60_000 });
      blocks.push((await engine.read({ sql, format: "Native" })).bytes);
    }
    let stop = false;
    const ends: string[] = [];
    const reading = Array.from({ length: 6 }, async () => {
      while (!stop) {
        await engine.whenReady();
        ends.push(
          await engine.read({ sql: HEAVY, limits: { timeoutMs: 10_000 } }).then(
            () => "done",
            (error: { readonly code: string }) => error.code,
          ),
        );
      }
    });
    let attempts = 0;
    try {
      for (const [at, bytes] of blocks.entries())
        attempts += await load(at + 1, [{ kind: "spans", parts: [bytes], dates: ["2026-01-05"] }]);
    } finally {
      stop = true;
      await Promise.all(reading);
    }
    // Without a share of its own an INSERT may be tried for as long as there are reads.
    expect(attempts).toBeLessThan(blocks.length * 10);
    expect(ends).toContain("query-limit");
    const stored = [[String(rows * blocks.length)]];
    expect(await readRows(engine, "SELECT toString(count()) FROM spans")).toEqual(stored);
    expect(await readRows(engine, "SELECT toString(sum(span_count)) FROM traces")).toEqual(stored);
  }, 120_000);
});
