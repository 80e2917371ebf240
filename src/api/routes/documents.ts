import { z } from "zod";
import { Failure } from "#runtime/failure.ts";
import type { Document } from "#state/documents.ts";
import type { SavedDocument } from "../contract/shapes.ts";
import { route } from "../route.ts";
import { documentKind, documentList, savedDocument } from "../schema/documents.ts";

const path = z.object({
  kind: documentKind,
  id: z.string().describe('1 to 128 letters, digits, "_", "-", "." or "~".'),
});

export const documentsRoute = route({
  path: "/documents/{kind}",
  summary: "Saved views, trails or queries of this tenant",
  pathParameters: path.pick({ kind: true }),
  query: z.object({}),
  answer: documentList,
  async handle({ path: { kind }, visitor, dependencies }) {
    return { documents: (await dependencies.documents.list(visitor.tenant, kind)).map(savedOf) };
  },
});

export const documentRoute = route({
  path: "/documents/{kind}/{id}",
  summary: "One saved document",
  description: "The `ETag` is its version.",
  pathParameters: path,
  query: z.object({}),
  answer: savedDocument,
  async handle({ path: { kind, id }, headers, visitor, dependencies }) {
    const document = await dependencies.documents.get({ tenant: visitor.tenant, kind, id });
    if (document === undefined) throw new Failure("not-found", `there is no ${kind} ${id}`);
    return answerDocument(document, headers.get("if-none-match"));
  },
});

export const putDocumentRoute = route({
  method: "put",
  path: "/documents/{kind}/{id}",
  summary: "Save a document",
  description:
    'For a new one send `If-None-Match: *`; to replace one, `If-Match: "<version>"` with the version it was read as. Answers `conflict` (409) if somebody else wrote in between.',
  pathParameters: path,
  query: z.object({}),
  body: z.strictObject({ name: z.string().min(1).max(200), content: z.unknown() }),
  answer: savedDocument,
  async handle({ path: { kind, id }, body, headers, visitor, dependencies }) {
    const document = await dependencies.documents.put(
      { tenant: visitor.tenant, kind, id },
      { name: body.name, content: body.content, owner: visitor.name, updatedMs: dependencies.clock.nowMs() },
      expectedVersion(headers),
    );
    return answerDocument(document, null);
  },
});

export const deleteDocumentRoute = route({
  method: "delete",
  path: "/documents/{kind}/{id}",
  summary: "Delete a document",
  description: 'With `If-Match: "<version>"`; answers 204.',
  pathParameters: path,
  query: z.object({}),
  answer: z.unknown(),
  async handle({ path: { kind, id }, headers, visitor, dependencies }) {
    const expected = expectedVersion(headers);
    if (expected === 0) throw new Failure("bad-request", "If-Match: which version is to be deleted?");
    await dependencies.documents.remove({ tenant: visitor.tenant, kind, id }, expected);
    return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
  },
});

/** 0 for `If-None-Match: *`: there may be none yet. */
function expectedVersion(headers: Headers): number {
  const match = headers.get("if-match");
  const none = headers.get("if-none-match");
  if (match === null && none?.trim() === "*") return 0;
  const version = /^"([1-9][0-9]{0,15})"$/.exec(match?.trim() ?? "")?.[1];
  if (version === undefined || none !== null)
    throw new Failure("bad-request", 'If-Match: send If-Match: "<version>", or If-None-Match: * for a new document');
  return Number(version);
}

function answerDocument(document: Document, ifNoneMatch: string | null): Response {
  const tag = `"${document.version}"`;
  const headers = { "content-type": "application/json", "cache-control": "no-cache", etag: tag };
  const known = ifNoneMatch?.split(",").some((each) => each.trim().replace(/^W\//, "") === tag) ?? false;
  return known
    ? new Response(null, { status: 304, headers })
    : new Response(JSON.stringify(savedOf(document)), { headers });
}

function savedOf({ id, kind, version, name, owner, updatedMs, content }: Document): SavedDocument {
  return { id, kind: kind as SavedDocument["kind"], version, name, owner, updatedMs, content };
}
