/**
 * Disk access of everything that promises durability. Two implementations: the operating system's (`disk-system.ts`) and a
 * simulated one that tears writes, fails syncs, fills up and crashes with only synced data surviving (`disk-simulated.ts`).
 *
 * What callers may rely on, and no more:
 * - Written bytes survive a crash only after `sync` of their file resolved. Before that any part of them may.
 * - A created, renamed or removed name survives only after `syncDirectory` of its directory resolved.
 * - After a `sync` that failed, what was written since the last good one may be on disk or lost for good, even if a later
 *   `sync` of the same file succeeds: the kernel drops the pages' dirty mark when it reports the error. Write it elsewhere.
 * Errors: Failure "disk-full" when there is no space (part of the bytes may have been written), "not-found" for a missing
 * file, "data-in-use" from `lock`; everything else as the system reports it.
 */
export interface Disk {
  /** Makes the directory and its missing parents. */
  makeDirectory(path: string): Promise<void>;
  /** Names of the entries; order is not defined. */
  list(directory: string): Promise<readonly string[]>;
  /** `create` makes the file or empties the one that is there. */
  open(path: string, mode: "create" | "existing"): Promise<DiskFile>;
  /** Replaces `to` atomically if it exists. */
  rename(from: string, to: string): Promise<void>;
  /** No error if it is not there. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes an unprivileged program may still write to the file system of `path`. */
  freeBytes(path: string): Promise<number>;
  /** Takes the directory for this process until disposed or the process ends, however it ends. */
  lock(directory: string): Promise<AsyncDisposable>;
}

export interface DiskFile extends AsyncDisposable {
  readonly path: string;
  size(): Promise<number>;
  /** Fills `into` from `position` on; returns how many bytes there were (fewer only at the end of the file). */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all parts one after the other, or throws. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes the contents and the size durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
