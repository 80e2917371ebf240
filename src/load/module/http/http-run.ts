import type { LoadUser, LoadUserState } from "../../load-user.ts";
import type { Options } from "../../options.ts";
import { type ClientKey, clientKeyOf, clientOf, closeClient } from "./client-of.ts";
import { DEFAULT_EXPECTED, type ExpectedStatuses } from "./expected-statuses.ts";
import { defineHttpMetrics, type HttpMetrics } from "./http-metrics.ts";
import { emptyJar, type Jar } from "./jar.ts";
import { RequestTags } from "./request-tags.ts";
import type { RequestTraces } from "./request-trace.ts";

/** What all users of a run share. */
export interface HttpRun {
  readonly client: ClientKey;
  readonly metrics: HttpMetrics;
  readonly tags: RequestTags;
  /** What is sent when a script gives no headers: always the same array, so that it is encoded once. */
  readonly defaultHeaders: readonly (readonly [string, string])[];
  /** When the next request may start, where requests a second are limited; monotonic milliseconds. */
  nextStartMs: number;
  traces: RequestTraces | undefined;
}

/** What is a user's own. */
export interface HttpUser {
  readonly run: HttpRun;
  jar: Jar;
  /** Null: `http.setResponseCallback(null)`. */
  expected: ExpectedStatuses | null;
}

const SLOT = Symbol("k6/http");
const runs = new WeakMap<Options, HttpRun>();

export function httpUserOf(user: LoadUser): HttpUser {
  const known = user.host.slots.get(SLOT);
  if (known !== undefined) return known as HttpUser;
  const made: HttpUser = { run: runOf(user.host), jar: emptyJar(), expected: DEFAULT_EXPECTED };
  user.host.slots.set(SLOT, made);
  return made;
}

function runOf(state: Pick<LoadUserState, "options" | "metrics">): HttpRun {
  const { options, metrics } = state;
  const known = runs.get(options);
  if (known !== undefined) return known;
  const run: HttpRun = {
    client: clientKeyOf(options),
    metrics: defineHttpMetrics(metrics),
    tags: new RequestTags(metrics.tags, options.systemTags),
    defaultHeaders: options.userAgent === "" ? [] : [["User-Agent", options.userAgent]],
    nextStartMs: 0,
    traces: undefined,
  };
  runs.set(options, run);
  return run;
}

/** To be called before each iteration of a user: cookies and, where options say so, connections do not outlive one. */
export function startHttpIteration(user: LoadUser): void {
  const http = user.host.slots.get(SLOT) as HttpUser | undefined;
  if (http === undefined) return;
  if (!user.host.options.noCookiesReset) http.jar = emptyJar();
  if (user.host.options.noVUConnectionReuse) clientOf(http.run.client).closePool(user.id);
}

/** The user's iterations are over for now: its connections are closed. */
export function endHttpUser(user: LoadUser): void {
  const http = user.host.slots.get(SLOT) as HttpUser | undefined;
  if (http !== undefined) clientOf(http.run.client).closePool(user.id);
}

/** Requests of the run with these options carry trace context from now on. */
export function traceRequests(state: Pick<LoadUserState, "options" | "metrics">, traces: RequestTraces): void {
  runOf(state).traces = traces;
}

/** The run is over: closes the connections of all its users. */
export function closeHttpRun(options: Options): void {
  const run = runs.get(options);
  if (run === undefined) return;
  runs.delete(options);
  closeClient(run.client);
}
