/**
 * A virtual user: one of many that run the same script in one realm, each with module state, Promise, timers and job queue
 * of its own. `host` is what the program that runs scripts keeps of a user (for a load test: its scenario, tags, cookies,
 * samples); the script cannot see it.
 */
export interface User<Host = unknown> {
  /** 1, 2, …: `__VU`. */
  readonly id: number;
  readonly host: Host;
  /** What the script's entry module exports to this user. */
  readonly exports: Readonly<Record<string, unknown>>;

  /**
   * Runs a function that the entry module exports, to its end: every suspension, and what a returned promise waits for.
   * Rejects with ScriptError when the script throws, with Interrupted after `interrupt`.
   */
  call(name: string, args: readonly unknown[]): Promise<unknown>;

  /** Ends what runs: a blocking call that is under way is aborted, loops stop at their next turn, `call` rejects. */
  interrupt(reason: string): void;
}

/** What a script threw, as people read it: positions are those of the file as written. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
  /** The value thrown by the script. */
  readonly thrown: unknown;
  /** `name: message` and `  at function (file:line:column)` lines, of the script's own files only. */
  readonly trace: string;

  constructor(message: string, thrown: unknown, trace: string) {
    super(message);
    this.thrown = thrown;
    this.trace = trace;
  }
}

/** The iteration was ended from outside (time is over, the run is aborted). Scripts cannot catch it. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
