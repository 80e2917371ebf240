import type { FieldFilter } from "../filter-predicate.ts";
import type { RankedDifference } from "../span-differences.ts";
import type { SparklineValues } from "../sparkline.ts";

export type ProblemKind = "errors" | "latency" | "log-errors" | "traffic" | "resource" | "loss" | "silent";

/** The view that shows the cause, with absolute times. The API prints it as a link. */
export interface ProblemTarget {
  readonly view: "traces" | "logs" | "metrics" | "services" | "home";
  readonly fromMs: number;
  readonly toMs: number;
  readonly where: readonly FieldFilter[];
  /** What is selected of that, to be compared with the rest. */
  readonly select?: FieldFilter;
  readonly metric?: string;
  /** Slowest or newest first. */
  readonly sort?: "start" | "duration";
}

/** Something that differs from before. */
export interface FoundProblem {
  readonly id: string;
  readonly kind: ProblemKind;
  readonly title: string;
  readonly detail: string;
  /** In a few words, where it is told within another problem. */
  readonly brief?: string;
  readonly service: string;
  readonly operation: string | null;
  readonly sinceMs: number;
  readonly score: number;
  readonly now: number;
  readonly before: number;
  readonly unit: "ratio" | "ns" | "per-second" | "bytes" | "count";
  readonly sparkline: SparklineValues;
  readonly differences: readonly RankedDifference[];
  readonly target: ProblemTarget;
}

/** A problem of an operation, with what is needed to look for its cause. */
export interface OperationProblem extends FoundProblem {
  readonly kind: "errors" | "latency";
  readonly operation: string;
  readonly spanKind: string;
  /** Spans longer than this are the affected ones; null where the affected are those that failed. */
  readonly slowerThanNs: number | null;
}

/** Ends the title of a problem that spares some of the traffic, until it is known whom it hits. */
export const FOR_A_PART = " for a part";
