import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { currentUser } from "#script/blocking.ts";
import { openScript, type Script } from "#script/open-script.ts";
import { Interrupted, ScriptError, ScriptSyntaxError } from "#script/user.ts";
import type { LoadUser, LoadUserState, RunUnderWay } from "../load-user.ts";
import { closeHttpRun, endHttpUser, startHttpIteration, traceRequests } from "../module/http/http-run.ts";
import { SCRIPT_GLOBALS } from "../module/script-globals.ts";
import { findModule } from "../module/script-modules.ts";
import { consolidate } from "../option/consolidate.ts";
import type { Options } from "../options.ts";
import { LOAD_EXIT, LoadFailure } from "./exit-code.ts";
import type { GeneratorEvents, GeneratorSamples } from "./generator.ts";
import type { LoadParameters, ScriptSource } from "./generator-link.ts";
import type { OpenedScript } from "./serve-generator.ts";

/**
 * Reads, checks and compiles a script, and runs its init code once to learn what it exports. Throws LoadFailure 107 for what
 * the script does wrong.
 */
export async function openLoadScript(
  { source, environment }: LoadParameters,
  samples: GeneratorSamples,
  events: GeneratorEvents,
  beat: (userId: number) => void,
): Promise<OpenedScript> {
  const files = new ScriptFiles(source);
  let script: Script;
  let probe: LoadUser;
  let configured: Options | undefined;
  try {
    script = await openScript({
      entry: source.entry,
      readFile: (path) => files.read(path).toString("utf8"),
      ours: findModule,
      globals: SCRIPT_GLOBALS,
      open: (path, mode, from) => files.open(path, mode, from),
      beat,
    });
    probe = (await script.createUser(0, probeState(samples, environment, events))) as LoadUser;
  } catch (error) {
    throw new LoadFailure(
      error instanceof Interrupted ? LOAD_EXIT.scriptAborted : LOAD_EXIT.scriptException,
      describeScriptError(error),
    );
  }
  return {
    options: plainOptions(probe.exports["options"]),
    exportNames: Object.keys(probe.exports).filter((name) => typeof probe.exports[name] === "function"),
    files: script.modules().map(({ path, sourceBytes }) => ({ name: path, sizeBytes: sourceBytes })),
    sha256: sha256Of(script.files.values()),
    read: files.contents,
    configure: (options) => {
      configured = options;
      traceRequests({ options, metrics: samples.metrics }, { wants: () => true });
    },
    startIteration: startHttpIteration,
    releaseUser: endHttpUser,
    close: () => {
      if (configured !== undefined) closeHttpRun(configured);
    },
    blockingShare: () => {
      const places = script.reallyBlocked();
      return {
        totalMs: places.reduce((sum, { ms }) => sum + ms, 0),
        places: places.map(({ file, line, times }) => `${file}:${line} (${times}×)`),
      };
    },
    createUser: async (id, host) => {
      try {
        return await script.createUser(id, host);
      } catch (error) {
        throw new LoadFailure(
          error instanceof Interrupted ? LOAD_EXIT.scriptAborted : LOAD_EXIT.scriptException,
          describeScriptError(error),
        );
      }
    },
  };
}

function sha256Of(texts: Iterable<string>): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}

function describeScriptError(error: unknown): string {
  if (error instanceof ScriptSyntaxError) return error.message;
  if (error instanceof ScriptError) return error.trace;
  return error instanceof Error ? error.message : String(error);
}

/** `options` as JSON says it: undefined and functions are left out. Undefined when the script has none. */
function plainOptions(options: unknown): unknown {
  return options === undefined ? undefined : (JSON.parse(JSON.stringify(options)) as unknown);
}

/** The state of the user whose init code runs before options are known. */
function probeState(
  samples: GeneratorSamples,
  environment: Readonly<Record<string, string>>,
  events: GeneratorEvents,
): LoadUserState {
  const run: RunUnderWay = {
    durationMs: () => 0,
    iterationsCompleted: 0,
    iterationsInterrupted: 0,
    usersActive: 0,
    usersInitialized: 0,
    abort: (reason) => events.abort(reason),
    fail: (reason) => events.fail(reason),
    log: (level, text, user) => events.log(level, text, "console", user?.id),
  };
  return {
    metrics: samples.metrics,
    samples: samples.samples,
    options: consolidate([]),
    idInInstance: 0,
    idInTest: 0,
    iterationInInstance: 0,
    iterationInScenario: 0,
    scenario: undefined,
    tags: 0,
    group: "",
    metadata: new Map(),
    slots: new Map(),
    environment,
    run,
  };
}

/** What a script reads, remembered: for archives, and so that each user's `open` costs no disk. */
class ScriptFiles {
  readonly #source: ScriptSource;
  readonly contents = new Map<string, Buffer>();

  constructor(source: ScriptSource) {
    this.#source = source;
  }

  read(path: string): Buffer {
    const known = this.contents.get(path);
    if (known !== undefined) return known;
    const given = this.#source.files[path];
    if (given === undefined && this.#source.isClosed)
      throw Object.assign(new Error(`${path} is not in the archive`), { code: "ENOENT" });
    const content = given === undefined ? readFileSync(path) : Buffer.from(given);
    this.contents.set(path, content);
    return content;
  }

  /** `open(path, mode)` of scripts. */
  open(path: string, mode: unknown, from: string): string | ArrayBuffer {
    if (!currentUser<LoadUserState>().isInit)
      throw new Error("open() is only possible in the init context, outside of functions that iterate");
    if (path === "") throw new Error("open() cannot open an empty path");
    const content = this.read(isAbsolute(path) ? path : resolve(dirname(from), path));
    if (mode === "b") {
      const copy = new ArrayBuffer(content.byteLength);
      new Uint8Array(copy).set(content);
      return copy;
    }
    return content.toString("utf8");
  }
}
