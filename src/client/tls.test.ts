import { once } from "node:events";
import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttpsServer, type Server as HttpsServer, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import {
  AUTHORITY,
  CLIENT_CERTIFICATE,
  CLIENT_KEY_WITH_PASSPHRASE,
  PASSPHRASE,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from "./certificates.suite.ts";
import { DEFAULT_CLIENT_SETTINGS, type HttpClientSettings } from "./client-settings.ts";
import { type HttpAnswer, type HttpExchange, type HttpRequest, isHttpFailure } from "./exchange.ts";
import { HttpClient } from "./http-client.ts";
import { headerValue } from "./response-head.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

const IDENTITY = { cert: SERVER_CERTIFICATE, key: SERVER_KEY };

async function listen(server: HttpsServer | Http2SecureServer): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(() => server.close());
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serveHttps(options: ServerOptions = {}): Promise<string> {
  const server = createHttpsServer({ ...IDENTITY, ...options }, (request, response) => {
    const { subject } = (request.socket as TLSSocket).getPeerCertificate() ?? {};
    response.end(`hello ${subject?.CN ?? "stranger"}`);
  });
  opened.push(() => server.closeAllConnections());
  return await listen(server);
}

async function serveHttp2(
  onStream: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void,
): Promise<string> {
  const server = createSecureServer({ ...IDENTITY, allowHTTP1: true });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => stream.destroy());
    onStream(stream, headers);
  });
  server.on("session", (session) => opened.push(() => session.destroy()));
  return await listen(server);
}

function open(settings: Partial<HttpClientSettings> = {}): HttpClient {
  const client = new HttpClient({ ...DEFAULT_CLIENT_SETTINGS, authorities: [AUTHORITY], ...settings });
  opened.push(() => client.close());
  return client;
}

function get(url: string, more: Partial<HttpRequest> = {}): HttpRequest {
  return { method: "GET", url, headers: [], body: undefined, timeoutMs: 10_000, discardBody: false, ...more };
}

function ok(answer: HttpAnswer): HttpExchange {
  if (isHttpFailure(answer)) throw new Error(`${answer.errorCode} ${answer.error}`);
  return answer;
}

const text = (answer: HttpAnswer): string => Buffer.from(ok(answer).body).toString();

describe("TLS", () => {
  it("checks who answers, and tells version, suite and the handshake's time", async () => {
    const url = await serveHttps();
    const client = open();
    const answer = ok(await client.exchange(get(url), 1, undefined));
    expect(answer).toMatchObject({ protocol: "HTTP/1.1", tlsVersion: "tls1.3" });
    expect(answer.tlsCipherSuite).toMatch(/^TLS_(AES|CHACHA20)_/);
    expect(answer.timings.tlsHandshaking).toBeGreaterThan(0);
    const again = ok(await client.exchange(get(url), 1, undefined));
    expect([again.timings.tlsHandshaking, text(again)]).toEqual([0, "hello stranger"]);
  });

  it("refuses an unknown authority and another host's certificate, unless told to accept them", async () => {
    const url = await serveHttps();
    expect(await open({ authorities: [] }).exchange(get(url), 1, undefined)).toMatchObject({ errorCode: 1310 });
    const settings = { hosts: { "wrong.test": "127.0.0.1" } };
    const wrong = url.replace("127.0.0.1", "wrong.test");
    expect(await open(settings).exchange(get(wrong), 1, undefined)).toMatchObject({ errorCode: 1311 });
    expect(text(await open({ ...settings, insecureSkipVerify: true }).exchange(get(wrong), 1, undefined))).toContain(
      "hello",
    );
  });

  it("keeps to versions and suites", async () => {
    const url = await serveHttps();
    const suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305";
    const answer = ok(await open({ tlsMax: "tls1.2", cipherSuites: [suite] }).exchange(get(url), 1, undefined));
    expect(answer).toMatchObject({ tlsVersion: "tls1.2", tlsCipherSuite: suite });
    const old = await serveHttps({ maxVersion: "TLSv1.2" });
    expect(await open({ tlsMin: "tls1.3" }).exchange(get(old), 1, undefined)).toMatchObject({ errorCode: 1300 });
    expect(() => open({ cipherSuites: ["TLS_NONE"] })).toThrow('unknown TLS cipher suite "TLS_NONE"');
    expect(() => open({ tlsMin: "tls9" })).toThrow('unknown TLS version "tls9"');
  });

  it("shows a client certificate to the hosts it is for", async () => {
    const url = await serveHttps({ requestCert: true, rejectUnauthorized: false, ca: AUTHORITY });
    const certificate = { certificate: CLIENT_CERTIFICATE, key: CLIENT_KEY_WITH_PASSPHRASE, passphrase: PASSPHRASE };
    const ask = async (domains: readonly string[]): Promise<string> =>
      text(
        await open({
          clientCertificates: [{ ...certificate, domains }],
          hosts: { "traceo.test": "127.0.0.1" },
        }).exchange(get(url.replace("127.0.0.1", "traceo.test")), 1, undefined),
      );
    expect(await ask(["traceo.test"])).toBe("hello a client");
    expect(await ask(["*.test"])).toBe("hello a client");
    expect(await ask([])).toBe("hello a client");
    expect(await ask(["other.test"])).toBe("hello stranger");
  });

  it("says what is no TLS", async () => {
    const url = await serveHttps();
    expect(await open().exchange(get(url.replace("https", "http")), 1, undefined)).toMatchObject({ errorCode: 1000 });
  });
});

describe("HTTP/2", () => {
  it("is spoken where TLS agrees on it, over one connection for all requests of a pool", async () => {
    const sessions = new Set<unknown>();
    const url = await serveHttp2((stream, headers) => {
      sessions.add(stream.session);
      stream.respond({ ":status": 200, "x-path": String(headers[":path"]), "set-cookie": ["a=1", "b=2"] });
      stream.end(`hello ${String(headers["x-own"])} ${String(headers["cookie"])}`);
    });
    const client = open();
    const request = get(`${url}/a?b`, { headers: [["X-Own", "mine"]], extraHead: "Cookie: c=d\r\n" });
    const first = ok(await client.exchange(request, 1, undefined));
    expect(first).toMatchObject({ status: 200, statusText: "", protocol: "HTTP/2.0", tlsVersion: "tls1.3" });
    expect([headerValue(first.head, "x-path"), text(first)]).toEqual(["/a?b", "hello mine c=d"]);
    expect(first.head.match(/set-cookie: /g)).toHaveLength(2);
    const many = await Promise.all(Array.from({ length: 10 }, () => client.exchange(request, 1, undefined)));
    expect(many.map((answer) => ok(answer).timings.connecting)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(sessions.size).toBe(1);
    expect(client.openConnections).toBe(1);
  });

  it("ends up with one connection when many requests dial at once", async () => {
    const url = await serveHttp2((stream) => {
      stream.respond({ ":status": 204 });
      stream.end();
    });
    const client = open();
    const all = await Promise.all(Array.from({ length: 5 }, () => client.exchange(get(url), 1, undefined)));
    expect(all.map((answer) => ok(answer).status)).toEqual([204, 204, 204, 204, 204]);
    expect(client.openConnections).toBe(1);
  });

  it("sends bodies, and reads large ones to their limit", async () => {
    const url = await serveHttp2((stream, headers) => {
      let length = 0;
      stream.on("data", (part: Buffer) => {
        length += part.length;
      });
      stream.on("end", () => {
        stream.respond({ ":status": 200 });
        stream.end(headers[":path"] === "/large" ? Buffer.alloc(2_000_000) : String(length));
      });
      stream.resume();
    });
    const client = open({ maxBodyBytes: 1_000_000 });
    const post = get(url, { method: "POST", body: Buffer.alloc(700_000, "x") });
    expect(text(await client.exchange(post, 1, undefined))).toBe("700000");
    expect(await client.exchange(get(`${url}/large`), 1, undefined)).toMatchObject({
      error: "response body is larger than 1000000 bytes",
    });
    expect(ok(await client.exchange(get(`${url}/large`, { discardBody: true }), 1, undefined)).body.length).toBe(0);
  });

  it("tells resets, time that is over and aborts", async () => {
    const url = await serveHttp2((stream, headers) => {
      if (headers[":path"] === "/reset") stream.close(2);
    });
    const client = open();
    expect(await client.exchange(get(`${url}/reset`), 1, undefined)).toMatchObject({ errorCode: 1633 });
    expect(await client.exchange(get(`${url}/slow`, { timeoutMs: 20 }), 1, undefined)).toMatchObject({
      errorCode: 1050,
    });
    const controller = new AbortController();
    const waiting = client.exchange(get(`${url}/slow`), 1, controller.signal);
    controller.abort();
    expect(await waiting).toMatchObject({ errorCode: 1000, error: "context canceled" });
  });

  it("opens another connection after GOAWAY, and closes each without reuse", async () => {
    const url = await serveHttp2((stream) => {
      stream.respond({ ":status": 200 });
      stream.end();
      stream.on("close", () => stream.session?.close());
    });
    const client = open();
    expect(ok(await client.exchange(get(url), 1, undefined)).status).toBe(200);
    expect(ok(await client.exchange(get(url), 1, undefined)).status).toBe(200);
    const single = open({ reuse: "none" });
    expect(ok(await single.exchange(get(url), 1, undefined)).timings.tlsHandshaking).toBeGreaterThan(0);
    expect(ok(await single.exchange(get(url), 1, undefined)).timings.tlsHandshaking).toBeGreaterThan(0);
  });
});
