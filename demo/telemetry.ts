import { createRequire } from "node:module";
import { hostname } from "node:os";
import { type Context, metrics, propagation, type Span, trace } from "@opentelemetry/api";
import { logs } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { PgInstrumentation } from "@opentelemetry/instrumentation-pg";
import { RuntimeNodeInstrumentation } from "@opentelemetry/instrumentation-runtime-node";
import { defaultResource, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, type SdkLogRecord } from "@opentelemetry/sdk-logs";
import { PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { NodeSDK, tracing } from "@opentelemetry/sdk-node";

/*
 * The shop's instrumentation, as a customer would write it: the official SDK, started before anything it instruments.
 * Take `http` and `pg` from `loadInstrumented`: whoever does imports this file, so the SDK is always there first.
 */

export const SERVICE = process.env["SHOP_SERVICE"] ?? "unknown";
export const VERSION = process.env["SHOP_VERSION"] ?? "0.0.0";
const ENDPOINT = process.env["SHOP_OTLP_ENDPOINT"] ?? "http://127.0.0.1:4318";

const TRACES_AND_LOGS_DELAY_MS = 1_000;
const METRICS_INTERVAL_MS = 5_000;

/** What baggage carries through every call, and every span and log record then repeats as its attribute. */
export const BAGGAGE_KEYS = ["customer.region", "customer.tier", "session.id"] as const;

function copyBaggage(context: Context, set: (key: string, value: string) => void): void {
  const baggage = propagation.getBaggage(context);
  if (baggage === undefined) return;
  for (const key of BAGGAGE_KEYS) {
    const entry = baggage.getEntry(key);
    if (entry !== undefined) set(key, entry.value);
  }
}

const done = (): Promise<void> => Promise.resolve();

const baggageOnSpans: tracing.SpanProcessor = {
  onStart: (span: Span, context: Context) => copyBaggage(context, (key, value) => span.setAttribute(key, value)),
  onEnd: () => undefined,
  forceFlush: done,
  shutdown: done,
};
const baggageOnLogs = {
  onEmit: (record: SdkLogRecord, context?: Context) => {
    if (context !== undefined) copyBaggage(context, (key, value) => record.setAttribute(key, value));
  },
  forceFlush: done,
  shutdown: done,
};

const sdk = new NodeSDK({
  autoDetectResources: false,
  resource: defaultResource().merge(
    resourceFromAttributes({
      "service.name": SERVICE,
      "service.namespace": "shop",
      "service.version": VERSION,
      "service.instance.id": `${SERVICE}-${VERSION}-${process.pid}`,
      "deployment.environment.name": "demo",
      "cloud.region": "eu-west",
      "host.name": hostname(),
      "process.pid": process.pid,
      "process.runtime.name": "nodejs",
      "process.runtime.version": process.versions.node,
    }),
  ),
  spanProcessors: [
    baggageOnSpans,
    new tracing.BatchSpanProcessor(new OTLPTraceExporter({ url: `${ENDPOINT}/v1/traces` }), {
      scheduledDelayMillis: TRACES_AND_LOGS_DELAY_MS,
    }),
  ],
  logRecordProcessors: [
    baggageOnLogs,
    new BatchLogRecordProcessor({
      exporter: new OTLPLogExporter({ url: `${ENDPOINT}/v1/logs` }),
      scheduledDelayMillis: TRACES_AND_LOGS_DELAY_MS,
    }),
  ],
  metricReaders: [
    new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url: `${ENDPOINT}/v1/metrics` }),
      exportIntervalMillis: METRICS_INTERVAL_MS,
      exportTimeoutMillis: METRICS_INTERVAL_MS,
    }),
  ],
  instrumentations: [
    new HttpInstrumentation({ requireParentforOutgoingSpans: true }),
    // Without a parent there is nobody who waits: the worker's idle polls would only fill the screen.
    new PgInstrumentation({ requireParentSpan: true }),
    new RuntimeNodeInstrumentation({ monitoringPrecision: METRICS_INTERVAL_MS }),
  ],
});
sdk.start();

export const tracer = trace.getTracer("shop", VERSION);
export const meter = metrics.getMeter("shop", VERSION);
export const logger = logs.getLogger("shop", VERSION);

meter
  .createObservableUpDownCounter("process.memory.usage", { unit: "By", description: "Resident memory of the process." })
  .addCallback((result) => result.observe(process.memoryUsage.rss()));
meter
  .createObservableCounter("process.cpu.time", { unit: "s", description: "CPU seconds spent by the process." })
  .addCallback((result) => {
    const { user, system } = process.cpuUsage();
    result.observe(user / 1e6, { "cpu.mode": "user" });
    result.observe(system / 1e6, { "cpu.mode": "system" });
  });

/** Sends what is still buffered. Rejects when the endpoint does not answer. */
export function closeTelemetry(): Promise<void> {
  return sdk.shutdown();
}

const require = createRequire(import.meta.url);

/**
 * Loads a module the SDK instruments. It hooks `require`, not `import`; a loader thread for `import` in each of a dozen
 * processes would cost more memory than the shop itself.
 */
export function loadInstrumented(name: "node:http"): typeof import("node:http");
export function loadInstrumented(name: "pg"): typeof import("pg");
export function loadInstrumented(name: string): unknown {
  return require(name);
}
