/** What hostile clients do to a receiver must not be felt by one that behaves. */
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import {
  openHttpReceiver,
  openRawConnection,
  PROTOBUF,
  type RawConnection,
  type ReceiverOptions,
  requestHead,
  type TestReceiver,
} from "./http-receiver.suite.ts";

let receiver: TestReceiver | undefined;
const raw: RawConnection[] = [];
async function open(options: ReceiverOptions = {}): Promise<TestReceiver> {
  receiver = await openHttpReceiver(options);
  return receiver;
}
async function connect(at: TestReceiver): Promise<RawConnection> {
  const connection = await openRawConnection(at.server.port);
  raw.push(connection);
  return connection;
}
afterEach(async () => {
  for (const { socket } of raw.splice(0)) socket.destroy();
  await receiver?.[Symbol.asyncDispose]();
  receiver = undefined;
});

const head = (headers: Readonly<Record<string, string | number>>): string =>
  requestHead("POST", "/v1/traces", { ...PROTOBUF, ...headers });

/** Sends as an SDK does: what was refused for now is sent again. Returns the statuses met. */
async function send(at: TestReceiver, body: Uint8Array<ArrayBuffer>): Promise<number[]> {
  const statuses: number[] = [];
  for (;;) {
    const answer = await fetch(`${at.url}/v1/traces`, { method: "POST", headers: PROTOBUF, body });
    await answer.arrayBuffer();
    statuses.push(answer.status);
    if (answer.status !== 429 && answer.status !== 503) return statuses;
  }
}

describe("beside hostile clients", () => {
  it("slow-loris: far more silent or dribbling connections than may be open", async () => {
    const at = await open({ server: { maxConnections: 20 } });
    for (let wave = 0; wave < 5; wave++) {
      for (let count = 0; count < 20; count++) {
        const slow = await connect(at);
        if (count % 2 === 0) slow.send("POST /v1/traces HTTP/1.1\r\nx-");
      }
      expect(await send(at, Buffer.from("behaves"))).toEqual([200]);
    }
    expect(at.server.connections()).toBeLessThanOrEqual(20);
    expect(at.counts.snapshot().connections).toBeGreaterThanOrEqual(80);
  });

  it("bodies that claim all the room and dribble are given up for one that comes", async () => {
    const at = await open({
      admission: { maxBytes: 4 << 20, maxConnectionBytes: 4 << 20, graceMs: 1, minBytesPerSecond: 1 << 20 },
    });
    const slow: RawConnection[] = [];
    for (let count = 0; count < 4; count++) {
      const connection = await connect(at);
      connection.send(`${head({ "content-length": 1 << 20 })}some`);
      slow.push(connection);
    }
    while (at.admission.status().requests < 4) await new Promise(setImmediate);
    expect((await send(at, Buffer.alloc(1 << 20, 1))).at(-1)).toBe(200);
    const answers = await Promise.race(slow.map((connection) => connection.closed()));
    expect(answers).toMatch(/^HTTP\/1.1 503 .*retry-after: [123]/is);
    expect(at.counts.snapshot()["body-evicted"]).toBeGreaterThan(0);
  });

  it("as many dribbling bodies as there may be connections", async () => {
    const at = await open({
      server: { maxConnections: 10 },
      admission: { graceMs: 1, minBytesPerSecond: 1 << 20 },
    });
    for (let count = 0; count < 10; count++) (await connect(at)).send(`${head({ "content-length": 1000 })}some`);
    while (at.admission.status().requests < 10) await new Promise(setImmediate);
    expect((await send(at, Buffer.from("behaves"))).at(-1)).toBe(200);
  });

  it("half-closed and vanished connections leave nothing behind", async () => {
    const at = await open();
    for (let count = 0; count < 100; count++) {
      const connection = await connect(at);
      connection.send(`${head({ "content-length": 100_000 })}some`);
      if (count % 2 === 0) connection.socket.end();
      else connection.socket.resetAndDestroy();
    }
    expect(await send(at, Buffer.from("behaves"))).toEqual([200]);
    for (const connection of raw) await connection.closed();
    while (at.server.connections() > 1) await new Promise(setImmediate);
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
    expect(at.ingest.requests).toHaveLength(1);
  });

  it("huge headers are cut off after the allowed size", async () => {
    const at = await open();
    for (let count = 0; count < 20; count++) {
      const connection = await connect(at);
      connection.send("POST /v1/traces HTTP/1.1\r\nx-huge: ");
      for (let part = 0; part < 20; part++) connection.send("x".repeat(50_000));
    }
    expect(await send(at, Buffer.from("behaves"))).toEqual([200]);
    for (const connection of raw) await connection.closed();
    expect(at.counts.snapshot()["header-size"]).toBe(20);
  });

  it("ten times what there is room for is held to the room, and all of it arrives in the end", async () => {
    const room = 4 << 20;
    const at = await open({ admission: { maxBytes: room, maxConnectionBytes: room, retryAfterSeconds: 0 } });
    at.ingest.respond = async () => {
      while (at.counts.snapshot()["in-flight-bytes"] === 0) await new Promise(setImmediate);
      return { accepted: 1, rejected: 0, rejections: [] };
    };
    const met = new Set<number>();
    const sender = async (number: number): Promise<void> => {
      for (const status of await send(at, Buffer.alloc(1 << 20, number))) met.add(status);
    };
    await Promise.all(Array.from({ length: 40 }, (_, number) => sender(number)));
    expect(met).toEqual(new Set([200, 503]));
    expect(at.admission.status()).toEqual({ bytes: 0, requests: 0, peakBytes: room });
    expect(new Set(at.ingest.requests.map(({ body }) => body[0])).size).toBe(40);
    expect(at.ingest.requests).toHaveLength(40);
  });

  it("thousands of requests at once on one connection are held to its share", async () => {
    const at = await open({ admission: { maxConnectionRequests: 8 } });
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    at.ingest.respond = async ({ body }) => {
      if (body.length === 4) await released;
      return { accepted: 1, rejected: 0, rejections: [] };
    };
    const pipelined = await connect(at);
    pipelined.send(`${head({ "content-length": 4 })}held`.repeat(3_000));
    await at.ingest.called(8);
    expect(await send(at, Buffer.from("behaves"))).toEqual([200]);
    expect(at.admission.status().requests).toBe(8);
    release();
    await pipelined.received("429");
    expect(at.counts.snapshot()["connection-requests"]).toBeGreaterThan(0);
  });

  it("a gzip bomb is passed on as it came: its limits are the decoder's", async () => {
    const at = await open();
    const bomb = gzipSync(Buffer.alloc(20 << 20));
    const answer = await fetch(`${at.url}/v1/traces`, {
      method: "POST",
      headers: { ...PROTOBUF, "content-encoding": "gzip" },
      body: bomb,
    });
    expect(answer.status).toBe(200);
    expect(at.ingest.requests[0]!.body.length).toBe(bomb.length);
  });

  it("a connection that takes no answers is closed once it is silent", async () => {
    const at = await open({ server: { silenceMs: 100 } });
    at.ingest.respond = () => new Promise(() => undefined);
    const connection = await connect(at);
    connection.send(`${head({ "content-length": 4 })}body`);
    await connection.closed();
    while (at.server.connections() > 0) await new Promise(setImmediate);
  });
});
