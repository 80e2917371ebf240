import type { Options } from "../options.ts";
import type { Metrics, Samples } from "../samples.ts";

/** How a threshold stands. */
export interface ThresholdStand {
  /** `http_req_duration{scenario:a}`. */
  readonly metric: string;
  /** `p(95)<500`. */
  readonly source: string;
  readonly verdict: "passed" | "failed" | "undecided";
  /** What was observed, in the metric's unit; undefined when there is nothing yet. */
  readonly observed: number | undefined;
  /** It failed, asks for the end of the run, and its delay is over. */
  readonly isAbort: boolean;
}

/** Whatever the end-of-test summary says beside metrics. */
export interface SummaryContext {
  readonly durationMs: number;
  readonly setupData: string | undefined;
  readonly isTerminal: boolean;
  readonly noColor: boolean;
  readonly mode: "compact" | "full";
}

/** All samples of a run, merged from its generators, and what is read from them. */
export interface Ledger {
  readonly metrics: Metrics;
  /** For samples of the coordinator itself: users. */
  readonly samples: Samples;
  /** A generator's frame. Each generator numbers its metrics and tags by itself. */
  take(frame: unknown, generator: string): void;
  /** Checks the thresholds that can be checked now; at the end also those without a sample. */
  judge(elapsedMs: number, isEnd: boolean): readonly ThresholdStand[];
  /** Sum of a counter, over all tags; 0 when there is none. */
  counter(name: string): number;
  /** Value of a trend's statistic (`p(95)`), over all tags. */
  trend(name: string, statistic: string): number | undefined;
  /** Once a second: hands what came since to the outputs. Rejects never; a failing output is reported as a remark. */
  flush(): Promise<void>;
  /** Ends the outputs. */
  close(): Promise<void>;
  /** The argument of handleSummary. */
  summaryData(context: SummaryContext): unknown;
  printSummary(context: SummaryContext): string;
}

/** Throws InvalidOptions for a threshold that cannot be read or names no metric. */
export type OpenLedger = (options: Options, remark: (text: string) => void) => Promise<Ledger>;
