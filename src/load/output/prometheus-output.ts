import type { Sink } from "../metric/sink.ts";
import { type MergedFrame, type Series, seriesKey } from "../metric/totals.ts";
import { parseTrendStatistic } from "../summary/trend-statistic.ts";
import { Delivery } from "./delivery.ts";
import { basicAuthorization, poster } from "./http-post.ts";
import { type NativeHistogram, nativeHistogram } from "./native-histogram.ts";
import { type Output, type OutputContext, OutputSettingError } from "./output.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { Settings } from "./settings.ts";
import { snappyCompress } from "./snappy.ts";

const DEFAULT_URL = "http://localhost:9090/api/v1/write";
const MAX_SERIES_PER_BODY = 2000;
/** Prometheus' own pattern of NaN that ends a series (prometheus/model/value, StaleNaN). */
const STALE_NAN = 0x7ff0000000000002n;

type Statistic = readonly [suffix: string, of: (sink: Sink) => number];

/**
 * `-o experimental-prometheus-rw`: Prometheus remote write 1 with k6's names: `k6_http_reqs_total`, `k6_http_req_failed_rate`,
 * `k6_http_req_duration_p99` (seconds, of the run so far). Settings: K6_PROMETHEUS_RW_SERVER_URL, _PUSH_INTERVAL,
 * _TREND_STATS, _TREND_AS_NATIVE_HISTOGRAM, _STALE_MARKERS, _USERNAME, _PASSWORD, _BEARER_TOKEN, _HTTP_HEADERS, _HEADERS_*,
 * _INSECURE_SKIP_TLS_VERIFY, _TLS_MINIMUM_VERSION, _CLIENT_CERTIFICATE, _CLIENT_CERTIFICATE_KEY.
 */
export function openPrometheusOutput(argument: string, context: OutputContext): Output {
  const settings = new Settings(context.environment);
  const name = (suffix: string): string => `K6_PROMETHEUS_RW_${suffix}`;
  const url = argument === "" ? settings.text(name("SERVER_URL"), DEFAULT_URL) : argument;
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new OutputSettingError(`${name("SERVER_URL")} "${url}" is no http address`);
  const intervalMs = settings.durationMs(name("PUSH_INTERVAL"), 5000);
  const native = settings.flag(name("TREND_AS_NATIVE_HISTOGRAM"));
  const stale = settings.flag(name("STALE_MARKERS"));
  const statistics = settings.list(name("TREND_STATS"), ["p(99)"]).map(statistic);
  const delivery = new Delivery({
    name: "experimental-prometheus-rw",
    warn: context.warn,
    pause: context.pause,
    send: poster({
      url,
      headers: {
        "content-type": "application/x-protobuf",
        "content-encoding": "snappy",
        "x-prometheus-remote-write-version": "0.1.0",
        "user-agent": "traceo",
        ...basicAuthorization(settings.text(name("USERNAME")), settings.text(name("PASSWORD"))),
        ...bearer(settings.text(name("BEARER_TOKEN"))),
        ...headers(settings),
      },
      tls: {
        insecureSkipVerify: settings.flag(name("INSECURE_SKIP_TLS_VERIFY")),
        certificate: settings.text(name("CLIENT_CERTIFICATE")),
        key: settings.text(name("CLIENT_CERTIFICATE_KEY")),
        minVersion: settings.text(name("TLS_MINIMUM_VERSION")) === "1.2" ? "TLSv1.2" : "TLSv1.3",
      },
    }),
  });
  const changed = new Map<number, Series>();
  const ever = new Map<number, Series>();
  let flushedUnixMs: number | undefined;
  let latestUnixMs = 0;

  const flush = (): void => {
    const series = [...changed.values()].map((one) => samplesOf(one, statistics, native, context));
    changed.clear();
    flushedUnixMs = latestUnixMs;
    for (let from = 0; from < series.length; from += MAX_SERIES_PER_BODY)
      delivery.push(writeRequest(series.slice(from, from + MAX_SERIES_PER_BODY).flat(), latestUnixMs));
  };
  return {
    description: `experimental-prometheus-rw (${url})`,
    wantsRaw: false,
    get counts() {
      return delivery.counts;
    },
    write({ series, fromUnixMs, toUnixMs }: MergedFrame): void {
      flushedUnixMs ??= fromUnixMs;
      latestUnixMs = Math.max(latestUnixMs, Math.floor(toUnixMs));
      for (let at = 0; at < series.length; at++) {
        const found = context.totals.find(series.metric[at]!, series.tags[at]!);
        if (found === undefined) continue;
        const key = seriesKey(found.metric.id, found.tags);
        changed.set(key, found);
        ever.set(key, found);
      }
      if (latestUnixMs - flushedUnixMs >= intervalMs) flush();
    },
    async close(): Promise<void> {
      // Two samples of a series must not have the same time.
      if (latestUnixMs === flushedUnixMs) latestUnixMs++;
      flush();
      if (stale) {
        latestUnixMs++;
        const series = [...ever.values()].flatMap((one) => samplesOf(one, statistics, native, context));
        for (let from = 0; from < series.length; from += MAX_SERIES_PER_BODY)
          delivery.push(
            writeRequest(
              series.slice(from, from + MAX_SERIES_PER_BODY).map(({ labels }) => ({ labels, value: "stale" as const })),
              latestUnixMs,
            ),
          );
      }
      await delivery.close();
    },
  };
}

interface PrometheusSample {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number | NativeHistogram | "stale";
}

function statistic(name: string): Statistic {
  if (name === "sum") return ["sum", (sink) => sink.sum];
  const found = parseTrendStatistic(name);
  if (found === undefined)
    throw new OutputSettingError(`K6_PROMETHEUS_RW_TREND_STATS: "${name}" is no statistic of a trend`);
  return [name.replace(/^p\((.*)\)$/, (_, percent: string) => `p${percent.replaceAll(".", "")}`), found.of];
}

function samplesOf(
  { metric, tags, sink }: Series,
  statistics: readonly Statistic[],
  native: boolean,
  { totals }: OutputContext,
): readonly PrometheusSample[] {
  const entries = totals.registry.tags.entries(tags).filter(([, value]) => value !== "");
  const labels = (suffix: string): PrometheusSample["labels"] =>
    [...entries, ["__name__", `k6_${metric.name}${suffix}`] as const].sort(([a], [b]) => (a < b ? -1 : 1));
  const scale = metric.contains === "time" ? 1 / 1000 : 1;
  switch (metric.type) {
    case "counter":
      return [{ labels: labels("_total"), value: sink.sum }];
    case "gauge":
      return [{ labels: labels(""), value: sink.last }];
    case "rate":
      return [{ labels: labels("_rate"), value: sink.average }];
    case "trend": {
      if (native) {
        const unit = metric.contains === "time" ? "_seconds" : metric.contains === "data" ? "_bytes" : "";
        return [{ labels: labels(unit), value: nativeHistogram(sink, scale) }];
      }
      return statistics.map(([suffix, of]) => ({
        labels: labels(`_${suffix}`),
        value: suffix === "count" ? of(sink) : of(sink) * scale,
      }));
    }
  }
}

function writeRequest(series: readonly PrometheusSample[], unixMs: number): Uint8Array {
  const writer = new ProtobufWriter();
  for (const { labels, value } of series)
    writer.message(1, () => {
      for (const [name, text] of labels)
        writer.message(1, () => {
          writer.text(1, name);
          writer.text(2, text);
        });
      if (typeof value === "object") writer.message(4, () => writeHistogram(writer, value, unixMs));
      else
        writer.message(2, () => {
          if (value === "stale") writer.fixed64(1, STALE_NAN);
          else writer.double(1, value);
          writer.integer(2, unixMs);
        });
    });
  return snappyCompress(writer.finish());
}

function writeHistogram(writer: ProtobufWriter, histogram: NativeHistogram, unixMs: number): void {
  writer.integer(1, histogram.count);
  writer.double(3, histogram.sum);
  writer.signed(4, histogram.schema);
  writer.double(5, histogram.zeroThreshold);
  writer.integer(6, histogram.zeroCount);
  for (const { offset, length } of histogram.negative.spans)
    writer.message(8, () => {
      writer.signed(1, offset);
      writer.integer(2, length);
    });
  writer.packedSigned(9, histogram.negative.deltas);
  for (const { offset, length } of histogram.positive.spans)
    writer.message(11, () => {
      writer.signed(1, offset);
      writer.integer(2, length);
    });
  writer.packedSigned(12, histogram.positive.deltas);
  writer.integer(15, unixMs);
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function headers(settings: Settings): Record<string, string> {
  const found = Object.fromEntries(settings.startingWith("K6_PROMETHEUS_RW_HEADERS_"));
  for (const pair of settings.list("K6_PROMETHEUS_RW_HTTP_HEADERS", [])) {
    const parts = pair.split(":");
    if (parts.length !== 2) throw new OutputSettingError(`K6_PROMETHEUS_RW_HTTP_HEADERS: "${pair}" is not name:value`);
    found[parts[0]!] = parts[1]!;
  }
  return found;
}
