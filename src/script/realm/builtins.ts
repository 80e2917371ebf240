import { writtenSource } from "./trace.ts";
import { type Box, complete } from "./turn.ts";
import { drive, forward, link, type Twin, twinOf } from "./twin.ts";

/*
 * Twins of the language's own functions that call functions of scripts: `[1, 2].map((id) => http.get(…))` suspends inside
 * the callback. Each is the algorithm of ECMA-262 as a generator that yields the calls. Where the callback has no twin
 * nothing can suspend, and the engine's own function runs.
 */

interface Call {
  readonly callee: unknown;
  readonly self: unknown;
  readonly args: readonly unknown[];
}
type Body<Result = unknown> = Generator<Call, Result, unknown>;
type Loose = Record<PropertyKey, unknown> & { length: number };
type Native = (this: unknown, ...args: unknown[]) => unknown;

const call = (callee: unknown, self: unknown, ...args: unknown[]): Call => ({ callee, self, args });
const canSuspend = (callee: unknown): boolean => typeof callee === "function" && twinOf(callee) !== undefined;

/** Gives `native` a twin: `body` when the argument at `at` has one, else the native. */
function suspendable(native: unknown, at: number, body: (self: unknown, args: unknown[]) => Body): void {
  const twin = function (this: unknown, ...args: unknown[]): PromiseLike<Box> | undefined {
    if (!canSuspend(args[at])) return complete(Reflect.apply(native as Native, this, args));
    return drive(body(this, args));
  };
  link(native as object, twin as Twin);
}

const lengthOf = (object: Loose): number => Math.min(Math.max(Math.trunc(Number(object.length)) || 0, 0), 2 ** 53 - 1);

/** For the constructors of arrays and typed arrays: a new one of the kind of `of`. */
function sameKind(of: unknown, length: number): unknown[] {
  if (!Array.isArray(of)) return new Array(length) as unknown[];
  const Kind = of.constructor as { [Symbol.species]?: unknown } | undefined;
  if (Kind === undefined || Kind === Array) return new Array(length) as unknown[];
  const Species = Kind[Symbol.species];
  if (Species === undefined || Species === null) return new Array(length) as unknown[];
  return Reflect.construct(Species as never, [length]) as unknown[];
}

type Visit = (value: unknown, index: number, result: unknown) => boolean | undefined;

/** Calls the callback for each element; `visit` sees what it returned and ends the walk with true. */
function* walk(
  self: unknown,
  args: unknown[],
  options: { holes: boolean; backwards?: boolean },
  visit: Visit,
): Body<undefined> {
  const object = Object(self) as Loose;
  const length = lengthOf(object);
  for (let step = 0; step < length; step++) {
    const index = options.backwards === true ? length - 1 - step : step;
    if (!options.holes && !(index in object)) continue;
    const value = object[index];
    if (visit(value, index, yield call(args[0], args[1], value, index, object)) === true) return;
  }
}

function define(target: object, index: number, value: unknown): void {
  Object.defineProperty(target, index, { value, writable: true, enumerable: true, configurable: true });
}

/** Methods of arrays; those of typed arrays differ in what they make. */
function arrayMethods(
  prototype: Record<string, unknown>,
  make: (of: unknown, values: unknown[], isMap: boolean) => unknown,
): void {
  const method = (name: string, body: (self: unknown, args: unknown[]) => Body): void => {
    if (typeof prototype[name] === "function") suspendable(prototype[name], 0, body);
  };
  method("forEach", function* (self, args) {
    yield* walk(self, args, { holes: false }, () => undefined);
  });
  method("map", function* (self, args) {
    const object = Object(self) as Loose;
    const values = sameKind(Array.isArray(object) ? object : undefined, lengthOf(object));
    yield* walk(self, args, { holes: false }, (_value, index, result) => {
      define(values, index, result);
      return false;
    });
    return make(self, values, true);
  });
  method("filter", function* (self, args) {
    const values = sameKind(self, 0);
    let count = 0;
    yield* walk(self, args, { holes: false }, (value, _index, result) => {
      if (result) define(values, count++, value);
      return false;
    });
    return make(self, values, false);
  });
  method("some", function* (self, args) {
    let found = false;
    yield* walk(self, args, { holes: false }, (_value, _index, result) => {
      found = Boolean(result);
      return found;
    });
    return found;
  });
  method("every", function* (self, args) {
    let all = true;
    yield* walk(self, args, { holes: false }, (_value, _index, result) => {
      all = Boolean(result);
      return !all;
    });
    return all;
  });
  for (const [name, backwards] of [
    ["find", false],
    ["findLast", true],
  ] as const)
    method(name, function* (self, args) {
      let found: unknown;
      yield* walk(self, args, { holes: true, backwards }, (value, _index, result) => {
        if (result) found = value;
        return Boolean(result);
      });
      return found;
    });
  for (const [name, backwards] of [
    ["findIndex", false],
    ["findLastIndex", true],
  ] as const)
    method(name, function* (self, args) {
      let found = -1;
      yield* walk(self, args, { holes: true, backwards }, (_value, index, result) => {
        if (result) found = index;
        return Boolean(result);
      });
      return found;
    });
  for (const [name, backwards] of [
    ["reduce", false],
    ["reduceRight", true],
  ] as const)
    method(name, function* (self, args) {
      const object = Object(self) as Loose;
      const length = lengthOf(object);
      let hasValue = args.length > 1;
      let value = args[1];
      for (let step = 0; step < length; step++) {
        const index = backwards ? length - 1 - step : step;
        if (!(index in object)) continue;
        if (hasValue) value = yield call(args[0], undefined, value, object[index], index, object);
        else {
          value = object[index];
          hasValue = true;
        }
      }
      if (!hasValue) throw new TypeError("Reduce of empty array with no initial value");
      return value;
    });
  method("flatMap", function* (self, args) {
    const values: unknown[] = [];
    yield* walk(self, args, { holes: false }, (_value, _index, result) => {
      if (Array.isArray(result)) for (const index of result.keys()) index in result && values.push(result[index]);
      else values.push(result);
      return false;
    });
    return values;
  });
  method("sort", function* (self, args) {
    const object = Object(self) as Loose;
    const length = lengthOf(object);
    const present: unknown[] = [];
    for (let index = 0; index < length; index++) if (index in object) present.push(object[index]);
    const sorted = yield* mergeSort(present, args[0]);
    for (const [index, value] of sorted.entries()) object[index] = value;
    for (let index = sorted.length; index < length; index++) Reflect.deleteProperty(object, index);
    return object;
  });
  method("toSorted", function* (self, args) {
    return make(self, yield* mergeSort(Array.from(self as ArrayLike<unknown>), args[0]), false);
  });
}

/** Stable; undefined last, as Array.prototype.sort has it. */
function* mergeSort(values: readonly unknown[], compare: unknown): Body<unknown[]> {
  const undefinedCount = values.filter((value) => value === undefined).length;
  let from: unknown[] = values.filter((value) => value !== undefined);
  for (let width = 1; width < from.length; width *= 2) {
    const into: unknown[] = [];
    for (let start = 0; start < from.length; start += 2 * width) {
      const middle = Math.min(start + width, from.length);
      const end = Math.min(start + 2 * width, from.length);
      let left = start;
      let right = middle;
      while (left < middle && right < end) {
        const order = Number(yield call(compare, undefined, from[left], from[right]));
        into.push(order > 0 ? from[right++] : from[left++]);
      }
      while (left < middle) into.push(from[left++]);
      while (right < end) into.push(from[right++]);
    }
    from = into;
  }
  for (let count = 0; count < undefinedCount; count++) from.push(undefined);
  return from;
}

/** `forEach` of Map and Set: entries that are added meanwhile are visited too, as their iterators do. */
function* forEachEntry(self: Map<unknown, unknown> | Set<unknown>, args: unknown[]): Body<undefined> {
  for (const [key, value] of self.entries()) yield call(args[0], args[1], value, key, self);
}

/** `replace` and `replaceAll` with a function: the matches first, then the calls, then the text. */
function* replaced(native: Native, self: unknown, args: unknown[]): Body<unknown> {
  const calls: unknown[][] = [];
  const marks: number[] = [];
  const text = String(self);
  // The engine finds the matches: each is replaced by itself.
  Reflect.apply(native, text, [
    args[0],
    (...found: unknown[]) => {
      calls.push(found);
      const offset = found.findLast((part) => typeof part === "number") as number;
      marks.push(offset);
      return "";
    },
  ]);
  const parts: string[] = [];
  let at = 0;
  for (const [index, found] of calls.entries()) {
    const offset = marks[index]!;
    const result = yield { callee: args[1], self: undefined, args: found };
    parts.push(text.slice(at, offset), String(result));
    at = offset + String(found[0]).length;
  }
  parts.push(text.slice(at));
  return parts.join("");
}

function* revived(holder: Record<string, unknown>, key: string, reviver: unknown): Body {
  const value = holder[key];
  if (typeof value === "object" && value !== null) {
    const object = value as Record<string, unknown>;
    for (const name of Object.keys(object)) {
      const result = yield* revived(object, name, reviver);
      if (result === undefined) delete object[name];
      else Object.defineProperty(object, name, { value: result, writable: true, enumerable: true, configurable: true });
    }
  }
  return yield call(reviver, holder, key, value);
}

/** What `JSON.stringify` would write of a value, with the calls of the replacer yielded. */
function* toPlain(holder: Record<string, unknown>, key: string, replacer: unknown, around: readonly unknown[]): Body {
  let value = holder[key];
  if ((typeof value === "object" && value !== null) || typeof value === "bigint") {
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") value = yield call(toJSON, value, key);
  }
  value = yield call(replacer, holder, key, value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value;
  if (around.includes(value)) throw new TypeError("Converting circular structure to JSON");
  const inner = [...around, value];
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    for (let index = 0; index < value.length; index++)
      list.push(yield* toPlain(value as unknown as Record<string, unknown>, String(index), replacer, inner));
    return list;
  }
  const plain: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const name of Object.keys(value))
    plain[name] = yield* toPlain(value as Record<string, unknown>, name, replacer, inner);
  return plain;
}

function* arrayFrom(self: unknown, args: unknown[]): Body {
  const [source, callee, thisArg] = args;
  const values: unknown[] =
    typeof self === "function" && self !== Array ? (Reflect.construct(self, []) as unknown[]) : [];
  const iterate = (source as { [Symbol.iterator]?: unknown })[Symbol.iterator];
  let index = 0;
  if (iterate !== undefined && iterate !== null)
    for (const value of source as Iterable<unknown>) {
      define(values, index, yield call(callee, thisArg, value, index));
      index++;
    }
  else {
    const list = Object(source) as Loose;
    const length = lengthOf(list);
    for (; index < length; index++) define(values, index, yield call(callee, thisArg, list[index], index));
  }
  values.length = index;
  return values;
}

function linkFunctions(): void {
  const { call: nativeCall, apply, bind, toString: print } = Function.prototype;
  link(nativeCall, function (this: unknown, self: unknown, ...args: unknown[]) {
    return forward(this, self, args);
  } as Twin);
  const list = (args: unknown): unknown[] =>
    args === undefined || args === null ? [] : Array.from(args as ArrayLike<unknown>);
  link(apply, function (this: unknown, self: unknown, args: unknown) {
    return forward(this, self, list(args));
  } as Twin);
  link(Reflect.apply, ((callee: unknown, self: unknown, args: ArrayLike<unknown>) =>
    forward(callee, self, Array.from(args))) as Twin);
  link(bind, function (this: unknown, ...args: unknown[]) {
    const bound = Reflect.apply(bind, this as never, args as never) as object;
    if (!canSuspend(this)) return complete(bound);
    const [self, ...first] = args;
    return complete(link(bound, ((...rest: unknown[]) => forward(this, self, [...first, ...rest])) as unknown as Twin));
  } as Twin);
  link(print, function (this: unknown) {
    return complete(writtenSource(Reflect.apply(print, this as never, [])));
  } as Twin);
  link(String, ((...args: unknown[]) => {
    const [value] = args;
    if (typeof value === "function" && (value as { toString: unknown }).toString === print)
      return complete(writtenSource(Reflect.apply(print, value, [])));
    // An object's own `toString` is called from inside the engine.
    return complete(Reflect.apply(String, undefined, args));
  }) as unknown as Twin);
}

function linkOthers(): void {
  for (const name of ["replace", "replaceAll"] as const) {
    const native = String.prototype[name] as unknown as Native;
    suspendable(native, 1, (self, args) => replaced(native, self, args));
  }
  suspendable(Map.prototype.forEach, 0, (self, args) => forEachEntry(self as Map<unknown, unknown>, args));
  suspendable(Set.prototype.forEach, 0, (self, args) => forEachEntry(self as Set<unknown>, args));
  suspendable(Array.from, 1, arrayFrom);
  suspendable(JSON.parse, 1, (_self, args) => revived({ "": JSON.parse(String(args[0])) as unknown }, "", args[1]));
  suspendable(JSON.stringify, 1, function* (_self, args) {
    const plain = yield* toPlain({ "": args[0] }, "", args[1], []);
    return JSON.stringify(plain, undefined, args[2] as string);
  });
}

let isLinked = false;
/** Gives the realm's functions their twins; once. Nothing changes for code that is not transformed. */
export function linkBuiltins(): void {
  if (isLinked) return;
  isLinked = true;
  arrayMethods(Array.prototype as unknown as Record<string, unknown>, (_of, values) => values);
  const TypedArray = Object.getPrototypeOf(Int8Array) as { readonly prototype: Record<string, unknown> };
  arrayMethods(TypedArray.prototype, (of, values) => {
    const Kind = (of as { constructor: unknown }).constructor as new (values: unknown[]) => unknown;
    return new Kind(values);
  });
  linkFunctions();
  linkOthers();
}
