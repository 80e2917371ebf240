import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openAccess } from "#access/access.ts";
import type { Engine, EngineAnswer } from "#engine/engine.ts";
import { Failure } from "#runtime/failure.ts";
import { createApi } from "./app.ts";
import type { Problem } from "./contract/shapes.ts";
import type { FailedRequest } from "./dependencies.ts";
import { nodeListener } from "./node-listener.ts";
import { openTestApi, type TestApi } from "./test-api.suite.ts";

let api: TestApi;
let root: string;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "traceo-web-"));
  mkdirSync(join(root, "assets"));
  writeFileSync(join(root, "index.html"), '<!doctype html><meta name="nonce" content="__CSP_NONCE__">');
  writeFileSync(join(root, "assets", "main-Ab12Cd34.js"), "export const a = 1;");
  writeFileSync(join(root, "icon.svg"), "<svg/>");
  writeFileSync(join(root, "..", "traceo-secret.txt"), "secret");
  api = await openTestApi({ webRoot: root });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  rmSync(root, { recursive: true, force: true });
  rmSync(join(root, "..", "traceo-secret.txt"), { force: true });
});

describe("web files", () => {
  it("serves the page for every view, with a nonce of its own and a strict policy", async () => {
    const nonces = new Set<string>();
    for (const path of ["/", "/traces", "/traces/abc", "/services/a.b"]) {
      const response = await api.fetch(path);
      expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
      const policy = response.headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self';");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
      const nonce = /content="([^"]+)"/.exec(await response.text())![1]!;
      expect(policy).toContain(`'nonce-${nonce}'`);
      nonces.add(nonce);
      expect(response.headers.get("cache-control")).toBe("no-cache");
    }
    expect(nonces.size).toBe(4);
  });

  it("lets browsers keep hashed files for ever and ask for others again", async () => {
    const asset = await api.fetch("/assets/main-Ab12Cd34.js");
    expect(asset.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(asset.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    const icon = await api.fetch("/icon.svg");
    const again = await api.fetch("/icon.svg", { headers: { "if-none-match": icon.headers.get("etag")! } });
    expect([icon.status, again.status]).toEqual([200, 304]);
    expect((await api.fetch("/assets/gone-12345678.js")).status).toBe(404);
  });

  it("never leaves its folder", async () => {
    for (const path of [
      "/../traceo-secret.txt",
      "/%2e%2e/traceo-secret.txt",
      "/..%2ftraceo-secret.txt",
      "/assets/..%5c..%5ctraceo-secret.txt",
      "/%00",
      "/%ff",
    ]) {
      const text = await (await api.fetch(path)).text();
      expect(text).not.toContain("secret");
    }
  });
});

describe("the surface", () => {
  it("puts the same headers on whatever it answers", async () => {
    for (const path of ["/", "/api/status", "/api/nothing", "/healthz", "/readyz", "/metrics", "/api/docs"]) {
      const { headers } = await api.fetch(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    }
  });

  it("answers probes, metrics and unknown paths", async () => {
    expect(await (await api.fetch("/healthz")).text()).toBe("ok\n");
    expect((await api.fetch("/readyz")).status).toBe(200);
    const metrics = await (await api.fetch("/metrics")).text();
    expect(metrics).toContain('traceo_records_total{signal="traces",state="received"} 0');
    for (const line of metrics.trimEnd().split("\n"))
      expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)*\})? -?[\d.e+]+)$/);
    expect(await api.problem("/api/nothing")).toMatchObject({ status: 404, code: "not-found" });
    const wrong = await api.fetch("/api/traces", { method: "DELETE" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET"]);
    expect(await api.problem("/api/traces/%ff")).toMatchObject({ status: 404 });
  });

  it("refuses pages of other sites, rebound names and other tenants' tokens", async () => {
    for (const headers of [
      { origin: "https://evil.example", "content-type": "text/plain" },
      { host: "evil.example" },
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" },
    ])
      expect(
        await api.problem("/api/sql", { method: "POST", body: "SELECT 1", headers: headers as Record<string, string> }),
      ).toMatchObject({ status: 403 });
    expect(await api.problem("/api/status", { headers: { "x-scope-orgid": "a|b" } })).toMatchObject({ status: 400 });
    const file = join(root, "..", `traceo-tokens-${process.pid}`);
    writeFileSync(file, "read secret-token-of-sixteen-plus tenants=a\n", { mode: 0o600 });
    const access = openAccess({ listen: ["127.0.0.1"], tokenFile: file });
    const app = createApi({ ...api.dependencies, access });
    const ask = async (token: string | undefined, path: string): Promise<number> =>
      (
        await app.fetch(
          new Request(`http://127.0.0.1:7070${path}`, {
            headers: { host: "127.0.0.1:7070", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
          }),
        )
      ).status;
    rmSync(file);
    expect(await ask(undefined, "/api/status")).toBe(401);
    expect(await ask("wrong", "/metrics")).toBe(401);
    expect(await ask(undefined, "/healthz")).toBe(200);
  });

  it("explains a question as it was answered", async () => {
    const response = await api.fetch(
      `/api/explain?${new URLSearchParams({ path: "/api/services?from=now-1h", costs: "0" })}`,
    );
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain("read span_stats as tenant");
    expect(text).toContain("use-span-stats: span_stats counts spans by the minute");
    for (const path of [
      "/api/status",
      "/api/explain?path=/api/home",
      "https://evil.example/api/sql",
      "/api/traces?wehre=x",
    ])
      expect(await api.problem(`/api/explain?${new URLSearchParams({ path })}`)).toMatchObject({ status: 400 });
  });
});

describe("a client that goes away", () => {
  let server: Server;
  let asked: AbortSignal[];
  let begun: () => void;
  beforeAll(async () => {
    asked = [];
    const slow: Engine = new Proxy(api.store.engine as Engine, {
      get(target, name) {
        if (name !== "read") return Reflect.get(target, name, target) as unknown;
        return (_: unknown, signal: AbortSignal): Promise<EngineAnswer> => {
          asked.push(signal);
          begun();
          return new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(new Failure("cancelled", "the caller went away")));
          });
        };
      },
    });
    server = createServer(nodeListener(createApi({ ...api.dependencies, engine: slow })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it.each(["/api/traces", "/api/logs", "/api/home", "/api/sql"])(
    "cancels what it asked of the engine (%s)",
    async (path) => {
      const reached = new Promise<void>((resolve) => {
        begun = resolve;
      });
      const { port } = server.address() as AddressInfo;
      const client = request({ host: "127.0.0.1", port, path, method: path === "/api/sql" ? "POST" : "GET" });
      const gone = new Promise((resolve) => client.on("error", resolve));
      client.end(path === "/api/sql" ? "SELECT 1" : undefined);
      await reached;
      const signal = asked.at(-1)!;
      expect(signal.aborted).toBe(false);
      const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve));
      client.destroy();
      await Promise.all([gone, aborted]);
      expect(signal.aborted).toBe(true);
    },
  );
});

describe("live tails", () => {
  it("are limited, and free again when their clients have gone", async () => {
    const server = createServer(nodeListener(createApi(api.dependencies)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const open = (): Promise<{ status: number; close: () => void }> =>
      new Promise((resolve, reject) => {
        const client = request({ host: "127.0.0.1", port, path: "/api/logs/tail" }, (response) => {
          response.once("data", () => resolve({ status: response.statusCode!, close: () => client.destroy() }));
          response.on("error", () => undefined);
        });
        client.on("error", reject);
        client.end();
      });
    const tails = await Promise.all(Array.from({ length: 32 }, open));
    expect(tails.every(({ status }) => status === 200)).toBe(true);
    expect((await open()).status).toBe(429);
    for (const tail of tails) tail.close();
    let last = await open();
    while (last.status === 429) last = await open();
    expect(last.status).toBe(200);
    last.close();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("an engine that is down", () => {
  it("is told with when to come back, by every route that needs it", async () => {
    const down: Engine = new Proxy(api.store.engine as Engine, {
      get(target, name) {
        if (name === "read")
          return () =>
            Promise.reject(new Failure("engine-unavailable", "the engine is restarting", { retryAfterSeconds: 3 }));
        if (name === "status") return () => ({ ...target.status(), state: "restarting" });
        return Reflect.get(target, name, target) as unknown;
      },
    });
    const app = createApi({ ...api.dependencies, engine: down });
    const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
      Promise.resolve(
        app.fetch(new Request(`http://127.0.0.1:7070${path}`, { ...init, headers: { host: "127.0.0.1:7070" } })),
      );
    for (const path of ["/api/home", "/api/services", "/api/traces", "/api/logs", "/api/metrics", "/api/sql/schema"]) {
      const response = await ask(path);
      expect([path, response.status, response.headers.get("retry-after")]).toEqual([path, 503, "3"]);
    }
    expect((await ask("/readyz")).status).toBe(503);
    expect((await ask("/healthz")).status).toBe(200);
    expect(((await (await ask("/api/status")).json()) as { ready: boolean }).ready).toBe(false);
  });

  it("keeps our own mistakes to itself", async () => {
    const wrong: Engine = new Proxy(api.store.engine as Engine, {
      get(target, name) {
        if (name === "read") return () => Promise.reject(new TypeError("secret internals"));
        return Reflect.get(target, name, target) as unknown;
      },
    });
    const told: [unknown, FailedRequest][] = [];
    const app = createApi({
      ...api.dependencies,
      engine: wrong,
      onError: (error, request) => told.push([error, request]),
    });
    const response = await app.fetch(
      new Request("http://127.0.0.1:7070/api/logs", { headers: { host: "127.0.0.1:7070" } }),
    );
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).not.toContain("secret");
    const { requestId } = JSON.parse(text) as Problem;
    expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(told).toEqual([[new TypeError("secret internals"), { id: requestId, method: "GET", path: "/api/logs" }]]);
    // A mistake of the client's is none of ours.
    await app.fetch(new Request("http://127.0.0.1:7070/api/logs?x=1", { headers: { host: "127.0.0.1:7070" } }));
    expect(told).toHaveLength(1);
  });
});
