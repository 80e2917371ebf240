import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hexId, sendSpans } from "./send.ts";
import { eventually, removeData, startServer, type TestServer } from "./server.ts";

/** A request with exactly these headers (fetch sets Host itself). Answers the status and the body. */
async function raw(
  url: string,
  headers: Readonly<Record<string, string>>,
  method = "GET",
  body = "",
): Promise<{ status: number; body: string }> {
  return await new Promise((resolve, reject) => {
    const { hostname, port, pathname, search } = new URL(url);
    const sent = request({ hostname, port, path: pathname + search, method, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode!, body: text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

describe("a server on loopback", () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer();
    await sendSpans(server, "secret-service", [{ traceId: hexId(1, 16), spanId: hexId(1, 8), name: "secret" }]);
    await eventually(async () => (await server.sql("SELECT name FROM spans")).length === 1);
  });
  afterAll(async () => {
    await server.stop();
    removeData(server);
  });

  it("answers no page that reached it under a foreign name (DNS rebinding)", async () => {
    const port = new URL(server.url).port;
    for (const path of ["/", "/api/status", "/api/traces", "/api/services"]) {
      const answer = await raw(`${server.url}${path}`, { host: `evil.example:${port}` });
      expect(answer.status, path).toBe(403);
      expect(answer.body).not.toContain("secret-service");
    }
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`])
      expect((await raw(`${server.url}/api/status`, { host })).status).toBe(200);
  });

  it("lets no page of another site read or write telemetry", async () => {
    const origin = "https://evil.example";
    const sql = await raw(
      `${server.url}/api/sql`,
      { origin, "content-type": "text/plain" },
      "POST",
      "SELECT * FROM spans",
    );
    expect(sql.status).toBe(403);
    const span = JSON.stringify({ resourceSpans: [] });
    for (const target of [`${server.otlpHttp}/v1/traces`, `${server.url}/otlp/v1/traces`]) {
      expect((await raw(target, { origin, "content-type": "application/json" }, "POST", span)).status).toBe(403);
      expect((await raw(target, { "content-type": "application/json" }, "POST", span)).status).toBe(200);
    }
  });

  it("serves the interface with a strict policy and nothing from elsewhere", async () => {
    const page = await fetch(server.url);
    const policy = page.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe-inline");
    expect(policy).not.toContain("unsafe-eval");
    expect(page.headers.get("x-content-type-options")).toBe("nosniff");
    const html = await page.text();
    expect(
      [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!).filter((link) => !link.startsWith("/")),
    ).toEqual([]);
  });

  it("confines SQL to reading one tenant", async () => {
    await sendSpans(server, "other", [{ traceId: hexId(2, 16), spanId: hexId(2, 8), name: "theirs" }], {
      "x-scope-orgid": "other",
    });
    await eventually(async () => (await server.sql("SELECT name FROM spans", "other")).length === 1);
    expect(await server.sql("SELECT name FROM spans")).toEqual([{ name: "secret" }]);
    expect(await server.sql("SELECT name FROM spans WHERE tenant = 'other'")).toEqual([]);
    for (const attack of [
      "SELECT file('/etc/passwd')",
      "SELECT * FROM merge('traceo', 'spans')",
      "DROP TABLE spans",
      "SELECT * FROM system.parts",
      "SELECT 1; SELECT 2",
    ])
      await expect(server.sql(attack), attack).rejects.toThrow(/^4/);
  });
});

describe("a server with tokens", () => {
  let server: TestServer;
  const ingest = "i".repeat(32);
  const read = "r".repeat(32);
  beforeAll(async () => {
    const file = join(mkdtempSync(join(tmpdir(), "traceo-tokens-")), "tokens");
    writeFileSync(file, `# who may do what\ningest ${ingest}\nread ${read}\n`);
    chmodSync(file, 0o600);
    server = await startServer({ flags: ["--token-file", file] });
  });
  afterAll(async () => {
    await server.stop();
    removeData(server);
  });

  it("asks for a token, and keeps reading and sending apart", async () => {
    const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
    const readWith = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${server.url}/api/services`, { headers })).status;
    expect([
      await readWith({}),
      await readWith(bearer(ingest)),
      await readWith(bearer("x".repeat(32))),
      await readWith(bearer(read)),
    ]).toEqual([401, 403, 401, 200]);
    const spans = [{ traceId: hexId(3, 16), spanId: hexId(3, 8), name: "n" }];
    expect((await sendSpans(server, "s", spans)).status).toBe(401);
    expect((await sendSpans(server, "s", spans, bearer(read))).status).toBe(403);
    expect((await sendSpans(server, "s", spans, bearer(ingest))).status).toBe(200);
  });
});
