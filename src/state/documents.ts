import { Failure } from "#runtime/failure.ts";

/**
 * Small mutable state: versioned documents with compare-and-set.
 *
 * Promises every adapter keeps (documents.suite.ts holds them to it):
 * - `put` and `remove` are atomic and decide on the version that is stored when they run: of several writers who expect the
 *   same version exactly one succeeds, the others get Failure "conflict".
 * - A version is never used twice in a store, so that what was removed and written anew is not mistaken for what was there.
 * - A write that resolved is there after a crash (not in memory/, which says so).
 * - Documents of one tenant and kind are listed by id; other tenants' are neither listed nor found.
 */
export interface DocumentKey {
  readonly tenant: string;
  readonly kind: string;
  readonly id: string;
}

export interface StoredDocument extends DocumentKey {
  readonly version: number;
  readonly updatedMs: number;
  /** JSON. */
  readonly content: unknown;
}

/** What must be there for a write to happen: this version, nothing, or whatever is there. */
export type Expected = number | "absent" | "any";

export interface DocumentPage {
  readonly documents: readonly StoredDocument[];
  /** Id to go on after; undefined at the end. */
  readonly next: string | undefined;
}

export interface Documents extends AsyncDisposable {
  get(key: DocumentKey): Promise<StoredDocument | undefined>;
  list(of: Omit<DocumentKey, "id">, limit: number, after?: string): Promise<DocumentPage>;
  /** Throws conflict, or too-large for content over CONTENT_BYTES. */
  put(key: DocumentKey, content: unknown, expected: Expected): Promise<StoredDocument>;
  /** Throws conflict, or not-found. */
  remove(key: DocumentKey, expected: number | "any"): Promise<void>;
  /** Every document of every tenant, as they are at one moment: for backups. */
  all(): AsyncIterable<StoredDocument>;
}

/** Largest content of one document, as JSON. */
export const CONTENT_BYTES = 1_000_000;

const PART = /^[A-Za-z0-9_.-]{1,64}$/;

/** Throws bad-request for a key that no adapter keeps: each part is 1 to 64 letters, digits, dots, dashes or underscores. */
export function checkKey(key: Omit<DocumentKey, "id"> & { readonly id?: string }): void {
  for (const [name, part] of Object.entries({ tenant: key.tenant, kind: key.kind, id: key.id ?? "x" }))
    if (!PART.test(part))
      throw new Failure("bad-request", `${name}: 1 to 64 letters, digits, dots, dashes or underscores`);
}

/** Content as JSON text. Throws too-large, or bad-request for what JSON cannot hold. */
export function contentText(content: unknown): string {
  const text = JSON.stringify(content);
  if (text === undefined) throw new Failure("bad-request", "content: is no JSON");
  if (Buffer.byteLength(text) > CONTENT_BYTES)
    throw new Failure("too-large", `the document is longer than ${CONTENT_BYTES} bytes`, {
      remedy: "Save less in one document.",
    });
  return text;
}

/** Throws conflict (or not-found, for a removal) unless what is there is what is expected. */
export function checkExpected(key: DocumentKey, found: number | undefined, expected: Expected): void {
  if (expected === "any" || found === expected || (expected === "absent" && found === undefined)) return;
  const what = `${key.kind} ${key.id}`;
  if (expected === "absent") throw new Failure("conflict", `${what} is there already, at version ${found}`);
  throw new Failure(
    "conflict",
    found === undefined ? `${what} is gone` : `${what} is at version ${found}, not ${expected}`,
  );
}
