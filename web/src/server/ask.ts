import type { Problem } from "../../../src/api/contract/shapes.ts";
import type { Parameters } from "../state/question.ts";

/** What the server answered instead of an answer, or that it did not answer. */
export class AskFailure extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail);
    this.name = "AskFailure";
    this.problem = problem;
  }
}

export interface AskOptions {
  readonly tenant?: string | undefined;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export function printParameters(parameters: Parameters): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (typeof value === "object") for (const item of value) search.append(name, item);
    else search.append(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}

/** The raw response of the API, or an AskFailure. Aborts throw what fetch throws. */
export async function request(path: string, parameters: Parameters, options: AskOptions = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  if (options.tenant !== undefined) headers.set("X-Scope-OrgID", options.tenant);
  let response: Response;
  try {
    response = await fetch(`/api${path}${printParameters(parameters)}`, {
      method: options.method ?? "GET",
      headers,
      body: options.body ?? null,
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new AskFailure({
      code: "offline",
      title: "No answer",
      status: 0,
      detail: "Traceo cannot be reached from this browser.",
      remedy: "Check that it runs and that the network is up; this page reconnects by itself.",
    });
  }
  if (response.ok) return response;
  throw new AskFailure(await problemOf(response));
}

/** Asks for JSON. */
export async function ask<T>(path: string, parameters: Parameters = {}, options: AskOptions = {}): Promise<T> {
  const response = await request(path, parameters, options);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Partial<Problem>;
    if (typeof body.code === "string") return body as Problem;
  } catch {
    // Not JSON: a proxy in between, or a crash page. Its text is the detail.
  }
  return {
    code: `http-${response.status}`,
    title: response.statusText || "The server refused",
    status: response.status,
    detail: text.slice(0, 300) || `The server answered ${response.status}.`,
    remedy: "Try again; `traceo doctor` says more.",
  };
}
