/** The OpenTelemetry Collector between a sender and us, exporting with every transport, encoding and compression it has. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { openGrpcReceiver } from "#ingest/grpc-receiver.suite.ts";
import { openHttpReceiver } from "#ingest/http-receiver.suite.ts";
import { Failure } from "#runtime/failure.ts";
import { buildGo, NotToBeHad, readRequest, startSender } from "./sdk-sender.ts";

let collector = "";
let absence = "";
beforeAll(async () => {
  try {
    collector = await buildGo("sdk-collector");
  } catch (error) {
    if (!(error instanceof NotToBeHad)) throw error;
    absence = error.message;
  }
});

const folder = mkdtempSync(join(tmpdir(), "traceo-collector-"));
afterAll(() => rmSync(folder, { recursive: true }));
let child: ChildProcess | undefined;
const open: AsyncDisposable[] = [];
afterEach(async () => {
  if (child !== undefined && child.exitCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  child = undefined;
  for (const part of open.splice(0)) await part[Symbol.asyncDispose]();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

interface Exporter {
  readonly name: string;
  readonly lines: readonly string[];
}

/** Starts a collector that takes OTLP/HTTP and exports all it gets through each exporter. Returns where it takes it. */
async function start(exporters: readonly Exporter[]): Promise<string> {
  const port = await freePort();
  const names = `[${exporters.map(({ name }) => name).join(", ")}]`;
  const config = join(folder, "collector.yaml");
  writeFileSync(
    config,
    [
      "receivers:",
      "  otlp:",
      `    protocols: { http: { endpoint: "127.0.0.1:${port}" } }`,
      "exporters:",
      ...exporters.flatMap(({ name, lines }) => [`  ${name}:`, ...lines.map((line) => `    ${line}`)]),
      "service:",
      "  telemetry: { metrics: { level: none } }",
      "  pipelines:",
      ...["traces", "logs", "metrics"].map((signal) => `    ${signal}: { receivers: [otlp], exporters: ${names} }`),
    ].join("\n"),
  );
  child = await startSender(collector, ["--config", `file:${config}`], "Everything is ready");
  return `http://127.0.0.1:${port}`;
}

const NOW = `${Date.now()}000000`;
const RESOURCE = { attributes: [{ key: "service.name", value: { stringValue: "checkout.of.cart" } }] };
const SENT = {
  traces: {
    resourceSpans: [
      {
        resource: RESOURCE,
        scopeSpans: [
          {
            spans: [
              {
                traceId: "0af7651916cd43dd8448eb211c80319c",
                spanId: "b7ad6b7169203331",
                name: "pay",
                startTimeUnixNano: NOW,
                endTimeUnixNano: NOW,
              },
            ],
          },
        ],
      },
    ],
  },
  logs: {
    resourceLogs: [
      { resource: RESOURCE, scopeLogs: [{ logRecords: [{ timeUnixNano: NOW, body: { stringValue: "paid" } }] }] },
    ],
  },
  metrics: {
    resourceMetrics: [
      {
        resource: RESOURCE,
        scopeMetrics: [
          {
            metrics: [
              {
                name: "paid",
                sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ timeUnixNano: NOW, asInt: "3" }] },
              },
            ],
          },
        ],
      },
    ],
  },
} as const;

async function sendAll(to: string): Promise<void> {
  for (const [signal, body] of Object.entries(SENT)) {
    const answer = await fetch(`${to}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect(answer.status).toBe(200);
  }
}

it("sends all signals, however it is set up", async (context) => {
  if (collector === "") return context.skip(absence);
  const http = await openHttpReceiver();
  const grpc = await openGrpcReceiver();
  open.push(http, grpc);
  const grpcOut = (compression: string): Exporter => ({
    name: `otlp_grpc/grpc-${compression}`,
    lines: [
      `endpoint: "127.0.0.1:${grpc.server.port}"`,
      "tls: { insecure: true }",
      `compression: ${compression}`,
      `headers: { x-scope-orgid: grpc-${compression} }`,
    ],
  });
  const httpOut = (compression: string, encoding: string): Exporter => ({
    name: `otlp_http/http-${compression}-${encoding}`,
    lines: [
      `endpoint: "${http.url}"`,
      `compression: ${compression}`,
      `encoding: ${encoding}`,
      `headers: { x-scope-orgid: http-${compression}-${encoding} }`,
    ],
  });
  const exporters = [
    grpcOut("none"),
    grpcOut("gzip"),
    grpcOut("zstd"),
    httpOut("none", "proto"),
    httpOut("gzip", "proto"),
    httpOut("deflate", "proto"),
    httpOut("zstd", "proto"),
    httpOut("gzip", "json"),
  ];
  await sendAll(await start(exporters));
  await grpc.ingest.called(9);
  await http.ingest.called(15);
  const requests = [...grpc.ingest.requests, ...http.ingest.requests];
  const encodings: Record<string, string> = { none: "identity" };
  const expected = exporters.flatMap(({ name }) => {
    const tenant = name.slice(name.indexOf("/") + 1);
    const compression = tenant.split("-")[1]!;
    return ["traces", "logs", "metrics"].map(
      (signal) =>
        `${tenant} ${signal} ${tenant.endsWith("json") ? "json" : "protobuf"} ${encodings[compression] ?? compression}`,
    );
  });
  expect(
    requests
      .map((request) => `${request.tenant} ${request.signal} ${request.contentType} ${request.contentEncoding}`)
      .sort(),
  ).toEqual(expected.sort());
  for (const request of requests)
    expect(readRequest(request)).toMatchObject({
      records: 1,
      rejected: 0,
      text: expect.stringContaining("checkout.of.cart"),
    });
});

it.for(["grpc", "http"] as const)("waits as told and sends again over %s", async (protocol, context) => {
  if (collector === "") return context.skip(absence);
  const receiver = protocol === "grpc" ? await openGrpcReceiver() : await openHttpReceiver();
  open.push(receiver);
  const { ingest } = receiver;
  const refused = new Set<string>();
  ingest.respond = ({ signal }) => {
    if (refused.has(signal)) return { accepted: 1, rejected: 0, rejections: [] };
    refused.add(signal);
    throw new Failure("unavailable", "later", { retryAfterSeconds: 1 });
  };
  const endpoint = `127.0.0.1:${receiver.server.port}`;
  await sendAll(
    await start([
      protocol === "grpc"
        ? { name: "otlp_grpc", lines: [`endpoint: "${endpoint}"`, "tls: { insecure: true }"] }
        : { name: "otlp_http", lines: [`endpoint: "http://${endpoint}"`] },
    ]),
  );
  await ingest.called(6);
  for (const signal of ["traces", "logs", "metrics"]) {
    const [first, second, ...more] = ingest.requests.filter((request) => request.signal === signal);
    expect(more).toEqual([]);
    expect(Buffer.from(first!.body).equals(second!.body)).toBe(true);
    expect(second!.receivedUnixNano - first!.receivedUnixNano > 900_000_000n).toBe(true);
  }
});
