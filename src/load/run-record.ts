import type { TimelinePoint } from "./metric/timeline.ts";
import type { MetricContents, MetricType } from "./samples.ts";
import type { ThresholdResult } from "./threshold/threshold-set.ts";

/**
 * A run as one document: what ran, where, how it ended and what it came to. It is written at the start (`status`
 * "running", no end, no figures) and again, under the same id, at the end. The samples themselves are telemetry: OTLP
 * metrics, one exponential histogram for each trend, tag set and interval, whose resource carries RUN_ID_ATTRIBUTE; traces
 * that the run caused carry the same attribute through `tracestate` only if the service keeps it, otherwise the exemplars
 * below name them.
 *
 * Durations are milliseconds, times Unix milliseconds. Metrics go by k6's names.
 */
export interface RunRecord {
  /** Of this document's shape. */
  readonly schema: 1;
  /** 32 hexadecimal digits, random. */
  readonly id: string;
  /** What people call it: the script's file name unless `--name` says otherwise. Runs of one name are compared with each other. */
  readonly name: string;
  readonly script: {
    readonly path: string;
    /** SHA-256 of the entry file as written and of the local files it imports, in the order of import, hexadecimal. */
    readonly sha256: string;
  };
  readonly startedUnixMs: number;
  readonly endedUnixMs: number | undefined;
  /**
   * "passed": exit code 0. "failed": a threshold, `test.fail`, an exception. "aborted": ended from outside or by the script.
   * "void": the generator itself was the limit, so that the figures say nothing about the target; `reason` says how.
   */
  readonly status: "running" | "passed" | "failed" | "aborted" | "void";
  readonly exitCode: number | undefined;
  /** For people, one sentence; empty when there is nothing to say. */
  readonly reason: string;
  /** `--tag` and `options.tags`. */
  readonly tags: Readonly<Record<string, string>>;
  /** Of the folder with the script, when it is in a repository. */
  readonly git: GitState | undefined;
  readonly machine: {
    readonly host: string;
    /** `linux x64`. */
    readonly platform: string;
    readonly cpus: number;
    readonly memoryBytes: number;
    readonly node: string;
    readonly traceo: string;
  };
  /** Where a continuous-integration system ran it. */
  readonly ci: { readonly provider: string; readonly url: string; readonly reference: string } | undefined;
  /** Scenarios and their settings, as `options.scenarios` after reading. */
  readonly scenarios: Readonly<Record<string, unknown>>;
  /** Parts of the run that samples are tagged with (`phase`): baseline, inject, hold, remove, recover. */
  readonly phases: readonly { readonly name: string; readonly fromUnixMs: number; readonly toUnixMs: number }[];
  readonly thresholds: readonly ThresholdResult[];
  /** Metrics and submetrics of the summary. */
  readonly metrics: readonly RunMetric[];
  readonly checks: readonly { readonly name: string; readonly passes: number; readonly fails: number }[];
  /** At most 240 points. */
  readonly timeline: readonly TimelinePoint[];
  /** The slowest requests by their trace, slowest first, at most 64. */
  readonly exemplars: readonly RunExemplar[];
  readonly generators: readonly RunGenerator[];
  /** What a reader must know to read the figures right. */
  readonly notes: readonly string[];
}

export interface GitState {
  readonly commit: string;
  readonly branch: string;
  readonly dirty: boolean;
}

export interface RunMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly contains: MetricContents;
  readonly samples: number;
  /** By k6's names (`avg`, `p(95)`, `count`, `rate` …); a trend has med, p(90), p(95), p(99) and p(99.9) in any case. */
  readonly values: Readonly<Record<string, number>>;
  /** Of the percentiles, as a share; 0: exact. */
  readonly relativeError: number;
}

export interface RunExemplar {
  readonly traceId: string;
  readonly durationMs: number;
  readonly unixMs: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** A process that made load: this one, or an agent. */
export interface RunGenerator {
  readonly name: string;
  /** Its clock less the run's, measured at the start. */
  readonly clockOffsetMs: number;
  /** Share of its one CPU, at the worst interval. */
  readonly busiest: number;
  /** Set when it went away before the end. */
  readonly lostUnixMs: number | undefined;
}

/** Resource attributes of a run's telemetry. */
export const RUN_ID_ATTRIBUTE = "traceo.load.run.id";
export const RUN_NAME_ATTRIBUTE = "traceo.load.run.name";
export const RUN_SCRIPT_ATTRIBUTE = "traceo.load.script.sha256";
