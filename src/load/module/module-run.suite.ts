import { openScript } from "#script/open-script.ts";
import type { LoadUserState } from "../load-user.ts";
import { consolidate } from "../option/consolidate.ts";
import { MemorySamples, type Sample } from "../run/memory-samples.suite.ts";
import type { ScriptModule } from "../script-module.ts";

export interface ModuleRun {
  /** What `log(…)` of the script was given, by user in turn. */
  readonly logged: readonly unknown[];
  readonly samples: readonly Sample[];
  /** What each user's `default` answered. */
  readonly answers: readonly unknown[];
  readonly reallyBlocked: number;
}

/** Runs a script's default function once for each of `users` users at the same time, over the modules given. */
export async function runScript(
  source: string,
  modules: readonly ScriptModule[],
  given: { readonly users?: number; readonly files?: Readonly<Record<string, string>>; readonly globals?: object } = {},
): Promise<ModuleRun> {
  const logged: unknown[] = [];
  const script = await openScript({
    entry: "/script.js",
    source,
    readFile: (path) => {
      const text = given.files?.[path];
      if (text === undefined) throw new Error(`no such file: ${path}`);
      return text;
    },
    ours: (specifier) => modules.find((module) => module.specifier === specifier),
    globals: { log: (value: unknown) => void logged.push(value), ...given.globals },
  });
  const memory = new MemorySamples();
  const run = {
    durationMs: () => 0,
    iterationsCompleted: 0,
    iterationsInterrupted: 0,
    usersActive: 1,
    usersInitialized: 1,
    abort: () => undefined,
    fail: () => undefined,
    log: () => undefined,
  };
  const options = consolidate([]);
  const stateOf = (id: number): LoadUserState => ({
    metrics: memory.metrics,
    samples: memory.samples,
    options,
    idInInstance: id,
    idInTest: id,
    iterationInInstance: 0,
    iterationInScenario: 0,
    scenario: undefined,
    tags: 0,
    group: "",
    metadata: new Map(),
    slots: new Map(),
    environment: {},
    run,
  });
  const ids = Array.from({ length: given.users ?? 1 }, (_, index) => index + 1);
  const users = await Promise.all(ids.map((id) => script.createUser(id, stateOf(id))));
  const answers = await Promise.all(users.map((user) => user.call("default", [])));
  return { logged, samples: memory.drain().frame, answers, reallyBlocked: script.reallyBlocked().length };
}
