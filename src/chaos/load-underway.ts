/** The phases of an experiment, in order; every sample of the load carries the one that it fell in as the tag `phase`. */
export const PHASES = ["warmup", "baseline", "inject", "hold", "remove", "recover"] as const;
export type Phase = (typeof PHASES)[number];

/** What an experiment's file says about its load. */
export interface LoadRequest {
  /** A k6 script, its path absolute; undefined when `command` is given. */
  readonly script?: string;
  /** Options as on the command line of `traceo load`. */
  readonly args: readonly string[];
  /** Where samples go besides the verdict, as `-o` of `traceo load` takes it. */
  readonly outputs: readonly string[];
  /** Another load generator, program and arguments. */
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** For the run's tags. */
  readonly experiment: string;
  readonly journalId: string;
}

/**
 * Load that runs while faults come and go: the port through which an experiment drives the load runner. The experiment calls
 * `setPhase` at each change, reads `saturation` about once a second, and calls `stop` exactly once.
 */
export interface LoadUnderway {
  /** Samples from now on carry this phase. */
  setPhase(phase: Phase): void;
  /** Why the generator no longer keeps its own schedule (dropped iterations, a late event loop); the experiment is void then. */
  readonly saturation: string | undefined;
  /** Resolves when the load ended by itself: the script was through, or a threshold aborted it. */
  readonly ended: Promise<void>;
  /** Ends it, if it has not ended, and judges it. */
  stop(): Promise<LoadOutcome>;
}

export interface LoadOutcome {
  readonly passed: boolean;
  /** Under which Traceo keeps the run. */
  readonly runId?: string;
  readonly saturation?: string;
  readonly thresholds: readonly { readonly name: string; readonly passed: boolean; readonly value?: string }[];
}

/** Resolves when the load has begun; rejects with a Failure when it cannot (a bad script, an unreachable target). */
export type StartLoad = (request: LoadRequest, signal: AbortSignal) => Promise<LoadUnderway>;
