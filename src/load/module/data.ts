import { currentUser } from "#script/blocking.ts";
import type { LoadUserState, RunUnderWay } from "../load-user.ts";
import type { ScriptModule } from "../script-module.ts";

/** The elements of a shared array as JSON: what every user reads of, each getting copies. */
interface SharedItems {
  readonly texts: readonly string[];
}

/** Per run: the arrays by name. The first user that comes makes one, the others find it. */
const arrays = new WeakMap<RunUnderWay, Map<string, SharedItems>>();

function sharedItems(name: unknown, make: unknown): SharedItems {
  const { host, isInit } = currentUser<LoadUserState>();
  if (!isInit) throw new Error("new SharedArray must be called in the init context");
  if (typeof name !== "string" || name === "") throw new TypeError("empty name provided to SharedArray's constructor");
  if (typeof make !== "function")
    throw new TypeError("a function is expected as the second argument of SharedArray's constructor");
  let known = arrays.get(host.run);
  if (known === undefined) {
    known = new Map();
    arrays.set(host.run, known);
  }
  const found = known.get(name);
  if (found !== undefined) return found;
  const made: unknown = (make as () => unknown)();
  if (!Array.isArray(made)) throw new TypeError("only arrays can be made into SharedArray");
  const items = { texts: made.map((item) => JSON.stringify(item) ?? "null") };
  known.set(name, items);
  return items;
}

const refuse = (): never => {
  throw new TypeError("SharedArray is immutable");
};

/** An array that holds nothing: elements are read, and copied, when they are asked for. */
export function sharedArrayOf(texts: readonly string[]): readonly unknown[] {
  const indexOf = (key: string | symbol): number => (typeof key === "string" && /^\d+$/.test(key) ? Number(key) : -1);
  const item = (index: number): unknown => frozen(JSON.parse(texts[index]!));
  return new Proxy(new Array(texts.length) as unknown[], {
    get: (target, key, receiver) => {
      const index = indexOf(key);
      if (index >= 0) return index < texts.length ? item(index) : undefined;
      return Reflect.get(target, key, receiver) as unknown;
    },
    has: (target, key) => {
      const index = indexOf(key);
      return index >= 0 ? index < texts.length : Reflect.has(target, key);
    },
    getOwnPropertyDescriptor: (target, key) => {
      const index = indexOf(key);
      if (index < 0) return Reflect.getOwnPropertyDescriptor(target, key);
      return index < texts.length
        ? { value: item(index), configurable: true, enumerable: true, writable: true }
        : undefined;
    },
    ownKeys: () => [...texts.map((_, index) => String(index)), "length"],
    set: refuse,
    defineProperty: refuse,
    deleteProperty: refuse,
    setPrototypeOf: refuse,
    preventExtensions: refuse,
  });
}

/** As k6 does, so that a script which believes that it changes shared data learns that it does not. */
function frozen(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  for (const entry of Object.values(value)) frozen(entry);
  return Object.freeze(value);
}

function SharedArray(this: unknown, name: unknown, make: unknown): readonly unknown[] {
  if (new.target === undefined) throw new TypeError("SharedArray is a constructor: write `new SharedArray(name, fn)`");
  return sharedArrayOf(sharedItems(name, make).texts);
}

export const dataModule: ScriptModule = { specifier: "k6/data", exports: { SharedArray } };
