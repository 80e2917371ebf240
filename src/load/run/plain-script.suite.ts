import { Interrupted, ScriptError } from "#script/user.ts";
import type { LoadUser, LoadUserState } from "../load-user.ts";
import type { OpenedScript } from "./serve-generator.ts";

/** What an exported function of a plain script is given. */
export interface PlainTurn {
  readonly user: LoadUser;
  readonly state: LoadUserState;
  /** Ends early, by Interrupted, when the user is interrupted. */
  sleep(ms: number): Promise<void>;
}

export type PlainFunction = (turn: PlainTurn, argument: unknown) => unknown;

/** A script as ordinary asynchronous functions of the test: for what runs scripts, without what compiles them. */
export function plainScript(options: unknown, functions: Readonly<Record<string, PlainFunction>>): OpenedScript {
  return {
    options: JSON.parse(JSON.stringify(options ?? null)) as unknown,
    exportNames: Object.keys(functions),
    files: [{ name: "script.js", sizeBytes: 100 }],
    sha256: "0".repeat(64),
    read: new Map(),
    configure: () => undefined,
    startIteration: () => undefined,
    releaseUser: () => undefined,
    close: () => undefined,
    blockingShare: () => ({ totalMs: 0, places: [] }),
    createUser: async (id, host) => {
      let abort = new AbortController();
      const user = {
        id,
        host,
        exports: functions,
        isInit: false,
        signal: abort.signal,
        call: async (name: string, args: readonly unknown[]) => {
          abort = new AbortController();
          const { signal } = abort;
          const sleep = (ms: number): Promise<void> =>
            new Promise((resolve, reject) => {
              if (signal.aborted) throw new Interrupted("interrupted");
              const timer = setTimeout(resolve, ms);
              signal.addEventListener("abort", () => {
                clearTimeout(timer);
                reject(new Interrupted("interrupted"));
              });
            });
          try {
            return await functions[name]!({ user, state: host, sleep }, args[0]);
          } catch (error) {
            if (error instanceof Interrupted) throw error;
            throw new ScriptError(String(error), error, String(error));
          }
        },
        interrupt: () => abort.abort(),
      } as unknown as LoadUser;
      return user;
    },
  };
}
