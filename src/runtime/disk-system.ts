import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from "node:fs/promises";
import type { Disk, DiskFile } from "./disk.ts";
import { lockDirectory } from "./disk-lock.ts";
import { Failure } from "./failure.ts";

/** The operating system's disk. */
export const systemDisk: Disk = {
  makeDirectory: (path) => translate(path, async () => void (await mkdir(path, { recursive: true }))),
  list: (directory) => translate(directory, () => readdir(directory)),
  open: (path, mode) =>
    translate(path, async () => new SystemFile(path, await open(path, mode === "create" ? "w+" : "r+"))),
  rename: (from, to) => translate(from, () => rename(from, to)),
  remove: (path) => translate(path, () => rm(path, { force: true })),
  syncDirectory: (path) =>
    translate(path, async () => {
      const handle = await open(path, "r");
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  freeBytes: (path) =>
    translate(path, async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    }),
  lock: (directory) => lockDirectory(directory),
};

class SystemFile implements DiskFile {
  readonly path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return translate(this.path, async () => {
      let filled = 0;
      while (filled < into.length) {
        const { bytesRead } = await this.#handle.read(into, filled, into.length - filled, position + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      return filled;
    });
  }

  write(parts: readonly Uint8Array[], position: number): Promise<void> {
    return translate(this.path, async () => {
      let rest = parts;
      let at = position;
      while (rest.length > 0) {
        const { bytesWritten } = await this.#handle.writev([...rest], at);
        at += bytesWritten;
        rest = after(rest, bytesWritten);
      }
    });
  }

  sync(): Promise<void> {
    return translate(this.path, () => this.#handle.datasync());
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What is left of `parts` once `written` bytes are: a short write is not an error. */
function after(parts: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let skip = written;
  let index = 0;
  while (index < parts.length && skip >= parts[index]!.length) skip -= parts[index++]!.length;
  if (index === parts.length) return [];
  return skip === 0 ? parts.slice(index) : [parts[index]!.subarray(skip), ...parts.slice(index + 1)];
}

async function translate<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOSPC" || code === "EDQUOT")
      throw new Failure("disk-full", `No space left while writing ${path}.`, { cause: error, retryAfterSeconds: 10 });
    if (code === "ENOENT") throw new Failure("not-found", `${path} does not exist.`, { cause: error });
    throw error;
  }
}
