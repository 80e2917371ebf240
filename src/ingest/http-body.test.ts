import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import {
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

const head = (headers: Readonly<Record<string, string | number>>): string =>
  requestHead("POST", "/v1/traces", { ...PROTOBUF, ...headers });
const chunk = (bytes: string): string => `${Buffer.byteLength(bytes, "latin1").toString(16)}\r\n${bytes}\r\n`;

function numbered(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = at % 251;
  return bytes;
}

describe("bodies", () => {
  it.each([0, 1, 65_535, 65_536, 65_537, 200_000, 5_000_000])(
    "of %i bytes arrive whole, chunked or not",
    async (length) => {
      const at = await open();
      const body = numbered(length);
      for (const chunked of [false, true]) {
        const request = httpRequest(`${at.url}/v1/traces`, { method: "POST", headers: PROTOBUF });
        if (chunked) {
          request.flushHeaders();
          for (let from = 0; from < length; from += 7_919) request.write(body.subarray(from, from + 7_919));
          request.end();
        } else request.end(body);
        const [response] = (await once(request, "response")) as [{ statusCode: number; resume(): void }];
        response.resume();
        expect(response.statusCode).toBe(200);
      }
      expect(at.ingest.requests.map((request) => body.equals(request.body))).toEqual([true, true]);
      expect(at.ingest.requests.map((request) => request.body.buffer.byteLength)).toEqual([length, length]);
      expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
    },
  );

  it("are refused while they are read once they are larger than allowed", async () => {
    const at = await open({ body: { maxBodyBytes: 100 } });
    const connection = await openRawConnection(at.server.port);
    connection.send(head({ "transfer-encoding": "chunked" }));
    connection.send(chunk("x".repeat(100)));
    connection.send(chunk("x"));
    expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 413 .*connection: close/is);
    connection.send("0\r\n\r\n");
    await connection.closed();
    expect([at.ingest.requests, at.counts.snapshot()["body-size"]]).toEqual([[], 1]);
  });

  it("of exactly the allowed size pass", async () => {
    const at = await open({ body: { maxBodyBytes: 100 } });
    const connection = await openRawConnection(at.server.port);
    connection.send(head({ "content-length": 100 }) + "x".repeat(100));
    expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 200 /);
  });

  it("that never end are given up", async () => {
    const at = await open({ body: { bodyIdleMs: 50 } });
    const connection = await openRawConnection(at.server.port);
    connection.send(`${head({ "content-length": 100 })}part of it`);
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 408 .*too slowly: 10 bytes so far/is);
    expect([at.counts.snapshot()["body-time"], at.admission.status().requests]).toEqual([1, 0]);
  });

  it("that dribble on are given up too", async () => {
    const at = await open({ body: { bodyIdleMs: 10_000, bodyMs: 80 } });
    const connection = await openRawConnection(at.server.port);
    connection.send(head({ "content-length": 100_000 }));
    const dribble = setInterval(() => connection.send("x"), 5);
    try {
      expect(await connection.closed()).toMatch(/^HTTP\/1.1 408 /);
    } finally {
      clearInterval(dribble);
    }
  });

  it("in thousands of tiny pieces are refused", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(head({ "transfer-encoding": "chunked" }));
    connection.send(chunk("x").repeat(5_000));
    expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 400 /);
    expect(at.counts.snapshot()["body-fragments"]).toBe(1);
  });

  it("cut short are not passed on", async () => {
    const at = await open();
    for (const beginning of [
      `${head({ "content-length": 100 })}short`,
      head({ "transfer-encoding": "chunked" }) + chunk("short"),
    ]) {
      const halfClosed = await openRawConnection(at.server.port);
      halfClosed.send(beginning);
      halfClosed.socket.end();
      expect(await halfClosed.closed()).toMatch(/^HTTP\/1.1 400 /);
      const gone = await openRawConnection(at.server.port);
      gone.send(beginning);
      gone.socket.resetAndDestroy();
    }
    expect((await fetch(`${at.url}/v1/traces`, { method: "POST", headers: PROTOBUF, body: "x" })).status).toBe(200);
    expect(at.ingest.requests).toHaveLength(1);
  });

  it("longer than announced are cut there; what follows must be a request", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(`${head({ "content-length": 3 })}abcdef\r\n\r\n`);
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 (200|400) /);
    for (const { body } of at.ingest.requests) expect(Buffer.from(body).toString()).toBe("abc");
    expect(at.counts.snapshot().malformed).toBe(1);
  });

  it.each([
    ["a broken chunk", `${head({ "transfer-encoding": "chunked" })}zz\r\nx\r\n`],
    ["both lengths", head({ "transfer-encoding": "chunked", "content-length": 3 })],
    ["a negative length", head({ "content-length": -1 })],
    ["two lengths", `${head({ "content-length": 3 }).slice(0, -2)}content-length: 4\r\n\r\nabcd`],
    ["no request", "hello\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a line folded", "POST /v1/traces HTTP/1.1\r\nhost: a\r\n b\r\n\r\n"],
    ["no host", "POST /v1/traces HTTP/1.1\r\ncontent-length: 0\r\n\r\n"],
  ])("after %s are refused", async (_what, bytes) => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(bytes);
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 400 /);
    expect(at.ingest.requests).toEqual([]);
  });
});

describe("a refused body", () => {
  it("that is small is read away, and the connection stays", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(`${head({ "content-type": "text/plain", "content-length": 5 })}first`);
    await connection.received("415");
    connection.send(`${head({ "content-length": 6 })}second`);
    await connection.received("HTTP/1.1 200");
    expect(at.ingest.requests.map((request) => Buffer.from(request.body).toString())).toEqual(["second"]);
  });

  it("that is large does not keep its sender from reading why", async () => {
    const at = await open();
    const size = 60 << 20;
    const request = httpRequest(`${at.url}/v1/traces`, {
      method: "POST",
      headers: { ...PROTOBUF, "content-length": size },
    });
    request.on("error", () => undefined);
    request.write(Buffer.alloc(3 << 20));
    const [response] = (await once(request, "response")) as [AsyncIterable<Buffer> & { statusCode: number }];
    let text = "";
    for await (const piece of response) text += piece.toString("latin1");
    expect(response.statusCode).toBe(413);
    expect(text).toContain("larger than 33554432 bytes");
    request.destroy();
  });
});

describe("Expect: 100-continue", () => {
  const expecting = (headers: Readonly<Record<string, string | number>>): string =>
    head({ expect: "100-continue", ...headers });

  it("is answered before the body comes", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(expecting({ "content-length": 4 }));
    await connection.received("HTTP/1.1 100 Continue\r\n\r\n");
    connection.send("body");
    await connection.received("HTTP/1.1 200");
    expect(Buffer.from(at.ingest.requests[0]!.body).toString()).toBe("body");
  });

  it("spares the body of what is refused", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(expecting({ "content-length": 99_999_999 }));
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 413 .*connection: close/is);
  });

  it("of anything else is a 417", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(head({ expect: "200-ok", "content-length": 0 }));
    expect(await connection.received("\r\n\r\n")).toMatch(/^HTTP\/1.1 417 /);
  });
});

describe("a sender that goes away", () => {
  it("stops what was passed on", async () => {
    const at = await open();
    const stopped = new Promise<void>((resolve) => {
      at.ingest.respond = async (_request, abort) => {
        await once(abort!, "abort");
        resolve();
        throw new Failure("cancelled", "gone");
      };
    });
    const connection = await openRawConnection(at.server.port);
    connection.send(`${head({ "content-length": 4 })}body`);
    await at.ingest.called(1);
    connection.socket.destroy();
    await stopped;
    expect(at.errors).toEqual([]);
  });

  it("is answered if it only said all it had to say", async () => {
    const at = await open();
    const connection = await openRawConnection(at.server.port);
    connection.send(`${head({ "content-length": 4 })}body`);
    connection.socket.end();
    expect(await connection.closed()).toMatch(/^HTTP\/1.1 200 /);
  });
});
