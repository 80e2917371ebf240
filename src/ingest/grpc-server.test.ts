import { once } from "node:events";
import { constants } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import {
  CALL_FIELDS,
  END_HEADERS,
  END_STREAM,
  FrameType,
  frame,
  framesOf,
  goawayCode,
  literalFields,
  PREFACE,
} from "./grpc-frames.suite.ts";
import { frameMessage } from "./grpc-message.ts";
import {
  answerOf,
  call,
  type GrpcReceiverOptions,
  openCall,
  openGrpcReceiver,
  type TestGrpcReceiver,
  TRACES,
} from "./grpc-receiver.suite.ts";
import { openRawConnection } from "./http-receiver.suite.ts";

let receiver: TestGrpcReceiver | undefined;
async function open(options: GrpcReceiverOptions = {}): Promise<TestGrpcReceiver> {
  receiver = await openGrpcReceiver(options);
  return receiver;
}
afterEach(async () => {
  await receiver?.[Symbol.asyncDispose]();
  receiver = undefined;
});

/** A well-behaved client that sends throughout an attack; resolves with the statuses it got once the attack is over. */
async function meanwhile(at: TestGrpcReceiver, attack: Promise<unknown>): Promise<Set<number | undefined>> {
  const statuses = new Set<number | undefined>();
  let over = false;
  const stop = (): void => {
    over = true;
  };
  attack.then(stop, stop);
  const session = at.connect();
  do statuses.add((await call(session, TRACES, Buffer.alloc(100_000, 1))).status);
  while (!over);
  await attack;
  statuses.add((await call(session, TRACES, Buffer.alloc(10))).status);
  return statuses;
}

const fields = literalFields(CALL_FIELDS);

describe("floods are ended, and hurt nobody else", () => {
  it("rapid resets", async () => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    const cancel = Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]);
    const attack = async (): Promise<void> => {
      for (let stream = 1; stream < 20_000 && !raw.socket.destroyed; stream += 2) {
        raw.send(
          Buffer.concat([
            frame(FrameType.headers, END_HEADERS, stream, fields),
            frame(FrameType.resetStream, 0, stream, cancel),
          ]),
        );
        if (stream % 100 === 1) await new Promise(setImmediate);
      }
      expect(goawayCode(await raw.closed())).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    expect(await meanwhile(at, attack())).toEqual(new Set([0]));
    expect(at.counts.snapshot()["stream-resets"]).toBe(1);
    expect(at.admission.status().requests).toBe(0);
  });

  it.each([
    ["pings", frame(FrameType.ping, 0, 0, Buffer.alloc(8))],
    ["settings", frame(FrameType.settings, 0, 0, Buffer.from([0, 3, 0, 0, 0, 9]))],
  ])("%s", async (_what, flood) => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    const attack = async (): Promise<void> => {
      for (let count = 0; count < 1_000 && !raw.socket.destroyed; count++) {
        raw.send(flood);
        if (count % 10 === 0) await new Promise(setImmediate);
      }
      expect(goawayCode(await raw.closed())).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    };
    expect(await meanwhile(at, attack())).toEqual(new Set([0]));
    expect(at.counts.snapshot()["control-frames"]).toBe(1);
  });

  it("headers continued without end", async () => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    const attack = async (): Promise<void> => {
      raw.send(frame(FrameType.headers, 0, 1, fields));
      const more = frame(FrameType.continuation, 0, 1, literalFields({ "x-more": "x".repeat(16_000) }));
      for (let count = 0; count < 10_000 && !raw.socket.destroyed; count++) {
        raw.send(more);
        if (count % 10 === 0) await new Promise(setImmediate);
      }
      await raw.closed();
    };
    expect(await meanwhile(at, attack())).toEqual(new Set([0]));
  });

  it("frames of nothing", async () => {
    const at = await open({ body: { bodyIdleMs: 500 } });
    const raw = await openRawConnection(at.server.port);
    raw.send(Buffer.concat([PREFACE, frame(FrameType.headers, END_HEADERS, 1, fields)]));
    const attack = async (): Promise<void> => {
      const nothing = Buffer.concat(Array.from({ length: 100 }, () => frame(FrameType.data, 0, 1)));
      for (let count = 0; count < 100_000 && !raw.socket.destroyed; count++) {
        raw.send(nothing);
        await new Promise(setImmediate);
      }
      await raw.closed();
    };
    expect(await meanwhile(at, attack())).toEqual(new Set([0]));
  });

  it("a message in thousands of tiny frames", async () => {
    const at = await open();
    const stream = openCall(at.connect(), TRACES);
    const answer = answerOf(stream);
    stream.write(frameMessage(Buffer.alloc(100_000)).subarray(0, 5));
    for (let count = 0; count < 10_000 && !stream.destroyed; count++)
      await new Promise((resolve) => stream.write(Buffer.alloc(1), resolve));
    expect((await answer).status).toBe(3);
    expect(at.counts.snapshot()["body-fragments"]).toBe(1);
  });

  it("headers too large", async () => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    const large = literalFields({ ...CALL_FIELDS, "x-large": "x".repeat(15_000), "x-larger": "x".repeat(15_000) });
    const attack = async (): Promise<void> => {
      for (let stream = 1; stream < 4_000 && !raw.socket.destroyed; stream += 2) {
        raw.send(frame(FrameType.headers, 0, stream, large.subarray(0, 16_000)));
        raw.send(frame(FrameType.continuation, END_HEADERS, stream, large.subarray(16_000)));
        await new Promise(setImmediate);
      }
      await raw.closed();
    };
    expect(await meanwhile(at, attack())).toEqual(new Set([0]));
    expect(at.ingest.requests.every((request) => request.body.length > 0)).toBe(true);
  });
});

describe("slow and silent peers", () => {
  it("that never speak HTTP/2 are closed", async () => {
    const at = await open({ server: { prefaceTimeoutMs: 50, lookMs: 20 } });
    const silent = await openRawConnection(at.server.port);
    await silent.closed();
    expect(at.counts.snapshot()["header-time"]).toBe(1);
  });

  it("that speak something else are closed", async () => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send("POST /v1/traces HTTP/1.1\r\nhost: a\r\n\r\n");
    await raw.closed();
    expect(at.counts.snapshot().malformed).toBe(1);
  });

  it("that leave a message unfinished get DEADLINE_EXCEEDED", async () => {
    const at = await open({ body: { bodyIdleMs: 50 } });
    const session = at.connect();
    const stream = openCall(session, TRACES);
    stream.write(frameMessage(Buffer.alloc(1000)).subarray(0, 100));
    expect(await answerOf(stream)).toMatchObject({ status: 4, resetCode: 0 });
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
    expect((await call(session, TRACES, Buffer.alloc(10))).status).toBe(0);
  });

  it("that go on sending after they were refused are stopped, once the answer is out", async () => {
    const at = await open();
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    raw.send(frame(FrameType.headers, END_HEADERS, 1, literalFields({ ...CALL_FIELDS, ":path": "/a.B/C" })));
    const stopped = frame(FrameType.resetStream, 0, 1, Buffer.alloc(4)).toString("latin1");
    const received = await raw.received(stopped);
    expect(framesOf(received).filter(({ stream }) => stream === 1)).toEqual([
      { type: FrameType.headers, flags: END_HEADERS | END_STREAM, stream: 1 },
      { type: FrameType.resetStream, flags: 0, stream: 1 },
    ]);
  });

  it("that take no answer are not waited for", async () => {
    const at = await open({ answerMs: 50 });
    const raw = await openRawConnection(at.server.port);
    // SETTINGS_INITIAL_WINDOW_SIZE 0: no byte of an answer may be sent.
    raw.send(Buffer.concat([PREFACE, frame(FrameType.settings, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]))]));
    raw.send(frame(FrameType.headers, END_HEADERS, 1, fields));
    raw.send(frame(FrameType.data, END_STREAM, 1, frameMessage(Buffer.alloc(10))));
    const cancelled = frame(FrameType.resetStream, 0, 1, Buffer.from([0, 0, 0, constants.NGHTTP2_CANCEL]));
    await raw.received(cancelled.toString("latin1"));
    expect(at.ingest.requests).toHaveLength(1);
  });

  it("that are idle are asked whether they are there, and closed if not", async () => {
    const at = await open({ server: { keepaliveMs: 20, lookMs: 20 } });
    const alive = at.connect();
    const pinged = once(alive, "ping");
    // Its own side acknowledges pings as HTTP/2 libraries do; the raw one never does.
    const dead = await openRawConnection(at.server.port);
    dead.send(PREFACE);
    await dead.closed();
    await pinged;
    expect((await call(alive, TRACES, Buffer.alloc(10))).status).toBe(0);
  });

  it("that are idle for long are closed with GOAWAY", async () => {
    const at = await open({ server: { idleMs: 40, lookMs: 20 } });
    const session = at.connect();
    const goaway = once(session, "goaway");
    await call(session, TRACES, Buffer.alloc(10));
    expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  });
});

describe("connections and streams", () => {
  it("are bounded: the connection idle longest makes room", async () => {
    const at = await open({ server: { maxConnections: 2 } });
    const first = at.connect();
    await call(first, TRACES, Buffer.alloc(1));
    const second = at.connect();
    await call(second, TRACES, Buffer.alloc(1));
    await call(first, TRACES, Buffer.alloc(1));
    const closed = once(second, "close");
    const third = at.connect();
    expect((await call(third, TRACES, Buffer.alloc(1))).status).toBe(0);
    await closed;
    expect([first.destroyed, at.server.connections(), at.counts.snapshot().connections]).toEqual([false, 2, 1]);
  });

  it("with more streams than allowed are closed", async () => {
    const at = await open({ server: { maxConcurrentStreams: 3 } });
    const raw = await openRawConnection(at.server.port);
    raw.send(PREFACE);
    // Acknowledged settings bind; before that a client cannot know.
    await raw.received("\0");
    raw.send(frame(FrameType.settings, 1, 0));
    for (let stream = 1; stream <= 9; stream += 2) raw.send(frame(FrameType.headers, END_HEADERS, stream, fields));
    await raw.closed();
    expect([at.counts.snapshot().malformed, at.admission.status().requests]).toEqual([1, 0]);
  });

  it("take the peers' room only while a call is under way", async () => {
    const at = await open({ admission: { maxConnectionRequests: 2 } });
    const session = at.connect();
    const open2 = [openCall(session, TRACES), openCall(session, TRACES)];
    for (const stream of open2) await new Promise((resolve) => stream.write(Buffer.alloc(1), resolve));
    const third = await call(session, TRACES, Buffer.alloc(1));
    expect([third.status, third.fields["grpc-status-details-bin"] !== undefined]).toEqual([8, true]);
    for (const stream of open2) stream.close(constants.NGHTTP2_CANCEL);
    await Promise.all(open2.map((stream) => once(stream, "close")));
    expect((await call(session, TRACES, Buffer.alloc(1))).status).toBe(0);
  });

  it("refuse a message for which there is no room, from its prefix", async () => {
    const at = await open({ admission: { maxBytes: 1000 } });
    const stream = openCall(at.connect(), TRACES);
    stream.write(frameMessage(Buffer.alloc(2000)).subarray(0, 5));
    expect(await answerOf(stream)).toMatchObject({ status: 14, resetCode: 0 });
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
  });
});

describe("closing", () => {
  it("says GOAWAY, lets calls under way finish, and takes no more", async () => {
    const at = await open();
    let release = (): void => undefined;
    at.ingest.respond = async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { accepted: 1, rejected: 0, rejections: [] };
    };
    const session = at.connect();
    const goaway = once(session, "goaway");
    const answer = call(session, TRACES, Buffer.alloc(10));
    await at.ingest.called(1);
    const idle = at.connect();
    await once(idle, "remoteSettings");
    const idleClosed = once(idle, "close");
    const closing = at.server.close(60_000);
    await Promise.all([goaway, idleClosed]);
    await expect(openRawConnection(at.server.port)).rejects.toThrow("ECONNREFUSED");
    release();
    expect((await answer).status).toBe(0);
    await closing;
    expect(at.server.connections()).toBe(0);
  });

  it("destroys what is left at the deadline", async () => {
    const at = await open();
    at.ingest.respond = () => new Promise(() => undefined);
    const answer = call(at.connect(), TRACES, Buffer.alloc(10));
    await at.ingest.called(1);
    await at.server.close(20);
    expect((await answer).status).toBeUndefined();
  });
});

describe("END_STREAM with the headers", () => {
  it("is a call without a message", async () => {
    const at = await open();
    const stream = at
      .connect()
      .request({ ":method": "POST", ":path": TRACES, "content-type": "application/grpc" }, { endStream: true });
    expect(await answerOf(stream)).toMatchObject({ status: 12, message: "a unary call without a message" });
  });
});
