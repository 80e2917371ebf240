import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, statSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "#runtime/failure.ts";

/**
 * Where staged blocks lie: in memory (/dev/shm) while it has room, which is 64 MB in many containers, else beside the data.
 * Both places are emptied at start; what a dead process left there is of no use to anybody.
 */
export class Staging {
  readonly #folders: readonly string[];
  readonly #reserveBytes: number;
  #next = 0;

  constructor(folders: readonly string[], reserveBytes = 16 << 20) {
    this.#folders = folders;
    this.#reserveBytes = reserveBytes;
    for (const folder of folders) {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  }

  /** Writes the parts one after the other into a new file. */
  async write(parts: readonly Uint8Array[]): Promise<{ path: string; sizeBytes: number }> {
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    const folder = this.#roomFor(sizeBytes);
    const path = join(folder, `${this.#next++}.native`);
    const file = await open(path, "wx", 0o600);
    try {
      for (const part of parts) await file.writeFile(part);
    } catch (error) {
      await rm(path, { force: true });
      if ((error as NodeJS.ErrnoException).code === "ENOSPC")
        throw new Failure("disk-full", `no room for a block of ${sizeBytes} bytes at ${path}`, { cause: error });
      throw error;
    } finally {
      await file.close();
    }
    return { path, sizeBytes };
  }

  #roomFor(sizeBytes: number): string {
    const roomy = this.#folders.find((folder) => {
      // Another process of ours may have swept a folder that lay empty for long.
      if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize > sizeBytes + this.#reserveBytes;
    });
    return roomy ?? this.#folders.at(-1)!;
  }

  /** Removes folders named like `prefix…` that nobody has written to for an hour: blocks live for seconds. */
  static sweep(parent: string, prefix: string, nowMs: number): void {
    for (const name of readdirSync(parent)) {
      const path = join(parent, name);
      if (name.startsWith(prefix) && nowMs - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? nowMs) > 3_600_000)
        rmSync(path, { recursive: true, force: true });
    }
  }

  close(): void {
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}
