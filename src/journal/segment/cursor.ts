import { crc32c } from "@node-rs/crc32";
import type { Disk, DiskFile } from "#runtime/disk.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import type { LoadPlan } from "../journal.ts";

/** How far loading has come. */
export interface CursorState {
  /** Number of the last load that was planned. */
  readonly lastLoad: number;
  readonly completedSequence: number;
  /** Sum of acceptedCount of all completed records. */
  readonly completedAccepted: number;
  readonly openLoad: LoadPlan | undefined;
}

const NAME = "cursor";
const MAGIC = 0x31435254; // "TRC1"
const COPY_BYTES = 4096;
const COPIES = 2;
const SLOT_BYTES = COPY_BYTES * COPIES;
const MAX_SOURCE_BYTES = 1024;
const FIXED_BYTES = 72;

/**
 * The durable state of loading: a file of two slots, written in turn, so that a torn write leaves the state before it. Each
 * slot is two equal pages, so that one damaged page loses nothing. The newest whole page counts.
 *
 * A write or sync that failed is not trusted: the next one makes a new file and renames it over the old one.
 */
export class Cursor {
  readonly #disk: Disk;
  readonly #directory: string;
  #file: DiskFile;
  #version: number;
  #state: CursorState;
  #trusted = true;

  private constructor(disk: Disk, directory: string, file: DiskFile, version: number, state: CursorState) {
    this.#disk = disk;
    this.#directory = directory;
    this.#file = file;
    this.#version = version;
    this.#state = state;
  }

  get state(): CursorState {
    return this.#state;
  }

  /** `start`: what a new journal begins with; undefined where segments show that the journal is not new. */
  static async open(disk: Disk, directory: string, start: CursorState | undefined): Promise<Cursor> {
    await disk.remove(`${directory}/${NAME}.new`);
    let file: DiskFile;
    try {
      file = await disk.open(`${directory}/${NAME}`, "existing");
    } catch (error) {
      if (!isFailure(error, "not-found")) throw error;
      if (start === undefined) throw lost(`${directory}/${NAME}`, "is missing");
      return new Cursor(disk, directory, await create(disk, directory, 1, start), 1, start);
    }
    try {
      const bytes = Buffer.alloc(SLOT_BYTES * 2);
      const length = await file.read(bytes, 0);
      let newest: { version: number; state: CursorState } | undefined;
      for (let offset = 0; offset + COPY_BYTES <= length; offset += COPY_BYTES) {
        const found = decode(bytes.subarray(offset, offset + COPY_BYTES));
        if (found !== undefined && (newest === undefined || found.version > newest.version)) newest = found;
      }
      if (newest === undefined) throw lost(file.path, "is damaged");
      // Perhaps only in the page cache, if a sync failed before the last process ended: what is believed from now on must
      // be on the disk. The same bytes in the same place, so that a crash meanwhile harms nothing.
      const page = encode(newest.version, newest.state);
      await file.write([page, page], slotOffset(newest.version));
      await file.sync();
      return new Cursor(disk, directory, file, newest.version, newest.state);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves once the state is durable; if it throws, either state may be what a restart finds. */
  async write(state: CursorState): Promise<void> {
    const version = this.#version + 1;
    if (this.#trusted) {
      this.#trusted = false;
      const page = encode(version, state);
      await this.#file.write([page, page], slotOffset(version));
      await this.#file.sync();
      this.#trusted = true;
    } else {
      const file = await create(this.#disk, this.#directory, version, state);
      await this.#file.close();
      this.#file = file;
      this.#trusted = true;
    }
    this.#version = version;
    this.#state = state;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function slotOffset(version: number): number {
  return (version % 2) * SLOT_BYTES;
}

async function create(disk: Disk, directory: string, version: number, state: CursorState): Promise<DiskFile> {
  const temporary = `${directory}/${NAME}.new`;
  const file = await disk.open(temporary, "create");
  try {
    const page = encode(version, state);
    const bytes = Buffer.alloc(SLOT_BYTES * 2);
    for (let copy = 0; copy < COPIES; copy++) bytes.set(page, slotOffset(version) + copy * COPY_BYTES);
    await file.write([bytes], 0);
    await file.sync();
    await disk.rename(temporary, `${directory}/${NAME}`);
    await disk.syncDirectory(directory);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function lost(path: string, what: string): Failure {
  return new Failure("corrupt", `${path} ${what}: how far loading had come is not known.`, {
    remedy:
      "Without it, loading again could store records twice, so nothing is done. Restore the file, or move the journal's directory away: what was not yet loaded is then lost.",
  });
}

function encode(version: number, state: CursorState): Buffer {
  const page = Buffer.alloc(COPY_BYTES);
  const source = Buffer.from(state.openLoad?.source ?? "", "utf8");
  if (source.length > MAX_SOURCE_BYTES) throw new Error(`A source name of ${source.length} bytes is too long.`);
  page.writeUInt32LE(MAGIC, 4);
  page.writeBigUInt64LE(BigInt(version), 8);
  page.writeBigUInt64LE(BigInt(state.lastLoad), 16);
  page.writeBigUInt64LE(BigInt(state.completedSequence), 24);
  page.writeBigUInt64LE(BigInt(state.completedAccepted), 32);
  page.writeBigUInt64LE(BigInt(state.openLoad?.load ?? 0), 40);
  page.writeBigUInt64LE(BigInt(state.openLoad?.firstSequence ?? 0), 48);
  page.writeBigUInt64LE(BigInt(state.openLoad?.lastSequence ?? 0), 56);
  page.writeUInt32LE(source.length, 64);
  page.set(source, FIXED_BYTES);
  page.writeUInt32LE(crc32c(page.subarray(4)), 0);
  return page;
}

function decode(page: Buffer): { version: number; state: CursorState } | undefined {
  if (page.readUInt32LE(4) !== MAGIC || crc32c(page.subarray(4)) !== page.readUInt32LE(0)) return undefined;
  const number = (offset: number): number => Number(page.readBigUInt64LE(offset));
  const sourceLength = page.readUInt32LE(64);
  if (sourceLength > MAX_SOURCE_BYTES) return undefined;
  const load = number(40);
  return {
    version: number(8),
    state: {
      lastLoad: number(16),
      completedSequence: number(24),
      completedAccepted: number(32),
      openLoad:
        load === 0
          ? undefined
          : {
              load,
              firstSequence: number(48),
              lastSequence: number(56),
              source: sourceLength === 0 ? undefined : page.toString("utf8", FIXED_BYTES, FIXED_BYTES + sourceLength),
            },
    },
  };
}
