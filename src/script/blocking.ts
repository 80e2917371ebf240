import { register } from "./realm/performers.ts";
import { promises } from "./realm/promise.ts";
import { reallyBlock } from "./realm/really-block.ts";
import type { Thread } from "./realm/thread.ts";
import { complete, currentThread, turn } from "./realm/turn.ts";
import { drive, link, runToEnd, type Twin } from "./realm/twin.ts";
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
  /**
   * Does it. Runs here or in the helper thread: no user, no script values. Must end soon after `signal` aborts. What it
   * throws is thrown to the script.
   */
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

/** The user whose code runs now: whose turn it is. Throws when it is nobody's. */
export function currentUser<Host>(): User<Host> {
  return currentThread() as unknown as User<Host>;
}

/**
 * Makes the function that scripts see of a definition. To be called when the module at `moduleUrl` (its `import.meta.url`)
 * is evaluated: the helper thread imports that module to find `perform`.
 */
export function blocking<Host, Arguments extends readonly unknown[], Operation, Outcome, Result>(
  definition: Blocking<Host, Arguments, Operation, Outcome, Result>,
  moduleUrl: string,
): (...args: Arguments) => Result {
  register(definition.name, definition.perform as never, moduleUrl);
  const twin = (...args: Arguments) => {
    const thread = currentThread();
    const user = thread as unknown as User<Host>;
    const operation = definition.begin(user, ...args);
    if (turn.mustBlock) {
      const outcome = reallyBlock(thread, definition.name, operation) as Outcome;
      return complete(definition.finish(user, outcome, operation));
    }
    const outcome = definition.perform(operation, user.signal);
    if (!(outcome instanceof Promise)) return complete(definition.finish(user, outcome, operation));
    return thread.block(outcome, (settled) => definition.finish(user, settled, operation));
  };
  return visibleOf(definition.name, definition.begin.length - 1, twin);
}

/**
 * The asynchronous sibling (`http.asyncRequest`): answers a promise of the script at once, and the event loop of the user
 * waits for it. What `begin` throws rejects the promise.
 */
export function promising<Host, Arguments extends readonly unknown[], Operation, Outcome, Result>(
  definition: Blocking<Host, Arguments, Operation, Outcome, Result>,
): (...args: Arguments) => object {
  const start = (...args: Arguments): object => {
    const thread = currentThread() as Thread<Host>;
    const { promise, resolve, reject } = thread.promise();
    let operation: Operation;
    try {
      operation = definition.begin(thread, ...args);
    } catch (error) {
      thread.rethrowOwn(error);
      reject(error);
      return promise;
    }
    const settle = thread.pending();
    // In a promise of its own, so that an exception rejects too.
    new Promise<Outcome>((done) => {
      done(definition.perform(operation, thread.signal));
    }).then(
      (outcome) =>
        settle(() => {
          try {
            resolve(definition.finish(thread, outcome, operation));
          } catch (error) {
            thread.rethrowOwn(error);
            reject(error);
          }
          return undefined;
        }),
      (error: unknown) => settle(() => reject(error) as undefined),
    );
    return promise;
  };
  return named(definition.name, definition.begin.length - 1, start);
}

/** Makes the function that scripts see of a body that calls functions of the script. */
export function callingBack<Host, Arguments extends readonly unknown[], Result>(
  name: string,
  body: CallingBack<Host, Arguments, Result>,
): (...args: Arguments) => Result {
  const twin = (...args: Arguments) => drive(body(currentUser<Host>(), ...args));
  return visibleOf(name, body.length - 1, twin);
}

/** For what a body of `callingBack` is given: whether a value is a promise of the script. */
export const isScriptPromise = (value: unknown): value is object => promises.is(value);

function visibleOf<Arguments extends readonly unknown[], Result>(
  name: string,
  length: number,
  twin: (...args: Arguments) => unknown,
): (...args: Arguments) => Result {
  const visible = (...args: Arguments): Result => runToEnd(twin as unknown as Twin, undefined, args) as Result;
  return link(named(name, length, visible), twin as unknown as Twin);
}

/** `http.get` is called `get`. */
function named<F extends (...args: never[]) => unknown>(name: string, length: number, fn: F): F {
  Object.defineProperty(fn, "name", { value: name.slice(name.lastIndexOf(".") + 1), configurable: true });
  Object.defineProperty(fn, "length", { value: Math.max(0, length), configurable: true });
  return fn;
}
