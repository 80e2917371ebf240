import type { MetricContents, MetricType } from "../samples.ts";
import { type GroupResult, groupTree } from "./group-tree.ts";
import { observed } from "./observed.ts";
import type { SummarySource } from "./summary-source.ts";
import { metricValues } from "./trend-statistic.ts";

/** The argument of a script's `handleSummary`, by k6's names. */
export interface SummaryData {
  readonly root_group: GroupResult;
  readonly options: {
    readonly summaryTrendStats: readonly string[];
    readonly summaryTimeUnit: string;
    readonly noColor: boolean;
  };
  readonly state: {
    readonly isStdOutTTY: boolean;
    readonly isStdErrTTY: boolean;
    readonly testRunDurationMs: number;
  };
  readonly metrics: Readonly<Record<string, SummaryMetric>>;
  /** What `setup` returned, if it did. */
  readonly setup_data: unknown;
}

export interface SummaryMetric {
  readonly type: MetricType;
  readonly contains: MetricContents;
  readonly values: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
}

export interface SummarySurroundings {
  readonly noColor: boolean;
  readonly isStdOutTTY: boolean;
  readonly isStdErrTTY: boolean;
  readonly setupData: unknown;
}

export function summaryData(source: SummarySource, surroundings: SummarySurroundings): SummaryData {
  const { options, durationMs, verdict } = source;
  const { noColor, isStdOutTTY, isStdErrTTY, setupData } = surroundings;
  const metrics: Record<string, SummaryMetric> = {};
  for (const { name, metric, sink } of observed(source)) {
    const results = verdict.results.filter((result) => result.metric === name);
    metrics[name] = {
      type: metric.type,
      contains: metric.contains,
      values: metricValues(sink, durationMs, options.summaryTrendStats),
      ...(results.length === 0
        ? {}
        : { thresholds: Object.fromEntries(results.map(({ source: text, ok }) => [text, { ok }])) }),
    };
  }
  return {
    root_group: groupTree(source.totals),
    options: { summaryTrendStats: options.summaryTrendStats, summaryTimeUnit: options.summaryTimeUnit, noColor },
    state: { isStdOutTTY, isStdErrTTY, testRunDurationMs: durationMs },
    metrics,
    setup_data: setupData,
  };
}

/**
 * The file of `--summary-export`: the same without options and state, values beside the thresholds (true means failed,
 * there), a rate's share called `value`, groups and checks by name.
 */
export function exportedSummary(data: SummaryData): string {
  const metrics = Object.fromEntries(
    Object.entries(data.metrics).map(([name, { type, values, thresholds }]) => {
      const { rate, ...rest } = values;
      return [
        name,
        {
          ...(type === "rate" ? { ...rest, value: rate } : values),
          ...(thresholds === undefined
            ? {}
            : { thresholds: Object.fromEntries(Object.entries(thresholds).map(([text, { ok }]) => [text, !ok])) }),
        },
      ];
    }),
  );
  return JSON.stringify({ root_group: byName(data.root_group), metrics, setup_data: data.setup_data }, null, 4);
}

function byName({ groups, checks, ...group }: GroupResult): object {
  return {
    ...group,
    groups: Object.fromEntries(groups.map((inner) => [inner.name, byName(inner)])),
    checks: Object.fromEntries(checks.map((check) => [check.name, check])),
  };
}
