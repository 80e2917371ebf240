import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { allowedCpus } from "../fault/stress-fault.ts";

/**
 * Keeps all threads of this process on these CPUs. Answers how to undo it; undefined where the system has no `taskset`. Child
 * processes started meanwhile inherit it.
 */
export async function keepToCpus(cpus: readonly number[]): Promise<(() => Promise<void>) | undefined> {
  const before = await allowedCpus((path) => readFile(path, "utf8"));
  try {
    await pin(cpus);
  } catch {
    return undefined;
  }
  return async () => await pin(before);
}

async function pin(cpus: readonly number[]): Promise<void> {
  await promisify(execFile)("taskset", ["-a", "-c", "-p", cpus.join(","), String(process.pid)]);
}
