import type { MergedFrame, Totals } from "../metric/totals.ts";
import type { ThresholdOption } from "../options.ts";
import type { RunRecord } from "../run-record.ts";
import type { SummaryReport } from "../summary/summary-report.ts";

/** Where a run's samples go besides the summary (`-o name=argument`). */
export interface Output {
  /** For the line that the run prints about it: name and target. */
  readonly description: string;
  /** Frames must carry raw samples. */
  readonly wantsRaw: boolean;
  /** Takes a frame (of any generator) and returns at once; what cannot be sent or kept is counted, never waited for. */
  write(frame: MergedFrame): void;
  /** The run is over: sends what is left, within CLOSE_TIMEOUT_MS, and lets go. Never throws. */
  close(end: RunEnd): Promise<void>;
  readonly counts: OutputCounts;
}

export interface OutputCounts {
  /** Bodies or chunks that arrived. */
  readonly delivered: number;
  /** Attempts that were repeated. */
  readonly retried: number;
  /** Bodies or chunks given up. */
  readonly dropped: number;
  readonly lastError: string | undefined;
}

export interface RunEnd {
  readonly record: RunRecord;
  readonly report: SummaryReport;
}

/** What an output is opened with. */
export interface OutputContext {
  readonly totals: Totals;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly systemTags: ReadonlySet<string>;
  readonly thresholds: Readonly<Record<string, readonly ThresholdOption[]>>;
  /** As far as it is known at the start. */
  readonly record: RunRecord;
  readonly stdout: { write(chunk: string | Uint8Array): unknown };
  /** A line for people: once for each output that has trouble. */
  readonly warn: (message: string) => void;
  /** Waits between attempts; tests pass one that does not. */
  readonly pause: (ms: number) => Promise<void>;
}

export const CLOSE_TIMEOUT_MS = 15_000;

/** A setting of an output that cannot be: the run ends with exit code 104 before it starts. */
export class OutputSettingError extends Error {
  override readonly name = "OutputSettingError";
}
