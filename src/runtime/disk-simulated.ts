import type { Disk, DiskFile } from "./disk.ts";
import { Failure } from "./failure.ts";

/**
 * A disk in memory that keeps no more than `disk.ts` promises, and breaks when told to, decided by one seeded random source:
 * a seed replays a bad day.
 *
 *   file   view      what reads see: every write so far
 *          durable   what survives a crash: the view at the last good sync, and any sectors of later writes
 *   names  the same: a directory's entries survive as of its last sync, and any of the changes since
 *
 * A crash keeps each sector of an unsynced write or not, independently, so a write may be torn anywhere at SECTOR_BYTES. A
 * sync that fails keeps some sectors and forgets that the others were ever to be written, as Linux does.
 */
export interface SimulatedDiskOptions {
  /** A number from 0 to below 1. */
  readonly random: () => number;
  readonly capacityBytes?: number;
}

export const SECTOR_BYTES = 512;

interface PendingWrite {
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface Content {
  view: Uint8Array;
  durable: Uint8Array;
  pending: PendingWrite[];
}

type NameChange = { readonly name: string; readonly content: Content | undefined };

interface Directory {
  view: Map<string, Content>;
  durable: Map<string, Content>;
  changes: NameChange[];
}

export class SimulatedDisk {
  readonly #random: () => number;
  readonly #directories = new Map<string, Directory>();
  readonly #locks = new Set<string>();
  #epoch = 0;
  capacityBytes: number;
  /** Chance of a write or sync to fail with an I/O error. */
  writeFailures = 0;
  syncFailures = 0;
  /** Called before each write and sync; throwing or crashing here is a crash in the middle of things. */
  beforeOperation: ((what: "write" | "sync", path: string) => void) | undefined;

  constructor(options: SimulatedDiskOptions) {
    this.#random = options.random;
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
  }

  /** The machine loses power: open files and locks are gone, and so is what was not synced, except by chance. */
  crash(): void {
    this.#epoch++;
    this.#locks.clear();
    for (const directory of this.#directories.values()) {
      for (const { name, content } of directory.changes) {
        if (this.#random() < 0.5) break;
        setName(directory.durable, name, content);
      }
      directory.changes = [];
      directory.view = new Map(directory.durable);
      for (const content of directory.view.values()) {
        this.#surviveSome(content);
        content.view = content.durable.slice();
      }
    }
  }

  /** The disk as a new process sees it, until the next crash or kill. */
  attach(): Disk {
    const epoch = this.#epoch;
    const alive = <A extends unknown[], R>(action: (...given: A) => R): ((...given: A) => Promise<R>) => {
      return async (...given) => {
        this.check(epoch, undefined, "");
        return action(...given);
      };
    };
    return {
      makeDirectory: alive((path) => this.#makeDirectory(path)),
      list: alive((directory) => [...this.#directory(directory).view.keys()]),
      open: alive((path, mode) => this.#open(path, mode)),
      rename: alive((from, to) => this.#rename(from, to)),
      remove: alive((path) => this.#remove(path)),
      syncDirectory: alive((path) => this.#syncDirectory(path)),
      freeBytes: alive(() => Math.max(0, this.capacityBytes - this.usedBytes())),
      lock: alive((directory) => this.#lock(directory)),
    };
  }

  /** The process dies and the machine goes on: everything written is still there, synced or not. */
  kill(): void {
    this.#epoch++;
    this.#locks.clear();
  }

  /** Flips a bit that is on the disk. */
  damage(path: string, position: number): void {
    const content = this.#content(path);
    content.view[position]! ^= 0x10;
    content.durable[position]! ^= 0x10;
  }

  usedBytes(): number {
    let bytes = 0;
    for (const { view } of this.#directories.values())
      for (const content of view.values()) bytes += content.view.length;
    return bytes;
  }

  #makeDirectory(path: string): void {
    if (!this.#directories.has(path)) this.#directories.set(path, { view: new Map(), durable: new Map(), changes: [] });
  }

  #open(path: string, mode: "create" | "existing"): DiskFile {
    const { directory, name } = this.#split(path);
    let content = directory.view.get(name);
    if (mode === "existing") {
      if (content === undefined) throw new Failure("not-found", `${path} does not exist.`);
    } else {
      content = { view: new Uint8Array(0), durable: new Uint8Array(0), pending: [] };
      setName(directory.view, name, content);
      directory.changes.push({ name, content });
    }
    return new SimulatedFile(this, path, content, this.#epoch);
  }

  #rename(from: string, to: string): void {
    const source = this.#split(from);
    const target = this.#split(to);
    const content = source.directory.view.get(source.name);
    if (content === undefined) throw new Failure("not-found", `${from} does not exist.`);
    if (source.directory !== target.directory) throw new Error("a rename across directories");
    setName(source.directory.view, source.name, undefined);
    setName(target.directory.view, target.name, content);
    source.directory.changes.push({ name: target.name, content }, { name: source.name, content: undefined });
  }

  #remove(path: string): void {
    const { directory, name } = this.#split(path);
    if (!directory.view.delete(name)) return;
    directory.changes.push({ name, content: undefined });
  }

  #syncDirectory(path: string): void {
    const directory = this.#directory(path);
    directory.durable = new Map(directory.view);
    directory.changes = [];
  }

  #lock(directory: string): AsyncDisposable {
    if (this.#locks.has(directory)) throw new Failure("data-in-use", `Another process uses ${directory}.`);
    this.#locks.add(directory);
    const epoch = this.#epoch;
    return {
      [Symbol.asyncDispose]: async () => {
        if (epoch === this.#epoch) this.#locks.delete(directory);
      },
    };
  }

  /** For SimulatedFile: a handle from before a crash is dead. */
  check(epoch: number, what: "write" | "sync" | undefined, path: string): void {
    if (what !== undefined && epoch === this.#epoch) this.beforeOperation?.(what, path);
    if (epoch !== this.#epoch) throw new Error("the machine crashed");
  }

  write(content: Content, path: string, parts: readonly Uint8Array[], position: number): void {
    if (this.#random() < this.writeFailures) throw new Error(`EIO: ${path}`);
    let at = position;
    for (const part of parts) {
      const grows = Math.max(0, at + part.length - content.view.length);
      const room =
        grows === 0 ? part.length : part.length - Math.max(0, grows - (this.capacityBytes - this.usedBytes()));
      const bytes = part.slice(0, Math.max(0, room));
      content.view = applied(content.view, at, bytes);
      content.pending.push({ position: at, bytes });
      if (bytes.length < part.length)
        throw new Failure("disk-full", `No space left while writing ${path}.`, { retryAfterSeconds: 10 });
      at += part.length;
    }
  }

  sync(content: Content, path: string): void {
    if (this.#random() < this.syncFailures) {
      this.#surviveSome(content);
      throw new Error(`EIO: ${path}`);
    }
    for (const { position, bytes } of content.pending) content.durable = applied(content.durable, position, bytes);
    content.pending = [];
  }

  #surviveSome(content: Content): void {
    const all = this.#random() < 0.2;
    for (const { position, bytes } of content.pending) {
      for (let from = 0; from < bytes.length; ) {
        const sectorEnd = Math.floor((position + from) / SECTOR_BYTES + 1) * SECTOR_BYTES - position;
        const to = Math.min(bytes.length, sectorEnd);
        if (all || this.#random() < 0.5)
          content.durable = applied(content.durable, position + from, bytes.subarray(from, to));
        from = to;
      }
    }
    content.pending = [];
  }

  #content(path: string): Content {
    const { directory, name } = this.#split(path);
    const content = directory.view.get(name);
    if (content === undefined) throw new Failure("not-found", `${path} does not exist.`);
    return content;
  }

  #split(path: string): { readonly directory: Directory; readonly name: string } {
    const slash = path.lastIndexOf("/");
    return { directory: this.#directory(path.slice(0, slash)), name: path.slice(slash + 1) };
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw new Failure("not-found", `${path} does not exist.`);
    return directory;
  }
}

class SimulatedFile implements DiskFile {
  readonly path: string;
  readonly #disk: SimulatedDisk;
  readonly #content: Content;
  readonly #epoch: number;

  constructor(disk: SimulatedDisk, path: string, content: Content, epoch: number) {
    this.#disk = disk;
    this.path = path;
    this.#content = content;
    this.#epoch = epoch;
  }

  async size(): Promise<number> {
    this.#disk.check(this.#epoch, undefined, this.path);
    return this.#content.view.length;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    this.#disk.check(this.#epoch, undefined, this.path);
    const bytes = this.#content.view.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    this.#disk.check(this.#epoch, "write", this.path);
    this.#disk.write(this.#content, this.path, parts, position);
  }

  async sync(): Promise<void> {
    this.#disk.check(this.#epoch, "sync", this.path);
    this.#disk.sync(this.#content, this.path);
  }

  async close(): Promise<void> {}

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function applied(content: Uint8Array, position: number, bytes: Uint8Array): Uint8Array {
  let target = content;
  if (position + bytes.length > content.length) {
    target = new Uint8Array(position + bytes.length);
    target.set(content);
  }
  target.set(bytes, position);
  return target;
}

function setName(entries: Map<string, Content>, name: string, content: Content | undefined): void {
  if (content === undefined) entries.delete(name);
  else entries.set(name, content);
}
