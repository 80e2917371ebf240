import type { User } from "#script/user.ts";
import type { Options } from "./options.ts";
import type { Metrics, Samples } from "./samples.ts";

/** What a load test keeps of a virtual user: what the k6 modules read and change when the user's script calls them. */
export interface LoadUserState {
  readonly metrics: Metrics;
  readonly samples: Samples;
  readonly options: Options;
  /** `exec.vu.idInInstance`, `exec.vu.idInTest` (`__VU`). */
  readonly idInInstance: number;
  readonly idInTest: number;
  /** `__ITER`: of this user, over all scenarios. */
  iterationInInstance: number;
  iterationInScenario: number;
  /** The scenario whose iteration runs; undefined in the init context, in setup and in teardown. */
  scenario: ScenarioUnderWay | undefined;
  /** Tag set of what is recorded now: run tags, scenario, group, and what `exec.vu.tags` added. */
  tags: number;
  /** `::outer::inner`, empty at the root. */
  group: string;
  /** High-cardinality facts of the samples (`exec.vu.metrics.metadata`): kept by raw outputs only. */
  readonly metadata: Map<string, string>;
  /** `__ENV`, with what the scenario adds. */
  environment: Readonly<Record<string, string>>;
  /** What a module keeps for this user (its cookie jar, its response callback), by a key that the module owns. */
  readonly slots: Map<symbol, unknown>;
  /** The run as `k6/execution` shows it, and the ways a script ends it. */
  readonly run: RunUnderWay;
}

export type LoadUser = User<LoadUserState>;

export interface ScenarioUnderWay {
  readonly name: string;
  readonly executor: string;
  readonly startUnixMs: number;
  /** 0 to 1. */
  progress(): number;
  /** Of the iteration that runs now: unique in this process, and in the whole test. */
  iterationInInstance: number;
  iterationInTest: number;
}

export interface RunUnderWay {
  durationMs(): number;
  readonly iterationsCompleted: number;
  readonly iterationsInterrupted: number;
  readonly usersActive: number;
  readonly usersInitialized: number;
  /** `exec.test.abort`: ends the run with exit code 108. */
  abort(reason: string): void;
  /** `exec.test.fail`: lets it go on and ends it with exit code 110. */
  fail(reason: string): void;
  /** A line that the script wrote with console: level, text. */
  log(level: "debug" | "info" | "warn" | "error", text: string, user: LoadUser | undefined): void;
}
