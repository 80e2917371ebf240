import type { Clock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import {
  checkExpected,
  checkKey,
  contentText,
  type DocumentKey,
  type Documents,
  type StoredDocument,
} from "../documents.ts";

/** Documents that last as long as the process: for tests, and for a program without a data directory. */
export function openMemoryDocuments(clock: Clock): Documents {
  const stored = new Map<string, { readonly document: Omit<StoredDocument, "content">; readonly text: string }>();
  let sequence = 0;
  const nameOf = (key: DocumentKey): string => `${key.tenant}/${key.kind}/${key.id}`;
  const read = (name: string): StoredDocument | undefined => {
    const found = stored.get(name);
    return found === undefined ? undefined : { ...found.document, content: JSON.parse(found.text) as unknown };
  };
  return {
    async get(key) {
      checkKey(key);
      return read(nameOf(key));
    },
    async list(of, limit, after) {
      checkKey(of);
      const prefix = `${of.tenant}/${of.kind}/`;
      const names = [...stored.keys()]
        .filter((name) => name.startsWith(prefix) && (after === undefined || name > prefix + after))
        .sort()
        .slice(0, limit + 1);
      const documents = names.slice(0, limit).map((name) => read(name)!);
      return { documents, next: names.length > limit ? documents.at(-1)!.id : undefined };
    },
    async put(key, content, expected) {
      checkKey(key);
      const text = contentText(content);
      const name = nameOf(key);
      checkExpected(key, stored.get(name)?.document.version, expected);
      const { tenant, kind, id } = key;
      stored.set(name, { document: { tenant, kind, id, version: ++sequence, updatedMs: clock.nowMs() }, text });
      return read(name)!;
    },
    async remove(key, expected) {
      checkKey(key);
      const found = stored.get(nameOf(key));
      if (found === undefined && expected === "any") throw new Failure("not-found", `no ${key.kind} ${key.id}`);
      checkExpected(key, found?.document.version, expected);
      stored.delete(nameOf(key));
    },
    async *all() {
      yield* [...stored.keys()].map((name) => read(name)!);
    },
    async [Symbol.asyncDispose]() {
      stored.clear();
    },
  };
}
