import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Failure } from "#runtime/failure.ts";
import type { Documents, StoredDocument } from "#state/documents.ts";

/** Where a backup keeps the documents (saved views, trails, queries, runs): a line of JSON each, beside the engine's files. */
export function documentsFile(backup: string): string {
  return join(backup, "documents.ndjson");
}

export async function writeDocuments(documents: Documents, path: string): Promise<void> {
  await using file = await openForWriting(path);
  for await (const { tenant, kind, id, content } of documents.all())
    await file.handle.write(`${JSON.stringify({ tenant, kind, id, content })}\n`);
  await file.handle.sync();
}

/** Puts what `writeDocuments` wrote; there may be none (a backup of an older program). Throws "corrupt" with the line that is none. */
export async function readDocuments(documents: Documents, path: string): Promise<number> {
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(path) })) {
      line++;
      const { tenant, kind, id, content } = parse(text, path, line);
      await documents.put({ tenant, kind, id }, content, "any");
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  return line;
}

function parse(text: string, path: string, line: number): Pick<StoredDocument, "tenant" | "kind" | "id" | "content"> {
  try {
    return JSON.parse(text) as StoredDocument;
  } catch (error) {
    throw new Failure("corrupt", `${path}:${line} is no document`, { cause: error });
  }
}

async function openForWriting(
  path: string,
): Promise<AsyncDisposable & { readonly handle: Awaited<ReturnType<typeof open>> }> {
  const handle = await open(path, "wx", 0o600);
  return { handle, [Symbol.asyncDispose]: () => handle.close() };
}
