import { once } from "node:events";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import { frameMessage } from "./grpc-message.ts";
import {
  answerOf,
  call,
  type GrpcReceiverOptions,
  HEALTH,
  LOGS,
  METRICS,
  openCall,
  openGrpcReceiver,
  type TestGrpcReceiver,
  TRACES,
} from "./grpc-receiver.suite.ts";
import { writeTokens } from "./http-receiver.suite.ts";

let receiver: TestGrpcReceiver | undefined;
async function open(options: GrpcReceiverOptions = {}): Promise<TestGrpcReceiver> {
  receiver = await openGrpcReceiver(options);
  return receiver;
}
afterEach(async () => {
  await receiver?.[Symbol.asyncDispose]();
  receiver = undefined;
});

const bytes = (length: number, value = 7): Buffer => Buffer.alloc(length, value);

describe("what is passed on", () => {
  it.each([
    ["traces", TRACES],
    ["logs", LOGS],
    ["metrics", METRICS],
  ] as const)("passes %s on as they came", async (signal, path) => {
    const at = await open();
    const answer = await call(at.connect(), path, bytes(3), { "x-scope-orgid": "shop" });
    expect(answer).toMatchObject({ httpStatus: 200, status: 0, body: bytes(5, 0) });
    expect(at.ingest.requests).toMatchObject([
      { signal, tenant: "shop", contentType: "protobuf", contentEncoding: "identity", body: bytes(3) },
    ]);
    expect(at.ingest.requests[0]!.body.buffer.byteLength).toBe(3);
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
  });

  it("takes a message of many frames, split within its prefix", async () => {
    const at = await open();
    const stream = openCall(at.connect(), TRACES);
    const answer = answerOf(stream);
    const frame = frameMessage(bytes(200_000));
    for (const [from, to] of [
      [0, 2],
      [2, 5],
      [5, 6],
      [6, 100_000],
    ] as const)
      await new Promise((resolve) => stream.write(frame.subarray(from, to), resolve));
    stream.end(frame.subarray(100_000));
    expect((await answer).status).toBe(0);
    expect(bytes(200_000).equals(at.ingest.requests[0]!.body)).toBe(true);
  });

  it("takes an empty message, and messages as large as allowed", async () => {
    const at = await open();
    const session = at.connect();
    expect((await call(session, LOGS, bytes(0))).status).toBe(0);
    expect((await call(session, LOGS, bytes(32 << 20))).status).toBe(0);
    expect((await call(session, LOGS, bytes((32 << 20) + 1))).status).toBe(3);
    expect((await call(session, LOGS, bytes(0))).status).toBe(0);
    expect(at.ingest.requests.map((request) => request.body.length)).toEqual([0, 32 << 20, 0]);
  });

  it("reads the encoding from the message's flag", async () => {
    const at = await open();
    const session = at.connect();
    const compressed = frameMessage(bytes(10));
    compressed[0] = 1;
    const send = async (frame: Buffer, encoding: string): Promise<number | undefined> => {
      const stream = openCall(session, LOGS, { "grpc-encoding": encoding });
      stream.end(frame);
      return (await answerOf(stream)).status;
    };
    expect(await send(compressed, "gzip")).toBe(0);
    expect(await send(frameMessage(bytes(10)), "gzip")).toBe(0);
    expect(await send(compressed, "identity")).toBe(13);
    expect(await send(compressed, "snappy")).toBe(12);
    expect(at.ingest.requests.map((request) => request.contentEncoding)).toEqual(["gzip", "identity"]);
  });

  it("answers what was rejected as partial success", async () => {
    const at = await open();
    at.ingest.respond = () => ({
      accepted: 5,
      rejected: 3,
      rejections: [{ reason: "trace-id", count: 3, message: "no id" }],
    });
    const answer = await call(at.connect(), TRACES, bytes(3));
    expect([answer.status, answer.body.toString("hex")]).toEqual([0, "000000000b0a090803" + "12056e6f206964"]);
  });
});

describe("what is refused", () => {
  it.each([
    ["an unknown method", "/opentelemetry.proto.collector.trace.v1.TraceService/Exports", {}, 12],
    ["an unknown service", "/a.B/C", {}, 12],
    ["several tenants", TRACES, { "x-scope-orgid": "a|b" }, 3],
    ["an unknown encoding", TRACES, { "grpc-encoding": "br" }, 12],
  ])("%s, before the message is there", async (_what, path, headers, status) => {
    const at = await open();
    const stream = openCall(at.connect(), path, headers);
    const answer = await answerOf(stream);
    expect(answer).toMatchObject({ httpStatus: 200, status, resetCode: 0 });
    expect(at.ingest.requests).toEqual([]);
  });

  it.each([
    ["another content type", { "content-type": "application/json" }, 415],
    ["gRPC-Web", { "content-type": "application/grpc-web" }, 415],
    ["another method", { ":method": "PUT" }, 405],
  ])("%s with an HTTP status", async (_what, headers, status) => {
    const at = await open();
    expect(await call(at.connect(), TRACES, bytes(1), headers)).toMatchObject({
      httpStatus: status,
      status: undefined,
    });
  });

  it.each([
    ["no message", Buffer.alloc(0), 12],
    ["two messages", Buffer.concat([frameMessage(bytes(3)), frameMessage(bytes(3))]), 12],
    ["a cut prefix", bytes(3, 0), 13],
    ["a cut message", frameMessage(bytes(10)).subarray(0, 12), 13],
    ["unknown flags", Buffer.concat([bytes(1, 2), bytes(4, 0)]), 13],
    ["a message too large", Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), 3],
  ])("%s", async (_what, body, status) => {
    const at = await open();
    const stream = openCall(at.connect(), TRACES);
    stream.end(body);
    expect((await answerOf(stream)).status).toBe(status);
    expect(at.ingest.requests).toEqual([]);
    expect(at.admission.status()).toMatchObject({ bytes: 0, requests: 0 });
  });

  it.each([
    ["bad-payload", 3, undefined],
    ["too-large", 3, undefined],
    ["overloaded", 8, 3],
    ["unavailable", 14, 2],
    ["disk-full", 14, 30],
    ["corrupt", 13, undefined],
  ] as const)("%s of ingest is answered with status %i", async (code, status, retryAfterSeconds) => {
    const at = await open();
    at.ingest.respond = () => {
      throw new Failure(code, "because of ü%\n", retryAfterSeconds === undefined ? {} : { retryAfterSeconds });
    };
    const answer = await call(at.connect(), TRACES, bytes(3));
    expect(answer.status).toBe(status);
    expect(answer.message).toContain("because of ü%\n");
    const details = answer.fields["grpc-status-details-bin"];
    if (retryAfterSeconds === undefined) expect(details).toBeUndefined();
    else {
      const decoded = Buffer.from(String(details), "base64");
      expect(decoded.subarray(0, 2)).toEqual(Buffer.from([0x08, status]));
      expect(decoded.includes("type.googleapis.com/google.rpc.RetryInfo")).toBe(true);
      expect(decoded.subarray(-6)).toEqual(Buffer.from([0x12, 4, 0x0a, 2, 0x08, retryAfterSeconds]));
    }
  });

  it("tells us of a programmer's error", async () => {
    const at = await open();
    at.ingest.respond = () => {
      throw new TypeError("x is not a function");
    };
    expect((await call(at.connect(), TRACES, bytes(3))).status).toBe(13);
    expect(at.errors).toHaveLength(1);
  });
});

describe("tokens and quotas", () => {
  it("decide as over HTTP", async () => {
    const tokenFile = writeTokens(["ingest ingest-token-0123456789 tenants=shop,bank", "read read-token-0123456789"]);
    const at = await open({ access: { tokenFile }, quotas: { tenants: { bank: { bytesPerSecond: 1 } } } });
    const session = at.connect();
    const send = async (headers: Record<string, string>): Promise<number | undefined> =>
      (await call(session, TRACES, bytes(100), headers)).status;
    const mine = { authorization: "Bearer ingest-token-0123456789" };
    expect(await send({})).toBe(16);
    expect(await send({ authorization: "Bearer wrong" })).toBe(16);
    expect(await send({ authorization: "Bearer read-token-0123456789" })).toBe(7);
    expect(await send(mine)).toBe(7);
    expect(await send({ ...mine, "x-scope-orgid": "shop" })).toBe(0);
    expect(await send({ ...mine, "x-scope-orgid": "bank" })).toBe(0);
    const refused = await call(session, TRACES, bytes(100), { ...mine, "x-scope-orgid": "bank" });
    expect([refused.status, refused.fields["grpc-status-details-bin"] !== undefined]).toEqual([8, true]);
    expect(await send({ ...mine, "x-scope-orgid": "shop" })).toBe(0);
    expect(at.counts.snapshot()).toMatchObject({ unauthenticated: 2, forbidden: 2, "quota-bytes": 1 });
  });
});

describe("a call that ends early", () => {
  it("aborts what was passed on when it is cancelled", async () => {
    const at = await open();
    const aborted = new Promise<boolean>((resolve) => {
      at.ingest.respond = async (_request, abort) => {
        await once(abort!, "abort");
        resolve(abort!.aborted);
        throw new Failure("cancelled", "gone");
      };
    });
    const stream = openCall(at.connect(), TRACES);
    stream.end(frameMessage(bytes(3)));
    await at.ingest.called(1);
    stream.close(8);
    expect(await aborted).toBe(true);
  });

  it("answers DEADLINE_EXCEEDED when its deadline passes", async () => {
    const at = await open();
    at.ingest.respond = async (_request, abort) => {
      await once(abort!, "abort");
      throw new Failure("cancelled", "gone");
    };
    expect((await call(at.connect(), TRACES, bytes(3), { "grpc-timeout": "20m" })).status).toBe(4);
  });
});

describe("health", () => {
  it("tells whether we serve, in all or one service", async () => {
    let serving = true;
    const at = await open({ isServing: () => serving });
    const session = at.connect();
    const ask = async (service: string): Promise<[number | undefined, string]> => {
      const name = Buffer.from(service);
      const { status, body } = await call(session, HEALTH, Buffer.concat([Buffer.from([0x0a, name.length]), name]));
      return [status, body.toString("hex")];
    };
    expect((await call(session, HEALTH, bytes(0))).body.toString("hex")).toBe("00000000020801");
    expect(await ask("opentelemetry.proto.collector.trace.v1.TraceService")).toEqual([0, "00000000020801"]);
    expect(await ask("other.Service")).toEqual([5, ""]);
    serving = false;
    expect(await ask("")).toEqual([0, "00000000020802"]);
  });
});
