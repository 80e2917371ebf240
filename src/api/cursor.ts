import { createHash } from "node:crypto";
import { z } from "zod";
import { Failure } from "#runtime/failure.ts";

/**
 * A cursor is a position, opaque to clients, and the fingerprint of the question it belongs to: sent with another question it
 * is refused, since a position within other rows would skip or repeat some in silence. It carries no rights: the tenant is the
 * request's.
 */
const LONGEST = 2000;

/** Names everything that decides which rows come in which order. */
export function fingerprint(parts: readonly (string | number | undefined)[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 12);
}

export function encodeCursor(question: string, position: unknown): string {
  return Buffer.from(JSON.stringify([question, position])).toString("base64url");
}

/** Throws bad-request for a cursor that is damaged or belongs to another question. */
export function decodeCursor<T>(question: string, text: string, position: z.ZodType<T>): T {
  if (text.length > LONGEST || !/^[A-Za-z0-9_-]+$/.test(text)) throw bad("is damaged");
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch (error) {
    throw bad("is damaged", error);
  }
  const read = z.tuple([z.string(), position]).safeParse(parsed);
  if (!read.success) throw bad("is damaged");
  if (read.data[0] !== question) throw bad("belongs to another question");
  return read.data[1];
}

function bad(what: string, cause?: unknown): Failure {
  return new Failure("bad-request", `cursor: ${what}`, {
    remedy: "Ask for the first page again, without a cursor.",
    cause,
  });
}
