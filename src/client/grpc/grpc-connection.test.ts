import { createServer as createTcpServer } from "node:net";
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, status } from "@grpc/grpc-js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GRPC_MAX_RECEIVE_BYTES, GRPC_MAX_SEND_BYTES, GrpcConnection, type GrpcOutcome } from "./grpc-connection.ts";

/** Against grpc-js, the library that the field uses for servers on Node. Messages are bytes here: JSON has tests of its own. */
const bytes = (value: Buffer): Buffer => value;
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

let server: Server;
let address: string;
beforeEach(async () => {
  server = new Server();
  server.addService(
    {
      echo: method("/t.Test/Echo", false, false),
      refuse: method("/t.Test/Refuse", false, false),
      never: method("/t.Test/Never", false, false),
      large: method("/t.Test/Large", false, false),
      sum: method("/t.Test/Sum", true, false),
      both: method("/t.Test/Both", true, true),
    },
    {
      echo: (
        call: ServerUnaryCall<Buffer, Buffer>,
        answer: (error: null, value: Buffer, trailer: Metadata) => void,
      ) => {
        const head = new Metadata();
        head.set("x-seen", String(call.metadata.get("x-sent")[0] ?? ""));
        call.sendMetadata(head);
        const trailer = new Metadata();
        trailer.set("x-after", "done");
        answer(null, call.request, trailer);
      },
      refuse: (_call: unknown, answer: (error: object) => void) =>
        answer({ code: status.NOT_FOUND, details: "no such thing: é" }),
      never: () => {},
      large: (_call: unknown, answer: (error: null, value: Buffer) => void) => answer(null, Buffer.alloc(2_000)),
      sum: (call: NodeJS.ReadableStream, answer: (error: null, value: Buffer) => void) => {
        let total = 0;
        call.on("data", (message: Buffer) => {
          total += message.byteLength;
        });
        call.on("end", () => answer(null, Buffer.from(String(total))));
      },
      both: (call: NodeJS.ReadWriteStream) => {
        call.on("data", (message: Buffer) => call.write(Buffer.concat([message, message])));
        call.on("end", () => call.end());
      },
    } as never,
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  address = `127.0.0.1:${port}`;
});
afterEach(() => server.forceShutdown());

const open = (maxReceiveBytes = GRPC_MAX_RECEIVE_BYTES): Promise<GrpcConnection> =>
  GrpcConnection.open({
    address,
    isPlaintext: true,
    connectTimeoutMs: 5_000,
    maxReceiveBytes,
    maxSendBytes: GRPC_MAX_SEND_BYTES,
  });
const call = (path: string, timeoutMs = 10_000, metadata: [string, string][] = []) => ({ path, metadata, timeoutMs });

describe("GrpcConnection against grpc-js", () => {
  it("calls, with metadata both ways", async () => {
    const connection = await open();
    const outcome = await connection.unary(call("/t.Test/Echo", 10_000, [["X-Sent", "here"]]), Buffer.from("hello"));
    expect(outcome).toMatchObject({ status: 0, bytesSent: 10, bytesReceived: 10 });
    expect(Buffer.from(outcome.message!).toString()).toBe("hello");
    expect(outcome.headers["x-seen"]).toEqual(["here"]);
    expect(outcome.trailers["x-after"]).toEqual(["done"]);
    connection.close();
  });

  it("tells a refusal, an unknown method, and a deadline", async () => {
    const connection = await open();
    expect(await connection.unary(call("/t.Test/Refuse"), Buffer.alloc(0))).toMatchObject({
      status: 5,
      statusMessage: "no such thing: é",
      message: undefined,
    });
    expect(await connection.unary(call("/t.Test/Nope"), Buffer.alloc(0))).toMatchObject({ status: 12 });
    expect(await connection.unary(call("/t.Test/Never", 30), Buffer.alloc(0))).toMatchObject({ status: 4 });
    connection.close();
  });

  it("keeps to its limits, and to a cancellation", async () => {
    const connection = await open(1_000);
    expect(await connection.unary(call("/t.Test/Large"), Buffer.alloc(0))).toMatchObject({
      status: 8,
      statusMessage: "received message larger than max (2000 vs. 1000)",
    });
    const cancelling = new AbortController();
    const cancelled = connection.unary(call("/t.Test/Never"), Buffer.alloc(0), cancelling.signal);
    cancelling.abort();
    expect(await cancelled).toMatchObject({ status: 1 });
    connection.close();
  });

  it("streams up, and both ways", async () => {
    const connection = await open();
    const run = (path: string): Promise<{ messages: string[]; outcome: GrpcOutcome }> =>
      new Promise((resolve) => {
        const messages: string[] = [];
        const stream = connection.stream(call(path), {
          onMessage: (message) => void messages.push(Buffer.from(message).toString()),
          onHeaders: () => {},
          onEnd: (outcome) => resolve({ messages, outcome }),
        });
        stream.write(Buffer.from("ab"));
        stream.write(Buffer.from("cde"));
        stream.end();
      });
    expect(await run("/t.Test/Sum")).toMatchObject({ messages: ["5"], outcome: { status: 0 } });
    expect(await run("/t.Test/Both")).toMatchObject({ messages: ["abab", "cdecde"], outcome: { status: 0 } });
    connection.close();
  });

  it("tells a server that goes away", async () => {
    const connection = await open();
    const outcome = connection.unary(call("/t.Test/Never"), Buffer.alloc(0));
    await connection.unary(call("/t.Test/Echo"), Buffer.alloc(0)); // the first call has reached the server
    server.forceShutdown();
    expect([1, 2, 13, 14]).toContain((await outcome).status);
    expect(await connection.unary(call("/t.Test/Echo"), Buffer.alloc(0))).toMatchObject({ status: 14 });
    expect(connection.isOpen).toBe(false);
  });

  it("says where it could not connect", async () => {
    server.forceShutdown();
    await expect(open()).rejects.toThrow(`cannot connect to ${address}`);
    const silent = createTcpServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    await expect(
      GrpcConnection.open({
        address: `127.0.0.1:${port}`,
        isPlaintext: true,
        connectTimeoutMs: 50,
        maxReceiveBytes: 1,
        maxSendBytes: 1,
      }),
    ).rejects.toThrow("within 50 ms");
    silent.close();
  });
});
