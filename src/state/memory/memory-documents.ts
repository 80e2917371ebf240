import { Failure } from "#runtime/failure.ts";
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
  readonly key: DocumentKey;
  readonly version: number;
  readonly text: Buffer;
}

/** Documents that end with the process: for tests, and to say what the durable ones must do. */
export function openMemoryDocuments(): Documents {
  const documents = new Map<string, Kept>();
  let version = 0;
  const ofKind = (tenant: string, kind: string): Kept[] =>
    [...documents.values()].filter(({ key }) => key.tenant === tenant && key.kind === kind);
  return {
    async get(key) {
      checkKey(key);
      const kept = documents.get(nameOf(key));
      return kept === undefined ? undefined : read(kept);
    },
    async list(tenant, kind) {
      return ofKind(tenant, kind)
        .sort((a, b) => (a.key.id < b.key.id ? -1 : 1))
        .map(read);
    },
    async put({ tenant, kind, id }, draft, expected) {
      const key = { tenant, kind, id };
      checkKey(key);
      const text = Buffer.from(encodeDraft(draft));
      checkVersion(key, documents.get(nameOf(key))?.version, expected);
      const before = totals(ofKind(tenant, kind));
      const others = totals(ofKind(tenant, kind).filter((kept) => kept.key.id !== id));
      checkRoom(kind, before, { count: others.count + 1, bytes: others.bytes + text.length });
      version += 1;
      const kept: Kept = { key, version, text };
      documents.set(nameOf(key), kept);
      return read(kept);
    },
    async remove(key, expected) {
      checkKey(key);
      const found = documents.get(nameOf(key));
      if (found === undefined) throw new Failure("not-found", `there is no ${key.kind} ${key.id}`);
      checkVersion(key, found.version, expected);
      documents.delete(nameOf(key));
    },
    async [Symbol.asyncDispose]() {
      documents.clear();
    },
  };
}

function totals(documents: readonly Kept[]): DocumentTotals {
  return { count: documents.length, bytes: documents.reduce((sum, { text }) => sum + text.length, 0) };
}

function nameOf({ tenant, kind, id }: DocumentKey): string {
  return `${tenant}/${kind}/${id}`;
}

function read({ key, version, text }: Kept): Document {
  return { ...key, version, ...(JSON.parse(text.toString()) as DocumentDraft) };
}
