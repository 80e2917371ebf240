/** The official JavaScript SDK, all signals over all transports, as an application would set it up. */
import { createRequire } from "node:module";
import { gunzipSync } from "node:zlib";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogExporter } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as ProtoLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as GrpcMetricExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { OTLPMetricExporter as ProtoMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as GrpcTraceExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { logs, metrics, tracing } from "@opentelemetry/sdk-node";
import { afterEach, describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import { openGrpcReceiver, type TestGrpcReceiver } from "./grpc-receiver.suite.ts";
import { openHttpReceiver, type TestReceiver } from "./http-receiver.suite.ts";
import type { IngestRequest } from "./ingest.ts";

// The JSON exporters of logs and metrics come with the SDK's own dependencies.
const fromSdk = createRequire(createRequire(import.meta.url).resolve("@opentelemetry/sdk-node"));
const { OTLPLogExporter: JsonLogExporter } = fromSdk("@opentelemetry/exporter-logs-otlp-http") as {
  OTLPLogExporter: typeof ProtoLogExporter;
};
const { OTLPMetricExporter: JsonMetricExporter } = fromSdk("@opentelemetry/exporter-metrics-otlp-http") as {
  OTLPMetricExporter: typeof ProtoMetricExporter;
};

type Compression = NonNullable<ConstructorParameters<typeof ProtoTraceExporter>[0]>["compression"];
const GZIP = "gzip" as Compression;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part[Symbol.asyncDispose]();
});
async function http(): Promise<TestReceiver> {
  const receiver = await openHttpReceiver();
  open.push(receiver);
  return receiver;
}
async function grpc(): Promise<TestGrpcReceiver> {
  const receiver = await openGrpcReceiver();
  open.push(receiver);
  return receiver;
}

async function sendSpan(exporter: tracing.SpanExporter): Promise<void> {
  const provider = new tracing.BasicTracerProvider({ spanProcessors: [new tracing.SimpleSpanProcessor(exporter)] });
  provider.getTracer("sdk").startSpan("checkout of the cart").end();
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendLog(exporter: logs.LogRecordExporter): Promise<void> {
  const provider = new logs.LoggerProvider({ processors: [new logs.SimpleLogRecordProcessor({ exporter })] });
  provider.getLogger("sdk").emit({ severityNumber: SeverityNumber.WARN, body: "checkout of the cart" });
  await provider.forceFlush();
  await provider.shutdown();
}

async function sendMetric(exporter: metrics.PushMetricExporter): Promise<void> {
  const reader = new metrics.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new metrics.MeterProvider({ readers: [reader] });
  provider.getMeter("sdk").createCounter("checkout of the cart").add(3);
  // Shutting down collects and sends.
  await provider.shutdown();
}

const described = ({ signal, contentType, contentEncoding }: IngestRequest): string =>
  `${signal} ${contentType} ${contentEncoding}`;

function text(request: IngestRequest): string {
  const body = request.contentEncoding === "gzip" ? gunzipSync(request.body) : request.body;
  return Buffer.from(body).toString("latin1");
}

describe.each([
  ["as is", undefined],
  ["gzipped", GZIP],
])("the JavaScript SDK, %s", (_how, compression) => {
  const inAll = (contentType: string): string[] =>
    ["traces", "logs", "metrics"].map((signal) => `${signal} ${contentType} ${compression ?? "identity"}`);
  const settings = (url: string) => ({ url, ...(compression === undefined ? {} : { compression }) });

  it("sends all signals as protobuf over HTTP", async () => {
    const at = await http();
    await sendSpan(new ProtoTraceExporter(settings(`${at.url}/v1/traces`)));
    await sendLog(new ProtoLogExporter(settings(`${at.url}/v1/logs`)));
    await sendMetric(new ProtoMetricExporter(settings(`${at.url}/v1/metrics`)));
    expect(at.ingest.requests.map(described)).toEqual(inAll("protobuf"));
    for (const request of at.ingest.requests) expect(text(request)).toContain("checkout of the cart");
  });

  it("sends all signals as JSON over HTTP", async () => {
    const at = await http();
    await sendSpan(new JsonTraceExporter(settings(`${at.url}/v1/traces`)));
    await sendLog(new JsonLogExporter(settings(`${at.url}/v1/logs`)));
    await sendMetric(new JsonMetricExporter(settings(`${at.url}/v1/metrics`)));
    expect(at.ingest.requests.map(described)).toEqual(inAll("json"));
    for (const request of at.ingest.requests)
      expect(JSON.stringify(JSON.parse(text(request)))).toContain("checkout of the cart");
  });

  it("sends all signals over gRPC", async () => {
    const at = await grpc();
    const url = `http://127.0.0.1:${at.server.port}`;
    await sendSpan(new GrpcTraceExporter(settings(url)));
    await sendLog(new GrpcLogExporter(settings(url)));
    await sendMetric(new GrpcMetricExporter(settings(url)));
    expect(at.ingest.requests.map(described)).toEqual(inAll("protobuf"));
    for (const request of at.ingest.requests) expect(text(request)).toContain("checkout of the cart");
  });
});

describe("the JavaScript SDK when it is told to wait", () => {
  it.each(["overloaded", "unavailable"] as const)("sends again over HTTP after %s", async (code) => {
    const at = await http();
    at.ingest.respond = () => {
      if (at.ingest.requests.length === 1) throw new Failure(code, "later", { retryAfterSeconds: 1 });
      return { accepted: 1, rejected: 0, rejections: [] };
    };
    await sendSpan(new ProtoTraceExporter({ url: `${at.url}/v1/traces` }));
    const [first, second, ...more] = at.ingest.requests;
    expect(more).toEqual([]);
    expect(Buffer.from(first!.body).equals(second!.body)).toBe(true);
    expect(second!.receivedUnixNano - first!.receivedUnixNano > 900_000_000n).toBe(true);
  });

  it("does not send again over HTTP what was refused for good", async () => {
    const at = await http();
    at.ingest.respond = () => {
      throw new Failure("bad-payload", "byte 3");
    };
    await expect(sendSpan(new ProtoTraceExporter({ url: `${at.url}/v1/traces` }))).rejects.toMatchObject([
      { code: 400 },
    ]);
    expect(at.ingest.requests).toHaveLength(1);
  });

  it("sees UNAVAILABLE and RetryInfo over gRPC", async () => {
    // This SDK's gRPC exporter does not send again by itself (the Go and Python ones do: test/interop); it reports what it saw.
    const at = await grpc();
    at.ingest.respond = () => {
      throw new Failure("unavailable", "later", { retryAfterSeconds: 1 });
    };
    const exporter = new GrpcTraceExporter({ url: `http://127.0.0.1:${at.server.port}` });
    const seen = new Promise<{ error?: unknown }>((resolve) => {
      const provider = new tracing.BasicTracerProvider({
        spanProcessors: [
          new tracing.SimpleSpanProcessor({
            export: (spans, done) =>
              exporter.export(spans, (result) => {
                done(result);
                resolve(result);
              }),
            shutdown: () => exporter.shutdown(),
          }),
        ],
      });
      provider.getTracer("sdk").startSpan("checkout").end();
    });
    const { error } = (await seen) as { error: Error & { code: number; details: string; metadata: Metadata } };
    expect([error.code, error.details]).toEqual([14, expect.stringContaining("later")]);
    expect(error.metadata.get("grpc-status-details-bin")[0]?.includes("google.rpc.RetryInfo")).toBe(true);
    await exporter.shutdown();
  });
});

interface Metadata {
  get(name: string): Buffer[];
}
