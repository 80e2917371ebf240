import type { Totals } from "../metric/totals.ts";
import type { Options } from "../options.ts";
import type { ThresholdSet, ThresholdVerdict } from "../threshold/threshold-set.ts";

/** All that a summary is made of, when a run has ended. */
export interface SummarySource {
  readonly totals: Totals;
  readonly thresholds: ThresholdSet;
  /** Of the end: `evaluate(durationMs, true)`. */
  readonly verdict: ThresholdVerdict;
  readonly options: Pick<Options, "summaryTrendStats" | "summaryTimeUnit" | "systemTags">;
  /** From the first iteration to the last, as k6 counts rates. */
  readonly durationMs: number;
}
