import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { DEFAULT_CLIENT_SETTINGS, type HttpClientSettings } from "./client-settings.ts";
import { type HttpAnswer, type HttpExchange, type HttpRequest, isHttpFailure } from "./exchange.ts";
import { HttpClient } from "./http-client.ts";
import { headerFields, headerValue } from "./response-head.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  opened.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener);
  opened.push(() => server.closeAllConnections());
  return await listen(server);
}

/** A server of bytes: each connection is handed to `handle`. */
async function fake(handle: (socket: Socket, connection: number) => void): Promise<string> {
  let count = 0;
  return await listen(
    createServer((socket) => {
      opened.push(() => socket.destroy());
      socket.on("error", () => socket.destroy());
      handle(socket, ++count);
    }),
  );
}

function open(settings: Partial<HttpClientSettings> = {}): HttpClient {
  const client = new HttpClient({ ...DEFAULT_CLIENT_SETTINGS, ...settings });
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

/** Answers every request head (requests without bodies) with the same bytes. */
const always = (answer: string) => (socket: Socket) => {
  socket.on("data", () => socket.write(answer, "latin1"));
};

describe("exchanges over HTTP/1.1", () => {
  it("gets, and keeps its connection for the next request of the pool", async () => {
    const ports = new Set<number | undefined>();
    const url = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.setHeader("X-Seen", `${request.method} ${request.url} ${request.headers.host}`);
      response.end("hello");
    });
    const client = open();
    const first = ok(await client.exchange(get(`${url}/a?b=c`), 1, undefined));
    expect(first).toMatchObject({ status: 200, statusText: "OK", protocol: "HTTP/1.1", remoteIp: "127.0.0.1" });
    expect(text(first)).toBe("hello");
    expect(headerValue(first.head, "x-seen")).toBe(`GET /a?b=c ${new URL(url).host}`);
    expect(first.timings.connecting).toBeGreaterThan(0);
    const second = ok(await client.exchange(get(url), 1, undefined));
    expect(second.timings.connecting).toBe(0);
    expect(ports.size).toBe(1);
    await client.exchange(get(url), 2, undefined);
    expect(ports.size).toBe(2);
  });

  it("sends bodies and their length, and headers as written", async () => {
    const url = await serve((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () =>
        response.end(JSON.stringify({ raw: request.rawHeaders, body: Buffer.concat(parts).toString("latin1") })),
      );
    });
    const client = open();
    const large = Buffer.alloc(3_000_000, "x");
    const answer = await client.exchange(
      get(url, { method: "POST", body: large, headers: [["X-Odd", "ä"]], extraHead: "Cookie: a=b\r\n" }),
      1,
      undefined,
    );
    const { raw, body } = JSON.parse(text(answer)) as { raw: string[]; body: string };
    expect(body.length).toBe(3_000_000);
    expect(raw).toEqual([
      "Host",
      new URL(url).host,
      "X-Odd",
      Buffer.from("ä").toString("latin1"),
      "Cookie",
      "a=b",
      "Content-Length",
      "3000000",
    ]);
    expect(ok(answer).bytesSent).toBeGreaterThan(3_000_000);
  });

  it("reads chunked bodies with extensions and trailers, cut anywhere, and goes on with the connection", async () => {
    const answer =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n7\r\n, world\r\n0\r\nX-Trailer: z\r\n\r\n";
    for (const piece of [1, 2, 3, 7, 1000]) {
      const url = await fake((socket) => {
        socket.on("data", async () => {
          for (let at = 0; at < answer.length; at += piece) {
            socket.write(answer.slice(at, at + piece));
            await new Promise(setImmediate);
          }
        });
      });
      const client = open();
      expect(text(await client.exchange(get(url), 1, undefined))).toBe("hello, world");
      expect(ok(await client.exchange(get(url), 1, undefined)).timings.connecting).toBe(0);
    }
  });

  it("reads a body that ends with the connection", async () => {
    const url = await fake((socket) => {
      socket.on("data", () => socket.end("HTTP/1.0 200 Fine thanks\r\nContent-Type: text/plain\r\n\r\nall of it"));
    });
    const answer = ok(await open().exchange(get(url), 1, undefined));
    expect([answer.protocol, answer.statusText, text(answer)]).toEqual(["HTTP/1.0", "Fine thanks", "all of it"]);
  });

  it("knows responses without a body whatever their head says", async () => {
    const client = open();
    for (const [method, head] of [
      ["HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"],
      ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
      ["GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n"],
    ] as const) {
      const url = await fake(always(head));
      expect(ok(await client.exchange(get(url, { method }), 1, undefined)).body.length).toBe(0);
      expect(ok(await client.exchange(get(url, { method }), 1, undefined)).timings.connecting).toBe(0);
    }
  });

  it("passes over interim responses", async () => {
    const url = await fake(
      always(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      ),
    );
    const answer = ok(await open().exchange(get(url), 1, undefined));
    expect([answer.status, text(answer), answer.head]).toEqual([200, "ok", "Content-Length: 2"]);
  });

  it("throws a body away when told to, and still counts it", async () => {
    const url = await serve((_request, response) => response.end("x".repeat(200_000)));
    const answer = ok(await open({ maxBodyBytes: 1000 }).exchange(get(url, { discardBody: true }), 1, undefined));
    expect(answer.body.length).toBe(0);
    expect(answer.bytesReceived).toBeGreaterThan(200_000);
  });

  it("sends a request again when the kept connection turns out to be closed, if it may", async () => {
    const handle = (socket: Socket, connection: number) => {
      let count = 0;
      socket.on("data", () => {
        if (connection === 1 && ++count === 2) socket.resetAndDestroy();
        else socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${connection}`);
      });
    };
    const client = open();
    const url = await fake(handle);
    expect(text(await client.exchange(get(url), 1, undefined))).toBe("1");
    expect(text(await client.exchange(get(url), 1, undefined))).toBe("2");
    const other = await fake(handle);
    const post = get(other, { method: "POST", body: Buffer.from("x") });
    expect(text(await client.exchange(post, 1, undefined))).toBe("1");
    expect(await client.exchange(post, 1, undefined)).toMatchObject({ errorCode: 1220 });
  });

  it("closes what the server wants closed, and every connection without reuse", async () => {
    const closing = await fake(always("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    const client = open();
    await client.exchange(get(closing), 1, undefined);
    expect(client.openConnections).toBe(0);
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      asked.push(request.headers.connection);
      response.end();
    });
    const single = open({ reuse: "none" });
    await single.exchange(get(url), 1, undefined);
    await single.exchange(get(url), 1, undefined);
    expect(asked).toEqual(["close", "close"]);
    expect(single.openConnections).toBe(0);
  });

  it("shares connections between pools when told to, and closes a pool's", async () => {
    const url = await serve((_request, response) => response.end());
    const shared = open({ reuse: "shared" });
    await shared.exchange(get(url), 1, undefined);
    expect(ok(await shared.exchange(get(url), 2, undefined)).timings.connecting).toBe(0);
    const own = open();
    await own.exchange(get(url), 1, undefined);
    await own.exchange(get(url), 2, undefined);
    expect(own.openConnections).toBe(2);
    own.closePool(1);
    expect(own.openConnections).toBe(1);
  });

  it("reads bytes above ASCII in headers as UTF-8, and folded lines", async () => {
    const name = Buffer.from("Grüße").toString("latin1");
    const url = await fake(
      always(`HTTP/1.1 200 OK\r\nX-Name: ${name}\r\nX-Fold: a\r\n  b\r\nContent-Length: 0\r\n\r\n`),
    );
    const { head } = ok(await open().exchange(get(url), 1, undefined));
    expect([...headerFields(head)]).toEqual([
      ["X-Name", "Grüße"],
      ["X-Fold", "a b"],
      ["Content-Length", "0"],
    ]);
  });
});

describe("what fails", () => {
  const failing = async (answer: string, settings: Partial<HttpClientSettings> = {}): Promise<HttpAnswer> =>
    await open(settings).exchange(get(await fake(always(answer))), 1, undefined);

  it("malformed responses, each with what is wrong", async () => {
    for (const [answer, message] of [
      ["SSH-2.0-OpenSSH_9\r\n\r\n", /malformed HTTP response/],
      ["HTTP/1.1 2x0 OK\r\n\r\n", /malformed HTTP response/],
      ["HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", /bad Content-Length/],
      ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", /several different Content-Length/],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: br\r\n\r\n", /unsupported transfer encoding/],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", /malformed chunked encoding/],
      ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd", /malformed chunked encoding/],
      [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${"f".repeat(20)}\r\n`, /size is too large/],
    ] as const) {
      const failure = await failing(answer);
      expect(failure).toMatchObject({ errorCode: 1000, error: expect.stringMatching(message) as string });
    }
  });

  it("heads and bodies past their limits, however they come", async () => {
    const flood = await fake((socket) => {
      socket.on("data", () => {
        const pour = () => {
          while (!socket.destroyed && socket.write("X-Filler: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"));
        };
        socket.write("HTTP/1.1 200 OK\r\n");
        socket.on("drain", pour);
        pour();
      });
    });
    const head = await open({ maxHeadBytes: 100_000 }).exchange(get(flood), 1, undefined);
    expect(head).toMatchObject({ errorCode: 1000, error: expect.stringContaining("headers exceeded") as string });
    for (const framing of [
      "Transfer-Encoding: chunked\r\n\r\nffffff\r\n",
      "X: y\r\n\r\n",
      "Content-Length: 999999999\r\n\r\n",
    ]) {
      const url = await fake((socket) => {
        const block = Buffer.alloc(65_536, "z");
        socket.on("data", () => {
          const pour = () => {
            while (!socket.destroyed && socket.write(block));
          };
          socket.write(`HTTP/1.1 200 OK\r\n${framing}`);
          socket.on("drain", pour);
          pour();
        });
      });
      const body = await open({ maxBodyBytes: 1_000_000 }).exchange(get(url), 1, undefined);
      expect(body).toMatchObject({ errorCode: 1000, error: "response body is larger than 1000000 bytes" });
    }
  });

  it("connections that end too early", async () => {
    const silent = await fake((socket) => socket.on("data", () => socket.end()));
    expect(await open().exchange(get(silent), 1, undefined)).toMatchObject({ errorCode: 1000, error: "EOF" });
    const short = await fake((socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")),
    );
    expect(await open().exchange(get(short), 1, undefined)).toMatchObject({ errorCode: 1000, error: "unexpected EOF" });
    const reset = await fake((socket) => socket.on("data", () => socket.resetAndDestroy()));
    expect(await open().exchange(get(reset), 1, undefined)).toMatchObject({ errorCode: 1220 });
  });

  it("nobody listening, no such host, no URL", async () => {
    const server = createServer();
    const url = await listen(server);
    server.close();
    await once(server, "close");
    expect(await open().exchange(get(url), 1, undefined)).toMatchObject({
      errorCode: 1212,
      error: "dial: connection refused",
    });
    const client = new HttpClient(DEFAULT_CLIENT_SETTINGS, () =>
      Promise.reject(Object.assign(new Error("getaddrinfo ENOTFOUND x"), { code: "ENOTFOUND" })),
    );
    expect(await client.exchange(get("http://nowhere.test/"), 1, undefined)).toMatchObject({ errorCode: 1101 });
    for (const wrong of ["", "/path", "ftp://x/", "http://"])
      expect(await client.exchange(get(wrong), 1, undefined)).toMatchObject({ errorCode: 1020 });
  });

  it("a header that would be two", async () => {
    const url = await serve((_request, response) => response.end());
    const answer = await open().exchange(get(url, { headers: [["X", "a\r\nEvil: b"]] }), 1, undefined);
    expect(answer).toMatchObject({ error: expect.stringContaining("invalid header field value") as string });
  });

  it("time that is over, and a signal that aborts, while waiting and while dialing", async () => {
    const url = await fake(() => undefined);
    const client = open();
    expect(await client.exchange(get(url, { timeoutMs: 20 }), 1, undefined)).toMatchObject({
      errorCode: 1050,
      error: "request timeout",
    });
    const controller = new AbortController();
    const waiting = client.exchange(get(url), 1, controller.signal);
    controller.abort();
    expect(await waiting).toMatchObject({ errorCode: 1000, error: "context canceled" });
    const hanging = new HttpClient(DEFAULT_CLIENT_SETTINGS, () => new Promise(() => undefined));
    expect(await hanging.exchange(get("http://slow.test/", { timeoutMs: 20 }), 1, undefined)).toMatchObject({
      errorCode: 1050,
    });
    expect(client.openConnections).toBe(0);
  });

  it("a later exchange on the same connection by its own time", async () => {
    const url = await fake((socket) => {
      let count = 0;
      socket.on("data", () => {
        if (++count < 3) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      });
    });
    const client = open();
    for (let i = 0; i < 2; i++) ok(await client.exchange(get(url), 1, undefined));
    expect(await client.exchange(get(url, { timeoutMs: 20 }), 1, undefined)).toMatchObject({ errorCode: 1050 });
  });

  it("an answer that nobody asked for closes the connection", async () => {
    const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    const url = await fake(always(answer + answer));
    const client = open();
    ok(await client.exchange(get(url), 1, undefined));
    expect(client.openConnections).toBe(0);
  });
});
