// biome-ignore-all lint/complexity/noThisInStatic: the receiver is what subclasses are told apart by.
import type { Job, Thread } from "./thread.ts";
import { type Box, complete, currentThread, take, turn } from "./turn.ts";
import { call0, call1, call2, link, twinOf } from "./twin.ts";

/** What waits for a promise. Each is a job of its own; answers what the job waits for when it is suspended. */
export interface Reaction {
  onSettled(isRejected: boolean, value: unknown): PromiseLike<unknown> | undefined;
}

type Resolvers = { resolve: (value: unknown) => void; reject: (reason: unknown) => void };

const BARE = (): void => undefined;

interface Own {
  bare(): ScriptPromise;
  is(value: unknown): value is ScriptPromise;
  isSettled(promise: ScriptPromise): boolean;
  /** The resolving functions of a pending promise; the first call of either counts. */
  resolversOf(promise: ScriptPromise): Resolvers;
  /** Resolves: follows a thenable, else fulfills. */
  settle(promise: ScriptPromise, value: unknown): void;
  reject(promise: ScriptPromise, reason: unknown): void;
  react(promise: ScriptPromise, reaction: Reaction): void;
}
let own: Own;

/**
 * The Promise that scripts see: ECMA-262's, but its jobs go to the queue of the user who made it, and a job may be suspended
 * by a blocking call, which holds up all later jobs of that user.
 */
class ScriptPromise {
  readonly #thread: Thread = currentThread();
  #state: "pending" | "fulfilled" | "rejected" = "pending";
  #value: unknown = undefined;
  #reactions: Reaction[] | undefined = [];
  #isHandled = false;

  constructor(executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void) {
    if (executor === BARE) return;
    if (typeof executor !== "function") throw new TypeError(`Promise resolver ${String(executor)} is not a function`);
    const { resolve, reject } = own.resolversOf(this);
    try {
      executor(resolve, reject);
    } catch (error) {
      this.#thread.rethrowOwn(error);
      reject(error);
    }
  }

  static {
    own = {
      bare(): ScriptPromise {
        return new ScriptPromise(BARE);
      },

      is(value: unknown): value is ScriptPromise {
        return typeof value === "object" && value !== null && #thread in value;
      },

      isSettled(promise: ScriptPromise): boolean {
        return promise.#state !== "pending";
      },

      /** The resolving functions of a pending promise; the first call of either counts. */
      resolversOf(promise: ScriptPromise): Resolvers {
        let isResolved = false;
        return {
          resolve: (value) => {
            if (isResolved) return;
            isResolved = true;
            own.settle(promise, value);
          },
          reject: (reason) => {
            if (isResolved) return;
            isResolved = true;
            promise.#end("rejected", reason);
          },
        };
      },

      /** Resolves: follows a thenable, else fulfills. */
      settle(promise: ScriptPromise, value: unknown): void {
        if (value === promise) {
          promise.#end("rejected", new TypeError("Chaining cycle detected for promise #<Promise>"));
          return;
        }
        if ((typeof value !== "object" && typeof value !== "function") || value === null) {
          promise.#end("fulfilled", value);
          return;
        }
        if (value instanceof Promise) {
          // A promise of the realm, from a function of ours: the event loop waits for it and its value comes as a task.
          const settle = promise.#thread.pending();
          value.then(
            (result) => settle(() => own.settle(promise, result) as undefined),
            (reason) => settle(() => own.reject(promise, reason) as undefined),
          );
          return;
        }
        let then: unknown;
        try {
          then = (value as { then?: unknown }).then;
        } catch (error) {
          promise.#thread.rethrowOwn(error);
          promise.#end("rejected", error);
          return;
        }
        if (typeof then !== "function") {
          promise.#end("fulfilled", value);
          return;
        }
        promise.#thread.queueJob(() => {
          const { resolve, reject } = own.resolversOf(promise);
          return promise.#thread.attempt(() => call2(value, then, resolve, reject), undefined, reject);
        });
      },

      reject(promise: ScriptPromise, reason: unknown): void {
        promise.#end("rejected", reason);
      },

      react(promise: ScriptPromise, reaction: Reaction): void {
        if (!promise.#isHandled && promise.#state === "rejected") promise.#thread.handled(promise);
        promise.#isHandled = true;
        if (promise.#reactions !== undefined) promise.#reactions.push(reaction);
        else promise.#queue(reaction);
      },
    };
  }

  #queue(reaction: Reaction): void {
    const isRejected = this.#state === "rejected";
    const value = this.#value;
    const job: Job = () => reaction.onSettled(isRejected, value);
    this.#thread.queueJob(job);
  }

  #end(state: "fulfilled" | "rejected", value: unknown): void {
    const reactions = this.#reactions!;
    this.#state = state;
    this.#value = value;
    this.#reactions = undefined;
    if (state === "rejected" && !this.#isHandled) this.#thread.unhandled(this, value);
    for (const reaction of reactions) this.#queue(reaction);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  then(onFulfilled?: unknown, onRejected?: unknown): unknown {
    if (!own.is(this)) throw new TypeError("Method Promise.prototype.then called on incompatible receiver");
    const thread = this.#thread;
    const { promise, resolve, reject } = capability(speciesOf(this));
    own.react(this, {
      onSettled: (isRejected, value) => {
        const handler = isRejected ? onRejected : onFulfilled;
        if (typeof handler !== "function") {
          (isRejected ? reject : resolve)(value);
          return undefined;
        }
        return thread.attempt(() => call1(undefined, handler, value), resolve, reject);
      },
    });
    return promise;
  }

  catch(onRejected?: unknown): unknown {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: unknown): unknown {
    if (typeof onFinally !== "function") return this.then(onFinally, onFinally);
    const Constructor = speciesOf(this);
    const after = (go: (value: unknown) => unknown): unknown => {
      const pass = (value: unknown): unknown => {
        const result = (onFinally as () => unknown)();
        return promiseResolve(Constructor, result).then(() => go(value));
      };
      // The callback may suspend: so this function of ours has a twin, which is told in the same words.
      return link(pass, (value) => {
        const rest = (result: unknown): unknown => promiseResolve(Constructor, result).then(() => go(value));
        if (call0(undefined, onFinally)) return complete(rest(take()));
        const suspended = turn.suspended!;
        const { thread } = turn;
        return suspended.then((box): Box => {
          thread!.resumed();
          return [rest(box[0])];
        });
      });
    };
    return this.then(
      after((value) => value),
      after((reason) => {
        throw reason;
      }),
    );
  }

  get [Symbol.toStringTag](): string {
    return "Promise";
  }

  static get [Symbol.species](): unknown {
    return this;
  }

  static reject(reason?: unknown): unknown {
    const { promise, reject } = capability(this as unknown as PromiseConstructorOfScript);
    reject(reason);
    return promise;
  }

  static resolve(value?: unknown): unknown {
    return promiseResolve(this as unknown as PromiseConstructorOfScript, value);
  }

  static withResolvers(): unknown {
    return capability(this as unknown as PromiseConstructorOfScript);
  }

  static all(values: Iterable<unknown>): unknown {
    return gather(this as unknown as PromiseConstructorOfScript, values, (_index, entry, { resolve }) => ({
      ok: (value) => entry.set(value) && resolve(entry.all),
    }));
  }

  static allSettled(values: Iterable<unknown>): unknown {
    return gather(this as unknown as PromiseConstructorOfScript, values, (_index, entry, { resolve }) => ({
      ok: (value) => entry.set({ status: "fulfilled", value }) && resolve(entry.all),
      bad: (reason) => entry.set({ status: "rejected", reason }) && resolve(entry.all),
    }));
  }

  static any(values: Iterable<unknown>): unknown {
    return gather(
      this as unknown as PromiseConstructorOfScript,
      values,
      (_index, entry, { resolve, reject }) => ({
        ok: resolve,
        bad: (reason) => entry.set(reason) && reject(new AggregateError(entry.all, "All promises were rejected")),
      }),
      true,
    );
  }

  static race(values: Iterable<unknown>): unknown {
    const Constructor = this as unknown as PromiseConstructorOfScript;
    const { promise, resolve, reject } = capability(Constructor);
    try {
      for (const value of values) Constructor.resolve(value).then(resolve, reject);
    } catch (error) {
      reject(error);
    }
    return promise;
  }
}

interface PromiseConstructorOfScript {
  new (executor: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void): Thenable;
  resolve(value: unknown): Thenable;
}
interface Thenable {
  then(onFulfilled?: unknown, onRejected?: unknown): Thenable;
}

function speciesOf(promise: ScriptPromise): PromiseConstructorOfScript {
  const { constructor: maker } = promise as { constructor?: { [Symbol.species]?: unknown } };
  if (maker === undefined || maker === (ScriptPromise as unknown)) return ScriptPromise as never;
  return (maker[Symbol.species] ?? ScriptPromise) as PromiseConstructorOfScript;
}

function capability(Constructor: PromiseConstructorOfScript): { promise: object } & Resolvers {
  if (Constructor === (ScriptPromise as unknown)) {
    const promise = own.bare();
    return { promise, ...own.resolversOf(promise) };
  }
  let resolvers: Resolvers | undefined;
  const promise = new Constructor((resolve, reject) => {
    resolvers = { resolve, reject };
  });
  if (resolvers === undefined) throw new TypeError("Promise resolve or reject function is not callable");
  return { promise, ...(resolvers as Resolvers) };
}

function promiseResolve(Constructor: PromiseConstructorOfScript, value: unknown): Thenable {
  if (own.is(value) && (value as { constructor?: unknown }).constructor === Constructor)
    return value as unknown as Thenable;
  const { promise, resolve } = capability(Constructor);
  resolve(value);
  return promise as Thenable;
}

interface Entry {
  /** Keeps the value of this entry, once; true when it was the last. */
  set(value: unknown): boolean;
  readonly all: unknown[];
}

function gather(
  Constructor: PromiseConstructorOfScript,
  values: Iterable<unknown>,
  handlers: (
    index: number,
    entry: Entry,
    whole: Resolvers,
  ) => { ok: (value: unknown) => unknown; bad?: (reason: unknown) => unknown },
  isAny = false,
): unknown {
  const { promise, resolve, reject } = capability(Constructor);
  try {
    const all: unknown[] = [];
    let left = 1;
    let index = 0;
    for (const value of values) {
      const at = index++;
      all.push(undefined);
      left++;
      let isSet = false;
      const entry: Entry = {
        all,
        set: (result) => {
          if (isSet) return false;
          isSet = true;
          all[at] = result;
          left--;
          return left === 0;
        },
      };
      const { ok, bad } = handlers(at, entry, { resolve, reject });
      Constructor.resolve(value).then(ok, bad ?? reject);
    }
    left--;
    if (left === 0) {
      if (isAny) reject(new AggregateError(all, "All promises were rejected"));
      else resolve(all);
    }
  } catch (error) {
    reject(error);
  }
  return promise;
}

/**
 * `new Promise(executor)` of transformed code: the executor may suspend.
 * @returns as `call0` does; undefined when the constructor is none of ours.
 */
export function constructPromise(Constructor: unknown, executor: unknown): boolean | undefined {
  if (Constructor !== ScriptPromise || typeof executor !== "function" || twinOf(executor) === undefined)
    return undefined;
  const promise = own.bare();
  const { resolve, reject } = own.resolversOf(promise);
  const waits = currentThread().attempt(() => call2(undefined, executor, resolve, reject), undefined, reject);
  if (waits === undefined) {
    complete(promise);
    return true;
  }
  turn.suspended = waits.then((): Box => [promise]);
  return false;
}

export type { ScriptPromise };
/** What the runner does to promises of scripts; scripts cannot reach it. */
export const promises: Own & { from(value: unknown): ScriptPromise } = {
  ...own,
  /** What `await` waits for. */
  from: (value) => promiseResolve(ScriptPromise as never, value) as unknown as ScriptPromise,
};

Object.defineProperty(ScriptPromise, "name", { value: "Promise", configurable: true });
/** The value of the global `Promise`. */
export const promiseConstructor = (): unknown => ScriptPromise;
