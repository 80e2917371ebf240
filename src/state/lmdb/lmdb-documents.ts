/**
 * Documents in an LMDB environment of their own (`documents.mdb`), copy-on-write: a crash leaves the last commit.
 *
 *   ["document", tenant, kind, id] → { version, text }     text: see encodeDraft
 *   ["totals", tenant, kind]       → { count, bytes }
 *   ["version"]                    → the last version given out
 *
 * A write looks, compares and writes in one transaction, of which there is one at a time, also among processes. Commits are
 * synchronised with the disk before they count (no overlapping sync).
 */
import { mkdir, open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { describeError, Failure, isFailure } from "#runtime/failure.ts";
import {
  checkKey,
  checkRoom,
  checkVersion,
  type Document,
  type DocumentDraft,
  type DocumentKey,
  type Documents,
  type DocumentTotals,
  encodeDraft,
} from "../documents.ts";

interface Kept {
  readonly version: number;
  readonly text: string;
}

type Database = RootDatabase<Kept | DocumentTotals | number, string[]>;

const VERSION = ["version"];
const MAP_BYTES = 2 ** 30;
const ENOSPC = 28;
const MDB_MAP_FULL = -30792;

export interface LmdbDocumentsOptions {
  /** Made if it is missing. */
  readonly directory: string;
}

/** Throws "corrupt" when the files cannot be opened, "disk-full" when a write has no room. */
export async function openLmdbDocuments({ directory }: LmdbDocumentsOptions): Promise<Documents> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "documents.mdb");
  await checkHeader(path);
  const database = openDatabase(path);
  const find = (key: DocumentKey): Kept | undefined => database.get(nameOf(key)) as Kept | undefined;

  /** Within a transaction: `found` goes, `sizeBytes` comes. Throws "too-large" before it writes. */
  function account({ tenant, kind }: DocumentKey, found: Kept | undefined, sizeBytes: number | undefined): void {
    const name = ["totals", tenant, kind];
    const before = (database.get(name) as DocumentTotals | undefined) ?? { count: 0, bytes: 0 };
    const after = {
      count: before.count - (found === undefined ? 0 : 1) + (sizeBytes === undefined ? 0 : 1),
      bytes: before.bytes - (found === undefined ? 0 : Buffer.byteLength(found.text)) + (sizeBytes ?? 0),
    };
    checkRoom(kind, before, after);
    database.put(name, after);
  }

  /** One transaction: `change` looks and writes; a Failure it throws, before it has written anything, is thrown on. */
  async function commit<T>(change: () => T): Promise<T> {
    try {
      // A refusal has written nothing and is handed out, so that it cannot disturb other writes of the same batch.
      const outcome = await database.transaction((): { value: T } | { failure: unknown } => {
        try {
          return { value: change() };
        } catch (failure) {
          return { failure };
        }
      });
      if ("failure" in outcome) throw outcome.failure;
      await database.flushed;
      return outcome.value;
    } catch (error) {
      throw translate(error, path);
    }
  }

  return {
    async get(key) {
      checkKey(key);
      const kept = find(key);
      return kept === undefined ? undefined : read(key, kept, path);
    },
    async list(tenant, kind) {
      const range = { start: ["document", tenant, kind, ""], end: ["document", tenant, kind, "\uffff"] };
      return [...database.getRange(range)].map(({ key, value }) =>
        read({ tenant, kind, id: key[3]! }, value as Kept, path),
      );
    },
    async put({ tenant, kind, id }, draft, expected) {
      const key = { tenant, kind, id };
      checkKey(key);
      const text = encodeDraft(draft);
      const kept = await commit((): Kept => {
        const found = find(key);
        checkVersion(key, found?.version, expected);
        account(key, found, Buffer.byteLength(text));
        const version = ((database.get(VERSION) as number | undefined) ?? 0) + 1;
        database.put(VERSION, version);
        database.put(nameOf(key), { version, text });
        return { version, text };
      });
      return read(key, kept, path);
    },
    async remove(key, expected) {
      checkKey(key);
      await commit(() => {
        const found = find(key);
        if (found === undefined) throw new Failure("not-found", `there is no ${key.kind} ${key.id}`);
        checkVersion(key, found.version, expected);
        account(key, found, undefined);
        database.remove(nameOf(key));
      });
    },
    async [Symbol.asyncDispose]() {
      await database.close();
    },
  };
}

const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET_BYTES = 24;

/** LMDB maps the file and believes it: one that is no database at all would take the process down with it. */
async function checkHeader(path: string): Promise<void> {
  let file: Awaited<ReturnType<typeof openFile>>;
  try {
    file = await openFile(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    throw error;
  }
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(4), 0, 4, MAGIC_OFFSET_BYTES);
    // An empty file is one that was just made.
    if ((bytesRead > 0 || (await file.stat()).size > 0) && (bytesRead < 4 || buffer.readUInt32LE() !== MAGIC))
      throw new Failure("corrupt", `${path} is no LMDB database`, {
        remedy: "Restore the file from a backup, or move it away to begin without saved documents.",
      });
  } finally {
    await file.close();
  }
}

function openDatabase(path: string): Database {
  try {
    return open({ path, encoding: "json", noSubdir: true, overlappingSync: false, mapSize: MAP_BYTES });
  } catch (error) {
    throw new Failure("corrupt", `${path} cannot be opened: ${describeError(error)}`, { cause: error });
  }
}

function nameOf({ tenant, kind, id }: DocumentKey): string[] {
  return ["document", tenant, kind, id];
}

function read({ tenant, kind, id }: DocumentKey, { version, text }: Kept, path: string): Document {
  let draft: DocumentDraft;
  try {
    draft = JSON.parse(text) as DocumentDraft;
  } catch (error) {
    throw new Failure("corrupt", `${path}: ${kind} ${id} is no JSON`, { cause: error });
  }
  return { tenant, kind, id, version, ...draft };
}

function translate(error: unknown, path: string): unknown {
  if (isFailure(error)) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === ENOSPC || code === "ENOSPC" || code === MDB_MAP_FULL)
    return new Failure("disk-full", `${path}: no room to write`, { cause: error });
  return error;
}
