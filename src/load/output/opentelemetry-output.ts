import type { Exemplar } from "../metric/frame.ts";
import type { MergedFrame } from "../metric/totals.ts";
import { Delivery } from "./delivery.ts";
import { grpcExporter } from "./grpc-export.ts";
import { basicAuthorization, poster } from "./http-post.ts";
import { encodeOtlpMetrics } from "./otlp-metrics.ts";
import { type Output, type OutputContext, OutputSettingError } from "./output.ts";
import { Settings } from "./settings.ts";

/**
 * `-o opentelemetry`: OTLP metrics as k6 sends them: cumulative, k6's names, explicit histograms. Settings:
 * K6_OTEL_SERVICE_NAME (OTEL_SERVICE_NAME), _SERVICE_VERSION, _METRIC_PREFIX, _EXPORT_INTERVAL, _EXPORTER_PROTOCOL (grpc or
 * http/protobuf), _GRPC_EXPORTER_ENDPOINT, _GRPC_EXPORTER_INSECURE, _HTTP_EXPORTER_ENDPOINT, _HTTP_EXPORTER_URL_PATH,
 * _HTTP_EXPORTER_INSECURE, _HTTP_EXPORTER_USERNAME, _HTTP_EXPORTER_PASSWORD, _HEADERS, _TLS_CERTIFICATE,
 * _TLS_CLIENT_CERTIFICATE, _TLS_CLIENT_KEY, _TLS_INSECURE_SKIP_VERIFY.
 */
export function openOpentelemetryOutput(_argument: string, context: OutputContext): Output {
  const settings = new Settings(context.environment);
  const name = (suffix: string): string => `K6_OTEL_${suffix}`;
  const intervalMs = settings.durationMs(name("EXPORT_INTERVAL"), 10_000);
  const exporter = exporterOf(settings);
  const delivery = new Delivery({
    name: "opentelemetry",
    warn: context.warn,
    pause: context.pause,
    send: exporter.send,
  });
  const { tags } = context.totals.registry;
  const options = {
    resource: [
      ["service.name", settings.text(name("SERVICE_NAME")) ?? settings.text("OTEL_SERVICE_NAME", "k6")],
      ["service.version", settings.text(name("SERVICE_VERSION"), context.record.machine.traceo)],
    ] as const,
    scope: "k6",
    metricPrefix: settings.text(name("METRIC_PREFIX"), ""),
    temporality: "cumulative" as const,
    histograms: "explicit" as const,
    fromUnixMs: context.record.startedUnixMs,
    tags: (set: number) => tags.entries(set),
  };
  let exemplars: Exemplar[] = [];
  let flushedUnixMs: number | undefined;
  let latestUnixMs = 0;
  const flush = (): void => {
    const series = [...context.totals.series()];
    if (series.length > 0) delivery.push(encodeOtlpMetrics(series, { ...options, toUnixMs: latestUnixMs, exemplars }));
    exemplars = [];
    flushedUnixMs = latestUnixMs;
  };
  return {
    description: `opentelemetry (${exporter.description})`,
    wantsRaw: false,
    get counts() {
      return delivery.counts;
    },
    write(frame: MergedFrame): void {
      flushedUnixMs ??= frame.fromUnixMs;
      latestUnixMs = Math.max(latestUnixMs, frame.toUnixMs);
      exemplars.push(...frame.exemplars);
      if (latestUnixMs - flushedUnixMs >= intervalMs) flush();
    },
    async close(): Promise<void> {
      if (latestUnixMs !== flushedUnixMs) flush();
      await delivery.close();
      exporter.close();
    },
  };
}

function exporterOf(settings: Settings): {
  readonly description: string;
  readonly send: (body: Uint8Array) => Promise<void>;
  readonly close: () => void;
} {
  const name = (suffix: string): string => `K6_OTEL_${suffix}`;
  const protocol = settings.text(name("EXPORTER_PROTOCOL"), "grpc");
  const headers = Object.fromEntries(
    settings.list(name("HEADERS"), []).map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw new OutputSettingError(`${name("HEADERS")}: "${pair}" is not name=value`);
      return [pair.slice(0, at).trim().toLowerCase(), decodeURIComponent(pair.slice(at + 1).trim())];
    }),
  );
  const tls = {
    insecureSkipVerify: settings.flag(name("TLS_INSECURE_SKIP_VERIFY")),
    authority: settings.text(name("TLS_CERTIFICATE")),
    certificate: settings.text(name("TLS_CLIENT_CERTIFICATE")),
    key: settings.text(name("TLS_CLIENT_KEY")),
  };
  if (protocol === "grpc") {
    const endpoint = settings.text(name("GRPC_EXPORTER_ENDPOINT"), "localhost:4317");
    const origin = `${settings.flag(name("GRPC_EXPORTER_INSECURE")) ? "http" : "https"}://${endpoint}`;
    return { description: `grpc, ${origin}`, ...grpcExporter({ origin, headers, tls }) };
  }
  if (protocol !== "http/protobuf")
    throw new OutputSettingError(`${name("EXPORTER_PROTOCOL")} "${protocol}" is neither grpc nor http/protobuf`);
  const endpoint = settings.text(name("HTTP_EXPORTER_ENDPOINT"), "localhost:4318");
  if (/^https?:\/\//.test(endpoint))
    throw new OutputSettingError(`${name("HTTP_EXPORTER_ENDPOINT")} is host and port without http://`);
  const scheme = settings.flag(name("HTTP_EXPORTER_INSECURE")) ? "http" : "https";
  const url = `${scheme}://${endpoint}${settings.text(name("HTTP_EXPORTER_URL_PATH"), "/v1/metrics")}`;
  const send = poster({
    url,
    tls,
    headers: {
      "content-type": "application/x-protobuf",
      ...basicAuthorization(
        settings.text(name("HTTP_EXPORTER_USERNAME")),
        settings.text(name("HTTP_EXPORTER_PASSWORD")),
      ),
      ...headers,
    },
  });
  return { description: `http/protobuf, ${url}`, send, close: () => undefined };
}
