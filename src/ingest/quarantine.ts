import { join } from "node:path";
import type { JournalEntry, SequencedRecord } from "#journal/journal.ts";
import { openRecordFile, type RecordFile, writeRecordFile } from "#journal/record-file.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import type { Disk } from "#runtime/disk.ts";
import { Failure, isFailure } from "#runtime/failure.ts";

/** A partition of a table that a load has rows for. */
export interface LoadPart {
  readonly table: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

/** What was put aside, and why. */
export interface QuarantineEntry {
  /** Also the file's name. */
  readonly name: string;
  readonly signal: Signal;
  readonly load: number;
  readonly reason: string;
  /** Records acknowledged and now counted as dropped. */
  readonly recordCount: number;
  readonly atUnixMs: number;
  /** Parts that the engine does not have; undefined for all. The others were stored before it refused. */
  readonly missing: readonly LoadPart[] | undefined;
}

const SUFFIX = ".quarantine";

/**
 * Files of records that could not be loaded: kept until somebody replays or removes them, listed by `doctor`. One file holds
 * what one load could not store.
 */
export class Quarantine {
  readonly #disk: Disk;
  readonly #directory: string;

  private constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  static async open(disk: Disk, directory: string): Promise<Quarantine> {
    await disk.makeDirectory(directory);
    return new Quarantine(disk, directory);
  }

  /** Durable when it resolves; a file of the same load and kind is replaced. */
  async put(
    entry: Omit<QuarantineEntry, "name">,
    kind: string,
    records: AsyncIterable<SequencedRecord>,
  ): Promise<string> {
    const name = `${entry.signal}-${entry.load}-${kind}`;
    await writeRecordFile(this.#disk, this.#path(name), JSON.stringify({ ...entry, name }), records);
    return name;
  }

  /** Puts a file's records aside once more, as what is still missing of them. */
  async update(entry: QuarantineEntry): Promise<void> {
    await using file = await openRecordFile(this.#disk, this.#path(entry.name));
    await writeRecordFile(this.#disk, this.#path(entry.name), JSON.stringify(entry), recordsOf(file.entries()));
  }

  /** Newest first. A damaged file is listed with what its name says. */
  async list(): Promise<readonly QuarantineEntry[]> {
    const names = (await this.#disk.list(this.#directory)).filter((name) => name.endsWith(SUFFIX));
    const entries: QuarantineEntry[] = [];
    for (const file of names) {
      const name = file.slice(0, -SUFFIX.length);
      const entry = await this.#entry(name);
      if (entry !== undefined) entries.push(entry);
    }
    return entries.sort((a, b) => b.atUnixMs - a.atUnixMs || (a.name < b.name ? -1 : 1));
  }

  /** Undefined if there is no such file. */
  async open(name: string): Promise<{ readonly entry: QuarantineEntry; readonly file: RecordFile } | undefined> {
    if (!/^[a-z0-9-]+$/.test(name)) return undefined;
    try {
      const file = await openRecordFile(this.#disk, this.#path(name));
      return { entry: parseEntry(file.text), file };
    } catch (error) {
      if (isFailure(error, "not-found")) return undefined;
      throw error;
    }
  }

  /** Durable when it resolves. */
  async remove(name: string): Promise<void> {
    await this.#disk.remove(this.#path(name));
    await this.#disk.syncDirectory(this.#directory);
  }

  async #entry(name: string): Promise<QuarantineEntry | undefined> {
    try {
      const opened = await this.open(name);
      await opened?.file[Symbol.asyncDispose]();
      return opened?.entry;
    } catch (error) {
      if (!isFailure(error, "corrupt")) throw error;
      const [signal = "", load = ""] = name.split("-");
      return {
        name,
        signal: SIGNALS.find((known) => known === signal) ?? "traces",
        load: Number(load),
        reason: error.message,
        recordCount: 0,
        atUnixMs: 0,
        missing: undefined,
      };
    }
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${SUFFIX}`);
  }
}

async function* recordsOf(entries: AsyncIterable<JournalEntry>): AsyncGenerator<SequencedRecord> {
  for await (const entry of entries) if (entry.kind === "record") yield entry.record;
}

function parseEntry(text: string): QuarantineEntry {
  const entry = JSON.parse(text) as QuarantineEntry;
  if (!SIGNALS.includes(entry.signal) || typeof entry.load !== "number" || typeof entry.recordCount !== "number")
    throw new Failure("corrupt", "A quarantine file says nothing that this version understands.");
  return entry;
}
