import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { open } from "lmdb";
import type { Clock } from "#runtime/clock.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import {
  checkExpected,
  checkKey,
  contentText,
  type DocumentKey,
  type Documents,
  type StoredDocument,
} from "../documents.ts";

/** A document as it lies in the file. Its key is [tenant, kind, id]; the last version given stands under [""]. */
interface Entry {
  readonly version: number;
  readonly updatedMs: number;
  readonly text: string;
}

const SEQUENCE = [""];
/** Sorts behind every id, whose characters are all below it. */
const BEHIND = "\u{10ffff}";

/**
 * Documents in an LMDB file: one writer at a time by LMDB's own lock, so that several processes may share it; a transaction
 * resolves once it is synced to disk. Throws data-in-use or corrupt where the file cannot be opened.
 */
export function openLmdbDocuments(path: string, clock: Clock): Documents {
  const store = openStore(path);
  const keyOf = (key: DocumentKey): string[] => [key.tenant, key.kind, key.id];
  const documentOf = (key: DocumentKey, entry: Entry): StoredDocument => ({
    tenant: key.tenant,
    kind: key.kind,
    id: key.id,
    version: entry.version,
    updatedMs: entry.updatedMs,
    content: JSON.parse(entry.text) as unknown,
  });
  /** Runs alone; what it throws leaves the store as it was and reaches the caller. */
  const alone = async <T>(work: () => T): Promise<T> => {
    let failed: unknown;
    const result = await store.transaction(() => {
      try {
        return work();
      } catch (error) {
        // LMDB would commit what was done before; nothing was, since every check stands before the first write.
        failed = error;
        return undefined;
      }
    });
    if (failed !== undefined) throw failed;
    return result as T;
  };
  return {
    async get(key) {
      checkKey(key);
      const entry = store.get(keyOf(key)) as Entry | undefined;
      return entry === undefined ? undefined : documentOf(key, entry);
    },
    async list(of, limit, after) {
      checkKey(of);
      const documents: StoredDocument[] = [];
      const start = [of.tenant, of.kind, after ?? ""];
      for (const { key, value } of store.getRange({ start, end: [of.tenant, of.kind, BEHIND], limit: limit + 2 })) {
        const id = (key as string[])[2]!;
        if (id !== after) documents.push(documentOf({ ...of, id }, value as Entry));
      }
      return {
        documents: documents.slice(0, limit),
        next: documents.length > limit ? documents[limit - 1]!.id : undefined,
      };
    },
    async put(key, content, expected) {
      checkKey(key);
      const text = contentText(content);
      return alone(() => {
        const found = store.get(keyOf(key)) as Entry | undefined;
        checkExpected(key, found?.version, expected);
        const version = ((store.get(SEQUENCE) as number | undefined) ?? 0) + 1;
        const entry: Entry = { version, updatedMs: clock.nowMs(), text };
        store.putSync(SEQUENCE, version);
        store.putSync(keyOf(key), entry);
        return documentOf(key, entry);
      });
    },
    async remove(key, expected) {
      checkKey(key);
      await alone(() => {
        const found = store.get(keyOf(key)) as Entry | undefined;
        if (found === undefined && expected === "any") throw new Failure("not-found", `no ${key.kind} ${key.id}`);
        checkExpected(key, found?.version, expected);
        store.removeSync(keyOf(key));
      });
    },
    async *all() {
      // A range is read within one transaction, so that later writes are not seen.
      for (const { key, value } of store.getRange({ snapshot: true })) {
        const [tenant, kind, id] = key as string[];
        if (kind !== undefined && id !== undefined) yield documentOf({ tenant: tenant!, kind, id }, value as Entry);
      }
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
}

/** LMDB's mark in each of a file's two first pages, and how far into it. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const LEAST_BYTES = 8192;

function openStore(path: string) {
  checkFile(path);
  try {
    // With overlapping sync a commit resolves before it is on the disk.
    return open<Entry | number, string[]>({
      path,
      encoding: "json",
      noSubdir: true,
      maxDbs: 1,
      overlappingSync: false,
    });
  } catch (error) {
    throw new Failure("corrupt", `the state in ${path} cannot be opened: ${describeError(error)}`, { cause: error });
  }
}

/** LMDB does not look before it maps: on a file that is none of its own the process would die of a signal. */
function checkFile(path: string): void {
  if (!existsSync(path)) return;
  const file = openSync(path, "r");
  try {
    const head = Buffer.alloc(MAGIC_OFFSET + 4);
    const { size } = fstatSync(file);
    if (size === 0) return;
    readSync(file, head, 0, head.length, 0);
    if (size < LEAST_BYTES || head.readUInt32LE(MAGIC_OFFSET) !== MAGIC)
      throw new Failure("corrupt", `${path} is no LMDB file, or was cut off`, {
        remedy: "Restore it from a backup, or move it away to begin without saved views, trails and queries.",
      });
  } finally {
    closeSync(file);
  }
}
