import type { CallBack } from "../blocking.ts";
import { Interrupted, Runaway, ScriptError, type ScriptPromiseWithResolvers, type Settle, type User } from "../user.ts";
import { promises, type ScriptPromise } from "./promise.ts";
import { type Box, take, turn } from "./turn.ts";
import { callMany, drive } from "./twin.ts";

/** A promise job or a task. Answers what it waits for when it is suspended. Throws or rejects what nothing caught. */
export type Job = () => PromiseLike<unknown> | undefined;

/** What all users of a script share. */
export interface Realm {
  /** A user may hold the thread this long without suspension. */
  readonly turnLimitMs: number;
  /** Positions as written, of the script's own frames only. */
  traceOf(error: unknown): { readonly message: string; readonly trace: string };
  /** Told before a user's code runs (its id) and after it (0). */
  beat(userId: number): void;
  /** A blocking call really blocked. */
  countBlocked(file: string, line: number, ms: number): void;
}

/** Loop turns and calls between two looks at the clock. */
const FUEL = 2000;

interface Timer {
  readonly handle: NodeJS.Timeout;
  readonly settle: Settle;
}

interface Call {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  isReturned: boolean;
  value: unknown;
}

/**
 * A user's logical thread: tasks, each followed by all promise jobs, one after the other; a suspended one holds up the rest.
 * `#isBusy` from the start of a job until nothing is left to run or the user waits for what is pending.
 */
export class Thread<Host = unknown> implements User<Host> {
  readonly id: number;
  readonly host: Host;
  exports: Readonly<Record<string, unknown>> = {};
  isInit = true;
  random: (() => number) | undefined;

  readonly #realm: Realm;
  #tasks: Job[] = [];
  #jobs: Job[] = [];
  #jobAt = 0;
  #isBusy = false;
  #pending = 0;
  #call: Call | undefined;
  /** Counts calls, so that what was registered in one does not reach into the next. */
  #epoch = 0;
  #stop: Error | undefined;
  #abort: AbortController | undefined;
  #wake: ((error: Error) => void) | undefined;
  #turnStartMs = 0;
  readonly #unhandled = new Map<ScriptPromise, unknown>();
  readonly #timers = new Map<number, Timer>();
  #lastTimer = 0;

  constructor(id: number, host: Host, realm: Realm) {
    this.id = id;
    this.host = host;
    this.#realm = realm;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#stop !== undefined) this.#abort.abort(this.#stop);
    }
    return this.#abort.signal;
  }

  call(name: string, args: readonly unknown[]): Promise<unknown> {
    const callee = this.exports[name];
    if (typeof callee !== "function")
      return Promise.reject(
        new ScriptError(
          `The script exports no function \`${name}\`.`,
          undefined,
          `The script exports no function \`${name}\`.`,
        ),
      );
    return this.run(() => (callMany(undefined, callee, args) ? undefined : turn.suspended));
  }

  /** Runs one task and all that follows from it; the task leaves its outcome as a twin does. */
  run(body: () => PromiseLike<Box> | undefined): Promise<unknown> {
    if (this.#call !== undefined) return Promise.reject(new Error("A call of this user is under way."));
    this.#stop = undefined;
    if (this.#abort?.signal.aborted) this.#abort = undefined;
    return new Promise((resolve, reject) => {
      const call: Call = { resolve, reject, isReturned: false, value: undefined };
      this.#call = call;
      this.#tasks.push(() => {
        const waits = body();
        if (waits === undefined) return this.#returned(call, take());
        return waits.then(([value]) => this.#returned(call, value));
      });
      this.#pump();
    });
  }

  #returned(call: Call, value: unknown): undefined {
    if (!promises.is(value)) {
      call.isReturned = true;
      call.value = value;
      return;
    }
    promises.react(value, {
      onSettled: (isRejected, result) => {
        if (isRejected) throw result;
        call.isReturned = true;
        call.value = result;
        return undefined;
      },
    });
  }

  queueJob(job: Job): void {
    this.#jobs.push(job);
    if (!this.#isBusy) this.#pump();
  }

  #pump(): void {
    if (this.#isBusy) return;
    // Something of another user may be on the stack: the turn is given back to it as it was.
    const { thread, mustBlock, fuel } = turn;
    turn.mustBlock = false;
    void this.#loop();
    turn.thread = thread;
    turn.mustBlock = mustBlock;
    turn.fuel = fuel;
    this.#realm.beat(thread?.id ?? 0);
  }

  async #loop(): Promise<void> {
    this.#isBusy = true;
    for (;;) {
      const job = this.#next();
      if (job === undefined) break;
      try {
        this.#begin();
        const waits = job();
        if (waits !== undefined) await waits;
      } catch (error) {
        this.#fail(error);
      }
    }
    turn.thread = undefined;
    this.#realm.beat(0);
    this.#isBusy = false;
    if (this.#pending === 0) this.#finish();
  }

  #next(): Job | undefined {
    if (this.#jobAt < this.#jobs.length) {
      const job = this.#jobs[this.#jobAt++]!;
      if (this.#jobAt === this.#jobs.length) {
        this.#jobs.length = 0;
        this.#jobAt = 0;
      }
      return job;
    }
    if (this.#unhandled.size > 0) {
      const [reason] = this.#unhandled.values();
      this.#fail(reason, "Uncaught (in promise) ");
    }
    // Promise jobs belong to the task before them: awaiting without end is as bad as looping without end.
    this.#turnStartMs = 0;
    return this.#tasks.shift();
  }

  #begin(): void {
    turn.thread = this as Thread;
    turn.completed = 0;
    this.#realm.beat(this.id);
  }

  /** The user's code goes on after a suspension. Throws when the user was stopped meanwhile. */
  resumed(): void {
    this.#begin();
    if (this.#stop !== undefined) throw this.#stop;
  }

  // The three that transformed code calls have short names.

  /** After a suspension, with what the callee returned. */
  r(box: Box): unknown {
    this.resumed();
    return box[0];
  }

  /** Head of a catch: what ends the user is not caught. */
  c(error: unknown): void {
    this.#begin();
    this.rethrowOwn(error);
  }

  /** Head of a finally, and after an await that has no outcome. */
  e(): void {
    this.resumed();
  }

  /** The user left the thread. */
  suspended(): void {
    this.#realm.beat(0);
  }

  #finish(): void {
    const call = this.#call;
    if (call === undefined) return;
    this.#end();
    if (this.#stop !== undefined) call.reject(this.#stop);
    else call.resolve(call.value);
  }

  #fail(error: unknown, prefix = ""): void {
    const call = this.#call;
    this.#end();
    if (call === undefined) return;
    if (this.#stop !== undefined) call.reject(this.#stop);
    else if (error instanceof Interrupted || error instanceof ScriptError) call.reject(error);
    else {
      const { message, trace } = this.#realm.traceOf(error);
      call.reject(new ScriptError(prefix + message, error, prefix + trace));
    }
  }

  /** Drops what is left of a call. */
  #end(): void {
    this.#call = undefined;
    this.#epoch++;
    this.#pending = 0;
    this.#tasks = [];
    this.#jobs = [];
    this.#jobAt = 0;
    this.#unhandled.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer.handle);
    this.#timers.clear();
  }

  interrupt(reason: string): void {
    if (this.#call === undefined || this.#stop !== undefined) return;
    this.#stop = new Interrupted(reason);
    this.#abort?.abort(this.#stop);
    this.#wake?.(this.#stop);
    if (!this.#isBusy) this.#fail(this.#stop);
  }

  /** The stop that `error` stands for, if it is one: scripts may not catch it. */
  stopOf(error: unknown): Error | undefined {
    if (this.#stop !== undefined) return this.#stop;
    return error instanceof Interrupted || error instanceof Runaway ? error : undefined;
  }

  rethrowOwn(error: unknown): void {
    const stop = this.stopOf(error);
    if (stop !== undefined) throw stop;
  }

  refuel(): void {
    turn.fuel = FUEL;
    if (this.#stop !== undefined) throw this.#stop;
    const now = performance.now();
    if (this.#turnStartMs === 0) this.#turnStartMs = now;
    else if (now - this.#turnStartMs > this.#realm.turnLimitMs) {
      const message = `The script held its thread for more than ${this.#realm.turnLimitMs} ms without a pause: an endless loop or recursion?`;
      const { trace } = this.#realm.traceOf(new Error(message));
      this.#stop = new Runaway(message, undefined, trace.replace(/^Error: /, ""));
      throw this.#stop;
    }
  }

  /** Waits for what a blocking call does. `after` runs in the user's turn. */
  async block<Outcome>(outcome: PromiseLike<Outcome>, after: (outcome: Outcome) => unknown): Promise<Box> {
    this.suspended();
    let settled: Outcome;
    try {
      settled = await new Promise<Outcome>((resolve, reject) => {
        this.#wake = reject;
        outcome.then(resolve, reject);
      });
    } catch (error) {
      // It was made where no script is on the stack; here the functions that wait are.
      if (error instanceof Error && this.#stop === undefined) Error.captureStackTrace(error);
      throw error;
    } finally {
      this.#wake = undefined;
      this.#turnStartMs = 0;
      this.#begin();
    }
    if (this.#stop !== undefined) throw this.#stop;
    return [after(settled)];
  }

  /** Runs what leaves its outcome in the turn; what it throws goes to `reject`. Answers what to wait for. */
  attempt(
    run: () => boolean,
    resolve: ((value: unknown) => void) | undefined,
    reject: (error: unknown) => void,
  ): Promise<undefined> | undefined {
    let value: unknown;
    try {
      if (!run()) return this.#attemptOn(turn.suspended!, resolve, reject);
      value = take();
    } catch (error) {
      this.rethrowOwn(error);
      reject(error);
      return undefined;
    }
    resolve?.(value);
    return undefined;
  }

  async #attemptOn(
    waits: PromiseLike<Box>,
    resolve: ((value: unknown) => void) | undefined,
    reject: (error: unknown) => void,
  ): Promise<undefined> {
    let value: unknown;
    try {
      [value] = await waits;
      this.resumed();
    } catch (error) {
      this.#begin();
      this.rethrowOwn(error);
      reject(error);
      return;
    }
    resolve?.(value);
  }

  countBlocked(file: string, line: number, ms: number): void {
    this.#realm.countBlocked(file, line, ms);
  }

  unhandled(promise: ScriptPromise, reason: unknown): void {
    this.#unhandled.set(promise, reason);
  }

  handled(promise: ScriptPromise): void {
    this.#unhandled.delete(promise);
  }

  pending(): Settle {
    const epoch = this.#epoch;
    let isSettled = false;
    this.#pending++;
    return (task) => {
      if (isSettled) return;
      isSettled = true;
      if (epoch !== this.#epoch) return;
      this.#pending--;
      this.#tasks.push(() => {
        const body = task?.();
        if (body === undefined) return undefined;
        const waits = drive(body as Generator<CallBack, void, unknown>);
        if (waits === undefined) take();
        return waits;
      });
      this.#pump();
    };
  }

  promise(): ScriptPromiseWithResolvers {
    const before = turn.thread;
    turn.thread = this as Thread;
    const promise = promises.bare();
    turn.thread = before;
    return { promise, ...promises.resolversOf(promise) };
  }

  /** `setTimeout`, `setInterval`. */
  startTimer(callee: unknown, delayMs: unknown, args: readonly unknown[], isRepeated: boolean): number {
    if (typeof callee !== "function")
      throw new TypeError(`${isRepeated ? "setInterval" : "setTimeout"} requires a function as first argument`);
    const id = ++this.#lastTimer;
    const ms = Math.max(0, Number(delayMs) || 0);
    const start = (): void => {
      const settle = this.pending();
      const body = function* (this: Thread<Host>): Generator<CallBack, void, unknown> {
        if (this.#timers.get(id) !== timer) return;
        this.#timers.delete(id);
        if (isRepeated) start();
        yield { callee, self: undefined, args } as CallBack;
      }.bind(this);
      const timer: Timer = { handle: setTimeout(() => settle(body), ms), settle };
      this.#timers.set(id, timer);
    };
    start();
    return id;
  }

  stopTimer(id: unknown): void {
    const timer = this.#timers.get(id as number);
    if (timer === undefined) return;
    clearTimeout(timer.handle);
    this.#timers.delete(id as number);
    timer.settle();
  }
}
