import type { Timeline } from "../metric/timeline.ts";
import type { RunRecord } from "../run-record.ts";
import { observed } from "./observed.ts";
import { summaryReport } from "./summary-report.ts";
import type { SummarySource } from "./summary-source.ts";
import { metricValues } from "./trend-statistic.ts";

const ALWAYS = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)", "p(99.9)"];

export type RunFigures = Pick<RunRecord, "thresholds" | "metrics" | "checks" | "timeline" | "exemplars" | "notes">;

/** What a run came to, as its record keeps it. */
export function runFigures(source: SummarySource, timeline: Timeline): RunFigures {
  const { totals, verdict, durationMs, options } = source;
  const report = summaryReport(source, "compact");
  const statistics = [...new Set([...ALWAYS, ...options.summaryTrendStats])];
  return {
    thresholds: verdict.results,
    metrics: observed(source).map(({ name, metric, sink }) => ({
      name,
      type: metric.type,
      contains: metric.contains,
      samples: sink.count,
      values: metricValues(sink, durationMs, statistics),
      relativeError: sink.distribution?.relativeError ?? 0,
    })),
    checks: report.total.checks?.results ?? [],
    timeline: timeline.points(),
    exemplars: totals.exemplars.map(({ traceId, value, unixMs, tags }) => ({
      traceId,
      durationMs: value,
      unixMs,
      tags: Object.fromEntries(totals.registry.tags.entries(tags)),
    })),
    notes: report.notes,
  };
}
