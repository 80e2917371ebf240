import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import type { Documents, Expected, StoredDocument } from "#state/documents.ts";
import type { SavedDocument } from "../contract/shapes.ts";
import { decodeCursor, encodeCursor, fingerprint } from "../cursor.ts";
import type { ApiDependencies } from "../dependencies.ts";
import { pageParameters } from "../parameters.ts";
import { route } from "../route.ts";
import { documentList, savedDocument } from "../schema/documents.ts";

const kind = z.enum(["view", "trail", "query"]);
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, "1 to 64 letters, digits, dashes or underscores");

/** Of what people save, as JSON; lists answer it in full. */
const MOST_CONTENT_BYTES = 256 << 10;

/** What is kept of a saved thing beside its key and version. */
const kept = z.object({ name: z.string(), owner: z.string(), content: z.unknown() });

/** Documents, or Failure "unavailable" in a program that keeps none. */
export function documentsOf(dependencies: ApiDependencies): Documents {
  if (dependencies.documents === undefined)
    throw new Failure("unavailable", "this program keeps no documents", { remedy: "Start it with a data directory." });
  return dependencies.documents;
}

export const documentListRoute = route({
  path: "/documents/{kind}",
  summary: "Saved views, trails or queries, by id",
  pathParameters: z.object({ kind }),
  query: z.object(pageParameters(200, 1000)),
  answer: documentList,
  async handle({ path, query, visitor, dependencies }) {
    const name = fingerprint(["documents", visitor.tenant, path.kind]);
    const after = query.cursor === undefined ? undefined : decodeCursor(name, query.cursor, id);
    const page = await documentsOf(dependencies).list({ tenant: visitor.tenant, kind: path.kind }, query.limit, after);
    return {
      documents: page.documents.map(savedOf),
      next: page.next === undefined ? null : encodeCursor(name, page.next),
    };
  },
});

export const documentRoute = route({
  path: "/documents/{kind}/{id}",
  summary: "One saved view, trail or query",
  pathParameters: z.object({ kind, id }),
  query: z.object({}),
  answer: savedDocument,
  async handle({ path, visitor, dependencies }): Promise<Response> {
    const found = await documentsOf(dependencies).get({ tenant: visitor.tenant, ...path });
    if (found === undefined) throw new Failure("not-found", `no ${path.kind} ${path.id}`);
    return tagged(savedOf(found));
  },
});

export const documentWriteRoute = route({
  method: "put",
  path: "/documents/{kind}/{id}",
  summary: "Writes a view, trail or query",
  description:
    'Says what it expects: `If-None-Match: *` for a new one, `If-Match: "<version>"` for the one that was read. Anything else there is a conflict (409).',
  pathParameters: z.object({ kind, id }),
  query: z.object({}),
  body: z.strictObject({ name: z.string().max(200), content: z.unknown() }),
  answer: savedDocument,
  async handle({ path, body, headers, visitor, dependencies }): Promise<Response> {
    const size = Buffer.byteLength(JSON.stringify(body.content ?? null));
    if (size > MOST_CONTENT_BYTES)
      throw new Failure("too-large", `content: ${size} bytes are more than ${MOST_CONTENT_BYTES}`, {
        remedy: "Save less in one document.",
      });
    const documents = documentsOf(dependencies);
    const key = { tenant: visitor.tenant, ...path };
    const expected = expectedBy(headers);
    const before = expected === "absent" ? undefined : await documents.get(key);
    const owner = before === undefined ? visitor.name : kept.parse(before.content).owner;
    return tagged(
      savedOf(await documents.put(key, { name: body.name, owner, content: body.content ?? null }, expected)),
    );
  },
});

export const documentRemoveRoute = route({
  method: "delete",
  path: "/documents/{kind}/{id}",
  summary: "Removes a view, trail or query",
  description: '`If-Match: "<version>"` guards against removing what somebody else has written since.',
  pathParameters: z.object({ kind, id }),
  query: z.object({}),
  answer: z.undefined(),
  async handle({ path, headers, visitor, dependencies }): Promise<Response> {
    const expected = expectedBy(headers);
    if (expected === "absent") throw new Failure("bad-request", "If-None-Match: what is not there cannot be removed");
    await documentsOf(dependencies).remove({ tenant: visitor.tenant, ...path }, expected);
    return new Response(null, { status: 204 });
  },
});

function savedOf(document: StoredDocument): SavedDocument {
  const { name, owner, content } = kept.parse(document.content);
  return {
    id: document.id,
    kind: document.kind as SavedDocument["kind"],
    version: document.version,
    name,
    owner,
    updatedMs: document.updatedMs,
    content,
  };
}

function tagged(document: SavedDocument): Response {
  return new Response(JSON.stringify(document), {
    headers: { "content-type": "application/json", "cache-control": "no-store", etag: `"${document.version}"` },
  });
}

/** Throws bad-request where a write says nothing of what it expects: who writes blindly overwrites others. */
function expectedBy(headers: Headers): Expected {
  if (headers.get("if-none-match")?.trim() === "*") return "absent";
  const match = headers.get("if-match")?.trim();
  if (match === "*") return "any";
  const version = /^"(\d{1,15})"$/.exec(match ?? "");
  if (version === null)
    throw new Failure("bad-request", 'If-Match: write If-Match: "<version>" or, for a new document, If-None-Match: *');
  return Number(version[1]);
}
