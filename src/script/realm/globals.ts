import { promiseConstructor } from "./promise.ts";
import { currentThread, turn } from "./turn.ts";

/** What the language itself offers and no user has for itself, also as properties of `globalThis`. */
const LANGUAGE = [
  ..."Object Array Function String Number Boolean Symbol BigInt JSON Reflect Proxy Map Set WeakMap WeakSet".split(" "),
  ..."WeakRef FinalizationRegistry Date RegExp Error EvalError RangeError ReferenceError SyntaxError TypeError".split(
    " ",
  ),
  ..."URIError AggregateError ArrayBuffer SharedArrayBuffer DataView Int8Array Uint8Array Uint8ClampedArray".split(" "),
  ..."Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array BigInt64Array BigUint64Array".split(" "),
  ..."Atomics parseInt parseFloat isNaN isFinite encodeURI encodeURIComponent decodeURI decodeURIComponent".split(" "),
  ..."escape unescape undefined NaN Infinity".split(" "),
];

/** `Math` whose `random` is the user's, who may have seeded it. */
function mathOfScripts(): object {
  const math = Object.defineProperties({}, Object.getOwnPropertyDescriptors(Math)) as { random: () => number };
  const { random } = Math;
  math.random = () => (turn.thread?.random ?? random)();
  Object.setPrototypeOf(math, Object.prototype);
  return math;
}

/** A user who looks at it gets an object of its own, so that what one adds no other sees; most never look. */
function ownOnDemand(shared: object, name: string, value: object): void {
  const own = (target: object, given: unknown): unknown => {
    Object.defineProperty(target, name, { value: given, writable: true, configurable: true, enumerable: false });
    return given;
  };
  Object.defineProperty(shared, name, {
    get(this: object): unknown {
      return own(this, Object.create(value));
    },
    set(this: object, given: unknown) {
      own(this, given);
    },
    configurable: true,
    enumerable: false,
  });
}

/** The prototype of every user's global object. */
export function realmGlobals(given: Readonly<Record<string, unknown>>): object {
  const shared: Record<string, unknown> = {};
  for (const name of LANGUAGE)
    Object.defineProperty(shared, name, {
      value: (globalThis as Record<string, unknown>)[name],
      writable: true,
      configurable: true,
      enumerable: false,
    });
  Object.assign(shared, {
    Promise: promiseConstructor(),
    setTimeout: (callee: unknown, ms?: unknown, ...args: unknown[]) =>
      currentThread().startTimer(callee, ms, args, false),
    setInterval: (callee: unknown, ms?: unknown, ...args: unknown[]) =>
      currentThread().startTimer(callee, ms, args, true),
    clearTimeout: (id: unknown) => currentThread().stopTimer(id),
    clearInterval: (id: unknown) => currentThread().stopTimer(id),
    globalThis: undefined,
    process: undefined,
  });
  ownOnDemand(shared, "Math", mathOfScripts());
  for (const name of ["Promise", "setTimeout", "setInterval", "clearTimeout", "clearInterval", "globalThis"])
    Object.defineProperty(shared, name, { enumerable: false });
  // Another name of globalThis, as k6 has it.
  Object.defineProperty(shared, "global", {
    get(this: object) {
      return this;
    },
    configurable: true,
  });
  // Getters stay getters: they are called in the user's turn.
  return Object.defineProperties(shared, Object.getOwnPropertyDescriptors(given));
}
