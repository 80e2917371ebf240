import type { Sink } from "../metric/sink.ts";
import type { Metric } from "../samples.ts";
import type { SummarySource } from "./summary-source.ts";

/** A metric or submetric that a summary shows. */
export interface Observed {
  /** `http_reqs`, or `http_req_duration{expected_response:true}`. */
  readonly name: string;
  readonly metric: Metric;
  readonly sink: Sink;
}

/**
 * What k6 shows: metrics with samples, metrics and submetrics with thresholds (their parents too) even without, and
 * `http_req_duration{expected_response:true}` when it has samples.
 */
export function observed({ totals, thresholds, options }: SummarySource): readonly Observed[] {
  const found = new Map<string, Observed>();
  for (const metric of totals.registry.all()) {
    const sink = totals.whole(metric);
    if (sink !== undefined) found.set(metric.name, { name: metric.name, metric, sink });
  }
  for (const [name, { metric, sink, filter }] of thresholds.views) {
    found.set(name, { name, metric, sink });
    if (filter.length > 0 && !found.has(metric.name))
      found.set(metric.name, { name: metric.name, metric, sink: totals.view(metric, []).sink });
  }
  const duration = totals.registry.find("http_req_duration");
  const expected = "http_req_duration{expected_response:true}";
  if (duration !== undefined && options.systemTags.has("expected_response") && !found.has(expected)) {
    const { sink } = totals.view(duration, [["expected_response", "true"]]);
    if (!sink.isEmpty) found.set(expected, { name: expected, metric: duration, sink });
  }
  return [...found.values()];
}
