import { Failure, isFailure } from "#runtime/failure.ts";
import type { Problem } from "./contract/shapes.ts";

/** Short titles, one a code, for the head of a problem. */
function titleOf(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll("-", " ");
}

/** RFC 9457. What is no Failure is a mistake of ours: its message stays in the log, where `requestId` finds it. */
export function problemOf(error: unknown, requestId?: string): Problem {
  const named = requestId === undefined ? {} : { requestId };
  if (!isFailure(error))
    return {
      code: "internal",
      title: "Internal error",
      status: 500,
      detail: "The server made a mistake; its log says which.",
      remedy: `Report it with ${requestId === undefined ? "the time of the request" : "the request's id"}.`,
      ...named,
    };
  return {
    code: error.code,
    title: titleOf(error.code),
    status: error.status,
    detail: error.message,
    remedy: error.remedy,
    ...(error.position === undefined ? {} : { position: error.position }),
    ...(error.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: error.retryAfterSeconds }),
    ...named,
  };
}

export function problemResponse(error: unknown, requestId?: string): Response {
  const problem = problemOf(error, requestId);
  const headers = new Headers({ "content-type": "application/problem+json", "cache-control": "no-store" });
  if (problem.status === 401) headers.set("www-authenticate", "Bearer");
  const wait = problem.retryAfterSeconds ?? (problem.status === 503 || problem.status === 429 ? 2 : undefined);
  if (wait !== undefined) headers.set("retry-after", String(Math.ceil(wait)));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** The value, or throws the Failure that stands in its place. */
export function orThrow<T>(value: T | Failure): T {
  if (value instanceof Failure) throw value;
  return value;
}
