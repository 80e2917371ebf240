import { gzipSync } from "node:zlib";
import type { Exemplar } from "../metric/frame.ts";
import { IntervalSinks } from "../metric/interval-sinks.ts";
import type { MergedFrame } from "../metric/totals.ts";
import { RUN_ID_ATTRIBUTE, RUN_NAME_ATTRIBUTE, RUN_SCRIPT_ATTRIBUTE, type RunRecord } from "../run-record.ts";
import { Delivery } from "./delivery.ts";
import { poster } from "./http-post.ts";
import { encodeOtlpMetrics } from "./otlp-metrics.ts";
import { type Output, type OutputContext, OutputSettingError, type RunEnd } from "./output.ts";
import { Settings } from "./settings.ts";

export const TRACEO_DEFAULT_URL = "http://127.0.0.1:7070";
/** Metrics of runs are told from a service's own by this; what follows are k6's names. */
export const TRACEO_METRIC_PREFIX = "k6_";
/** The run's document is put here, under its id, at the start and at the end. */
export const TRACEO_RUNS_PATH = "/api/load/runs";
const MAX_SERIES_PER_BODY = 2000;

/**
 * `-o traceo=URL`: the run in Traceo itself, beside the telemetry of what it loads. Once a second (TRACEO_LOAD_INTERVAL) the
 * interval's series go to /otlp/v1/metrics as deltas, trends as exponential histograms with the interval's slowest requests
 * as exemplars; the run's document goes to TRACEO_RUNS_PATH. A token comes from TRACEO_TOKEN.
 */
export function openTraceoOutput(argument: string, context: OutputContext): Output {
  const settings = new Settings(context.environment);
  const base = (argument === "" ? settings.text("TRACEO_URL", TRACEO_DEFAULT_URL) : argument).replace(/\/+$/, "");
  if (!/^https?:\/\//.test(base) || !URL.canParse(base))
    throw new OutputSettingError(`-o traceo: "${base}" is no http address`);
  const intervalMs = settings.durationMs("TRACEO_LOAD_INTERVAL", 1000);
  const token = settings.text("TRACEO_TOKEN");
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { record } = context;
  const metrics = new Delivery({
    name: "traceo",
    warn: context.warn,
    pause: context.pause,
    send: poster({
      url: `${base}/otlp/v1/metrics`,
      headers: { "content-type": "application/x-protobuf", "content-encoding": "gzip", ...authorization },
    }),
  });
  const documents = new Delivery({
    name: "traceo (the run's document)",
    warn: context.warn,
    pause: context.pause,
    send: poster({
      url: `${base}${TRACEO_RUNS_PATH}/${record.id}`,
      headers: { "content-type": "application/json", ...authorization },
    }),
  });
  const sinks = new IntervalSinks(context.totals.registry);
  const { tags } = context.totals.registry;
  const resource = resourceOf(record);
  let exemplars: Exemplar[] = [];
  let fromUnixMs: number | undefined;
  let latestUnixMs = 0;
  const flush = (): void => {
    const series = sinks.take();
    for (let from = 0; from < series.length; from += MAX_SERIES_PER_BODY)
      metrics.push(
        gzipSync(
          encodeOtlpMetrics(series.slice(from, from + MAX_SERIES_PER_BODY), {
            resource,
            scope: "traceo.load",
            metricPrefix: TRACEO_METRIC_PREFIX,
            temporality: "delta",
            histograms: "exponential",
            fromUnixMs: fromUnixMs!,
            toUnixMs: latestUnixMs,
            tags: (set) => tags.entries(set),
            exemplars,
          }),
          { level: 1 },
        ),
      );
    exemplars = [];
    fromUnixMs = latestUnixMs;
  };
  documents.push(Buffer.from(JSON.stringify(record)));
  return {
    description: `traceo (${base})`,
    wantsRaw: false,
    get counts() {
      const [one, two] = [metrics.counts, documents.counts];
      return {
        delivered: one.delivered + two.delivered,
        retried: one.retried + two.retried,
        dropped: one.dropped + two.dropped,
        lastError: one.lastError ?? two.lastError,
      };
    },
    write(frame: MergedFrame): void {
      fromUnixMs ??= frame.fromUnixMs;
      // Several generators end their interval at nearly the same time: what comes late belongs to the next one.
      if (frame.toUnixMs - fromUnixMs >= intervalMs * 1.5 && latestUnixMs > fromUnixMs) flush();
      latestUnixMs = Math.max(latestUnixMs, frame.toUnixMs);
      sinks.add(frame);
      exemplars.push(...frame.exemplars);
    },
    async close({ record: ended }: RunEnd): Promise<void> {
      if (fromUnixMs !== undefined) flush();
      documents.push(Buffer.from(JSON.stringify(ended)));
      await Promise.all([metrics.close(), documents.close()]);
    },
  };
}

function resourceOf({ id, name, script, tags, git, machine }: RunRecord): readonly (readonly [string, string])[] {
  return [
    ["service.name", "traceo-load"],
    ["service.version", machine.traceo],
    ["service.instance.id", id],
    ["host.name", machine.host],
    [RUN_ID_ATTRIBUTE, id],
    [RUN_NAME_ATTRIBUTE, name],
    [RUN_SCRIPT_ATTRIBUTE, script.sha256],
    ...(git === undefined ? [] : [["vcs.ref.head.revision", git.commit] as const]),
    ...Object.entries(tags).map(([key, value]) => [`traceo.load.tag.${key}`, value] as const),
  ];
}

/**
 * Whether a Traceo server answers there: runs then go to it without being asked. Waits half a second at most.
 * @public
 */
export async function traceoAnswers(url = TRACEO_DEFAULT_URL): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(500) });
    return /^(ready\n$|engine: )/.test((await response.text()).slice(0, 100));
  } catch {
    // Nobody there, or somebody else: no server of ours.
    return false;
  }
}
