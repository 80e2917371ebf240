import { median, medianDeviation } from "#math/robust.ts";
import { percent } from "./gate/gate.ts";
import type { TimelinePoint } from "./metric/timeline.ts";
import type { RunMetric, RunRecord } from "./run-record.ts";
import type { MetricContents, MetricType } from "./samples.ts";
import { humanizeValue } from "./summary/humanize.ts";

/**
 * Two runs side by side. No verdict: they ran at different times, and what drifted in between cannot be told from the version
 * (facts: run-to-run drift of 20% raises false alarms in 26-42% of such comparisons). `scatter` says how much a figure moved
 * within the runs themselves, so that a reader sees which changes are smaller than that.
 */
export interface RunComparison {
  readonly a: RunHead;
  readonly b: RunHead;
  /** Differences that make the figures less comparable: another script, other scenarios, another machine. */
  readonly warnings: readonly string[];
  readonly metrics: readonly MetricComparison[];
  readonly checks: readonly ShareComparison[];
  readonly thresholds: readonly {
    readonly metric: string;
    readonly source: string;
    readonly a: boolean | undefined;
    readonly b: boolean | undefined;
  }[];
}

export type RunHead = Pick<RunRecord, "id" | "name" | "startedUnixMs" | "status" | "tags">;

export interface MetricComparison {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: MetricContents;
  readonly statistic: string;
  /** Undefined where the run has no such metric. */
  readonly a: number | undefined;
  readonly b: number | undefined;
  /** b over a, less 1; of shares (rates) b less a; undefined when it cannot be said. */
  readonly change: number | undefined;
  /** Share by which this figure moved from point to point within the quieter run; known for request durations and throughput. */
  readonly scatter: number | undefined;
}

export interface ShareComparison {
  readonly name: string;
  readonly a: number | undefined;
  readonly b: number | undefined;
}

const STATISTICS: Readonly<Record<MetricType, readonly string[]>> = {
  counter: ["count", "rate"],
  gauge: ["max"],
  rate: ["rate"],
  trend: ["avg", "med", "p(95)", "p(99)", "max"],
};

/** Points of the timeline that move as a statistic does. */
const SCATTERS: Readonly<Record<string, (point: TimelinePoint) => number | null>> = {
  "http_req_duration med": ({ p50 }) => p50,
  "http_req_duration p(95)": ({ p95 }) => p95,
  "http_req_duration p(99)": ({ p99 }) => p99,
  "http_reqs rate": ({ requests, widthMs }) => requests / widthMs,
};

export function compareRuns(a: RunRecord, b: RunRecord): RunComparison {
  const names = [...new Set([...a.metrics, ...b.metrics].map(({ name }) => name))];
  return {
    a: head(a),
    b: head(b),
    warnings: warnings(a, b),
    metrics: names.flatMap((name) => compareMetric(name, a, b)),
    checks: [...new Set([...a.checks, ...b.checks].map(({ name }) => name))].map((name) => ({
      name,
      a: passShare(a, name),
      b: passShare(b, name),
    })),
    thresholds: [
      ...new Map([...a.thresholds, ...b.thresholds].map((one) => [`${one.metric} ${one.source}`, one])).values(),
    ].map(({ metric, source }) => {
      const held = (run: RunRecord): boolean | undefined =>
        run.thresholds.find((one) => one.metric === metric && one.source === source)?.ok;
      return { metric, source, a: held(a), b: held(b) };
    }),
  };
}

function head({ id, name, startedUnixMs, status, tags }: RunRecord): RunHead {
  return { id, name, startedUnixMs, status, tags };
}

function warnings(a: RunRecord, b: RunRecord): readonly string[] {
  const found: string[] = [];
  if (a.script.sha256 !== b.script.sha256) found.push("the scripts differ");
  if (JSON.stringify(a.scenarios) !== JSON.stringify(b.scenarios)) found.push("the scenarios differ");
  if (a.machine.host !== b.machine.host || a.machine.cpus !== b.machine.cpus)
    found.push(`they ran on different machines (${a.machine.host}, ${b.machine.host})`);
  for (const [label, run] of [
    ["A", a],
    ["B", b],
  ] as const) {
    if (run.status === "void") found.push(`run ${label} is void: ${run.reason}`);
    if (run.status === "aborted" || run.status === "running") found.push(`run ${label} is ${run.status}`);
    if (run.generators.some(({ lostUnixMs }) => lostUnixMs !== undefined)) found.push(`run ${label} lost a generator`);
  }
  return found;
}

function compareMetric(name: string, a: RunRecord, b: RunRecord): readonly MetricComparison[] {
  const find = (run: RunRecord): RunMetric | undefined => run.metrics.find((metric) => metric.name === name);
  const [one, two] = [find(a), find(b)];
  const known = (one ?? two)!;
  // A metric that changed its type is two metrics of one name: nothing to compare.
  if (one !== undefined && two !== undefined && one.type !== two.type) return [];
  return STATISTICS[known.type].flatMap((statistic) => {
    const [before, after] = [one?.values[statistic], two?.values[statistic]];
    if (before === undefined && after === undefined) return [];
    return [
      {
        name,
        type: known.type,
        contains: known.contains,
        statistic,
        a: before,
        b: after,
        change: changeOf(known.type, before, after),
        scatter: scatterOf(`${name} ${statistic}`, a, b),
      },
    ];
  });
}

function changeOf(type: MetricType, before: number | undefined, after: number | undefined): number | undefined {
  if (before === undefined || after === undefined) return undefined;
  if (type === "rate") return after - before;
  return before === 0 ? (after === 0 ? 0 : undefined) : after / before - 1;
}

function scatterOf(key: string, a: RunRecord, b: RunRecord): number | undefined {
  const of = SCATTERS[key];
  if (of === undefined) return undefined;
  const scatters = [a, b].flatMap(({ timeline }) => {
    const logs = timeline.map(of).flatMap((value) => (value !== null && value > 0 ? [Math.log(value)] : []));
    return logs.length < 5 || !Number.isFinite(median(logs)) ? [] : [Math.expm1(medianDeviation(logs))];
  });
  return scatters.length === 0 ? undefined : Math.min(...scatters);
}

function passShare({ checks }: RunRecord, name: string): number | undefined {
  const check = checks.find((one) => one.name === name);
  return check === undefined ? undefined : check.passes / Math.max(1, check.passes + check.fails);
}

/** For a terminal: one line for each figure, changes that are larger than the scatter marked with `*`. */
export function comparisonText(comparison: RunComparison): string {
  const { a, b, metrics, checks, thresholds, warnings: heeded } = comparison;
  const about = ({ name, id, startedUnixMs, status }: RunHead): string =>
    `${name} ${id.slice(0, 8)}, ${new Date(startedUnixMs).toISOString().slice(0, 19).replace("T", " ")} UTC, ${status}`;
  const rows = metrics.map(({ name, type, contains, statistic, a: before, b: after, change, scatter }) => {
    const show = (value: number | undefined): string =>
      value === undefined
        ? "-"
        : type === "counter" && statistic === "rate"
          ? `${humanizeValue(value, type, contains, "")}/s`
          : humanizeValue(value, type, contains, "");
    const changed =
      change === undefined ? "" : type === "rate" ? `${(change * 100).toFixed(2)} points` : percent(change);
    const marked = scatter !== undefined && change !== undefined && Math.abs(change) > scatter ? " *" : "  ";
    return [`${name} ${statistic}`, show(before), show(after), changed + marked];
  });
  const checkRows = checks.map(({ name, a: before, b: after }) => {
    const show = (share: number | undefined): string => (share === undefined ? "-" : `${(share * 100).toFixed(2)}%`);
    return [`check "${name}"`, show(before), show(after), ""];
  });
  const thresholdRows = thresholds.map(({ metric, source, a: before, b: after }) => {
    const show = (ok: boolean | undefined): string => (ok === undefined ? "-" : ok ? "held" : "crossed");
    return [`${metric} ${source}`, show(before), show(after), before !== after ? "changed" : ""];
  });
  return [
    `A  ${about(a)}`,
    `B  ${about(b)}`,
    ...heeded.map((warning) => `!  ${warning}`),
    "",
    ...table([["", "A", "B", "change"], ...rows, ...checkRows, ...thresholdRows]),
    "",
    "*  more than the figure moved within the quieter run. No verdict: the runs were not interleaved (`traceo load gate` is).",
    "",
  ].join("\n");
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = [0, 1, 2, 3].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}
