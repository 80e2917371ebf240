import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import { openMemoryDocuments } from "#state/memory/memory-documents.ts";
import type { DemoState, SavedDocument } from "../contract/shapes.ts";
import { openTestApi, type TestApi } from "../test-api.suite.ts";

let api: TestApi;
let plain: TestApi;
let broken = false;
beforeAll(async () => {
  api = await openTestApi({
    documents: openMemoryDocuments(new ManualClock(77)),
    demo: {
      state: async () => ({ running: true, broken, brokenSinceMs: null }),
      break: async () => {
        if (broken) throw new Failure("conflict", "broken already");
        broken = true;
        return { running: true, broken, brokenSinceMs: 5 };
      },
      reveal: async () => {
        broken = false;
        return { trouble: "x", title: "t", explanation: "e", affected: "a" };
      },
    },
  });
  plain = await openTestApi();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await plain[Symbol.asyncDispose]();
});

const put = (path: string, body: unknown, headers: Record<string, string>): Promise<Response> =>
  api.fetch(path, {
    method: "PUT",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });

describe("documents", () => {
  it("are written, read, listed and removed by version", async () => {
    const path = "/api/documents/trail/night-1";
    expect((await api.fetch(path)).status).toBe(404);
    const created = await put(path, { name: "Night", content: { steps: [1] } }, { "if-none-match": "*" });
    expect(created.status).toBe(200);
    const first = (await created.json()) as SavedDocument;
    expect(first).toMatchObject({ id: "night-1", kind: "trail", name: "Night", owner: "anonymous", updatedMs: 77 });
    expect(created.headers.get("etag")).toBe(`"${first.version}"`);
    expect((await put(path, { name: "Again", content: 0 }, { "if-none-match": "*" })).status).toBe(409);
    expect((await put(path, { name: "Stale", content: 0 }, { "if-match": `"${first.version + 9}"` })).status).toBe(409);
    expect((await put(path, { name: "Blind", content: 0 }, {})).status).toBe(400);
    const second = (await (
      await put(path, { name: "Later", content: { steps: [1, 2] } }, { "if-match": `"${first.version}"` })
    ).json()) as SavedDocument;
    expect(await api.get(path)).toEqual(second);
    expect(await api.get("/api/documents/trail")).toEqual({ documents: [second], next: null });
    expect(await api.get("/api/documents/view")).toEqual({ documents: [], next: null });
    expect(await api.get("/api/documents/trail", { headers: { "x-scope-orgid": "other" } })).toEqual({
      documents: [],
      next: null,
    });
    const remove = (version: number): Promise<Response> =>
      api.fetch(path, { method: "DELETE", headers: { "if-match": `"${version}"` } });
    expect((await remove(first.version)).status).toBe(409);
    expect((await remove(second.version)).status).toBe(204);
    expect((await api.fetch(path)).status).toBe(404);
  });

  it("refuses what is no document", async () => {
    for (const [path, body] of [
      ["/api/documents/secret/a", { name: "n", content: 1 }],
      ["/api/documents/view/a%2Fb", { name: "n", content: 1 }],
      ["/api/documents/view/a", { name: "n", content: 1, more: 1 }],
      ["/api/documents/view/a", { content: 1 }],
      ["/api/documents/view/a", { name: "n", content: "x".repeat(256 << 10) }],
    ] as const)
      expect((await put(path, body, { "if-none-match": "*" })).status).toBeGreaterThanOrEqual(400);
    const text = await api.fetch("/api/documents/view/a", {
      method: "PUT",
      body: "{",
      headers: { "if-none-match": "*" },
    });
    expect(text.status).toBe(400);
    expect((await put("/api/documents/view/a", "x".repeat(2_100_000), { "if-none-match": "*" })).status).toBe(413);
  });

  it("are not there in a program that keeps none", async () => {
    expect(await plain.problem("/api/documents/view")).toMatchObject({ status: 503 });
    expect(await plain.problem("/api/service-colours")).toMatchObject({ status: 503 });
  });
});

describe("demo", () => {
  it("is broken and revealed, and not there outside the demo", async () => {
    expect((await api.get<DemoState>("/api/demo")).broken).toBe(false);
    expect((await api.fetch("/api/demo/break", { method: "POST" })).status).toBe(200);
    expect(await api.problem("/api/demo/break", { method: "POST" })).toMatchObject({ code: "conflict", status: 409 });
    expect(await (await api.fetch("/api/demo/reveal", { method: "POST" })).json()).toMatchObject({ trouble: "x" });
    expect(await plain.problem("/api/demo")).toMatchObject({ status: 404 });
    expect(await api.problem("/api/demo/break")).toMatchObject({ status: 405 });
  });
});
