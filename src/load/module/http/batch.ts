import type { LoadUser } from "../../load-user.ts";
import type { HttpOperation, HttpOutcome } from "./operation.ts";
import { perform } from "./perform.ts";
import { type Prepared, prepare } from "./request-arguments.ts";

/** `http.batch`: plain data. */
export interface BatchOperation {
  readonly requests: readonly Prepared[];
  /** Names of the answers; undefined: they are a list. */
  readonly keys: readonly string[] | undefined;
  readonly most: number;
  readonly mostPerHost: number;
}

/** Reads `[…]` or `{ name: … }` of URLs, `[method, url, body, params]` and `{ method, url, body, params }`. Throws TypeError. */
export function prepareBatch(user: LoadUser, requests: unknown): BatchOperation {
  if (typeof requests !== "object" || requests === null)
    throw new TypeError("invalid http.batch() argument type: an array or an object is needed");
  const { options } = user.host;
  const isList = Array.isArray(requests);
  const entries: readonly (readonly [string, unknown])[] = Object.entries(requests);
  return {
    requests: entries.map(([key, entry]) => prepareEntry(user, key, entry)),
    keys: isList ? undefined : entries.map(([key]) => key),
    most: options.batch > 0 ? options.batch : Number.POSITIVE_INFINITY,
    mostPerHost: options.batchPerHost > 0 ? options.batchPerHost : Number.POSITIVE_INFINITY,
  };
}

function prepareEntry(user: LoadUser, key: string, entry: unknown): Prepared {
  if (Array.isArray(entry)) {
    if (entry.length < 2) throw new TypeError(`the batch request ${key} needs a method and a URL`);
    return prepare(user, methodText(entry[0]), entry[1], entry[2], entry[3]);
  }
  if (
    typeof entry === "object" &&
    entry !== null &&
    "url" in entry &&
    ("method" in entry || "params" in entry || "body" in entry)
  ) {
    const { method, url, body, params } = entry as Readonly<Record<string, unknown>>;
    return prepare(user, method === undefined || method === null ? "GET" : methodText(method), url, body, params);
  }
  if (entry === undefined || entry === null) throw new TypeError(`invalid batch request ${key}`);
  // A plain object with a URL alone is a request as well; an HttpUrl is one by itself.
  if (typeof entry === "object" && "url" in entry && !("name" in entry))
    return prepare(user, "GET", entry.url, undefined, undefined);
  return prepare(user, "GET", entry, undefined, undefined);
}

export function methodText(method: unknown): string {
  return String(method).toUpperCase();
}

/** Sends all, never more at once than the limits say. In the order given, as far as the limits let them start. */
export async function performBatch(
  batch: BatchOperation,
  signal: AbortSignal | undefined,
): Promise<readonly HttpOutcome[]> {
  const outcomes = new Array<HttpOutcome>(batch.requests.length);
  const waiting = batch.requests.map((operation, index) => ({ operation, index, host: hostOf(operation) }));
  const underWay = new Map<string, number>();
  let running = 0;
  await new Promise<void>((resolve, reject) => {
    const next = (): void => {
      if (waiting.length === 0 && running === 0) resolve();
      while (running < batch.most) {
        const at = waiting.findIndex(({ host }) => (underWay.get(host) ?? 0) < batch.mostPerHost);
        if (at < 0) return;
        const [{ operation, index, host }] = waiting.splice(at, 1) as [(typeof waiting)[number]];
        running++;
        underWay.set(host, (underWay.get(host) ?? 0) + 1);
        perform(operation, signal).then((outcome) => {
          outcomes[index] = outcome;
          running--;
          underWay.set(host, underWay.get(host)! - 1);
          next();
        }, reject);
      }
    };
    next();
  });
  return outcomes;
}

function hostOf({ request }: HttpOperation): string {
  return URL.canParse(request.url) ? new URL(request.url).host : "";
}
