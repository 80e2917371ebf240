import { expect } from "vitest";
import { openAccess } from "#access/access.ts";
import { EPOCH_MS, openTestStore, type TestStore } from "#query/test-store.suite.ts";
import { ManualClock } from "#runtime/clock.ts";
import { createApi } from "./app.ts";
import type { Ledger, Problem } from "./contract/shapes.ts";
import type { ApiDependencies } from "./dependencies.ts";
import { apiRoutes } from "./routes.ts";

const EMPTY: Ledger = {
  received: 0,
  stored: 0,
  rejected: 0,
  dropped: 0,
  pending: 0,
  missing: 0,
  reasons: [],
  receivedPerSecond: 0,
  refusedRequests: 0,
};

/** The API over a real engine, with a clock that stands an hour after the store's epoch unless told otherwise. */
export class TestApi implements AsyncDisposable {
  readonly store: TestStore;
  readonly clock: ManualClock;
  readonly dependencies: ApiDependencies;
  readonly #app: ReturnType<typeof createApi>;

  constructor(store: TestStore, clock: ManualClock, more: Partial<ApiDependencies>) {
    this.store = store;
    this.clock = clock;
    this.dependencies = {
      engine: store.engine,
      ingestLedger: () => ({ traces: EMPTY, logs: EMPTY, metrics: EMPTY }),
      access: openAccess({ listen: ["127.0.0.1"] }),
      clock,
      version: "0.0.0-test",
      addresses: { ui: "http://127.0.0.1:7070", otlpHttp: "http://127.0.0.1:4318", otlpGrpc: "http://127.0.0.1:4317" },
      disk: () => ({ usedBytes: 1, budgetBytes: null, freeBytes: 2 }),
      ...more,
    };
    this.#app = createApi(this.dependencies);
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("host")) headers.set("host", "127.0.0.1:7070");
    return Promise.resolve(this.#app.fetch(new Request(`http://127.0.0.1:7070${path}`, { ...init, headers })));
  }

  /** An answer of 200, held to the schema of its route. */
  async get<T>(path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.fetch(path, init);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    const answer: unknown = JSON.parse(text);
    const pathname = new URL(`http://x${path}`).pathname;
    const found = apiRoutes(0).find(
      (route) =>
        route.method === (init.method ?? "GET").toLowerCase() &&
        new RegExp(`^/api${route.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname),
    );
    if (found === undefined) throw new Error(`no route for ${path}`);
    const checked = found.answer.safeParse(answer);
    expect(checked.error?.issues ?? []).toEqual([]);
    return answer as T;
  }

  /** An answer that is a problem. */
  async problem(path: string, init: RequestInit = {}): Promise<Problem> {
    const response = await this.fetch(path, init);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const problem = (await response.json()) as Problem;
    expect(problem.status).toBe(response.status);
    return problem;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store[Symbol.asyncDispose]();
  }
}

export async function openTestApi(more: Partial<ApiDependencies> = {}, nowMs = 3_600_000): Promise<TestApi> {
  return new TestApi(await openTestStore(), new ManualClock(EPOCH_MS + nowMs), more);
}

export const query = (parameters: Readonly<Record<string, string | number | readonly string[]>>): string => {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    for (const one of Array.isArray(value) ? value : [value]) search.append(name, String(one));
  return search.toString();
};
