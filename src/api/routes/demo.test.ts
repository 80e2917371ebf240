import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import type { DemoControl } from "../dependencies.ts";
import { openTestApi, TestApi } from "../test-api.suite.ts";

let api: TestApi;
let without: TestApi;
let broken = false;
const demo: DemoControl = {
  state: async () => ({ running: true, broken, brokenSinceMs: broken ? 7 : null }),
  async break() {
    if (broken) throw new Failure("conflict", "something is broken already");
    broken = true;
    return this.state();
  },
  async reveal() {
    if (!broken) throw new Failure("conflict", "nothing is broken");
    broken = false;
    return { trouble: "slow-query", title: "A slow query", explanation: "an index is gone", affected: "cart" };
  },
};
beforeAll(async () => {
  api = await openTestApi({ demo });
  without = new TestApi(api.store, api.clock, {});
});
afterAll(() => api[Symbol.asyncDispose]());

const POST = { method: "POST" };

describe("the demo's switch", () => {
  it("breaks and reveals", async () => {
    expect(await api.get("/api/demo")).toEqual({ running: true, broken: false, brokenSinceMs: null });
    expect(await api.problem("/api/demo/reveal", POST)).toMatchObject({ code: "conflict", status: 409 });
    expect(await api.get("/api/demo/break", POST)).toMatchObject({ broken: true });
    expect(await api.problem("/api/demo/break", POST)).toMatchObject({ code: "conflict" });
    expect(await api.get("/api/demo/reveal", POST)).toMatchObject({ trouble: "slow-query", affected: "cart" });
  });

  it("is not found where there is no demo", async () => {
    expect(await without.problem("/api/demo")).toMatchObject({ code: "not-found", status: 404 });
    for (const path of ["/api/demo/break", "/api/demo/reveal"])
      expect(await without.problem(path, POST)).toMatchObject({ code: "not-found", status: 404 });
  });

  it("is not for pages of other sites", async () => {
    for (const path of ["/api/demo/break", "/api/demo/reveal"])
      expect(await api.problem(path, { ...POST, headers: { origin: "https://evil.example" } })).toMatchObject({
        code: "forbidden",
      });
    const own = { ...POST, headers: { origin: "http://127.0.0.1:7070" } };
    expect(await api.get("/api/demo/break", own)).toMatchObject({ broken: true });
  });
});
