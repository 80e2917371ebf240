import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import type { Engine } from "../engine.ts";
import { Readiness } from "../readiness.ts";
import { builtHostScript, openTestEngine } from "../test-engine.ts";
import { Supervisor } from "./supervisor.ts";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "traceo-supervisor-"));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true, force: true });
});

/** Resolves once the engine has restarted so often and is ready. */
async function restarted(engine: Engine, times: number): Promise<void> {
  while (engine.status().restarts < times) await new Promise((resolve) => setImmediate(resolve));
  await engine.whenReady();
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "no failure",
    (error: unknown) => (isFailure(error) ? error.code : `no Failure: ${String(error)}`),
  );
}

describe("supervision", () => {
  it("restarts the engine when a query outlives its kill", async () => {
    await using engine = await openTestEngine({ dataDir, killGraceMs: 300 });
    await engine.execute("CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a AS SELECT 1 AS a");
    const stuck = engine.read({
      sql: "SELECT sum(levenshteinDistance(repeat('a', 60000 + number), repeat('b', 60000))) FROM numbers(100)",
      limits: { timeoutMs: 100 },
    });
    expect(await failureOf(stuck)).toMatch(/^(query-timeout|engine-unavailable)$/);
    await restarted(engine, 1);
    expect(engine.status().lastFailure).toMatch(/a query outlived its kill: SELECT sum\(levenshteinDistance/);
    expect(Buffer.from((await engine.read({ sql: "SELECT a FROM kept", format: "TSV" })).bytes).toString()).toBe("1\n");
  }, 60_000);

  it("restarts the engine when it uses too much memory, and says so", async () => {
    await using engine = await openTestEngine({
      dataDir,
      ownMemoryLimitBytes: 10_000_000,
      watch: { everyMs: 20 },
    });
    while (engine.status().restarts < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(engine.status().lastFailure).toMatch(/used \d+ bytes of memory, over 10000000/);
  }, 60_000);

  it("restarts the engine when it counts far more memory than it has, and not for an honest count", async () => {
    const readiness = new Readiness();
    const counts = { of: 1e6, asked: 0 };
    await using supervisor = new Supervisor({
      readiness,
      hostScript: builtHostScript(),
      dataDir: join(dataDir, "clickhouse"),
      runRoot: join(dataDir, "run"),
      memoryLimitBytes: 400_000_000,
      ownMemoryLimitBytes: 1e9,
      killGraceMs: 1000,
      startTimeoutMs: 60_000,
      config: { database: "traceo", tables: [], views: [], backupDir: join(dataDir, "backup") },
      onUp: () => Promise.resolve(),
      onDown: () => undefined,
      probe: () => {
        counts.asked++;
        return Promise.resolve(counts.of);
      },
      watch: { everyMs: 10, probeEvery: 1 },
    });
    await supervisor.start();
    while (counts.asked < 10) await new Promise((resolve) => setImmediate(resolve));
    expect(readiness.restarts).toBe(0);
    counts.of = 350e6;
    while (readiness.restarts < 1) await new Promise((resolve) => setImmediate(resolve));
    expect(readiness.lastFailure).toMatch(/counted 350000000 bytes of memory as held and had \d+/);
  }, 60_000);

  it("restarts the engine when it does not answer any more", async () => {
    await using engine = await openTestEngine({
      dataDir,
      watch: { everyMs: 20, probeEvery: 1, probeTimeoutMs: 1_000 },
    });
    process.kill(engine.status().processId!, "SIGSTOP");
    await restarted(engine, 1);
    expect(engine.status().lastFailure).toMatch(/does not answer/);
  }, 60_000);

  it("tries again when a start hook fails, and calls every hook at every start", async () => {
    const calls: string[] = [];
    await using engine = await openTestEngine({
      dataDir,
      onStart: [
        async (early) => {
          await early.read({ sql: "SELECT 1" });
          calls.push("first");
          if (calls.length === 3) throw new Error("this hook fails once");
        },
        async () => {
          calls.push("second");
        },
      ],
    });
    expect(calls).toEqual(["first", "second"]);
    process.kill(engine.status().processId!, "SIGKILL");
    await restarted(engine, 2);
    expect(calls).toEqual(["first", "second", "first", "first", "second"]);
  }, 60_000);

  it("fails to open when a hook fails at the first start, and leaves no process behind", async () => {
    let processId: number | undefined;
    const opening = openTestEngine({
      dataDir,
      onStart: [
        async (early) => {
          processId = early.status().processId;
          throw new Error("no");
        },
      ],
    });
    await expect(opening).rejects.toThrow("no");
    while (isAlive(processId!)) await new Promise((resolve) => setImmediate(resolve));
  }, 60_000);

  it("refuses a directory that another process uses, and takes it when that process was killed", async () => {
    const first = await openTestEngine({ dataDir });
    const leftover = join(dataDir, "staged", "leftover.native");
    const second = openTestEngine({ dataDir, lockWaitMs: 200 });
    await expect(second).rejects.toMatchObject({
      code: "data-in-use",
      message: expect.stringContaining(`process ${first.status().processId}`) as string,
    });
    await first.read({ sql: "SELECT 1" });
    await first[Symbol.asyncDispose]();
    mkdirSync(join(dataDir, "staged"), { recursive: true });
    writeFileSync(leftover, "what a dead process left");
    await using third = await openTestEngine({ dataDir });
    expect(third.status().state).toBe("ready");
    expect(existsSync(leftover)).toBe(false);
    expect(readdirSync(join(dataDir, "clickhouse-run"))).toHaveLength(1);
  }, 60_000);

  it("says what keeps the engine from starting", async () => {
    const script = join(dataDir, "broken.mjs");
    writeFileSync(script, "console.error('the library is missing'); process.exit(3);");
    await expect(openTestEngine({ dataDir, hostScript: script })).rejects.toMatchObject({
      code: "engine-error",
      message: expect.stringMatching(/exit 3.*the library is missing/s) as string,
    });
  }, 60_000);

  it("dies with its parent, however that goes", async () => {
    const start = {
      type: "start",
      port: 0,
      dataDir: join(dataDir, "clickhouse"),
      configDir: join(dataDir, "run"),
      user: "u",
      password: "p",
      memoryLimitBytes: 400_000_000,
      killGraceMs: 1000,
      config: { database: "traceo", tables: [], views: [], backupDir: join(dataDir, "backup") },
    };
    const script = `const child = require("node:child_process").fork(${JSON.stringify(builtHostScript())}, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
      child.on("message", (report) => console.log(JSON.stringify({ ...report, processId: child.pid })));
      child.send(${JSON.stringify(start)});`;
    const parent = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface(parent.stdout), "line")) as [string];
    const report = JSON.parse(line) as { type: string; processId: number };
    expect(report.type).toBe("ready");
    expect(isAlive(report.processId)).toBe(true);
    parent.kill("SIGKILL");
    while (isAlive(report.processId)) await new Promise((resolve) => setImmediate(resolve));
    await using engine = await openTestEngine({ dataDir });
    expect(engine.status().state).toBe("ready");
  }, 60_000);
});
