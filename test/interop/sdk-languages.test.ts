/** The official Go and Python SDKs: all signals, both transports, and what they do when told to wait. */
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { openGrpcReceiver, type TestGrpcReceiver } from "#ingest/grpc-receiver.suite.ts";
import { openHttpReceiver, type ReceiverOptions, type TestReceiver } from "#ingest/http-receiver.suite.ts";
import { Failure } from "#runtime/failure.ts";
import { buildGo, buildPython, type Finished, NotToBeHad, readRequest, runSender } from "./sdk-sender.ts";

const REQUIREMENTS = [
  "opentelemetry-sdk==1.45.2",
  "opentelemetry-exporter-otlp-proto-grpc==1.45.2",
  "opentelemetry-exporter-otlp-proto-http==1.45.2",
];

type Protocol = "http" | "grpc";
type Send = (protocol: Protocol, environment: Readonly<Record<string, string>>) => Promise<Finished>;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part[Symbol.asyncDispose]();
});

async function receiver(
  protocol: Protocol,
  options: Pick<ReceiverOptions, "body"> = {},
): Promise<{ at: TestReceiver | TestGrpcReceiver; environment: Record<string, string> }> {
  const at = protocol === "grpc" ? await openGrpcReceiver(options) : await openHttpReceiver(options);
  open.push(at);
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${at.server.port}`,
    OTEL_EXPORTER_OTLP_INSECURE: "true",
    OTEL_EXPORTER_OTLP_HEADERS: "x-scope-orgid=shop",
  };
  return { at, environment };
}

describe.each([
  [
    "Go",
    async (): Promise<Send> => {
      const program = await buildGo("sdk-go");
      return (protocol, environment) => runSender(program, [protocol], environment);
    },
  ],
  [
    "Python",
    async (): Promise<Send> => {
      const python = await buildPython(REQUIREMENTS);
      return (protocol, environment) =>
        runSender(python, [join(import.meta.dirname, "sdk-python.py"), protocol], environment);
    },
  ],
] as const)("the %s SDK", (_language, build) => {
  let send: Send | undefined;
  let absence = "";
  beforeAll(async () => {
    try {
      send = await build();
    } catch (error) {
      if (!(error instanceof NotToBeHad)) throw error;
      absence = error.message;
    }
  });

  it.for([
    ["http", "none"],
    ["http", "gzip"],
    ["grpc", "none"],
    ["grpc", "gzip"],
  ] as const)("sends all signals over %s, compression %s", async ([protocol, compression], context) => {
    if (send === undefined) return context.skip(absence);
    const { at, environment } = await receiver(protocol);
    const finished = await send(protocol, {
      ...environment,
      ...(compression === "none" ? {} : { OTEL_EXPORTER_OTLP_COMPRESSION: compression }),
    });
    expect(finished).toMatchObject({ code: 0 });
    const encoding = compression === "none" ? "identity" : "gzip";
    expect(
      at.ingest.requests.map(
        (request) => `${request.signal} ${request.tenant} ${request.contentType} ${request.contentEncoding}`,
      ),
    ).toEqual(["traces", "logs", "metrics"].map((signal) => `${signal} shop protobuf ${encoding}`));
    for (const request of at.ingest.requests)
      expect(readRequest(request)).toMatchObject({
        records: 1,
        rejected: 0,
        text: expect.stringContaining("checkout.of.cart"),
      });
  });

  it.for([
    ["http", "overloaded"],
    ["http", "unavailable"],
    ["grpc", "overloaded"],
    ["grpc", "unavailable"],
  ] as const)("waits as told and sends again over %s after %s", async ([protocol, code], context) => {
    if (send === undefined) return context.skip(absence);
    const { at, environment } = await receiver(protocol);
    at.ingest.respond = () => {
      if (at.ingest.requests.length === 1) throw new Failure(code, "later", { retryAfterSeconds: 1 });
      return { accepted: 1, rejected: 0, rejections: [] };
    };
    expect(await send(protocol, environment)).toMatchObject({ code: 0 });
    expect(at.ingest.requests.map((request) => request.signal)).toEqual(["traces", "traces", "logs", "metrics"]);
    const [first, second] = at.ingest.requests;
    expect(Buffer.from(first!.body).equals(second!.body)).toBe(true);
    expect(second!.receivedUnixNano - first!.receivedUnixNano > 700_000_000n).toBe(true);
  });

  it.for(["http", "grpc"] as const)("does not send again over %s what is too large", async (protocol, context) => {
    if (send === undefined) return context.skip(absence);
    const { at, environment } = await receiver(protocol, { body: { maxBodyBytes: 10 } });
    await send(protocol, environment);
    expect([at.ingest.requests, at.counts.snapshot()["body-size"]]).toEqual([[], 3]);
  });
});
