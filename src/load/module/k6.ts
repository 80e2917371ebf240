import { blocking, type CallBack, callingBack, currentUser, isScriptPromise } from "#script/blocking.ts";
import type { LoadUser, LoadUserState } from "../load-user.ts";
import type { ScriptModule } from "../script-module.ts";
import { seededRandom } from "./seeded-random.ts";
import { withGivenTags, withSystemTag } from "./tag-argument.ts";

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

const sleep = blocking<LoadUserState, [seconds: unknown], number, undefined, undefined>(
  {
    name: "k6.sleep",
    begin: (user, seconds) => {
      if (user.isInit) throw new Error("sleep() is not possible in the init context");
      const ms = Number(seconds) * 1000;
      if (Number.isNaN(ms)) throw new TypeError("sleep() requires a number of seconds");
      return Math.min(ms, MAX_SLEEP_MS);
    },
    perform: (ms, signal) => {
      if (ms <= 0) return undefined;
      return new Promise((resolve) => {
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve(undefined);
        };
        const timer = setTimeout(end, ms);
        if (signal?.aborted === true) end();
        else signal?.addEventListener("abort", end, { once: true });
      });
    },
    finish: () => undefined,
  },
  import.meta.url,
);

/** setTimeout takes no more; 24 days. */
const MAX_SLEEP_MS = 2 ** 31 - 1;

const SEPARATOR = "::";

/** Groups nest, and everything in them carries their path as the tag `group`. */
const group = callingBack<LoadUserState, [name: unknown, run: unknown], unknown>(
  "k6.group",
  function* (user, name, run) {
    if (user.isInit) throw new Error("group() is not possible in the init context");
    const text = String(name);
    if (text.includes(SEPARATOR)) throw new Error(`group and check names may not contain '${SEPARATOR}'`);
    if (typeof run !== "function") throw new TypeError("group() requires a function as its second argument");
    const state = user.host;
    const outer = state.group;
    const startMs = performance.now();
    state.group = `${outer}${SEPARATOR}${text}`;
    state.tags = withSystemTag(state, state.tags, "group", state.group);
    try {
      const result: unknown = yield { callee: run as CallBack["callee"], self: undefined, args: [] };
      if (isScriptPromise(result))
        throw new TypeError("group() does not support async functions: what they await would run outside of the group");
      return result;
    } finally {
      const metric = state.metrics.define("group_duration", "trend", "time");
      state.samples.add(metric.id, state.tags, performance.now() - startMs, nowUnixMs());
      state.group = outer;
      state.tags = withSystemTag(state, state.tags, "group", outer);
    }
  },
);

const check = callingBack<LoadUserState, [value: unknown, checks: unknown, tags?: unknown], boolean>(
  "k6.check",
  function* (user, value, checks, tags) {
    if (user.isInit) throw new Error("check() is not possible in the init context");
    if (typeof checks !== "object" || checks === null)
      throw new TypeError("check() requires an object of names and functions as its second argument");
    const state = user.host;
    const metric = state.metrics.define("checks", "rate", "default").id;
    let all = true;
    for (const [name, test] of Object.entries(checks as Record<string, unknown>)) {
      if (name.includes(SEPARATOR)) throw new Error(`group and check names may not contain '${SEPARATOR}'`);
      let passes = false;
      try {
        const outcome: unknown =
          typeof test === "function"
            ? yield { callee: test as CallBack["callee"], self: undefined, args: [value] }
            : test;
        passes = Boolean(outcome);
      } finally {
        // Also where the check throws: it failed, and the iteration goes down with it.
        const set = withSystemTag(state, withGivenTags(state, state.tags, tags), "check", name);
        state.samples.add(metric, set, passes ? 1 : 0, nowUnixMs());
      }
      if (!passes) all = false;
    }
    return all;
  },
);

function fail(message?: unknown): never {
  throw new Error(message === undefined ? "fail() was called" : String(message));
}

function randomSeed(seed: unknown): void {
  const number = Number(seed);
  if (!Number.isFinite(number)) throw new TypeError("randomSeed() requires a number");
  (currentUser<LoadUserState>() as LoadUser & { random?: () => number }).random = seededRandom(number);
}

export const k6Module: ScriptModule = { specifier: "k6", exports: { check, fail, group, randomSeed, sleep } };
