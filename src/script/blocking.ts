import type { User } from "./user.ts";

/**
 * Calls that a script writes as if they blocked its thread (`http.get`, `sleep`). Where the script can be suspended such a
 * call costs no thread: `perform` runs on the event loop and the user goes on when it settles. Where it cannot be suspended
 * (getter, constructor, `new Function` …), `operation` and `outcome`, plain data, travel to a helper thread and back while
 * this thread really waits.
 */
export interface Blocking<Host, Arguments extends readonly unknown[], Operation, Outcome, Result> {
  /** As messages name it: `http.get`. Unique; the helper thread finds `perform` by it. */
  readonly name: string;
  /** Reads the arguments, in the user's turn. May throw to the script. Answers what is to be done, as data that can be cloned. */
  readonly begin: (user: User<Host>, ...args: Arguments) => Operation;
  /** Does it. Runs here or in the helper thread: no user, no script values. Must end soon after `signal` aborts. */
  readonly perform: (operation: Operation, signal: AbortSignal | undefined) => Outcome | Promise<Outcome>;
  /** Makes the script's value of it, in the user's turn. May throw to the script. */
  readonly finish: (user: User<Host>, outcome: Outcome, operation: Operation) => Result;
}

/** A script's function that a function of ours wants called; yielded by the body of `callingBack`. */
export interface CallBack {
  readonly callee: (...args: never[]) => unknown;
  readonly self: unknown;
  readonly args: readonly unknown[];
}

/**
 * A function of ours that calls functions of the script, which may suspend (`group`, `check`, `ws.connect`). The body is a
 * generator: it yields a CallBack and is given what the call returned, or has its exception thrown at the yield. It is
 * driven at once where nothing suspends, and over suspensions where something does: one definition for both.
 */
export type CallingBack<Host, Arguments extends readonly unknown[], Result> = (
  user: User<Host>,
  ...args: Arguments
) => Generator<CallBack, Result, unknown>;
