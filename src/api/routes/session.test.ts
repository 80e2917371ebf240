import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAccess } from "#access/access.ts";
import { openTestApi, TestApi } from "../test-api.suite.ts";

const TOKEN = "reader-token-0123456789";
const folder = mkdtempSync(join(tmpdir(), "traceo-session-"));
const tokenFile = join(folder, "tokens");
let open: TestApi;
let api: TestApi;
beforeAll(async () => {
  writeFileSync(tokenFile, `read ${TOKEN} name=ann tenants=shop\ningest sender-token-0123456789 name=col\n`, {
    mode: 0o600,
  });
  open = await openTestApi();
  const { clock } = open;
  api = new TestApi(open.store, clock, { access: openAccess({ listen: ["127.0.0.1"], tokenFile, clock }) });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await open[Symbol.asyncDispose]();
});

const trade = (token: string, headers: Readonly<Record<string, string>> = {}): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ token }),
  headers: { "content-type": "application/json", ...headers },
});

describe("a browser session", () => {
  it("is traded for a token, lets its bearer read, and ends", async () => {
    expect(await api.problem("/api/status")).toMatchObject({ code: "unauthenticated", status: 401 });
    const opened = await api.fetch("/api/session", trade(TOKEN));
    expect(await opened.json()).toEqual({ name: "ann", needs: ["read"], tenants: ["shop"] });
    const setCookie = opened.headers.get("set-cookie")!;
    expect(setCookie).toMatch(/^traceo_session=[^;]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(setCookie).not.toContain(TOKEN);
    const cookie = setCookie.split(";")[0]!;
    expect(await api.get("/api/status", { headers: { cookie } })).toMatchObject({ tenant: "shop" });
    const closed = await api.fetch("/api/session", { method: "DELETE", headers: { cookie } });
    expect(closed.status).toBe(204);
    expect(closed.headers.get("set-cookie")).toMatch(/^traceo_session=; .*Max-Age=0/);
    api.clock.advance(12 * 3_600_000);
    expect(await api.problem("/api/status", { headers: { cookie } })).toMatchObject({ code: "unauthenticated" });
  });

  it("is refused for an unknown token, to pages of other sites, and where no tokens are asked for", async () => {
    expect(await api.problem("/api/session", trade("guess"))).toMatchObject({ code: "unauthenticated" });
    const foreign = trade(TOKEN, { origin: "https://evil.example" });
    expect(await api.problem("/api/session", foreign)).toMatchObject({ code: "forbidden" });
    expect(await open.problem("/api/session", trade(TOKEN))).toMatchObject({ code: "bad-request" });
  });
});

describe("/metrics", () => {
  it("asks for a token that may read", async () => {
    const ask = async (headers: Readonly<Record<string, string>>) => (await api.fetch("/metrics", { headers })).status;
    expect(await ask({})).toBe(401);
    expect(await ask({ authorization: "Bearer sender-token-0123456789" })).toBe(403);
    expect(await ask({ authorization: `Bearer ${TOKEN}` })).toBe(200);
  });
});
