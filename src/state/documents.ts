import { Failure } from "#runtime/failure.ts";

/**
 * Small things that people or the program keep beside the telemetry: saved views, trails, queries, colours. A document is
 * known by tenant, kind and id, and every write says which version it replaces, so that nobody overwrites what they have not
 * seen. Versions grow over the whole store and are never used twice: a document that was deleted and made again is not taken
 * for the old one.
 */
export interface Documents extends AsyncDisposable {
  get(key: DocumentKey): Promise<Document | undefined>;
  /** All of one kind of one tenant, by id. */
  list(tenant: string, kind: string): Promise<readonly Document[]>;
  /**
   * Writes a document if its version is still `expected` (0: there is none yet), durably. Throws "conflict" if it is not,
   * "bad-request" for a key or content that cannot be kept, "too-large" beyond DOCUMENT_LIMITS.
   */
  put(key: DocumentKey, draft: DocumentDraft, expected: number): Promise<Document>;
  /** Removes it, durably. Throws "not-found" if there is none and "conflict" if its version is another. */
  remove(key: DocumentKey, expected: number): Promise<void>;
}

export interface DocumentKey {
  readonly tenant: string;
  readonly kind: string;
  readonly id: string;
}

export interface DocumentDraft {
  readonly name: string;
  /** Who wrote it last. */
  readonly owner: string;
  /** Unix milliseconds. */
  readonly updatedMs: number;
  /** Any JSON value. */
  readonly content: unknown;
}

export interface Document extends DocumentKey, DocumentDraft {
  readonly version: number;
}

export const DOCUMENT_LIMITS = {
  /** Of one document's content as JSON. */
  contentBytes: 256 << 10,
  /** Of one kind of one tenant, so that a list stays an answer. */
  documents: 2000,
  totalBytes: 32 << 20,
  nameLength: 200,
} as const;

const PART = /^[A-Za-z0-9_.~-]{1,128}$/;

/** Whether a tenant, kind or id can be a part of a key. */
export function isKeyPart(text: string): boolean {
  return PART.test(text) && text !== "." && text !== "..";
}

/** For adapters: throws "bad-request" for a key that cannot be kept. */
export function checkKey(key: DocumentKey): void {
  for (const part of ["tenant", "kind", "id"] as const)
    if (!isKeyPart(key[part]))
      throw new Failure("bad-request", `${part}: must be 1 to 128 letters, digits, "_", "-", "." or "~"`);
}

/** For adapters: what is kept of a document besides its key, as JSON. Throws "bad-request" and "too-large". */
export function encodeDraft(draft: DocumentDraft): string {
  const { name, owner, updatedMs } = draft;
  if (name.length > DOCUMENT_LIMITS.nameLength)
    throw new Failure("too-large", `name: longer than ${DOCUMENT_LIMITS.nameLength} characters`, {
      remedy: "Choose a shorter name.",
    });
  const content = JSON.stringify(draft.content);
  if (content === undefined) throw new Failure("bad-request", "content: is no JSON value");
  const size = Buffer.byteLength(content);
  if (size > DOCUMENT_LIMITS.contentBytes)
    throw new Failure("too-large", `content: ${size} bytes are more than ${DOCUMENT_LIMITS.contentBytes}`, {
      remedy: "Save less in one document.",
    });
  return `{"name":${JSON.stringify(name)},"owner":${JSON.stringify(owner)},"updatedMs":${updatedMs},"content":${content}}`;
}

/** For adapters: throws "conflict" unless the version that is there is the one the writer has seen. */
export function checkVersion(key: DocumentKey, found: number | undefined, expected: number): void {
  if ((found ?? 0) === expected) return;
  const what = `${key.kind} ${key.id}`;
  if (found === undefined) throw new Failure("conflict", `${what} is no longer there`);
  throw new Failure(
    "conflict",
    expected === 0 ? `${what} is there already` : `${what} was changed in between: it is now version ${found}`,
  );
}

/** How many documents there are of one kind of one tenant, and their size as encoded. */
export interface DocumentTotals {
  readonly count: number;
  readonly bytes: number;
}

/** For adapters: throws "too-large" when a kind would grow beyond its limits. */
export function checkRoom(kind: string, before: DocumentTotals, after: DocumentTotals): void {
  const grows = after.count > before.count || after.bytes > before.bytes;
  if (grows && (after.count > DOCUMENT_LIMITS.documents || after.bytes > DOCUMENT_LIMITS.totalBytes))
    throw new Failure(
      "too-large",
      `there is no room for more of ${kind}: at most ${DOCUMENT_LIMITS.documents} and ${DOCUMENT_LIMITS.totalBytes} bytes are kept`,
      { remedy: `Delete a ${kind} that is no longer needed.` },
    );
}
