import { describe, expect, it } from "vitest";
import { createGuard, type GuardOptions, isLoopback } from "./guard.ts";
import type { RequestHeaders } from "./request-headers.ts";

const passes = (options: Partial<GuardOptions>, method: string, headers: RequestHeaders): boolean =>
  createGuard({ listen: ["127.0.0.1"], allowedHosts: [], allowedOrigins: [], ...options }).check({
    method,
    headers,
  }) === undefined;

const host = "127.0.0.1:7070";

describe("Host, listening on loopback", () => {
  it.each([
    "127.0.0.1",
    "127.0.0.1:7070",
    "127.9.9.9:1",
    "localhost:7070",
    "LOCALHOST",
    "localhost.",
    "shop.localhost:7070",
    "[::1]:7070",
    "[::1]",
  ])("is ours: %s", (name) => {
    expect(passes({}, "GET", { host: name })).toBe(true);
    expect(passes({}, "POST", { host: name })).toBe(true);
  });

  it.each([
    "evil.example",
    "evil.example:7070",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "10.0.0.1",
    "",
    "localhost@evil.example",
    "localhost/evil",
    "[::1",
    "::1:7070",
    "[fe80::1]:7070",
  ])("is not ours: %s", (name) => {
    expect(passes({}, "GET", { host: name })).toBe(false);
    expect(passes({}, "POST", { host: name })).toBe(false);
    expect(passes({}, "GET", { host: name, authorization: "Bearer x" })).toBe(false);
  });

  it("must be there", () => {
    expect(passes({}, "GET", {})).toBe(false);
  });

  it("may be allowed by name, or by all names below one", () => {
    const allowedHosts = ["Traceo.example", ".internal"];
    expect(passes({ allowedHosts }, "GET", { host: "traceo.EXAMPLE:80" })).toBe(true);
    expect(passes({ allowedHosts }, "GET", { host: "a.traceo.example" })).toBe(false);
    expect(passes({ allowedHosts }, "GET", { host: "a.b.internal" })).toBe(true);
    expect(passes({ allowedHosts }, "GET", { host: "internal" })).toBe(true);
    expect(passes({ allowedHosts }, "GET", { host: "evilinternal" })).toBe(false);
  });
});

describe("Host, listening beyond loopback", () => {
  const listen = ["0.0.0.0"];
  it("may be any address, since an address cannot be rebound", () => {
    expect(passes({ listen }, "GET", { host: "10.1.2.3:7070" })).toBe(true);
    expect(passes({ listen }, "GET", { host: "[fd00::1]:7070" })).toBe(true);
    expect(passes({ listen }, "GET", { host: "evil.example" })).toBe(false);
  });

  it("is the listen address where that is one", () => {
    expect(passes({ listen: ["telemetry.internal"] }, "GET", { host: "telemetry.internal:7070" })).toBe(true);
    expect(passes({ listen: ["10.1.2.3"] }, "GET", { host: "10.1.2.3" })).toBe(true);
    expect(passes({ listen: ["10.1.2.3"] }, "GET", { host: "10.1.2.4" })).toBe(false);
  });

  it("may be any name for what is no browser", () => {
    expect(passes({ listen }, "POST", { host: "traceo" })).toBe(true);
    expect(passes({ listen }, "GET", { host: "traceo", authorization: "Bearer x" })).toBe(true);
    expect(passes({ listen }, "POST", { host: "traceo", origin: "http://traceo" })).toBe(false);
    expect(passes({ listen }, "GET", { host: "traceo", authorization: "x", "sec-fetch-site": "none" })).toBe(false);
  });
});

describe("Origin", () => {
  it.each([
    ["http://127.0.0.1:7070", host],
    ["https://127.0.0.1:7070", host],
    ["http://localhost", "localhost"],
    ["http://localhost", "localhost:80"],
    ["https://localhost", "localhost:443"],
    ["http://[::1]:7070", "[::1]:7070"],
  ])("%s is the same as Host %s", (origin, name) => {
    expect(passes({}, "POST", { host: name, origin })).toBe(true);
  });

  it.each([
    "http://127.0.0.1:9000",
    "http://localhost:7070",
    "https://evil.example",
    "null",
    "file://",
    "http://127.0.0.1:7070.evil.example",
    "",
  ])("%s is foreign, whatever the method", (origin) => {
    for (const method of ["GET", "POST", "OPTIONS"]) expect(passes({}, method, { host, origin })).toBe(false);
  });

  it("may be allowed, and is then named for CORS", () => {
    const allowedOrigins = ["https://Shop.example/"];
    expect(passes({ allowedOrigins }, "POST", { host, origin: "https://shop.example" })).toBe(true);
    expect(passes({ allowedOrigins }, "POST", { host, origin: "http://shop.example" })).toBe(false);
    const guard = createGuard({ listen: ["127.0.0.1"], allowedHosts: [], allowedOrigins });
    expect(guard.allowedOrigin({ origin: "https://shop.example" })).toBe("https://shop.example");
    expect(guard.allowedOrigin({ origin: "https://other.example" })).toBeUndefined();
    expect(guard.allowedOrigin({})).toBeUndefined();
  });

  it("does not help against a rebound name", () => {
    expect(passes({}, "POST", { host: "evil.example", origin: "http://evil.example" })).toBe(false);
  });
});

describe("Sec-Fetch-Site", () => {
  it.each(["same-origin", "none"])("%s passes", (site) => {
    expect(passes({}, "GET", { host, "sec-fetch-site": site })).toBe(true);
  });

  it.each(["same-site", "cross-site"])("%s passes only as a link that a person followed", (site) => {
    const headers = { host, "sec-fetch-site": site };
    expect(passes({}, "GET", headers)).toBe(false);
    const followed = { ...headers, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
    expect(passes({}, "GET", followed)).toBe(true);
    expect(passes({}, "POST", followed)).toBe(false);
    expect(passes({}, "GET", { ...followed, "sec-fetch-dest": "iframe" })).toBe(false);
  });
});

describe("loopback", () => {
  it("knows its names and addresses", () => {
    expect(["localhost", "127.0.0.1", "127.1.1.1", "::1", "[::1]", "::ffff:127.0.0.1"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.evil.example", "128.0.0.1", "::2", ""].some(isLoopback)).toBe(false);
  });
});
