import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

/** Resident bytes of a process, as the kernel counts them; undefined when it is gone. */
export async function residentBytes(processId: number): Promise<number | undefined> {
  try {
    if (process.platform === "linux") {
      const status = await readFile(`/proc/${processId}/status`, "utf8");
      const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
      return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
    }
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(processId)]);
    return Number(stdout.trim()) * 1024;
  } catch {
    // The process ended between two looks; its exit is reported elsewhere.
    return undefined;
  }
}
