import { readFileSync } from "node:fs";
import type { Problem } from "#api/contract/shapes.ts";
import { FAILURES, Failure, type FailureCode } from "#runtime/failure.ts";
import type { Invocation, OptionSpec } from "./command.ts";

/** Options of every command that talks to a running Traceo. */
export const CLIENT_OPTIONS = {
  url: { type: "string", value: "URL", help: "Address of the server (default $TRACEO_URL or http://127.0.0.1:7070)." },
  "token-file": { type: "string", value: "FILE", help: "File with a read token (default: $TRACEO_TOKEN)." },
  tenant: { type: "string", value: "NAME", help: "Tenant to ask for (default `default`)." },
} as const satisfies Record<string, OptionSpec>;

export interface ApiClient {
  readonly url: string;
  /** The body of a successful answer. Throws a Failure with the server's own words otherwise; "unavailable" if nobody answers. */
  get<T>(path: string, parameters?: readonly (readonly [string, string])[]): Promise<T>;
  request(path: string, init?: RequestInit): Promise<Response>;
}

/** No server answered at all; commands exit with EXIT.unreachable. */
export class Unreachable extends Error {}

export function openClient(invocation: Invocation): ApiClient {
  const url = (text(invocation, "url") ?? invocation.environment["TRACEO_URL"] ?? "http://127.0.0.1:7070").replace(
    /\/+$/,
    "",
  );
  const tokenFile = text(invocation, "token-file");
  const token = tokenFile === undefined ? invocation.environment["TRACEO_TOKEN"] : readToken(tokenFile);
  const headers: Record<string, string> = { "x-scope-orgid": text(invocation, "tenant") ?? "default" };
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;

  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, {
        ...init,
        headers: { ...headers, ...(init.headers as Record<string, string> | undefined) },
        signal: invocation.signal,
      });
    } catch (error) {
      throw new Unreachable(
        `No Traceo answers at ${url}. Start one with \`traceo serve\`, or name another with --url.`,
        { cause: error },
      );
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  };
  return {
    url,
    request,
    get: async <T>(path: string, parameters: readonly (readonly [string, string])[] = []) => {
      const query = new URLSearchParams(parameters as [string, string][]).toString();
      return (await (await request(query === "" ? path : `${path}?${query}`)).json()) as T;
    },
  };
}

function readToken(path: string): string {
  const line = readFileSync(path, "utf8")
    .split("\n")
    .map((row) => row.trim().split(/\s+/))
    .find((words) => words[0] === "read" || words[0] === "admin" || (words.length === 1 && words[0] !== ""));
  if (line === undefined) throw new Failure("config-invalid", `${path} holds no read token.`);
  return line.length === 1 ? line[0]! : line[1]!;
}

async function problemOf(response: Response): Promise<Failure> {
  const body = await response.text();
  try {
    const problem = JSON.parse(body) as Problem;
    const code = (problem.code in FAILURES ? problem.code : "bad-request") as FailureCode;
    return new Failure(code, problem.detail, { remedy: problem.remedy });
  } catch {
    return new Failure("unavailable", `The server answered ${response.status}: ${body.slice(0, 200)}`);
  }
}

/** The value of a text option. */
export function text(invocation: Invocation, option: string): string | undefined {
  const value = invocation.options[option];
  return typeof value === "string" ? value : undefined;
}

/** The values of a repeatable option. */
export function texts(invocation: Invocation, option: string): readonly string[] {
  const value = invocation.options[option];
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
