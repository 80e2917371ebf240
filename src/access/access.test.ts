import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import { type Access, openAccess } from "./access.ts";
import type { Need } from "./principal.ts";
import type { RequestHeaders } from "./request-headers.ts";
import { endedSessionCookie, SESSION_MS } from "./session.ts";
import { tenantOf } from "./tenant.ts";

const folder = mkdtempSync(join(tmpdir(), "traceo-access-"));
afterAll(() => rmSync(folder, { recursive: true }));
const tokenFile = join(folder, "tokens");
const INGEST = "ingest-token-0123456789";
const READ = "read-token-0123456789";
const ADMIN = "admin-token-0123456789";

let clock = new ManualClock(1_000_000);
let access: Access;
beforeEach(() => {
  clock = new ManualClock(1_000_000);
  write(`ingest ${INGEST} name=collector tenants=shop\nread ${READ} tenants=shop,bank\nadmin ${ADMIN}`, 1);
  access = openAccess({ listen: ["127.0.0.1"], tokenFile, clock });
});
function write(text: string, seconds: number): void {
  writeFileSync(tokenFile, text, { mode: 0o600 });
  utimesSync(tokenFile, seconds, seconds);
}

const outcome = (headers: RequestHeaders, need: Need): string => {
  const found = access.authenticate(headers, need);
  return found instanceof Failure ? found.code : `${found.name} via ${found.via}`;
};
const bearer = (token: string): RequestHeaders => ({ authorization: `Bearer ${token}` });
const basic = (pair: string): RequestHeaders => ({ authorization: `Basic ${Buffer.from(pair).toString("base64")}` });

describe("tokens", () => {
  it("permit what their kind says", () => {
    const table = [INGEST, READ, ADMIN].map((token) =>
      (["ingest", "read", "admin"] as const).map((need) => outcome(bearer(token), need)),
    );
    expect(table).toEqual([
      ["collector via bearer", "forbidden", "forbidden"],
      ["forbidden", "line 2 via bearer", "forbidden"],
      ["line 3 via bearer", "line 3 via bearer", "line 3 via bearer"],
    ]);
  });

  it("come as Bearer or as the password of Basic", () => {
    expect(outcome({ authorization: `bearer   ${READ} ` }, "read")).toBe("line 2 via bearer");
    expect(outcome(basic(`anybody:${READ}`), "read")).toBe("line 2 via basic");
    expect(outcome(basic(`:${READ}`), "read")).toBe("line 2 via basic");
  });

  it.each([
    {},
    { authorization: "" },
    { authorization: "Bearer" },
    { authorization: "Bearer wrong" },
    { authorization: READ },
    { authorization: `Digest ${READ}` },
    basic(READ),
    basic("a:wrong"),
    { authorization: "Basic ÿÿ" },
    { cookie: "traceo_session=x.y.z" },
  ])("are asked for: %j", (headers) => {
    expect(outcome(headers, "read")).toBe("unauthenticated");
  });

  it("are not asked for where there are none", () => {
    access = openAccess({ listen: ["127.0.0.1", "localhost", "::1"], clock });
    expect([access.required, outcome({}, "admin"), outcome(bearer("x"), "ingest")]).toEqual([
      false,
      "anonymous via none",
      "anonymous via none",
    ]);
  });
});

describe("sessions", () => {
  const login = (token: string): string => {
    const session = access.openSession(token);
    if (session instanceof Failure) throw session;
    return session.cookie;
  };
  const cookieOf = (setCookie: string): RequestHeaders => ({ cookie: `theme=dark; ${setCookie.split(";")[0]}; a=b` });

  it("stand for their token in a browser", () => {
    const cookie = login(READ);
    expect(cookie).toMatch(/^traceo_session=[\w.-]+; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    expect(outcome(cookieOf(cookie), "read")).toBe("line 2 via session");
    expect(outcome(cookieOf(cookie), "ingest")).toBe("forbidden");
    expect(cookie).not.toContain(READ);
  });

  it("do not count beside an Authorization header", () => {
    expect(outcome({ ...cookieOf(login(READ)), ...bearer("wrong") }, "read")).toBe("unauthenticated");
  });

  it("end with their time", () => {
    const headers = cookieOf(login(READ));
    clock.advance(SESSION_MS - 1);
    expect(outcome(headers, "read")).toBe("line 2 via session");
    clock.advance(1);
    expect(outcome(headers, "read")).toBe("unauthenticated");
  });

  it("end with their token, and outlive a restart", () => {
    const headers = cookieOf(login(READ));
    access = openAccess({ listen: ["127.0.0.1"], tokenFile, clock });
    expect(outcome(headers, "read")).toBe("line 2 via session");
    write(`read ${READ}-other`, 2);
    clock.advance(1000);
    expect(outcome(headers, "read")).toBe("unauthenticated");
  });

  it("cannot be altered", () => {
    const value = login(READ).split(";")[0]!.split("=")[1]!;
    const [expiry, nonce, seal] = value.split(".") as [string, string, string];
    const later = (Number.parseInt(expiry, 36) + 1).toString(36);
    for (const forged of [
      `${later}.${nonce}.${seal}`,
      `${expiry}.x${nonce}.${seal}`,
      `${expiry}.${nonce}.${seal.slice(2)}`,
    ])
      expect(outcome({ cookie: `traceo_session=${forged}` }, "read")).toBe("unauthenticated");
    expect(outcome({ cookie: `traceo_session=${value}` }, "read")).toBe("line 2 via session");
  });

  it("are opened by a known token only, and are Secure behind TLS", () => {
    expect(access.openSession("wrong")).toMatchObject({ code: "unauthenticated" });
    access = openAccess({ listen: ["127.0.0.1"], tokenFile, clock, secureCookies: true });
    expect(login(READ)).toMatch(/; Secure$/);
    expect(endedSessionCookie(true)).toMatch(/^traceo_session=;.*Max-Age=0; Secure$/);
  });
});

describe("listening beyond loopback", () => {
  it.each(["0.0.0.0", "::", "10.0.0.1", "telemetry.internal"])("on %s needs tokens or --no-auth", (host) => {
    const listen = ["127.0.0.1", host];
    expect(() => openAccess({ listen })).toThrow(expect.objectContaining({ code: "config-invalid" }));
    const warnings: string[] = [];
    openAccess({ listen, noAuth: true, warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([expect.stringContaining(host)]);
    expect(openAccess({ listen, tokenFile }).required).toBe(true);
  });
});

describe("tenants", () => {
  const tenant = (headers: RequestHeaders, token: string): string => {
    const principal = access.authenticate(bearer(token), token === INGEST ? "ingest" : "read");
    if (principal instanceof Failure) throw principal;
    const found = tenantOf(headers, principal);
    return found instanceof Failure ? `${found.code}: ${found.message}` : found;
  };

  it("come from X-Scope-OrgID", () => {
    expect(tenant({}, ADMIN)).toBe("default");
    expect(tenant({ "x-scope-orgid": "" }, ADMIN)).toBe("default");
    expect(tenant({ "x-scope-orgid": " Team-1_a.b " }, ADMIN)).toBe("Team-1_a.b");
    expect(tenant({ "x-scope-orgid": "a".repeat(64) }, ADMIN)).toBe("a".repeat(64));
  });

  it.each(["a|b", "a b", "a,b", "ä", "..", ".", "a/b", "a".repeat(65), "a\u0000"])("%j is none", (name) => {
    expect(tenant({ "x-scope-orgid": name }, ADMIN)).toMatch(/^bad-request/);
  });

  it("are those the token lists", () => {
    expect(tenant({ "x-scope-orgid": "bank" }, READ)).toBe("bank");
    expect(tenant({ "x-scope-orgid": "other" }, READ)).toMatch(/^forbidden/);
    expect(tenant({}, READ)).toMatch(/^forbidden: line 2 has no access to tenant default/);
    expect(tenant({}, INGEST)).toBe("shop");
  });
});
