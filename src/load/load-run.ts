import type { OptionValues } from "./option/option-keys.ts";
import type { Options } from "./options.ts";
import type { LoadExitCode } from "./run/exit-code.ts";
import type { ScriptSource } from "./run/generator-link.ts";
import type { ThresholdStand } from "./run/ledger.ts";
import type { RunRecord } from "./run-record.ts";

export interface LoadConfig {
  readonly source: ScriptSource;
  /** `__ENV` of the script. */
  readonly scriptEnvironment: Readonly<Record<string, string>>;
  /** In place of what the script exports as `options`: those of an archive. */
  readonly archivedOptions?: unknown;
  /** Options weaker than the script's (a configuration file), and stronger ones (environment, then flags). */
  readonly weaker: readonly OptionValues[];
  readonly stronger: readonly OptionValues[];
  /** Where samples go besides the summary: `json=out.json`, `traceo`, …. */
  readonly outputs?: readonly string[];
  /** Where outputs read their settings; no variable when not given. */
  readonly outputEnvironment?: Readonly<Record<string, string | undefined>>;
  /** What people call the run; the script's file name when not given. Runs of one name are compared with each other. */
  readonly name?: string;
  /** Of this program, for the record. */
  readonly version?: string;
  /** Threads on this machine; 1 when not given. */
  readonly generators?: number;
  readonly noThresholds?: boolean;
  readonly summary?: {
    readonly mode: "compact" | "full" | "disabled";
    readonly isTerminal: boolean;
    readonly noColor: boolean;
  };
  /** Machines that make the load in place of this one, which then only coordinates. */
  readonly agents?: readonly { readonly host: string; readonly port: number; readonly token: string }[];
  /** Keeps k6's exit code where a void run would have its own. */
  readonly acceptVoid?: boolean;
  /** The first abort ends the run in order: iterations are interrupted, teardown and summary follow. */
  readonly signal?: AbortSignal;
  /** Settles when a paused run may start. */
  readonly resumed?: () => Promise<void>;
}

export type RunStage = "loading" | "preparing" | "paused" | "setup" | "running" | "teardown" | "summary" | "ended";

export interface ScenarioProgress {
  readonly name: string;
  readonly executor: string;
  readonly state: "waiting" | "running" | "ended";
  /** 0 to 1, over all generators. */
  readonly progress: number;
  readonly completed: number;
  readonly interrupted: number;
  readonly dropped: number;
  readonly activeUsers: number;
  /** Iterations started a second that an open model asks for now; undefined for closed ones. */
  readonly targetRate: number | undefined;
}

export interface RunProgress {
  readonly stage: RunStage;
  readonly elapsedMs: number;
  /** When the last scenario ends at the latest, without graceful stops. */
  readonly plannedMs: number;
  readonly users: number;
  readonly activeUsers: number;
  readonly maxUsers: number;
  readonly scenarios: readonly ScenarioProgress[];
  readonly thresholds: readonly ThresholdStand[];
  readonly requests: number;
  /** Of the last second. */
  readonly requestsPerSecond: number;
  readonly iterationsPerSecond: number;
  readonly requestP95Ms: number | undefined;
}

/** A run while it goes on. */
export interface RunControl {
  /** Of the record that outputs keep; undefined before the options are read. */
  readonly runId: string | undefined;
  /** From now on every sample carries the tag `phase`; an empty name takes it away. Thresholds may name it. */
  setPhase(name: string): void;
  /** Ends it in order. */
  abort(reason: string): void;
}

/** Told what happens. Nothing here is waited for. */
export interface LoadObserver {
  started?(control: RunControl): void;
  /** The options after all sources were read. */
  configured?(options: Options): void;
  progress?(progress: RunProgress): void;
  /** console.log of the script, errors of iterations, and remarks of the run itself. */
  log?(line: LogLine): void;
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly text: string;
  readonly source: "console" | "run";
  readonly user: number | undefined;
}

export interface RunResult {
  readonly exitCode: LoadExitCode;
  /** Why it is not 0. */
  readonly failure: string | undefined;
  /** `void`: what was measured does not count, `voidReasons` say why. */
  readonly verdict: "passed" | "failed" | "void" | "aborted";
  readonly voidReasons: readonly string[];
  readonly options: Options | undefined;
  readonly startUnixMs: number;
  /** Of the scenarios; without setup and teardown. */
  readonly durationMs: number;
  readonly thresholds: readonly ThresholdStand[];
  readonly iterations: { readonly completed: number; readonly interrupted: number; readonly dropped: number };
  readonly maxUsers: number;
  /** Heap of one user at rest, measured; 0 with fewer than 20. */
  readonly perUserBytes: number;
  /** What is to be written at the end: `stdout`, `stderr` or a path. */
  readonly outputs: Readonly<Record<string, string | Uint8Array>>;
  /** The argument of handleSummary; undefined when the run did not get that far. */
  readonly summaryData: unknown;
  /** The figures of the summary as `--summary-export` writes them. */
  readonly summaryExport: string | undefined;
  /** The run as one document, as outputs keep it; undefined when it did not get as far as its options. */
  readonly record: RunRecord | undefined;
}
