import { type Box, complete, take, turn } from "./turn.ts";

/**
 * A function that scripts see may have a hidden twin that can be suspended. Calling a twin has one of three outcomes:
 * it throws (natives only), it leaves `turn.completed` set, or it answers a promise of a box.
 *
 * The twin is a private field stamped upon the visible function: no reflection shows it, Object.assign does not copy it, no
 * prototype inherits it and a proxy does not forward it.
 */
export type Twin = (this: unknown, ...args: never[]) => PromiseLike<Box> | undefined;
type Callable = (this: unknown, ...args: unknown[]) => unknown;

class Returned {
  constructor(target: object) {
    // biome-ignore lint/correctness/noConstructorReturn: the private field of the subclass is stamped upon the target.
    return target;
  }
}

class Stamp extends Returned {
  readonly #twin: Twin;
  constructor(target: object, twin: Twin) {
    super(target);
    this.#twin = twin;
  }
  static twinOf(target: object): Twin | undefined {
    return #twin in target ? target.#twin : undefined;
  }
}

/** Gives `visible` its twin; once. */
export function link<F extends object>(visible: F, twin: Twin): F {
  new Stamp(visible, twin);
  return visible;
}

export const twinOf = (callee: object): Twin | undefined => Stamp.twinOf(callee);

/** Uncurried, since scripts may give their functions a `call` of their own. */
const callOf = Function.prototype.call.bind(Function.prototype.call) as (
  callee: Callable,
  self: unknown,
  ...args: unknown[]
) => unknown;

/** Replaced once the traces of scripts are known; says what was called where. */
export const complaint = { notCallable: (_callee: unknown): string => "Not a function" };

function refuse(callee: unknown): never {
  throw new TypeError(complaint.notCallable(callee));
}

/*
 * Each of these calls `callee`, by its twin when it has one, and says whether it ended: true, `take()` has the outcome; false,
 * `turn.suspended` is to be awaited.
 */
export function call0(self: unknown, callee: unknown): boolean {
  if (typeof callee !== "function") refuse(callee);
  const twin = Stamp.twinOf(callee);
  if (twin !== undefined) {
    turn.suspended = callOf(twin as Callable, self) as PromiseLike<Box>;
    return turn.completed !== 0;
  }
  const value = self === undefined ? (callee as Callable)() : callOf(callee as Callable, self);
  complete(value);
  return true;
}

export function call1(self: unknown, callee: unknown, a: unknown): boolean {
  if (typeof callee !== "function") refuse(callee);
  const twin = Stamp.twinOf(callee);
  if (twin !== undefined) {
    turn.suspended = callOf(twin as Callable, self, a) as PromiseLike<Box>;
    return turn.completed !== 0;
  }
  const value = self === undefined ? (callee as Callable)(a) : callOf(callee as Callable, self, a);
  complete(value);
  return true;
}

export function call2(self: unknown, callee: unknown, a: unknown, b: unknown): boolean {
  if (typeof callee !== "function") refuse(callee);
  const twin = Stamp.twinOf(callee);
  if (twin !== undefined) {
    turn.suspended = callOf(twin as Callable, self, a, b) as PromiseLike<Box>;
    return turn.completed !== 0;
  }
  const value = self === undefined ? (callee as Callable)(a, b) : callOf(callee as Callable, self, a, b);
  complete(value);
  return true;
}

export function call3(self: unknown, callee: unknown, a: unknown, b: unknown, c: unknown): boolean {
  if (typeof callee !== "function") refuse(callee);
  const twin = Stamp.twinOf(callee);
  if (twin !== undefined) {
    turn.suspended = callOf(twin as Callable, self, a, b, c) as PromiseLike<Box>;
    return turn.completed !== 0;
  }
  const value = self === undefined ? (callee as Callable)(a, b, c) : callOf(callee as Callable, self, a, b, c);
  complete(value);
  return true;
}

export function callMany(self: unknown, callee: unknown, args: readonly unknown[]): boolean {
  if (typeof callee !== "function") refuse(callee);
  const twin = Stamp.twinOf(callee);
  if (twin !== undefined) {
    turn.suspended = Reflect.apply(twin, self, args) as PromiseLike<Box>;
    return turn.completed !== 0;
  }
  const value = Reflect.apply(callee as Callable, self, args);
  complete(value);
  return true;
}

/** The tail call of a native twin: the outcome of `callee` is the outcome of the twin. */
export function forward(callee: unknown, self: unknown, args: readonly unknown[]): PromiseLike<Box> | undefined {
  return callMany(self, callee, args) ? undefined : turn.suspended;
}

/**
 * The body of a visible function: code that was not transformed calls, so the twin runs to its end here and now, and what
 * blocks in it really blocks.
 */
export function runToEnd(twin: Twin, self: unknown, args: ArrayLike<unknown>, newTarget?: unknown): unknown {
  const { mustBlock, thread } = turn;
  turn.mustBlock = true;
  turn.newTarget = newTarget;
  try {
    Reflect.apply(twin as Callable, self, args);
  } finally {
    turn.mustBlock = mustBlock;
  }
  if (turn.completed === 0) throw new Error("A function of a script was suspended where that is impossible.");
  turn.thread = thread;
  return take();
}

/** Runs a generator that yields calls: at once where nothing suspends, over suspensions where something does. */
export function drive<Result>(
  body: Generator<
    { readonly callee: unknown; readonly self: unknown; readonly args: readonly unknown[] },
    Result,
    unknown
  >,
): PromiseLike<Box> | undefined {
  let step = body.next();
  while (!step.done) {
    const { callee, self, args } = step.value;
    let isEnded: boolean;
    try {
      isEnded = callMany(self, callee, args);
    } catch (error) {
      step = body.throw(error);
      continue;
    }
    if (!isEnded) return driveOn(body, turn.suspended!);
    step = resume(body);
  }
  return complete(step.value);
}

/** Gives the body what the callee left in the turn. */
function resume<Y, Result>(body: Generator<Y, Result, unknown>): IteratorResult<Y, Result> {
  const { completed, value } = turn;
  turn.completed = 0;
  turn.value = undefined;
  return completed === 2 ? body.throw(value) : body.next(value);
}

async function driveOn<Result>(
  body: Generator<
    { readonly callee: unknown; readonly self: unknown; readonly args: readonly unknown[] },
    Result,
    unknown
  >,
  first: PromiseLike<Box>,
): Promise<Box> {
  const thread = turn.thread!;
  let waiting = first;
  for (;;) {
    let step: IteratorResult<{ callee: unknown; self: unknown; args: readonly unknown[] }, Result>;
    let outcome: { value: unknown } | { error: unknown };
    try {
      outcome = { value: (await waiting)[0] };
    } catch (error) {
      outcome = { error };
    }
    thread.resumed();
    step = "error" in outcome ? body.throw(outcome.error) : body.next(outcome.value);
    for (;;) {
      if (step.done) return [step.value];
      const { callee, self, args } = step.value;
      let isEnded: boolean;
      try {
        isEnded = callMany(self, callee, args);
      } catch (error) {
        step = body.throw(error);
        continue;
      }
      if (!isEnded) break;
      step = resume(body);
    }
    waiting = turn.suspended!;
  }
}
