import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTROL_FILE, type ControlAddress } from "./control-server.ts";
import type { DemoReveal, DemoState } from "./trouble-desk.ts";

/** Controls a running shop from any process of its owner. Each call rejects with the shop's reason when it refuses. */
export interface DemoControl {
  state(): Promise<DemoState>;
  /** Causes a trouble without naming it; resolves when it is in place. A test may choose which, and whom it hits. */
  break(choice?: { readonly trouble?: string; readonly subject?: string }): Promise<DemoState>;
  /** Undoes the trouble and tells what it was. */
  reveal(): Promise<DemoReveal>;
  stop(): Promise<void>;
}

const TIMEOUT_MS = 40_000;

/** Finds the shop that keeps its data in `dataDir`. Throws when none runs there. */
export function connectControl(dataDir: string): DemoControl {
  const file = join(dataDir, CONTROL_FILE);
  if (!existsSync(file)) throw new Error(`no demo shop runs on ${dataDir} (${CONTROL_FILE} is not there)`);
  const { url, secret } = JSON.parse(readFileSync(file, "utf8")) as ControlAddress;

  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${secret}`, connection: "close" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw new Error(`the demo shop on ${dataDir} does not answer; is it running?`, { cause: error });
    });
    const answer = (await response.json()) as { readonly error?: string };
    if (!response.ok) throw new Error(answer.error ?? `the demo shop answered ${response.status}`);
    return answer;
  };
  return {
    state: async () => (await call("GET", "/state")) as DemoState,
    break: async (choice = {}) => (await call("POST", "/break", choice)) as DemoState,
    reveal: async () => (await call("POST", "/reveal")) as DemoReveal,
    stop: async () => {
      await call("POST", "/stop");
    },
  };
}
