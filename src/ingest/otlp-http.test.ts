import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import {
  JSON_TYPE,
  openHttpReceiver,
  openRawConnection,
  PROTOBUF,
  type ReceiverOptions,
  requestHead,
  type TestReceiver,
  writeTokens,
} from "./http-receiver.suite.ts";

let receiver: TestReceiver | undefined;
async function open(options: ReceiverOptions = {}): Promise<TestReceiver> {
  receiver = await openHttpReceiver(options);
  return receiver;
}
afterEach(async () => {
  await receiver?.[Symbol.asyncDispose]();
  receiver = undefined;
});

const post = (
  at: TestReceiver,
  path: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Response> => fetch(`${at.url}${path}`, { method: "POST", headers, body });

describe("what is passed on", () => {
  it.each(["traces", "logs", "metrics"] as const)("passes %s on as they came, with defaults", async (signal) => {
    const at = await open();
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    const answer = await post(at, `/v1/${signal}`, PROTOBUF, Buffer.from([1, 2, 3]));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-protobuf"]);
    expect((await answer.arrayBuffer()).byteLength).toBe(0);
    const [request] = at.ingest.requests;
    expect(request).toMatchObject({
      signal,
      tenant: "default",
      contentType: "protobuf",
      contentEncoding: "identity",
      body: Buffer.from([1, 2, 3]),
    });
    expect(request!.body.buffer.byteLength).toBe(3);
    expect(request!.receivedUnixNano > before).toBe(true);
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
  });

  it("answers JSON with JSON", async () => {
    const at = await open();
    const answer = await post(at, "/v1/logs", { "content-type": "application/json; charset=utf-8" }, "{}");
    expect([answer.status, answer.headers.get("content-type"), await answer.json()]).toEqual([
      200,
      "application/json",
      {},
    ]);
  });

  it("leaves compressed bodies compressed", async () => {
    const at = await open();
    const body = gzipSync(Buffer.alloc(1000));
    for (const encoding of ["gzip", "deflate", "zstd", "identity", "GZIP"])
      expect((await post(at, "/v1/traces", { ...PROTOBUF, "content-encoding": encoding }, body)).status).toBe(200);
    expect(at.ingest.requests.map((request) => request.contentEncoding)).toEqual([
      "gzip",
      "deflate",
      "zstd",
      "identity",
      "gzip",
    ]);
    expect(at.ingest.requests.every((request) => body.equals(request.body))).toBe(true);
  });

  it("answers what was rejected as partial success", async () => {
    const at = await open();
    at.ingest.respond = () => ({
      accepted: 5,
      rejected: 3,
      rejections: [
        { reason: "trace-id", count: 2, message: "span 4 has no trace id" },
        { reason: "too-old", count: 1, message: "span 6 is too old" },
      ],
    });
    const json = await post(at, "/v1/traces", JSON_TYPE, "{}");
    expect([json.status, await json.json()]).toEqual([
      200,
      { partialSuccess: { rejectedSpans: "3", errorMessage: "span 4 has no trace id; span 6 is too old" } },
    ]);
    const protobuf = await post(at, "/v1/traces", PROTOBUF, "");
    expect(Buffer.from(await protobuf.arrayBuffer()).subarray(0, 4)).toEqual(Buffer.from([0x0a, 45, 0x08, 3]));
  });
});

describe("what is refused before the body is read", () => {
  const refused = async (
    at: TestReceiver,
    method: string,
    path: string,
    headers: Record<string, string>,
  ): Promise<string> => {
    const connection = await openRawConnection(at.server.port);
    // A body is announced and never sent: whoever waits for it does not answer.
    connection.send(requestHead(method, path, { "content-length": 1000, ...headers }));
    const text = await connection.received("\r\n\r\n");
    connection.socket.destroy();
    expect(at.ingest.requests).toEqual([]);
    return text;
  };

  it.each([
    ["an unknown address", "POST", "/v1/profiles", PROTOBUF, "404"],
    ["an address below a foreign prefix", "POST", "/otlp/v1/traces", PROTOBUF, "404"],
    ["another method", "PUT", "/v1/traces", PROTOBUF, "405"],
    ["a foreign origin", "POST", "/v1/traces", { ...PROTOBUF, origin: "https://evil.example" }, "403"],
    ["a rebound host", "POST", "/v1/traces", { ...PROTOBUF, host: "evil.example" }, "403"],
    ["several tenants", "POST", "/v1/traces", { ...PROTOBUF, "x-scope-orgid": "a|b" }, "400"],
    ["a strange tenant", "POST", "/v1/traces", { ...PROTOBUF, "x-scope-orgid": "../a" }, "400"],
    ["another type", "POST", "/v1/traces", { "content-type": "text/plain" }, "415"],
    ["no type", "POST", "/v1/traces", {}, "415"],
    ["another encoding", "POST", "/v1/traces", { ...PROTOBUF, "content-encoding": "br" }, "415"],
    ["stacked encodings", "POST", "/v1/traces", { ...PROTOBUF, "content-encoding": "gzip, gzip" }, "415"],
    ["a large body", "POST", "/v1/traces", { ...PROTOBUF, "content-length": "99999999" }, "413"],
  ])("%s", async (_what, method, path, headers, status) => {
    expect(await refused(await open(), method, path, headers as Record<string, string>)).toMatch(
      new RegExp(`^HTTP/1.1 ${status} `),
    );
  });

  it("names what would have been right", async () => {
    const at = await open();
    expect(await refused(at, "GET", "/v1/traces", {})).toMatch(/^allow: POST\r$/im);
    expect(await refused(at, "POST", "/v1/traces", { "content-type": "text/plain" })).toMatch(
      /^accept: application\/x-protobuf, application\/json\r$/im,
    );
    expect(await refused(at, "POST", "/v1/traces", { ...PROTOBUF, "content-encoding": "br" })).toMatch(
      /^accept-encoding: gzip, deflate, zstd\r$/im,
    );
  });
});

describe("failures of ingest", () => {
  it.each([
    ["bad-payload", 400, 3, undefined],
    ["too-large", 413, 3, undefined],
    ["unsupported-media", 415, 12, undefined],
    ["overloaded", 429, 8, 3],
    ["unavailable", 503, 14, 2],
    ["disk-full", 503, 14, 30],
    ["corrupt", 500, 13, undefined],
  ] as const)("%s is answered with %i and google.rpc.Status", async (code, status, rpc, retryAfterSeconds) => {
    const at = await open();
    at.ingest.respond = () => {
      throw new Failure(code, "because", retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    };
    const answer = await post(at, "/v1/metrics", JSON_TYPE, "{}");
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([
      status,
      retryAfterSeconds === undefined ? null : String(retryAfterSeconds),
    ]);
    const body = (await answer.json()) as { code: number; message: string; details?: unknown };
    expect(body.code).toBe(rpc);
    expect(body.message).toContain("because");
    expect(body.details).toEqual(
      retryAfterSeconds === undefined
        ? undefined
        : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterSeconds}s` }],
    );
  });

  it("answers a programmer's error with 500 and tells us", async () => {
    const at = await open();
    at.ingest.respond = () => {
      throw new TypeError("x is not a function");
    };
    expect((await post(at, "/v1/metrics", PROTOBUF, "")).status).toBe(500);
    expect(at.errors).toHaveLength(1);
    expect(at.admission.status().requests).toBe(0);
  });
});

const INGEST = "ingest-token-0123456789";
const READ = "read-token-0123456789";

describe("tokens", () => {
  it("decide who may send, and for which tenants", async () => {
    const tokenFile = writeTokens([`ingest ${INGEST} name=collector tenants=shop,bank`, `read ${READ}`]);
    const at = await open({ access: { tokenFile } });
    const send = async (headers: Record<string, string>): Promise<[number, string | null]> => {
      const answer = await post(at, "/v1/traces", { ...PROTOBUF, ...headers }, "x");
      return [answer.status, answer.headers.get("www-authenticate")];
    };
    const mine = { authorization: `Bearer ${INGEST}` };
    expect(await send({})).toEqual([401, 'Bearer realm="traceo"']);
    expect(await send({ authorization: "Bearer wrong" })).toEqual([401, 'Bearer realm="traceo"']);
    expect(await send({ authorization: `Bearer ${READ}` })).toEqual([403, null]);
    expect(await send({ ...mine, "x-scope-orgid": "other" })).toEqual([403, null]);
    expect(await send(mine)).toEqual([403, null]);
    expect(await send({ ...mine, "x-scope-orgid": "bank" })).toEqual([200, null]);
    expect(at.ingest.requests.map((request) => request.tenant)).toEqual(["bank"]);
    expect(at.counts.snapshot()).toMatchObject({ unauthenticated: 2, forbidden: 3 });
  });
});

describe("pages of other sites", () => {
  const origin = "https://shop.example";

  it("get no CORS answer unless they are allowed", async () => {
    const at = await open();
    for (const method of ["OPTIONS", "POST"]) {
      const answer = await fetch(`${at.url}/v1/traces`, { method, headers: { ...PROTOBUF, origin } });
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([403, null]);
    }
    expect(at.ingest.requests).toEqual([]);
  });

  it("may send when they are allowed, and can read why they were refused", async () => {
    const at = await open({ access: { allowedOrigins: [origin] } });
    const preflight = await fetch(`${at.url}/v1/traces`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-private-network": "true" },
    });
    expect(preflight.status).toBe(204);
    expect(Object.fromEntries(preflight.headers)).toMatchObject({
      "access-control-allow-origin": origin,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type, content-encoding, x-scope-orgid",
      "access-control-allow-private-network": "true",
      vary: "origin",
    });
    for (const [type, status] of [
      ["application/json", 200],
      ["text/plain", 415],
    ] as const) {
      const answer = await post(at, "/v1/traces", { origin, "content-type": type }, "{}");
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([status, origin]);
    }
    const other = await post(at, "/v1/traces", { ...JSON_TYPE, origin: "https://other.example" }, "{}");
    expect([other.status, other.headers.get("access-control-allow-origin")]).toEqual([403, null]);
  });
});

describe("quotas", () => {
  it("slow a tenant down, and no other", async () => {
    const at = await open({ quotas: { everyTenant: { recordsPerSecond: 0.01 }, burstSeconds: 1000 } });
    at.ingest.respond = () => ({ accepted: 10, rejected: 5, rejections: [] });
    const send = (tenant: string): Promise<Response> =>
      post(at, "/v1/logs", { ...PROTOBUF, "x-scope-orgid": tenant }, "x");
    expect((await send("a")).status).toBe(200);
    const refused = await send("a");
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect((await send("b")).status).toBe(200);
    expect(at.counts.snapshot()["quota-records"]).toBe(1);
  });
});

describe("what clients and proxies do besides", () => {
  it("asks to change to HTTP/2, as Java's client does, and is answered as it is", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    const upgrade = { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAEAAEAAAAIAAAAB" };
    const head = requestHead("POST", "/v1/traces", { ...PROTOBUF, ...upgrade, "content-length": 4 });
    connection.send(`${head}body`);
    expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    expect(Buffer.from(at.ingest.requests[0]!.body).toString()).toBe("body");
  });

  it("names the whole address, or adds a query", async () => {
    const at = await open({ prefix: "/otlp" });
    for (const target of ["http://127.0.0.1/otlp/v1/logs", "/otlp/v1/logs?via=proxy"]) {
      const connection = await openRawConnection(at.server.port);
      connection.send(`${requestHead("POST", target, { ...PROTOBUF, "content-length": 4 })}body`);
      expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
    }
  });

  it("speaks HTTP/1.0", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(
      "POST /v1/logs HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    );
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 200 .*\r\n\r\n\{\}$/is);
  });
});
