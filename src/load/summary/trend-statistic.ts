import type { Sink } from "../metric/sink.ts";

/** One column of a trend in the summary: `avg`, `p(95)` … */
export interface TrendStatistic {
  /** As written in `summaryTrendStats`. */
  readonly name: string;
  readonly of: (sink: Sink) => number;
}

/** Reads an entry of `summaryTrendStats`; undefined when it is none. */
export function parseTrendStatistic(name: string): TrendStatistic | undefined {
  switch (name) {
    case "avg":
      return { name, of: (sink) => sink.average };
    case "min":
      return { name, of: (sink) => sink.min };
    case "med":
      return { name, of: (sink) => sink.quantile(0.5) };
    case "max":
      return { name, of: (sink) => sink.max };
    case "count":
      return { name, of: (sink) => sink.count };
  }
  const percent = /^p\((\d+(?:\.\d+)?)\)$/.exec(name)?.[1];
  if (percent === undefined || Number(percent) > 100) return undefined;
  return { name, of: (sink) => sink.quantile(Number(percent) / 100) };
}

/** What a metric's samples came to, by k6's names: `{count, rate}`, `{value, min, max}`, `{rate, passes, fails}`, or the trend's statistics. */
export function metricValues(sink: Sink, durationMs: number, trendStats: readonly string[]): Record<string, number> {
  switch (sink.type) {
    case "counter":
      return { count: sink.sum, rate: durationMs > 0 ? sink.sum / (durationMs / 1000) : 0 };
    case "gauge":
      return { value: sink.last, min: sink.min, max: sink.max };
    case "rate":
      return { rate: sink.average, passes: sink.sum, fails: sink.count - sink.sum };
    case "trend":
      return Object.fromEntries(
        trendStats.flatMap((name) => {
          const statistic = parseTrendStatistic(name);
          return statistic === undefined ? [] : [[name, statistic.of(sink)]];
        }),
      );
  }
}
