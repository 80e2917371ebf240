import type { Options } from "../options.ts";
import type { RunRecord } from "../run-record.ts";
import type { Metric, Metrics, Samples } from "../samples.ts";

/** How a threshold stands. */
export interface ThresholdStand {
  /** `http_req_duration{scenario:a}`. */
  readonly metric: string;
  /** `p(95)<500`. */
  readonly source: string;
  /** `undecided`: the true value may be on either side, because it is known within a stated error only. */
  readonly verdict: "passed" | "failed" | "undecided";
  /** What was observed, in the metric's unit; undefined when there is nothing yet. */
  readonly observed: number | undefined;
}

/** Whatever the end-of-test summary says beside metrics. */
export interface SummaryContext {
  readonly durationMs: number;
  /** JSON of what setup answered. */
  readonly setupData: string | undefined;
  readonly isTerminal: boolean;
  readonly noColor: boolean;
  readonly mode: "compact" | "full";
}

/** All samples of a run, merged from its generators, and what is read from them. */
export interface Ledger {
  readonly metrics: Metrics;
  /** Some output wants every sample. */
  readonly wantsRaw: boolean;
  /** The run's, as its outputs know it. */
  readonly runId: string;
  /** For samples of the coordinator itself: users. */
  readonly samples: Samples;
  /** A generator's frame. Each generator numbers its metrics and tags by itself. */
  take(frame: unknown): void;
  /** Checks the thresholds that can be checked now; at the end also those without a sample. */
  judge(
    elapsedMs: number,
    isEnd: boolean,
  ): { readonly thresholds: readonly ThresholdStand[]; readonly isAbort: boolean };
  /** Sum of a counter, over all tags; 0 when there is none. */
  counter(name: string): number;
  /** Quantile of a trend, 0 to 1, over all tags. */
  quantile(name: string, q: number): number | undefined;
  /** Once a second, and at the end: takes in the coordinator's own samples. */
  flush(): void;
  /** The argument of handleSummary. */
  summaryData(context: SummaryContext): unknown;
  /** The text of the file that `--summary-export` writes. */
  exportSummary(context: SummaryContext): string;
  printSummary(context: SummaryContext): string;
  /** Completes the run's record with its figures and ends the outputs, when everything has been taken in. */
  close(end: RunEnding): Promise<RunRecord>;
}

/** What a record says of a run's end beside its figures. */
export type RunEnding = Pick<
  RunRecord,
  "startedUnixMs" | "endedUnixMs" | "status" | "exitCode" | "reason" | "phases" | "generators"
> & { readonly durationMs: number; readonly notes: readonly string[] };

/**
 * Throws InvalidOptions for a threshold that cannot be read or names no metric, and LoadFailure 104 for an output that
 * cannot be opened.
 * @param metrics those that the script's init code made, beside the built-in ones
 */
export type OpenLedger = (
  options: Options,
  metrics: readonly Metric[],
  about: { readonly script: string; readonly sha256: string },
  remark: (text: string) => void,
) => Promise<Ledger>;
