import { dirname, isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import vm from "node:vm";
import { linkBuiltins } from "./realm/builtins.ts";
import { Context, runtime } from "./realm/context.ts";
import { type Coroutine, startAsync } from "./realm/coroutine.ts";
import { realmGlobals } from "./realm/globals.ts";
import { type ReallyBlocked, stopHelper } from "./realm/really-block.ts";
import { type Realm, Thread } from "./realm/thread.ts";
import { forgetFile, registerFile, traceOf } from "./realm/trace.ts";
import { type Box, complete, take, turn } from "./realm/turn.ts";
import { link, runToEnd, type Twin } from "./realm/twin.ts";
import { Lines } from "./syntax/lines.ts";
import { parseSourceFile, type SourceFile, syntaxError } from "./syntax/source-file.ts";
import type { User } from "./user.ts";

/** A module of ours, as `load/script-module.ts` describes it. */
export interface OurModule {
  readonly exports: Readonly<Record<string, unknown>>;
  /** `import x from`; the named exports when left out. */
  readonly default?: unknown;
}

export interface ScriptOptions {
  /** Path of the entry file; with `source` what the source is called (`-` for stdin, below the working directory). */
  readonly entry: string;
  /** The text of the entry file, when it is not to be read. */
  readonly source?: string;
  /** Reads a file of the script, in UTF-8. Throws when there is none. Also called by `require` of a running script. */
  readonly readFile: (path: string) => string;
  /** Modules by their specifier as written (`k6/http`, `https://jslib.k6.io/…`); undefined when it is none of ours. */
  readonly ours: (specifier: string) => OurModule | undefined;
  /**
   * What scripts see as globals, beside those of the language: shared by all users, functions find theirs by
   * `currentUser()`. A getter is called in the user's turn (`__ITER`).
   */
  readonly globals: Readonly<Record<string, unknown>>;
  /** The global `open`: `path` as written, `from` the absolute path of the file that calls. Throws to the script. */
  readonly open?: (path: string, mode: unknown, from: string) => unknown;
  /** How long a user may hold the thread without a pause before it is stopped as a Runaway. Default 10,000. */
  readonly turnLimitMs?: number;
  /** Told whose code runs: the user's id before, 0 after. For a watchdog in another thread. */
  readonly beat?: (userId: number) => void;
}

/**
 * A script that was read, checked and transformed, ready to make users.
 *
 * Users share the realm with each other and with this program: the module state, the globals and Math are a user's own, the
 * language's prototypes are not. It is no sandbox: a script is code with the rights of the process.
 */
export interface Script extends AsyncDisposable {
  /** Every file that was read, by absolute path, entry first. Grows when a user requires a file by a computed name. */
  readonly files: ReadonlyMap<string, string>;
  /** Evaluates the script's modules for a new user: its init context. Rejects with ScriptError. */
  createUser<Host>(id: number, host: Host): Promise<User<Host>>;
  /** Where blocking calls really blocked the thread, since they could not be suspended; longest first. */
  reallyBlocked(): readonly ReallyBlocked[];
  /** The modules by weight: bytes of source and milliseconds that their evaluation took, over all users so far. */
  modules(): readonly ModuleWeight[];
  /** No user runs any more: frees what traces need, and ends the helper thread, which keeps the process alive otherwise. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ModuleWeight {
  readonly path: string;
  readonly sourceBytes: number;
  readonly initMs: number;
  readonly users: number;
}

type Evaluate = (...args: unknown[]) => PromiseLike<Box> | undefined;

interface Unit {
  readonly file: SourceFile;
  /** Made once, when it is first evaluated. */
  evaluate: Evaluate | undefined;
  /** What the engine calls it. */
  registered: string | undefined;
  /** What each request of the file leads to. */
  readonly requests: (Unit | OurModule)[];
  isCyclic: boolean;
  initMs: number;
  users: number;
}

/** A module of one user. */
interface Instance {
  /** What importers read. */
  n: Record<string, unknown>;
  state: "new" | "running" | "done" | "failed";
  error: unknown;
  module: { exports: unknown } | undefined;
}

/** @throws ScriptSyntaxError when a file cannot be run, Error when one cannot be read. */
export async function openScript(options: ScriptOptions): Promise<Script> {
  return new OpenScript(options);
}

class OpenScript implements Script {
  readonly #options: ScriptOptions;
  readonly #units = new Map<string, Unit>();
  readonly #entry: Unit;
  readonly #globalNames: ReadonlySet<string>;
  readonly #sharedGlobals: object;
  readonly #blocked = new Map<string, { file: string; line: number; times: number; ms: number }>();
  readonly #realm: Realm;

  constructor(options: ScriptOptions) {
    linkBuiltins();
    this.#options = options;
    this.#sharedGlobals = realmGlobals(options.globals);
    const names = new Set<string>();
    for (const name of Object.getOwnPropertyNames(this.#sharedGlobals)) names.add(name);
    this.#globalNames = names;
    this.#realm = {
      turnLimitMs: options.turnLimitMs ?? 10_000,
      traceOf,
      beat: options.beat ?? (() => undefined),
      countBlocked: (file, line, ms) => this.#countBlocked(file, line, ms),
    };
    const path = isAbsolute(options.entry) ? options.entry : resolve(options.entry);
    this.#entry = this.#load(path, options.source);
  }

  get files(): ReadonlyMap<string, string> {
    return new Map([...this.#units.values()].map(({ file }) => [file.path, file.text]));
  }

  reallyBlocked(): readonly ReallyBlocked[] {
    return [...this.#blocked.values()].sort((left, right) => right.ms - left.ms);
  }

  modules(): readonly ModuleWeight[] {
    return [...this.#units.values()]
      .map(({ file, initMs, users }) => ({
        path: file.path,
        sourceBytes: Buffer.byteLength(file.text),
        initMs,
        users,
      }))
      .sort((left, right) => right.sourceBytes - left.sourceBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { registered } of this.#units.values()) if (registered !== undefined) forgetFile(registered);
    await stopHelper();
  }

  #countBlocked(file: string, line: number, ms: number): void {
    const key = `${file}:${line}`;
    let entry = this.#blocked.get(key);
    if (entry === undefined) {
      entry = { file, line, times: 0, ms: 0 };
      this.#blocked.set(key, entry);
    }
    entry.times++;
    entry.ms += ms;
  }

  // ── The graph of files ──────────────────────────────────────────────────────────────────────────────────────────────

  #load(path: string, source?: string): Unit {
    const known = this.#units.get(path);
    if (known !== undefined) return known;
    const text = (source ?? this.#options.readFile(path)).replace(/^\uFEFF/, "");
    const file = parseSourceFile(path, text, this.#globalNames);
    const unit: Unit = {
      file,
      evaluate: undefined,
      registered: undefined,
      requests: [],
      isCyclic: false,
      initMs: 0,
      users: 0,
    };
    this.#units.set(path, unit);
    this.#loading.push(unit);
    for (const request of file.requested) {
      const found = this.#resolve(request.specifier, path, (message) => this.#refuse(file, request.at, message));
      unit.requests.push(found);
      if ("file" in found && this.#loading.includes(found))
        for (const each of this.#loading.slice(this.#loading.indexOf(found))) each.isCyclic = true;
    }
    this.#loading.pop();
    for (const [index, request] of file.requested.entries())
      for (const { name, at } of request.names) {
        const names = this.#exportNames(unit.requests[index]!, new Set());
        if (names !== undefined && !names.has(name))
          this.#refuse(file, at, `${JSON.stringify(request.specifier)} has no export named ${JSON.stringify(name)}`);
      }
    return unit;
  }
  readonly #loading: Unit[] = [];

  #refuse(file: SourceFile, at: number, message: string): never {
    const { line, column } = file.writtenPlace(at);
    throw syntaxError(file.path, new Lines(file.text), message, line, column);
  }

  #resolve(specifier: string, from: string, refuse: (message: string) => never): Unit | OurModule {
    const ours = this.#options.ours(specifier);
    if (ours !== undefined) return ours;
    if (/^https?:/.test(specifier))
      return refuse(
        `Modules are not fetched from the network: ${specifier}. Save the file beside the script and import it as "./${specifier.slice(specifier.lastIndexOf("/") + 1) || "module.js"}"`,
      );
    const isPath = /^(\.{0,2}\/|file:|\.{1,2}$)/.test(specifier);
    if (!isPath)
      return refuse(
        /^k6(\/|$)/.test(specifier)
          ? `The module ${JSON.stringify(specifier)} is not offered`
          : `Packages are not looked up in node_modules: ${JSON.stringify(specifier)}. Bundle it to a file beside the script and import that by its path ("./…")`,
      );
    const path = specifier.startsWith("file:")
      ? decodeURIComponent(new URL(specifier).pathname)
      : resolve(dirname(from), specifier);
    if (this.#units.has(path)) return this.#units.get(path)!;
    try {
      return this.#load(path);
    } catch (error) {
      const { code, message } = error as { code?: unknown; message: string };
      if (code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR")
        return refuse(`${JSON.stringify(specifier)} does not exist (${path}); write the path with its extension`);
      if (typeof code === "string") return refuse(`${JSON.stringify(specifier)} cannot be read: ${message}`);
      throw error;
    }
  }

  /** Undefined: only known when it runs (CommonJS, JSON), or all that is there may be used. */
  #exportNames(target: Unit | OurModule, seen: Set<Unit>): Set<string> | undefined {
    if (!("file" in target)) return new Set(["default", ...Object.keys(target.exports)]);
    if (target.file.kind !== "module") return undefined;
    if (seen.has(target)) return new Set();
    seen.add(target);
    const names = new Set(target.file.exportNames);
    for (const star of target.file.stars) {
      const through = target.requests[star];
      const more = through === undefined ? undefined : this.#exportNames(through, seen);
      if (more === undefined) return undefined;
      for (const name of more) if (name !== "default") names.add(name);
    }
    return names;
  }

  // ── Users ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  async createUser<Host>(id: number, host: Host): Promise<User<Host>> {
    const thread = new Thread<Host>(id, host, this.#realm);
    const globals = Object.create(this.#sharedGlobals) as Record<string, unknown>;
    Object.defineProperty(globals, "globalThis", { value: globals, writable: true, configurable: true });
    const modules = new UserModules(this.#options, thread as Thread, globals, (specifier, from) =>
      this.#resolve(specifier, from, (message) => {
        throw new Error(`${message} (required in ${from})`);
      }),
    );
    await thread.run(() => startAsync((coroutine) => modules.start(this.#entry, coroutine)));
    thread.exports = modules.exportsOf(this.#entry);
    thread.isInit = false;
    return thread;
  }
}

/** The modules of one user. */
class UserModules {
  readonly #options: ScriptOptions;
  readonly #thread: Thread;
  readonly #globals: Record<string, unknown>;
  readonly #resolve: (specifier: string, from: string) => Unit | OurModule;
  readonly #instances = new Map<Unit | OurModule, Instance>();

  constructor(
    options: ScriptOptions,
    thread: Thread,
    globals: Record<string, unknown>,
    resolveSpecifier: (specifier: string, from: string) => Unit | OurModule,
  ) {
    this.#options = options;
    this.#thread = thread;
    this.#globals = globals;
    this.#resolve = resolveSpecifier;
  }

  /** The init context, as the body of an async function: a module's top-level await gives the turn back. */
  async start(entry: Unit, coroutine: Coroutine): Promise<void> {
    try {
      await this.#evaluateGraph(entry, coroutine, new Set());
      this.#thread.resumed();
    } catch (error) {
      coroutine.fail(error);
      return;
    }
    coroutine.done(undefined);
  }

  exportsOf(entry: Unit): Record<string, unknown> {
    const instance = this.#instances.get(entry)!;
    if (entry.file.kind === "module") return instance.n;
    const exports = instance.module?.exports;
    const named = typeof exports === "object" && exports !== null ? (exports as Record<string, unknown>) : {};
    return typeof exports === "function" ? { ...(exports as object), default: exports } : named;
  }

  /** What a unit imports is evaluated before it, in its order. */
  async #evaluateGraph(unit: Unit, coroutine: Coroutine, seen: Set<Unit>): Promise<void> {
    if (seen.has(unit)) return;
    seen.add(unit);
    // In a cycle functions can be called before their module ran: it is started, and waits for its turn.
    let go: (() => void) | undefined;
    let running: PromiseLike<unknown> | undefined;
    if (unit.isCyclic && unit.file.kind === "module")
      running = this.#run(unit, coroutine, new Promise<void>((resolve) => (go = resolve)));
    for (const request of unit.requests) if ("file" in request) await this.#evaluateGraph(request, coroutine, seen);
    this.#thread.resumed();
    if (go !== undefined) go();
    else running = this.#run(unit, coroutine, undefined);
    if (running !== undefined) await running;
    this.#instances.get(unit)!.state = "done";
  }

  #instance(target: Unit | OurModule): Instance {
    let instance = this.#instances.get(target);
    if (instance !== undefined) return instance;
    instance = { n: {}, state: "new", error: undefined, module: undefined };
    if (!("file" in target)) {
      const named = { ...target.exports };
      instance.n = { ...named, default: "default" in target ? ownView(target.default) : named };
      instance.state = "done";
    }
    this.#instances.set(target, instance);
    return instance;
  }

  /** Starts a module. Answers what to wait for; undefined when it ended. Throws what it throws. */
  #run(unit: Unit, coroutine: Coroutine | undefined, go: Promise<void> | undefined): PromiseLike<unknown> | undefined {
    const instance = this.#instance(unit);
    if (instance.state !== "new") return undefined;
    instance.state = "running";
    unit.users++;
    const started = performance.now();
    if (unit.file.kind === "json") {
      const value: unknown = JSON.parse(unit.file.text);
      instance.module = { exports: value };
      this.#publishCommon(instance);
      instance.state = "done";
      return undefined;
    }
    unit.registered ??= registerFile(unit.file);
    unit.evaluate ??= compile(unit.file, unit.registered);
    const isCommon = unit.file.kind === "commonjs";
    if (isCommon) {
      instance.module = { exports: {} };
      this.#publishCommon(instance);
    }
    const context = new Context(this.#globals, (namespace) => {
      instance.n = this.#withStars(unit, namespace as Record<string, unknown>);
      return go;
    });
    const path = unit.file.path;
    const meta = {
      url: pathToFileURL(path).href,
      resolve: (specifier: unknown) => resolveUrl(String(specifier), path),
    };
    const args: unknown[] = [context, this.#globals, coroutine, meta, this.#require(path), this.#open(path)];
    if (isCommon) args.push(instance.module, instance.module!.exports);
    for (const request of unit.requests) args.push(this.#instance(request));
    const self = isCommon ? instance.module!.exports : undefined;
    // It is a twin itself.
    const suspended = Reflect.apply(unit.evaluate, self, args) as PromiseLike<Box> | undefined;
    if (turn.completed === 0)
      return suspended!.then(() => {
        unit.initMs += performance.now() - started;
        instance.state = "done";
      });
    unit.initMs += performance.now() - started;
    try {
      take();
      instance.state = "done";
    } catch (error) {
      instance.state = "failed";
      instance.error = error;
      throw error;
    }
    return undefined;
  }

  /** What importers see of CommonJS: read when it is read, since exports may be replaced. */
  #publishCommon(instance: Instance): void {
    instance.n = new Proxy(Object.create(null) as Record<string, unknown>, {
      get: (_target, name) => {
        const exports = instance.module!.exports as Record<PropertyKey, unknown> | null | undefined;
        if (name === "default") {
          const inner = Object(exports) === exports && exports !== null ? exports?.["default"] : undefined;
          return inner === undefined ? exports : inner;
        }
        return exports?.[name];
      },
      has: (_target, name) => name === "default" || name in Object(instance.module!.exports),
      ownKeys: () => [...new Set([...Reflect.ownKeys(Object(instance.module!.exports)), "default"])],
      getOwnPropertyDescriptor: (_target, name) => ({
        value: instance.n[name as string],
        enumerable: true,
        configurable: true,
      }),
    });
  }

  /** Adds what `export *` passes on. */
  #withStars(unit: Unit, namespace: Record<string, unknown>): Record<string, unknown> {
    for (const star of unit.file.stars) {
      const target = this.#instance(unit.requests[star]!);
      for (const name of this.#starNames(unit.requests[star]!, new Set()))
        if (!(name in namespace))
          Object.defineProperty(namespace, name, { get: () => target.n[name], enumerable: true, configurable: true });
    }
    return namespace;
  }

  #starNames(target: Unit | OurModule, seen: Set<unknown>): Set<string> {
    const names = new Set<string>();
    if (seen.has(target)) return names;
    seen.add(target);
    if (!("file" in target)) for (const name of Object.keys(target.exports)) names.add(name);
    else if (target.file.kind !== "module") for (const name of Object.keys(this.#instance(target).n)) names.add(name);
    else {
      for (const name of target.file.exportNames) names.add(name);
      for (const star of target.file.stars)
        for (const name of this.#starNames(target.requests[star]!, seen)) names.add(name);
    }
    names.delete("default");
    return names;
  }

  #require(from: string): unknown {
    const twin = (specifier: unknown): PromiseLike<Box> | undefined => {
      const target = this.#resolve(String(specifier), from);
      const instance = this.#instance(target);
      if (instance.state === "failed") throw instance.error;
      const value = (): unknown => {
        return instance.module === undefined ? instance.n : instance.module.exports;
      };
      if (instance.state !== "new") return complete(value());
      const unit = target as Unit;
      const waits = this.#runWithImports(unit, new Set());
      if (waits === undefined) return complete(value());
      return waits.then((): Box => {
        this.#thread.resumed();
        return [value()];
      });
    };
    const visible = (specifier: unknown): unknown => runToEnd(twin as unknown as Twin, undefined, [specifier]);
    return link(visible, twin as unknown as Twin);
  }

  /** For `require` of an ES module: what it imports first. */
  #runWithImports(unit: Unit, seen: Set<Unit>): PromiseLike<unknown> | undefined {
    if (seen.has(unit)) return undefined;
    seen.add(unit);
    for (const request of unit.requests) {
      if (!("file" in request)) continue;
      const waits = this.#runWithImports(request, seen);
      // What was evaluated already is not evaluated again when this starts over.
      if (waits !== undefined) return waits.then(() => this.#runWithImports(unit, new Set()));
    }
    return this.#run(unit, undefined, undefined);
  }

  #open(from: string): unknown {
    const { open } = this.#options;
    if (open === undefined) return undefined;
    return (path: unknown, mode?: unknown) => open(String(path), mode, from);
  }
}

function compile(file: SourceFile, filename: string): Evaluate {
  const script = new vm.Script(file.code, { filename });
  return (script.runInThisContext() as (runtime: unknown) => Evaluate)(runtime);
}

function resolveUrl(specifier: string, from: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier)) return specifier;
  return pathToFileURL(resolve(dirname(from), specifier)).href;
}

/** A user that changes a module of ours changes its own view of it. */
function ownView(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return { ...value };
}
