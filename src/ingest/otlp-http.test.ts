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
