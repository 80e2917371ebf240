import { HISTOGRAM_RELATIVE_ERROR } from "../metric/log-histogram.ts";
import { Sink } from "../metric/sink.ts";
import { MAX_EXACT_SAMPLES, type Series } from "../metric/totals.ts";
import type { Metric, MetricContents, MetricType } from "../samples.ts";
import type { ThresholdResult } from "../threshold/threshold-set.ts";
import { groupNames } from "./group-tree.ts";
import { observed } from "./observed.ts";
import type { SummarySource } from "./summary-source.ts";
import { metricValues } from "./trend-statistic.ts";

export type SummaryMode = "compact" | "full" | "disabled";

/** What the end-of-test text shows. */
export interface SummaryReport {
  readonly thresholds: readonly {
    readonly name: string;
    readonly type: MetricType;
    readonly contains: MetricContents;
    readonly results: readonly ThresholdResult[];
  }[];
  readonly total: ReportPart;
  /** Groups of scenario `default`; empty in compact mode. */
  readonly groups: readonly ReportPart[];
  /** Other scenarios, by name; empty in compact mode. */
  readonly scenarios: readonly ReportPart[];
  /** What a reader must know to read the figures right. */
  readonly notes: readonly string[];
}

export interface ReportPart {
  readonly name: string;
  readonly checks: ReportChecks | undefined;
  readonly sections: readonly { readonly title: ReportSection; readonly metrics: readonly ReportMetric[] }[];
  readonly groups: readonly ReportPart[];
}

export interface ReportChecks {
  readonly metrics: readonly ReportMetric[];
  readonly results: readonly { readonly name: string; readonly passes: number; readonly fails: number }[];
}

export interface ReportMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: MetricContents;
  readonly values: Readonly<Record<string, number>>;
}

const SECTIONS = ["CUSTOM", "HTTP", "EXECUTION", "NETWORK", "GRPC", "WEBSOCKET"] as const;
export type ReportSection = (typeof SECTIONS)[number];

const EXECUTION = [
  "vus",
  "vus_max",
  "iterations",
  "iteration_duration",
  "iteration_duration_from_schedule",
  "dropped_iterations",
];
const NETWORK = ["data_sent", "data_received"];
const NEVER = ["checks", "group_duration"];
const HTTP = ["http_reqs", "http_req_failed", "http_req_duration"];
const HTTP_DETAILS = [
  "http_req_blocked",
  "http_req_connecting",
  "http_req_receiving",
  "http_req_sending",
  "http_req_tls_handshaking",
  "http_req_waiting",
];

export function summaryReport(source: SummarySource, mode: "compact" | "full"): SummaryReport {
  const all = observed(source);
  const total = partOf(
    "",
    all.map(({ name, metric, sink }) => ({ name, metric, sink })),
    checkResults([...source.totals.series()], source),
    source,
    mode,
  );
  const { groups, scenarios } = mode === "full" ? parts(source) : { groups: [], scenarios: [] };
  return {
    thresholds: [...source.thresholds.views].flatMap(([name, { metric }]) => {
      const results = source.verdict.results.filter((result) => result.metric === name);
      return results.length === 0 ? [] : [{ name, type: metric.type, contains: metric.contains, results }];
    }),
    total,
    groups,
    scenarios,
    notes: notes(source),
  };
}

interface Measured {
  readonly name: string;
  readonly metric: Metric;
  readonly sink: Sink;
}

function partOf(
  name: string,
  metrics: readonly Measured[],
  checks: ReportChecks["results"],
  source: SummarySource,
  mode: "compact" | "full",
): ReportPart {
  const sections = new Map<ReportSection, ReportMetric[]>(SECTIONS.map((title) => [title, []]));
  for (const measured of metrics) {
    const section = sectionOf(measured.metric.name, mode);
    if (section !== undefined) sections.get(section)!.push(reported(measured, source));
  }
  const sink = metrics.find((measured) => measured.name === "checks")?.sink;
  return {
    name,
    checks: sink === undefined ? undefined : { metrics: checkMetrics(sink, source), results: checks },
    sections: [...sections].flatMap(([title, list]) => (list.length === 0 ? [] : [{ title, metrics: list }])),
    groups: [],
  };
}

function reported({ name, metric, sink }: Measured, { durationMs, options }: SummarySource): ReportMetric {
  const values = metricValues(sink, durationMs, options.summaryTrendStats);
  return { name, type: metric.type, contains: metric.contains, values };
}

function sectionOf(metric: string, mode: "compact" | "full"): ReportSection | undefined {
  if (NEVER.includes(metric)) return undefined;
  if (HTTP_DETAILS.includes(metric)) return mode === "full" ? "HTTP" : undefined;
  if (HTTP.includes(metric)) return "HTTP";
  if (EXECUTION.includes(metric)) return "EXECUTION";
  if (NETWORK.includes(metric)) return "NETWORK";
  if (metric.startsWith("grpc_")) return "GRPC";
  return metric.startsWith("ws_") ? "WEBSOCKET" : "CUSTOM";
}

function checkMetrics({ count, sum }: Sink, { durationMs }: SummarySource): readonly ReportMetric[] {
  const failed = count - sum;
  return [
    {
      name: "checks_total",
      type: "counter",
      contains: "default",
      values: { count, rate: durationMs > 0 ? count / (durationMs / 1000) : 0 },
    },
    {
      name: "checks_succeeded",
      type: "rate",
      contains: "default",
      values: { rate: count > 0 ? sum / count : 0, passes: sum, fails: failed },
    },
    {
      name: "checks_failed",
      type: "rate",
      contains: "default",
      values: { rate: count > 0 ? failed / count : 0, passes: failed, fails: sum },
    },
  ];
}

function checkResults(series: readonly Series[], { totals }: SummarySource): ReportChecks["results"] {
  const results = new Map<string, { name: string; passes: number; fails: number }>();
  for (const { metric, tags, sink } of series) {
    const name = metric.name === "checks" ? totals.registry.tags.get(tags, "check") : undefined;
    if (name === undefined) continue;
    const before = results.get(name) ?? { name, passes: 0, fails: 0 };
    results.set(name, { name, passes: before.passes + sink.sum, fails: before.fails + sink.count - sink.sum });
  }
  return [...results.values()];
}

interface Growing {
  readonly series: Series[];
  readonly groups: Map<string, Growing>;
}

/** As k6 parts them: a sample belongs to its scenario unless that is `default`, and to its innermost group. */
function parts(source: SummarySource): Pick<SummaryReport, "groups" | "scenarios"> {
  const { tags } = source.totals.registry;
  const make = (): Growing => ({ series: [], groups: new Map() });
  const inside = (map: Map<string, Growing>, name: string): Growing => {
    const known = map.get(name) ?? make();
    map.set(name, known);
    return known;
  };
  const root = make();
  const scenarios = new Map<string, Growing>();
  for (const series of source.totals.series()) {
    const scenario = tags.get(series.tags, "scenario") ?? "default";
    let part = root;
    if (scenario !== "default") {
      part = inside(scenarios, scenario);
      part.series.push(series);
    }
    const names = groupNames(tags.get(series.tags, "group") ?? "");
    if (names.length === 0 || names[0] === "setup" || names[0] === "teardown") continue;
    for (const name of names) part = inside(part.groups, name);
    part.series.push(series);
  }
  const finish = ([name, part]: readonly [string, Growing]): ReportPart => ({
    ...partOf(name, added(part.series), checkResults(part.series, source), source, "full"),
    groups: [...part.groups].map(finish),
  });
  return {
    groups: [...root.groups].map(finish),
    scenarios: [...scenarios].sort(([a], [b]) => (a < b ? -1 : 1)).map(finish),
  };
}

/** Series of the same metric as one. */
function added(series: readonly Series[]): readonly Measured[] {
  const sinks = new Map<Metric, Sink>();
  for (const { metric, sink } of series) {
    const known = sinks.get(metric) ?? new Sink(metric.type, MAX_EXACT_SAMPLES);
    sinks.set(metric, known);
    known.addAll(sink);
  }
  return [...sinks].map(([metric, sink]) => ({ name: metric.name, metric, sink }));
}

function notes({ totals, verdict, thresholds }: SummarySource): readonly string[] {
  const undecided = verdict.results.filter((result) => result.undecided).length;
  const percent = (HISTOGRAM_RELATIVE_ERROR * 100).toFixed(2);
  const result: string[] = [];
  if (undecided > 0)
    result.push(
      `${undecided} threshold(s) undecided: above ${MAX_EXACT_SAMPLES.toLocaleString("en")} samples percentiles are known to ±${percent}%, and the limit lies inside.`,
    );
  if (totals.foldedSamples > 0) {
    const submetrics = [...thresholds.views.values()].some(({ filter }) => filter.length > 0);
    result.push(
      `${totals.foldedSamples} sample(s) had too many different tags; their url and name were folded${submetrics ? ", submetrics by those tags lack them" : ""}. Give requests a name tag.`,
    );
  }
  if (totals.droppedRawSamples > 0)
    result.push(`${totals.droppedRawSamples} raw sample(s) found no room and are missing in json, csv or influxdb.`);
  return result;
}
