import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backup, isRestoreUnfinished, restore } from "./backup.ts";
import { eraseTenant, eraseTrace } from "./erase.ts";
import { finishLoad, insertLoad, type LoadBlock, missingFrom } from "./load.ts";
import { dropExpired, dropOldest, readDays } from "./retention.ts";
import { readRows } from "./rows.ts";
import { migrate } from "./schema/migrate.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";
import { TABLES } from "./schema/tables.ts";
import { sampleBlockSql } from "./staged-sample.ts";
import { openTestEngine, type TestEngine } from "./test-engine.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 5);
const KINDS = Object.keys(STAGED) as StagedKind[];
const day = (number: number): string => new Date(START_MS + number * DAY_MS).toISOString().slice(0, 10);

let engine: TestEngine;
beforeEach(async () => {
  engine = await openTestEngine({ onStart: [async (early) => void (await migrate(early))] });
});
afterEach(async () => {
  await engine[Symbol.asyncDispose]();
});

async function blocks(tenants: readonly string[], seed: number, days = 3, kinds = KINDS): Promise<LoadBlock[]> {
  const all: LoadBlock[] = [];
  for (const kind of kinds) {
    const parts: Uint8Array[] = [];
    for (const tenant of tenants) {
      const sql = sampleBlockSql(kind, {
        rows: 300 * days,
        seed,
        fromUnixMs: START_MS,
        overMs: days * DAY_MS - 1,
        tenant,
      });
      parts.push((await engine.read({ sql, format: "Native" })).bytes);
    }
    all.push({ kind, parts, dates: Array.from({ length: days }, (_, number) => day(number)) });
  }
  return all;
}

async function one(sql: string): Promise<unknown> {
  return (await readRows<unknown[]>(engine, sql))[0]?.[0];
}

/** A fingerprint of all that a condition picks, of every table: equal when the rows are. */
async function fingerprint(where: string): Promise<Record<string, unknown>> {
  const prints: Record<string, unknown> = {};
  for (const { name, columns, engine: kind } of TABLES) {
    const values = columns
      .map((column) => (column.name === "services" ? "arraySort(services)" : `toString(\`${column.name}\`)`))
      .join(", ");
    const from = kind === "MergeTree" ? name : `${name} FINAL`;
    prints[name] = await readRows(
      engine,
      `SELECT count(), groupBitXor(cityHash64(${values})) FROM ${from} WHERE ${where}`,
    );
  }
  return prints;
}

describe("retention", () => {
  it("drops days by age, and a tenant's rows by the tenant's own age", async () => {
    await insertLoad(engine, 1, await blocks(["short", "usual", "long"], 1, 6, ["spans", "logs", "points"]));
    const policy = {
      maxAgeMs: { traces: 3 * DAY_MS, logs: 100 * DAY_MS, metrics: 3 * DAY_MS },
      tenants: new Map([
        ["short", { traces: 1 * DAY_MS }],
        ["long", { traces: 5 * DAY_MS, metrics: 5 * DAY_MS }],
      ]),
    };
    const now = START_MS + 6 * DAY_MS + 1000;
    const dropped = await dropExpired(engine, policy, now);
    const daysOf = async (table: string, tenant: string): Promise<unknown> =>
      one(
        `SELECT uniqExact(toDate(${table === "traces" ? "start_time" : "time"})) FROM ${table} WHERE tenant = '${tenant}'`,
      );
    const left: Record<string, unknown> = {};
    for (const table of ["traces", "span_stats", "points", "logs"])
      left[table] = [await daysOf(table, "short"), await daysOf(table, "usual"), await daysOf(table, "long")];
    // Six days, the last ended a second ago: a day has an age of 0, 1, … 5 days.
    expect(left).toEqual({
      traces: ["1", "3", "5"],
      span_stats: ["1", "3", "5"],
      points: ["3", "3", "5"],
      logs: ["6", "6", "6"],
    });
    expect(dropped.filter(({ table, tenants }) => table === "spans" && tenants === undefined)).toMatchObject([
      { date: day(0), rows: expect.any(Number) as number },
    ]);
    expect(await dropExpired(engine, policy, now)).toEqual([]);
  });

  it("drops the oldest days until the rest is within the budget, never the newest", async () => {
    await insertLoad(engine, 1, await blocks(["t"], 1, 4));
    const total = (await readDays(engine)).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(await dropOldest(engine, total)).toEqual([]);
    const dropped = await dropOldest(engine, total * 0.6);
    expect(new Set(dropped.map(({ date }) => date))).toEqual(new Set([day(0), day(1)]));
    expect(new Set(dropped.map(({ table }) => table)).size).toBe(TABLES.length);
    await dropOldest(engine, 0);
    expect(new Set((await readDays(engine)).map(({ date }) => date))).toEqual(new Set([day(3)]));
  });
});

describe("erasing", () => {
  it("a tenant leaves nothing of it and all of the others", async () => {
    await insertLoad(engine, 1, await blocks(["gone", "kept"], 1));
    await insertLoad(engine, 2, await blocks(["kept", "gone"], 2));
    const before = await fingerprint("tenant = 'kept'");
    const erased = await eraseTenant(engine, "gone");
    expect(erased.rows).toBeGreaterThanOrEqual(2 * (KINDS.length - 1) * 900);
    for (const { name } of TABLES)
      expect([name, await one(`SELECT count() FROM ${name} WHERE tenant = 'gone'`)]).toEqual([name, "0"]);
    expect(await fingerprint("tenant = 'kept'")).toEqual(before);
    expect(await eraseTenant(engine, "gone")).toEqual({ rows: 0, rebuilt: [] });
  });

  it("a trace leaves the summaries as if it had never been", async () => {
    await insertLoad(engine, 1, await blocks(["a", "b"], 1));
    const trace = (await one(
      "SELECT trace_id FROM spans WHERE tenant = 'a' AND start_time > '2026-01-06 01:00:00' LIMIT 1",
    )) as string;
    const wanted = async (): Promise<unknown> => [
      await readRows(
        engine,
        "SELECT tenant, sum(count), sum(error_count), sum(duration_sum_nano), sumMap(duration_buckets) FROM span_stats GROUP BY tenant ORDER BY tenant",
      ),
      await readRows(
        engine,
        "SELECT tenant, sum(span_count), count(), groupBitXor(cityHash64(trace_id, start_time, end_time, arraySort(services), root)) FROM (SELECT * FROM traces FINAL) GROUP BY tenant ORDER BY tenant",
      ),
      await readRows(
        engine,
        "SELECT tenant, count(), groupBitXor(edge_id) FROM (SELECT * FROM service_edges FINAL) GROUP BY tenant ORDER BY tenant",
      ),
      await readRows(engine, "SELECT tenant, sum(count) FROM log_stats GROUP BY tenant ORDER BY tenant"),
    ];
    const erased = await eraseTrace(engine, "a", trace);
    expect(erased.rows).toBeGreaterThanOrEqual(8);
    const got = await wanted();
    for (const table of ["spans", "logs", "traces", "exemplars"])
      expect([table, await one(`SELECT count() FROM ${table} WHERE tenant = 'a' AND trace_id = '${trace}'`)]).toEqual([
        table,
        "0",
      ]);
    // The same rows loaded without that trace give the same summaries.
    const without: LoadBlock[] = [];
    for (const { kind, dates } of await blocks(["a", "b"], 1, 3, ["spans", "logs"])) {
      const parts: Uint8Array[] = [];
      for (const tenant of ["a", "b"]) {
        const sql = sampleBlockSql(kind, { rows: 900, seed: 1, fromUnixMs: START_MS, overMs: 3 * DAY_MS - 1, tenant });
        parts.push(
          (
            await engine.read({
              sql: `SELECT * FROM (${sql}) WHERE NOT (tenant = 'a' AND trace_id = '${trace}')`,
              format: "Native",
            })
          ).bytes,
        );
      }
      without.push({ kind, parts, dates });
    }
    for (const { name } of TABLES) await engine.execute(`TRUNCATE TABLE ${name}`);
    await insertLoad(engine, 1, without);
    expect(got).toEqual(await wanted());
  });

  it("a trace while a load is half there keeps that load to be finished", async () => {
    await insertLoad(engine, 1, await blocks(["a", "b"], 1, 1, ["spans"]));
    const [next] = (await blocks(["a", "b"], 2, 1, ["spans"])) as [LoadBlock];
    await insertLoad(engine, 2, [next]);
    for (const table of ["traces", "span_stats", "service_edges"]) {
      await engine.execute(`ALTER TABLE ${table} DELETE WHERE load = 2 SETTINGS mutations_sync = 2`);
    }
    const trace = (await one("SELECT trace_id FROM spans WHERE tenant = 'a' AND load = 1 LIMIT 1")) as string;
    await eraseTrace(engine, "a", trace);
    expect((await missingFrom(engine, 2, [next])).map(({ table }) => table)).toEqual([
      "traces",
      "span_stats",
      "service_edges",
    ]);
    await finishLoad(engine, 2, [next]);
    expect(await one("SELECT sum(span_count) FROM traces")).toBe(await one("SELECT count() FROM spans"));
    expect(await one("SELECT sum(count) FROM span_stats")).toBe(await one("SELECT count() FROM spans"));
  });
});

describe("backup", () => {
  let other: string;
  beforeEach(() => {
    other = mkdtempSync(join(tmpdir(), "traceo-restore-"));
  });
  afterEach(() => {
    rmSync(other, { recursive: true, force: true });
  });

  it("is restored into an empty directory, row for row, and loading goes on", async () => {
    await insertLoad(engine, 1, await blocks(["t"], 1));
    await insertLoad(engine, 2, await blocks(["t"], 2));
    const before = await fingerprint("1");
    const path = join(engine.dataDir, "backup", "one");
    let paused = false;
    const report = await backup(engine, path, async () => {
      paused = true;
    });
    expect(paused).toBe(true);
    expect(report.sizeBytes).toBeGreaterThan(10_000);
    await expect(backup(engine, path)).rejects.toMatchObject({ code: "conflict" });
    await expect(restore(engine, path)).rejects.toMatchObject({ code: "conflict" });

    const source = engine;
    engine = await openTestEngine({ dataDir: other, backupDir: join(source.dataDir, "backup") });
    try {
      // As a restore that was cut off leaves it.
      await engine.execute("CREATE DATABASE traceo_restoring");
      await engine.execute("CREATE TABLE spans (half UInt8) ENGINE = MergeTree ORDER BY half AS SELECT 1 AS half");
      expect(await isRestoreUnfinished(engine)).toBe(true);
      await expect(migrate(engine)).rejects.toMatchObject({ code: "corrupt" });
      await restore(engine, path);
      expect(await isRestoreUnfinished(engine)).toBe(false);
      expect(await migrate(engine)).toMatchObject({ from: 1, to: 1 });
      expect(await fingerprint("1")).toEqual(before);
      expect(await one("SELECT count() FROM samples WHERE attributes['k'] = '3'")).not.toBe("0");
      await insertLoad(engine, 3, await blocks(["t"], 3));
      expect(await one("SELECT uniqExact(load) FROM spans")).toBe("3");
    } finally {
      await engine[Symbol.asyncDispose]();
      engine = source;
    }
    expect(existsSync(path)).toBe(true);
  }, 60_000);
});
