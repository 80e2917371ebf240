import { mkdirSync, rmSync, statfsSync } from "node:fs";
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
    const path = join(this.#roomFor(sizeBytes), `${this.#next++}.native`);
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
      const { bavail, bsize } = statfsSync(folder);
      return bavail * bsize > sizeBytes + this.#reserveBytes;
    });
    return roomy ?? this.#folders.at(-1)!;
  }

  close(): void {
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true });
  }
}
