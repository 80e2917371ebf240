import { currentUser } from "#script/blocking.ts";
import { Interrupted } from "#script/user.ts";
import type { LoadUser, LoadUserState, ScenarioUnderWay } from "../load-user.ts";
import { printOptions } from "../option/print-options.ts";
import type { ScriptModule } from "../script-module.ts";

const user = (): LoadUser => currentUser<LoadUserState>();

/** The user, once its init code is over. */
function running(what: string): LoadUserState {
  const { isInit, host } = user();
  if (isInit) throw new Error(`getting ${what} in the init context is not supported`);
  return host;
}

function scenarioUnderWay(): ScenarioUnderWay {
  const { scenario } = running("scenario information");
  if (scenario === undefined)
    throw new Error(
      "getting scenario information outside of the VU context is not supported (setup, teardown, handleSummary)",
    );
  return scenario;
}

const instance = {
  get currentTestRunDuration(): number {
    return running("instance information").run.durationMs();
  },
  get iterationsCompleted(): number {
    return running("instance information").run.iterationsCompleted;
  },
  get iterationsInterrupted(): number {
    return running("instance information").run.iterationsInterrupted;
  },
  get vusActive(): number {
    return running("instance information").run.usersActive;
  },
  get vusInitialized(): number {
    return running("instance information").run.usersInitialized;
  },
};

const scenario = {
  get name(): string {
    return scenarioUnderWay().name;
  },
  get executor(): string {
    return scenarioUnderWay().executor;
  },
  /** Unix time in milliseconds. */
  get startTime(): number {
    return Math.round(scenarioUnderWay().startUnixMs);
  },
  get progress(): number {
    return scenarioUnderWay().progress();
  },
  get iterationInInstance(): number {
    return scenarioUnderWay().iterationInInstance;
  },
  get iterationInTest(): number {
    return scenarioUnderWay().iterationInTest;
  },
};

const test = {
  /** Ends the test with exit code 108; what the script does after it does not happen. */
  abort: (message?: unknown): never => {
    const reason = message === undefined ? "" : String(message);
    user().host.run.abort(reason);
    throw new Interrupted(`test aborted: ${reason}`);
  },
  /** The test goes on and ends with exit code 110. */
  fail: (message?: unknown): void => {
    running("the test").run.fail(message === undefined ? "" : String(message));
  },
  get options(): unknown {
    return printOptions(running("test options").options);
  },
};

/** Tags of everything that the user records, as an object that scripts read and write. */
const tags: object = new Proxy(
  {},
  {
    get: (_target, key) => (typeof key === "string" ? user().host.metrics.tags.get(user().host.tags, key) : undefined),
    set: (_target, key, value: unknown) => {
      if (typeof key !== "string" || key === "") throw new TypeError("a tag needs a name");
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
        throw new TypeError(`tag '${key}' must be a string, a number or a boolean`);
      const { host } = user();
      host.tags = host.metrics.tags.with(host.tags, key, String(value));
      return true;
    },
    deleteProperty: (_target, key) => {
      const { host } = user();
      if (typeof key === "string") host.tags = host.metrics.tags.with(host.tags, key, "");
      return true;
    },
    has: (_target, key) => typeof key === "string" && user().host.metrics.tags.get(user().host.tags, key) !== undefined,
    ownKeys: () =>
      user()
        .host.metrics.tags.entries(user().host.tags)
        .map(([key]) => key),
    getOwnPropertyDescriptor: (_target, key) => {
      const value = typeof key === "string" ? user().host.metrics.tags.get(user().host.tags, key) : undefined;
      return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
    },
  },
);

const metadata: object = new Proxy(
  {},
  {
    get: (_target, key) => (typeof key === "string" ? user().host.metadata.get(key) : undefined),
    set: (_target, key, value: unknown) => {
      if (typeof key !== "string" || key === "") throw new TypeError("metadata need a name");
      if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
        throw new TypeError(`metadata '${key}' must be a string, a number or a boolean`);
      user().host.metadata.set(key, String(value));
      return true;
    },
    deleteProperty: (_target, key) => {
      if (typeof key === "string") user().host.metadata.delete(key);
      return true;
    },
    has: (_target, key) => typeof key === "string" && user().host.metadata.has(key),
    ownKeys: () => [...user().host.metadata.keys()],
    getOwnPropertyDescriptor: (_target, key) => {
      const value = typeof key === "string" ? user().host.metadata.get(key) : undefined;
      return value === undefined ? undefined : { value, writable: true, enumerable: true, configurable: true };
    },
  },
);

const vu = {
  get idInInstance(): number {
    return running("VU information").idInInstance;
  },
  get idInTest(): number {
    return running("VU information").idInTest;
  },
  get iterationInInstance(): number {
    return running("VU information").iterationInInstance;
  },
  get iterationInScenario(): number {
    scenarioUnderWay();
    return user().host.iterationInScenario;
  },
  /** Older name of `metrics.tags`. */
  get tags(): object {
    return tags;
  },
  set tags(_value: unknown) {
    throw new TypeError("exec.vu.tags cannot be replaced; set the tags in it");
  },
  metrics: { tags, metadata },
};

export const executionModule: ScriptModule = { specifier: "k6/execution", exports: { instance, scenario, test, vu } };
