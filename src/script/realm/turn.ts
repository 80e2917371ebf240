import type { Thread } from "./thread.ts";

/** What a twin that was suspended resolves with: boxed, since a promise of the script would be unwrapped otherwise. */
export type Box = readonly [unknown];

/**
 * The one turn of this realm: whose code runs now, and the side slot through which a twin tells its caller that it ended
 * without suspension, so that the caller need not await.
 *
 * Invariant: `completed` is 0 except between the end of a twin and the very next step of its caller, which takes it.
 */
export interface Turn {
  /** Whose code runs. Restored after each await of transformed code. */
  thread: Thread | undefined;
  /** 0: nothing ended; 1: `value` was returned; 2: `value` was thrown. */
  completed: 0 | 1 | 2;
  value: unknown;
  /** What the caller awaits when `completed` is 0. */
  suspended: PromiseLike<Box> | undefined;
  /** Code that cannot be suspended is below us on the stack: blocking calls must really block. */
  mustBlock: boolean;
  /** `new.target` for the twin that is about to start. */
  newTarget: unknown;
  /** Turns of loops and calls that are left until the clock is looked at. */
  fuel: number;
}

export const turn: Turn = {
  thread: undefined,
  completed: 0,
  value: undefined,
  suspended: undefined,
  mustBlock: false,
  newTarget: undefined,
  fuel: 0,
};

/** Ends a twin that was not suspended. */
export function complete(value: unknown): undefined {
  turn.value = value;
  turn.completed = 1;
}

/** Takes what the callee left: its value, or its exception. */
export function take(): unknown {
  const { completed, value } = turn;
  turn.completed = 0;
  turn.value = undefined;
  if (completed === 2) throw value;
  return value;
}

/** The user whose code runs now. */
export function currentThread(): Thread {
  if (turn.thread === undefined) throw new Error("No script runs now.");
  return turn.thread;
}
