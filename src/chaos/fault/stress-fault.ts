import { type ChildProcess, spawn } from "node:child_process";
import { access } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "#runtime/failure.ts";
import { listProcesses, type ProcessEntry } from "../process/process-table.ts";
import type { CpuFault, Fault, FaultHandler, MemoryFault } from "./fault.ts";

/**
 * Workers that the injector starts. Each ends when its standard input does (the injector died) and at the fault's deadline,
 * and carries the fault's id on its command line, by which a replay finds it.
 */
const marker = (fault: Fault): string => `traceo-chaos-fault=${fault.id}`;

export const cpuFault: FaultHandler = {
  inject: async (fault, signal) => {
    const { cpus, loadPercent } = fault.spec as CpuFault;
    const taskset = await findProgram("taskset");
    await Promise.all(
      cpus.map((cpu) =>
        startWorker(fault, signal, {
          prefix: taskset === undefined ? [] : [taskset, "-c", String(cpu)],
          script: "../process/cpu-worker.ts",
          args: [String(loadPercent)],
        }),
      ),
    );
  },
  remove: removeWorkers,
  isInjected: async (fault) => (await workersOf(fault)).length >= (fault.spec as CpuFault).cpus.length,
  isRemoved: async (fault) => (await workersOf(fault)).length === 0,
};

export const memoryFault: FaultHandler = {
  inject: async (fault, signal) => {
    const { bytes, reserveBytes } = fault.spec as MemoryFault;
    await startWorker(fault, signal, {
      prefix: [],
      script: "../process/memory-worker.ts",
      args: [String(bytes), String(reserveBytes)],
    });
  },
  remove: removeWorkers,
  isInjected: async (fault) => (await workersOf(fault)).length > 0,
  isRemoved: async (fault) => (await workersOf(fault)).length === 0,
};

/** The CPUs that this process may run on. */
export async function allowedCpus(readText: (path: string) => Promise<string>): Promise<readonly number[]> {
  if (process.platform !== "linux") return Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(await readText("/proc/self/status"))?.[1] ?? "0";
  return parseCpuList(list);
}

/** `0-2,5`. */
export function parseCpuList(list: string): readonly number[] {
  return list.split(",").flatMap((range) => {
    const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(range.trim());
    if (match === null) throw new Failure("bad-request", `cpus: ${list} is no list like 0-2,5`);
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
  });
}

async function workersOf(fault: Fault): Promise<readonly ProcessEntry[]> {
  return (await listProcesses()).filter(
    ({ command, isZombie }) => !isZombie && command.split(" ").includes(marker(fault)),
  );
}

async function removeWorkers(fault: Fault): Promise<void> {
  for (const { pid } of await workersOf(fault)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

interface WorkerStart {
  readonly prefix: readonly string[];
  readonly script: string;
  readonly args: readonly string[];
}

/** Resolves when it says that it is at work. */
async function startWorker(fault: Fault, signal: AbortSignal, { prefix, script, args }: WorkerStart): Promise<void> {
  const path = fileURLToPath(new URL(script.replace(/\.ts$/, ".js"), import.meta.url));
  const [program, ...rest] = [...prefix, process.execPath, path, marker(fault), String(fault.deadlineMs), ...args];
  const child: ChildProcess = spawn(program!, rest, { stdio: ["pipe", "pipe", "inherit"], signal });
  child.stdin?.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, how) => reject(new Error(`a stress worker ended with ${how ?? code}`)));
    child.stdout?.once("data", () => {
      child.off("error", reject);
      child.on("error", () => undefined);
      resolve();
    });
  });
}

async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return undefined;
}
