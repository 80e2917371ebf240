import type { HttpAnswer, HttpRequest } from "#client/exchange.ts";
import type { ClientKey } from "./client-of.ts";
import type { Credentials } from "./digest-auth.ts";
import type { Jar } from "./jar.ts";

/** A cookie that a script gave with a request. */
export interface RequestCookie {
  readonly name: string;
  readonly value: string;
  readonly replace: boolean;
}

/** A request ready to be sent, with all that following it takes: plain data. */
export interface HttpOperation {
  readonly client: ClientKey;
  readonly pool: number;
  readonly request: HttpRequest;
  /** The request could not be made of the script's arguments. */
  readonly refusal: { readonly errorCode: number; readonly error: string } | undefined;
  readonly delayMs: number;
  readonly maxRedirects: number;
  readonly auth: "digest" | "ntlm" | undefined;
  readonly credentials: Credentials | undefined;
  readonly jar: Jar;
  readonly cookies: readonly RequestCookie[];
  /** Cookies that were sent with the first hop, whether from the jar or given. */
  readonly sentCookies: readonly RequestCookie[];
  readonly traceparent: string | undefined;
}

/** One request of a journey that took several. */
export interface Hop {
  readonly request: HttpRequest;
  readonly answer: HttpAnswer;
  /** A 401 that the authentication expects. */
  readonly isChallenge: boolean;
  readonly sentCookies: readonly RequestCookie[];
}

/** Several requests, in order; the last one is the answer. */
export interface Journey {
  readonly hops: readonly Hop[];
  /** What ended it although the last hop was answered. */
  readonly error: { readonly errorCode: number; readonly error: string } | undefined;
  readonly isStopped: boolean;
}

/** Nearly always the answer to the one request. */
export type HttpOutcome = HttpAnswer | Journey;

export function isJourney(outcome: HttpOutcome): outcome is Journey {
  return "hops" in outcome;
}
