import { startAsync } from "./coroutine.ts";
import { constructPromise } from "./promise.ts";
import { placeNow } from "./trace.ts";
import { complete, currentThread, take, turn } from "./turn.ts";
import { call0, call1, call2, call3, callMany, complaint, link, runToEnd, type Twin, twinOf } from "./twin.ts";

/**
 * What transformed code of one user calls (`$` in rewrite.ts). Short names, since they stand at every call site.
 */
export class Context {
  readonly #globals: Record<string, unknown>;
  readonly #x: (namespace: object) => Promise<void> | undefined;

  constructor(globals: Record<string, unknown>, announce: (namespace: object) => Promise<void> | undefined) {
    this.#globals = globals;
    this.#x = announce;
  }

  /** Head of a catch in code that cannot be suspended: what ends the user is not caught. */
  c(error: unknown): void {
    currentThread().rethrowOwn(error);
  }

  /** Head of a finally in such code. */
  e(): void {
    currentThread().rethrowOwn(undefined);
  }

  /** The fuel is used up. */
  f(): void {
    currentThread().refuel();
  }

  /** A global that the file does not declare. */
  g(name: string): unknown {
    if (name in this.#globals) return this.#globals[name];
    throw new ReferenceError(`${name} is not defined`);
  }

  /** The same, to be assigned to, in strict code. */
  d(name: string): Record<string, unknown> {
    if (name in this.#globals) return this.#globals;
    throw new ReferenceError(`${name} is not defined`);
  }

  /** `this` of a sloppy function: the user's global object in the place of the realm's. */
  t(self: unknown): unknown {
    return self === globalThis || self === undefined ? this.#globals : self;
  }

  /** The exports exist; what the module has to wait for before it runs. */
  x(namespace: object): Promise<void> | undefined {
    return this.#x(namespace);
  }
}

complaint.notCallable = () => {
  const callee = placeNow()?.callee();
  return callee === undefined ? "Not a function" : `${callee} is not a function`;
};

const twinKeys: symbol[] = [];
/** The keys under which the twins of a class's methods are hidden while the class is being made. */
function twinKey(index: number): symbol {
  twinKeys[index] ??= Symbol(`twin ${index}`);
  return twinKeys[index];
}

type Functions = Record<PropertyKey, Twin>;

/** Takes the twins out of a class and links them. */
function linkClass(
  Class: { prototype: object; name?: unknown },
  methods: readonly (readonly [isStatic: boolean, key: PropertyKey])[],
  name?: string,
): Twin[] {
  if (name !== undefined && Object.getOwnPropertyDescriptor(Class, "name")?.writable === false)
    Object.defineProperty(Class, "name", { value: name, configurable: true });
  const twins = methods.map(([isStatic], index) => {
    const home = (isStatic ? Class : Class.prototype) as unknown as Functions;
    const twin = home[twinKey(index)]!;
    delete home[twinKey(index)];
    return twin;
  });
  // Of two methods with one key the last is the one.
  for (const [index, [isStatic, key]] of [...methods.entries()].reverse()) {
    const visible: unknown = Object.getOwnPropertyDescriptor(isStatic ? Class : Class.prototype, key)?.value;
    if (typeof visible === "function" && twinOf(visible) === undefined) link(visible, twins[index]!);
  }
  return twins;
}

function linkLate(visible: object, twin: Twin): object {
  return twinOf(visible) === undefined ? link(visible, twin) : visible;
}

function construct(Constructor: unknown, argument: unknown): boolean {
  const isEnded = constructPromise(Constructor, argument);
  if (isEnded !== undefined) return isEnded;
  if (typeof Constructor !== "function") throw new TypeError(complaint.notCallable(Constructor));
  complete(Reflect.construct(Constructor, [argument]));
  return true;
}

/** What transformed code of all users calls (`$R` in rewrite.ts). */
export const runtime = {
  S: turn,
  k: complete,
  u: take,
  p: () => turn.suspended,
  c0: call0,
  c1: call1,
  c2: call2,
  c3: call3,
  cm: callMany,
  n: construct,
  s: runToEnd,
  l: link,
  lk: linkLate,
  cl: linkClass,
  as: startAsync,
  y: twinKey,
  T: (strings: TemplateStringsArray) => strings,
};
