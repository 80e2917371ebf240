import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SavedDocument } from "../contract/shapes.ts";
import { openTestApi, type TestApi } from "../test-api.suite.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const put = (
  headers: Readonly<Record<string, string>>,
  body: unknown = { name: "Slow carts", content: { a: 1 } },
): RequestInit => ({
  method: "PUT",
  body: JSON.stringify(body),
  headers: { "content-type": "application/json", ...headers },
});

describe("documents", () => {
  it("saves, answers, replaces, lists and deletes one", async () => {
    const saved = await api.get<SavedDocument>("/api/documents/view/v1", put({ "if-none-match": "*" }));
    expect(saved).toEqual({
      id: "v1",
      kind: "view",
      version: saved.version,
      name: "Slow carts",
      owner: "anonymous",
      updatedMs: api.clock.nowMs(),
      content: { a: 1 },
    });
    const got = await api.fetch("/api/documents/view/v1");
    expect(got.headers.get("etag")).toBe(`"${saved.version}"`);
    expect(await got.json()).toEqual(saved);
    const same = await api.fetch("/api/documents/view/v1", { headers: { "if-none-match": `"${saved.version}"` } });
    expect(same.status).toBe(304);
    const match = { "if-match": `"${saved.version}"` };
    const renamed = await api.get<SavedDocument>(
      "/api/documents/view/v1",
      put(match, { name: "Slower", content: null }),
    );
    expect(renamed).toMatchObject({ name: "Slower", content: null });
    expect(await api.get("/api/documents/view")).toEqual({ documents: [renamed] });
    expect(await api.problem("/api/documents/view/v1", { method: "DELETE", headers: match })).toMatchObject({
      code: "conflict",
    });
    const deleted = await api.fetch("/api/documents/view/v1", {
      method: "DELETE",
      headers: { "if-match": `"${renamed.version}"` },
    });
    expect(deleted.status).toBe(204);
    expect(await api.problem("/api/documents/view/v1")).toMatchObject({ code: "not-found", status: 404 });
  });

  it("refuses to overwrite what the writer has not seen", async () => {
    const first = await api.get<SavedDocument>("/api/documents/trail/t", put({ "if-none-match": "*" }));
    await api.get<SavedDocument>("/api/documents/trail/t", put({ "if-match": `"${first.version}"` }));
    const conflict = { code: "conflict", status: 409 };
    expect(await api.problem("/api/documents/trail/t", put({ "if-none-match": "*" }))).toMatchObject(conflict);
    expect(await api.problem("/api/documents/trail/t", put({ "if-match": `"${first.version}"` }))).toMatchObject(
      conflict,
    );
  });

  it("refuses requests without a condition, and what is no document", async () => {
    const bad = { code: "bad-request", status: 400 };
    for (const headers of [{}, { "if-match": "*" }, { "if-match": "1" }, { "if-match": '"1"', "if-none-match": "*" }])
      expect(await api.problem("/api/documents/view/x", put(headers as never))).toMatchObject(bad);
    const fresh = { "if-none-match": "*" };
    expect(await api.problem("/api/documents/view/x", put(fresh, { content: 1 }))).toMatchObject(bad);
    expect(await api.problem("/api/documents/view/x", put(fresh, { name: "a", content: 1, b: 2 }))).toMatchObject(bad);
    expect(await api.problem("/api/documents/view/a%2Fb", put(fresh))).toMatchObject(bad);
    expect(await api.problem("/api/documents/service-colours/x")).toMatchObject(bad);
    const large = { name: "a", content: "x".repeat(300_000) };
    expect(await api.problem("/api/documents/view/x", put(fresh, large))).toMatchObject({ code: "too-large" });
  });

  it("keeps tenants apart", async () => {
    await api.get("/api/documents/query/q", put({ "if-none-match": "*" }));
    const other = { headers: { "x-scope-orgid": "other" } };
    expect(await api.problem("/api/documents/query/q", other)).toMatchObject({ code: "not-found" });
    expect(await api.get("/api/documents/query", other)).toEqual({ documents: [] });
  });

  it("is closed to pages of other sites", async () => {
    const foreign = put({ "if-none-match": "*", origin: "https://evil.example" });
    expect(await api.problem("/api/documents/view/y", foreign)).toMatchObject({ code: "forbidden" });
  });
});
