import type { CallBack } from "./blocking.ts";

/**
 * A virtual user: one of many that run the same script in one realm, each with module state, Promise, timers and job queue
 * of its own. `host` is what the program that runs scripts keeps of a user (for a load test: its scenario, tags, cookies,
 * samples); the script cannot see it.
 *
 * A user is one logical thread. Its turns are tasks (the call of an exported function, a timer, what `settle` queues), each
 * followed by all promise jobs that it made due; a turn that is suspended in a blocking call stays the user's turn: nothing
 * else of this user runs before it ends.
 */
export interface User<Host = unknown> {
  /** 1, 2, …: `__VU`. */
  readonly id: number;
  readonly host: Host;
  /** What the script's entry module exports to this user. Empty until `createUser` has answered. */
  readonly exports: Readonly<Record<string, unknown>>;
  /** The init context runs: modules are being evaluated. */
  readonly isInit: boolean;
  /** What `Math.random` of this user calls, when it was seeded; 0 to 1. */
  random: (() => number) | undefined;
  /** Aborted by `interrupt`; a new one for each call. */
  readonly signal: AbortSignal;

  /**
   * Runs a function that the entry module exports, to its end: every suspension, what a returned promise waits for, and
   * then until the event loop is empty (timers, what is `pending`), as k6 ends an iteration. The first exception that
   * nothing catches (in the function, a timer, a task, a rejected promise without handler) ends it at once and drops what
   * is left. Rejects with ScriptError when the script throws, with Interrupted after `interrupt`. One call at a time.
   */
  call(name: string, args: readonly unknown[]): Promise<unknown>;

  /** Ends what runs: a blocking call that is under way is aborted, loops stop at their next turn, `call` rejects. */
  interrupt(reason: string): void;

  /**
   * Registers work that goes on outside the script (an asynchronous request, an open WebSocket): the iteration does not
   * end before it is settled. To be called in the user's turn. Something with many events keeps one registration open and
   * makes a new one for each event.
   */
  pending(): Settle;

  /** A promise of the script, with its functions, which are to be called in the user's turn (from a task of `settle`). */
  promise(): ScriptPromiseWithResolvers;
}

/**
 * Ends a registration; once, from anywhere. The task is queued behind the user's tasks and runs in the user's turn: a
 * function, or a generator function which yields calls of the script's functions (they may suspend). What it throws ends
 * the iteration. Does nothing when the call that registered has ended since.
 */
export type Settle = (task?: () => undefined | Generator<CallBack, void, unknown>) => void;

export interface ScriptPromiseWithResolvers {
  /** What the script is given. */
  readonly promise: object;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** What a script threw, as people read it: positions are those of the file as written. */
export class ScriptError extends Error {
  override readonly name: string = "ScriptError";
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

/** The user kept its thread busy for longer than a turn may last. Scripts cannot catch it; the trace says where it was. */
export class Runaway extends ScriptError {
  override readonly name = "Runaway";
}

/** The iteration was ended from outside (time is over, the run is aborted). Scripts cannot catch it. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** What cannot be run as it is written: `file:line:column: message`, the source line, and a caret below the place. */
export class ScriptSyntaxError extends Error {
  override readonly name = "ScriptSyntaxError";
  readonly file: string;
  /** From 1; 0 when it is the whole file. */
  readonly line: number;
  /** From 1. */
  readonly column: number;

  constructor(message: string, file: string, line: number, column: number) {
    super(message);
    this.file = file;
    this.line = line;
    this.column = column;
  }
}
