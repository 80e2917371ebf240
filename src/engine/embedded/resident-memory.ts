import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

export interface ProcessMemory {
  /** As `top` shows it: 200 MB of it are the engine's library, which the kernel can drop and read again. */
  readonly residentBytes: number;
  /** What the process holds for itself; the same where the system does not tell them apart. */
  readonly ownBytes: number;
}

/** Memory of a process, as the kernel counts it; undefined when it is gone. */
export async function memoryOf(processId: number): Promise<ProcessMemory | undefined> {
  try {
    if (process.platform === "linux") {
      const status = await readFile(`/proc/${processId}/status`, "utf8");
      const bytes = (name: string): number =>
        Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
      const residentBytes = bytes("VmRSS");
      const ownBytes = bytes("RssAnon");
      return Number.isNaN(residentBytes) ? undefined : { residentBytes, ownBytes };
    }
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(processId)]);
    const residentBytes = Number(stdout.trim()) * 1024;
    return { residentBytes, ownBytes: residentBytes };
  } catch {
    // The process ended between two looks; its exit is reported elsewhere.
    return undefined;
  }
}
