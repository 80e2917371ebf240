import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import type { Fault, FaultSpec, PauseFault } from "../fault/fault.ts";
import { findProcess, listProcesses } from "../process/process-table.ts";
import { type FaultRecords, openFaultRecords } from "./fault-records.ts";
import { INJECTION_STEPS, injectFault } from "./injection.ts";
import { INJECTOR_STEPS, type InjectorStep } from "./injector-message.ts";
import { replayUndo } from "./replay.ts";

/**
 * The promise: whoever is killed, whenever, nothing stays injected. The target is a process that gets paused; what is looked at
 * is whether it runs.
 */
let built: Compiled;
let directory: string;
let records: FaultRecords;
let target: ChildProcess;
const children: ChildProcess[] = [];

beforeAll(() => {
  built = compile([
    "chaos/injector/injector-worker.ts",
    "chaos/injector/crashing-parent.suite.ts",
    "chaos/process/cpu-worker.ts",
    "chaos/process/memory-worker.ts",
    "chaos/kubernetes/chaos-mesh.ts",
  ]);
});
afterAll(() => built[Symbol.dispose]());

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "traceo-chaos-"));
  records = await openFaultRecords(systemDisk, directory);
  target = spawn("sleep", ["1000"], { stdio: "ignore" });
});
afterEach(() => {
  for (const child of [target, ...children.splice(0)]) child.kill("SIGKILL");
  rmSync(directory, { recursive: true, force: true });
});

const worker = (): string => join(built.directory, "chaos/injector/injector-worker.js");

async function fault(spec?: FaultSpec, lifeMs = 600_000): Promise<Fault> {
  const found = (await findProcess({ pid: target.pid! }))!;
  const self = (await findProcess({ pid: process.pid }))!;
  return {
    id: randomBytes(6).toString("hex"),
    experiment: "crash",
    name: "pause",
    spec: spec ?? { type: "pause", processes: [found] },
    createdMs: Date.now(),
    deadlineMs: Date.now() + lifeMs,
    owner: self,
  };
}

const options = (): {
  records: FaultRecords;
  recordsDirectory: string;
  injectTimeoutMs: number;
  removeTimeoutMs: number;
  workerScript: string;
} => ({
  records,
  recordsDirectory: directory,
  injectTimeoutMs: 60_000,
  removeTimeoutMs: 60_000,
  workerScript: worker(),
});

async function isTargetStopped(): Promise<boolean> {
  const found = await findProcess({ pid: target.pid! });
  if (found === undefined) throw new Error("the target is gone");
  return found.isStopped;
}

/** Processes whose command line names the fault: its injector and its workers. */
const remains = async (id: string): Promise<number> =>
  (await listProcesses()).filter(
    ({ command, isZombie }) => !isZombie && command.includes(id) && command.includes("traceo-chaos"),
  ).length;

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

describe("a fault", () => {
  it("is there, is seen, and is gone after its removal, with its record", async () => {
    const given = await fault();
    const injection = await injectFault(given, options());
    expect(await isTargetStopped()).toBe(true);
    expect(await records.list()).toEqual([given]);
    await injection.remove();
    expect(await isTargetStopped()).toBe(false);
    expect(await records.list()).toEqual([]);
    expect(await remains(given.id)).toBe(0);
  });

  it("ends at its deadline by itself, and says so", async () => {
    const given = await fault(undefined, 1500);
    const injection = await injectFault(given, options());
    expect(await injection.endedEarly).toBe("deadline");
    expect(await isTargetStopped()).toBe(false);
    expect(await records.list()).toEqual([]);
  });

  it("ends when the experiment's process hangs: its heartbeat stops", async () => {
    const given = await fault();
    const parent = startParent({ fault: given, recordsDirectory: directory, idle: true });
    await until(isTargetStopped);
    parent.kill("SIGSTOP");
    await until(async () => (await records.list()).length === 0);
    expect(await isTargetStopped()).toBe(false);
  });

  it("is refused when it cannot be injected, and leaves no record", async () => {
    const spec: FaultSpec = { type: "down", api: `http://127.0.0.1:${await closedPort()}`, proxies: ["none"] };
    await expect(injectFault(await fault(spec), options())).rejects.toThrow(/No fault proxy answers at http:/);
    expect(await records.list()).toEqual([]);
  });

  it("of the CPU and of memory ends with its injector, even when that is killed", async () => {
    for (const spec of [
      { type: "cpu", loadPercent: 20, cpus: [0] },
      { type: "memory", bytes: 32 << 20, reserveBytes: 64 << 20 },
    ] as const) {
      const given = await fault(spec);
      const injection = await injectFault(given, options());
      expect(await remains(given.id)).toBeGreaterThan(1);
      process.kill(injection.injectorPid, "SIGKILL");
      expect(await injection.endedEarly).toMatch(/SIGKILL/);
      await until(async () => (await remains(given.id)) === 0);
      expect((await records.list()).map(({ id }) => id)).toEqual([given.id]);
      await injection.remove();
      expect(await records.list()).toEqual([]);
    }
  });
});

describe("when the injector is killed", () => {
  it.each(INJECTOR_STEPS)("at %s, the experiment's process removes the fault", async (holdAt) => {
    const given = await fault();
    const killed: number[] = [];
    const injecting = injectFault(given, {
      ...options(),
      holdAt,
      onHeld: (pid) => {
        killed.push(pid);
        process.kill(pid, "SIGKILL");
      },
    });
    const early: readonly InjectorStep[] = ["start", "before-inject", "after-inject"];
    if (early.includes(holdAt)) await expect(injecting).rejects.toThrow(/SIGKILL/);
    else await (await injecting).remove();
    expect(killed).toHaveLength(1);
    expect(await isTargetStopped()).toBe(false);
    expect(await records.list()).toEqual([]);
  });
});

describe("when the experiment's process is killed", () => {
  it.each(INJECTION_STEPS)("at %s, its injector ends the fault and a replay closes the record", async (dieAt) => {
    const given = await fault();
    const parent = startParent({ fault: given, recordsDirectory: directory, dieAt });
    await exited(parent);
    await until(async () => (await remains(given.id)) === 0);
    const { failed, underway } = await replayUndo(records, { removeTimeoutMs: 60_000, nowMs: Date.now });
    expect([failed, underway]).toEqual([[], []]);
    expect(await isTargetStopped()).toBe(false);
    expect(await records.list()).toEqual([]);
  });
});

describe("when both are killed", () => {
  it.each(INJECTOR_STEPS)(
    "with the injector at %s, a replay undoes the fault, and a second one does nothing",
    async (holdAt) => {
      const given = await fault();
      const parent = startParent({ fault: given, recordsDirectory: directory, holdAt });
      let injector: number | undefined;
      await until(async () => {
        injector = await heldBy(parent);
        return injector !== undefined;
      });
      // Stopped first, so that it cannot see the other's end.
      process.kill(injector!, "SIGSTOP");
      parent.kill("SIGKILL");
      await exited(parent);
      process.kill(injector!, "SIGKILL");
      await until(async () => (await remains(given.id)) === 0);
      if (holdAt === "after-inject" || holdAt === "before-remove") expect(await isTargetStopped()).toBe(true);
      const wasOpen = (await records.list()).length;
      expect(wasOpen).toBe(holdAt === "end" ? 0 : 1);
      const replay = await replayUndo(records, { removeTimeoutMs: 60_000, nowMs: Date.now });
      expect(replay.undone).toHaveLength(wasOpen);
      expect(await isTargetStopped()).toBe(false);
      expect(await replayUndo(records, { removeTimeoutMs: 60_000, nowMs: Date.now })).toEqual({
        undone: [],
        underway: [],
        failed: [],
      });
    },
  );
});

describe("a replay", () => {
  it("leaves a fault to its living experiment, unless forced", async () => {
    const given = await fault();
    const injection = await injectFault(given, options());
    const polite = await replayUndo(records, { removeTimeoutMs: 60_000, nowMs: Date.now });
    expect(polite.underway).toEqual([given]);
    expect(await isTargetStopped()).toBe(true);
    await replayUndo(records, { removeTimeoutMs: 60_000, nowMs: Date.now, force: true });
    expect(await isTargetStopped()).toBe(false);
    expect(await injection.endedEarly).toBe("record-gone");
  });

  it("leaves a process alone that only has the pid of the one that was paused", async () => {
    const given = await fault();
    const [identity] = (given.spec as PauseFault).processes;
    await records.write({
      ...given,
      owner: { pid: 1, started: "never" },
      spec: { type: "pause", processes: [{ ...identity!, started: "before" }] },
    });
    target.kill("SIGSTOP");
    await until(isTargetStopped);
    expect((await replayUndo(records, { removeTimeoutMs: 1000, nowMs: Date.now })).undone).toHaveLength(1);
    expect(await isTargetStopped()).toBe(true);
  });
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const heard = new WeakMap<ChildProcess, { text: string }>();

function startParent(order: object): ChildProcess {
  const parent = spawn(
    process.execPath,
    [join(built.directory, "chaos/injector/crashing-parent.suite.js"), JSON.stringify(order)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  children.push(parent);
  const said = { text: "" };
  heard.set(parent, said);
  parent.stdout!.setEncoding("utf8").on("data", (text: string) => {
    said.text += text;
  });
  return parent;
}

async function heldBy(parent: ChildProcess): Promise<number | undefined> {
  const match = /held (\d+)/.exec(heard.get(parent)?.text ?? "");
  return match === null ? undefined : Number(match[1]);
}

function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}
