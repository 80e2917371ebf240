import { promises, type ScriptPromise } from "./promise.ts";
import type { Thread } from "./thread.ts";
import { type Box, complete, currentThread } from "./turn.ts";

/**
 * An async function of the script that runs. It gives the turn back when it awaits and when it ends; a blocking call in it
 * does not give the turn back, so its caller, or the job that resumed it, stays suspended with it.
 */
export class Coroutine {
  readonly promise: ScriptPromise = promises.bare();
  readonly #thread: Thread;
  #hasYielded = false;
  /** Who waits for the turn. */
  #waiter: { resolve(value: undefined): void; reject(error: unknown): void } | undefined;

  constructor(thread: Thread) {
    this.#thread = thread;
  }

  /** Whether the turn came back before anything was suspended. */
  get hasYielded(): boolean {
    return this.#hasYielded;
  }

  /** Until the turn is given back. Rejects when the user was stopped. */
  turnEnd(): Promise<undefined> {
    this.#hasYielded = false;
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #giveBack(): void {
    this.#hasYielded = true;
    this.#waiter?.resolve(undefined);
    this.#waiter = undefined;
  }

  /** `await value`. */
  wait(value: unknown): Promise<Box> {
    const promise = promises.from(value);
    const resumed = new Promise<Box>((resolve, reject) => {
      promises.react(promise, {
        onSettled: (isRejected, result) => {
          if (isRejected) reject(result);
          else resolve([result]);
          return this.turnEnd();
        },
      });
    });
    this.#giveBack();
    return resumed;
  }

  /** `return value`. */
  done(value: unknown): void {
    promises.settle(this.promise, value);
    this.#giveBack();
  }

  /** An exception left the body. */
  fail(error: unknown): void {
    const stop = this.#thread.stopOf(error);
    if (stop === undefined) promises.reject(this.promise, error);
    else if (this.#waiter !== undefined) {
      this.#waiter.reject(stop);
      this.#waiter = undefined;
      return;
    }
    // Without a waiter the caller is still on the stack: its next step finds the stop.
    this.#giveBack();
  }
}

/** The twin of an async function: answers the promise as soon as the turn is given back. */
export function startAsync(body: (coroutine: Coroutine) => Promise<void>): PromiseLike<Box> | undefined {
  const thread = currentThread();
  const coroutine = new Coroutine(thread);
  void body(coroutine);
  if (coroutine.hasYielded) return complete(coroutine.promise);
  return coroutine.turnEnd().then((): Box => {
    thread.resumed();
    return [coroutine.promise];
  });
}
