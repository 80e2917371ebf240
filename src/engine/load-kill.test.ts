import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import type { Engine } from "./engine.ts";
import { finishLoad, insertLoad, type LoadBlock } from "./load.ts";
import { readRows } from "./rows.ts";
import { recipeSql } from "./schema/ddl.ts";
import { migrate } from "./schema/migrate.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";
import { TABLES, type Table } from "./schema/tables.ts";
import { sampleBlockSql } from "./staged-sample.ts";
import { openTestEngine } from "./test-engine.ts";

/**
 * Exactly once, whatever kills the engine: at random moments, and (where strace is) before its renames (every one with
 * TRACEO_TORTURE_ROUNDS, a sample otherwise) and at sampled writes, syncs, opens and directories made. What is compared is every row's id and every summary, not counts.
 */
const ROUNDS = Number(process.env["TRACEO_TORTURE_ROUNDS"] ?? 5);
const IS_TORTURE = process.env["TRACEO_TORTURE_ROUNDS"] !== undefined;
const DAYS = 2;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const DATES = Array.from({ length: DAYS }, (_, day) => new Date(START_MS + day * DAY_MS).toISOString().slice(0, 10));
const KINDS: readonly StagedKind[] = ["spans", "logs", "points"];
const ROWS = 5_000;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "traceo-kill-"));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

function sample(kind: StagedKind, load: number): string {
  return sampleBlockSql(kind, { rows: ROWS, seed: load, fromUnixMs: START_MS, overMs: DAYS * DAY_MS - 1 });
}

async function blocksOf(engine: Engine, load: number): Promise<LoadBlock[]> {
  const blocks: LoadBlock[] = [];
  for (const kind of KINDS) {
    const { bytes } = await engine.read({ sql: sample(kind, load), format: "Native" });
    blocks.push({ kind, parts: [bytes], dates: DATES });
  }
  return blocks;
}

/** What the loader does: insert, and after any failure wait, ask, insert what is missing. Answers how often it failed. */
async function loadSurely(engine: Engine, load: number, blocks: readonly LoadBlock[]): Promise<number> {
  let attempts = 0;
  for (;;) {
    try {
      await engine.whenReady();
      if (attempts === 0) await insertLoad(engine, load, blocks);
      else await finishLoad(engine, load, blocks);
      await engine.sync();
      return attempts;
    } catch (error) {
      if (!isFailure(error)) throw error;
      attempts++;
    }
  }
}

/** Rows of a summary as they are when all is merged. */
function merged(table: Table, from: string): string {
  const columns = table.columns.map(({ name, type }) => {
    const aggregate = /^SimpleAggregateFunction\((\w+),/.exec(type)?.[1];
    if (aggregate === undefined) return `\`${name}\``;
    const value = `${aggregate}(\`${name}\`)`;
    return `${aggregate === "groupUniqArrayArray" ? `arraySort(${value})` : value} AS merged_${name}`;
  });
  const keys = table.columns.filter(({ type }) => !type.startsWith("SimpleAggregateFunction"));
  return `SELECT ${columns.join(", ")} FROM ${from} GROUP BY ${keys.map(({ name }) => `\`${name}\``).join(", ")}`;
}

/** Rows that are there too often or not at all, in any table, if loads 1 to `loads` must be there once each. */
async function differences(engine: Engine, loads: number): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const kind of KINDS) {
    const rows = TABLES.find((table) => table.filledFrom === kind && table.summaryOf === undefined)!;
    const names = STAGED[kind].map(({ name }) => `\`${name}\``);
    const id = names.map((name) => `toString(${name})`).join(", ");
    for (let load = 1; load <= loads; load++) {
      const hashes = (from: string): string =>
        `SELECT cityHash64(${id}) AS hash, count() AS times FROM ${from} GROUP BY hash`;
      const there = hashes(`(SELECT ${names.join(", ")} FROM ${rows.name} WHERE load = ${load})`);
      const wanted = hashes(`(${sample(kind, load)})`);
      const [row] = await readRows<unknown[]>(
        engine,
        `SELECT (SELECT count() FROM (${there} EXCEPT ${wanted})), (SELECT count() FROM (${wanted} EXCEPT ${there}))`,
      );
      if (row?.[0] !== "0" || row[1] !== "0") wrong.push([rows.name, load, row]);
    }
    for (const summary of TABLES.filter(({ summaryOf }) => summaryOf === rows.name)) {
      const twin = `${summary.name}_expected`;
      await engine.execute(`CREATE OR REPLACE TABLE ${twin} AS ${summary.name} ENGINE = Memory`);
      const recipe = recipeSql(summary, "load", "1").replaceAll("{block}", rows.name);
      await engine.execute(`INSERT INTO ${twin} ${recipe}`);
      const [row] = await readRows<unknown[]>(
        engine,
        `SELECT (SELECT count() FROM (${merged(summary, summary.name)} EXCEPT ${merged(summary, twin)})),
          (SELECT count() FROM (${merged(summary, twin)} EXCEPT ${merged(summary, summary.name)}))`,
      );
      if (row?.[0] !== "0" || row[1] !== "0") wrong.push([summary.name, row]);
      await engine.execute(`DROP TABLE ${twin}`);
    }
  }
  return wrong;
}

/** A number in [0, 1) that follows from the round, so that a bad one can be had again. */
function chance(round: number): number {
  return ((round * 2_654_435_761) % 4_294_967_296) / 4_294_967_296;
}

describe("loading exactly once", () => {
  it(`survives ${ROUNDS} kills at random moments`, async () => {
    await using engine = await openTestEngine({ dataDir, onStart: [async (early) => void (await migrate(early))] });
    const started = performance.now();
    await loadSurely(engine, 1, await blocksOf(engine, 1));
    const usualMs = performance.now() - started;
    let failures = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const load = round + 1;
      const blocks = await blocksOf(engine, load);
      const timer = setTimeout(() => process.kill(engine.status().processId!, "SIGKILL"), chance(round) * usualMs);
      failures += await loadSurely(engine, load, blocks);
      clearTimeout(timer);
    }
    expect(failures).toBeGreaterThan(0);
    expect(await differences(engine, ROUNDS + 1)).toEqual([]);
  }, 600_000);

  it("notices a load that is half there or there twice", async () => {
    await using engine = await openTestEngine({ dataDir, onStart: [async (early) => void (await migrate(early))] });
    await loadSurely(engine, 1, await blocksOf(engine, 1));
    expect(await differences(engine, 1)).toEqual([]);
    await engine.execute(`ALTER TABLE traces DROP PARTITION '${DATES[0]}'`);
    await insertLoad(engine, 1, [(await blocksOf(engine, 1))[1]!]);
    expect(await differences(engine, 1)).toEqual([
      ["traces", ["0", expect.any(String)]],
      ["logs", 1, [String(ROWS), String(ROWS)]],
    ]);
  }, 600_000);

  const attach = straceProblem();
  describe.skipIf(attach !== undefined)(`under strace${attach === undefined ? "" : ` (${attach})`}`, () => {
    const renames = { calls: "rename,renameat,renameat2", step: IS_TORTURE ? 1 : 4, most: 60 };
    const sampled = [
      { calls: "write,pwrite64", step: 41, most: 2 },
      { calls: "fsync,fdatasync", step: 23, most: 2 },
      { calls: "openat", step: 67, most: 2 },
      { calls: "mkdir", step: 3, most: 2 },
    ];
    it.each([renames, ...sampled])(
      "survives a kill before its $calls",
      async ({ calls, step, most }) => {
        await using engine = await openTestEngine({ dataDir, onStart: [async (early) => void (await migrate(early))] });
        let load = 1;
        await loadSurely(engine, load, await blocksOf(engine, load));
        let kills = 0;
        for (let at = 1; at <= 1 + step * most; at += step) {
          load++;
          const blocks = await blocksOf(engine, load);
          const tracer = await traceKill(engine.status().processId!, calls, at);
          const failed = await loadSurely(engine, load, blocks);
          tracer.kill("SIGKILL");
          // The load makes fewer such calls than `at`: every one of them has had its turn.
          if (failed === 0) break;
          kills++;
        }
        expect(kills).toBeGreaterThan(0);
        expect(await differences(engine, load)).toEqual([]);
      },
      600_000,
    );
  });
});

/** Why strace cannot be used here; undefined if it can. */
function straceProblem(): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  const sleeper = spawn("sleep", ["60"], { stdio: "ignore" });
  const { error, status } = spawnSync("timeout", ["1", "strace", "-o", "/dev/null", "-p", String(sleeper.pid)]);
  sleeper.kill("SIGKILL");
  if (error !== undefined) return error.message;
  // 124: it was attached until the time was up.
  if (status === 124) return undefined;
  return status === 127 ? "strace is not installed" : "strace may not attach to processes";
}

/** Attaches to a process, all threads, and kills it before its `at`-th call of these from now on. */
async function traceKill(processId: number, calls: string, at: number): Promise<ChildProcess> {
  const tracer = spawn(
    "strace",
    [
      ...["-f", "-p", String(processId), "-o", "/dev/null"],
      ...["-e", `trace=${calls}`, "-e", `inject=${calls}:signal=SIGKILL:when=${at}`],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  tracer.stderr.setEncoding("utf8");
  let said = "";
  for (;;) {
    const [text] = (await once(tracer.stderr, "data")) as [string];
    said += text;
    if (said.includes("attached")) return tracer;
    if (/not permitted|cannot|No such/i.test(said)) throw new Error(said);
  }
}
