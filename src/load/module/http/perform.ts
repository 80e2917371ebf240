import { type HttpAnswer, type HttpRequest, isHttpFailure } from "#client/exchange.ts";
import { headerValue, headerValues } from "#client/response-head.ts";
import { systemClock } from "#runtime/clock.ts";
import { clientOf } from "./client-of.ts";
import { cookiePair, parseSetCookie } from "./cookie.ts";
import { answerDigest } from "./digest-auth.ts";
import { cookiesFor, copyOf, type Jar, setCookie } from "./jar.ts";
import { answerNtlm, negotiateMessage } from "./ntlm-auth.ts";
import type { Hop, HttpOperation, HttpOutcome, Journey, RequestCookie } from "./operation.ts";

/** Sends a request and whatever it leads to: the answer to a challenge, redirects. Knows no user; runs in any thread. */
export function perform(operation: HttpOperation, signal: AbortSignal | undefined): Promise<HttpOutcome> {
  if (operation.refusal !== undefined || operation.delayMs > 0 || operation.auth !== undefined)
    return performSlowly(operation, signal);
  const { client, request, pool } = operation;
  return clientOf(client)
    .exchange(request, pool, signal)
    .then((answer): HttpOutcome | Promise<HttpOutcome> =>
      isRedirect(answer) ? follow(operation, [hopOf(operation, answer)], signal) : answer,
    );
}

async function performSlowly(operation: HttpOperation, signal: AbortSignal | undefined): Promise<HttpOutcome> {
  const { refusal, delayMs, request, auth } = operation;
  if (refusal !== undefined)
    return {
      ...refusal,
      timings: NO_TIMINGS,
      startUnixMs: performance.timeOrigin + performance.now(),
      remoteIp: "",
      remotePort: 0,
      bytesSent: 0,
      bytesReceived: 0,
    };
  if (delayMs > 0) await delay(delayMs, signal);
  if (auth === undefined) {
    const answer = await clientOf(operation.client).exchange(request, operation.pool, signal);
    return isRedirect(answer) ? await follow(operation, [hopOf(operation, answer)], signal) : answer;
  }
  const hops = await authenticate(operation, request, signal);
  return isRedirect(hops.at(-1)!.answer)
    ? await follow(operation, hops, signal)
    : { hops, error: undefined, isStopped: false };
}

function hopOf(operation: HttpOperation, answer: HttpAnswer): Hop {
  return { request: operation.request, answer, isChallenge: false, sentCookies: operation.sentCookies };
}

const NO_TIMINGS = { blocked: 0, lookingUp: 0, connecting: 0, tlsHandshaking: 0, sending: 0, waiting: 0, receiving: 0 };

/** The whole of a journey has the request's time. */
function left(operation: HttpOperation, startUnixMs: number): number {
  return Math.max(1, operation.request.timeoutMs - (performance.timeOrigin + performance.now() - startUnixMs));
}

async function authenticate(
  operation: HttpOperation,
  request: HttpRequest,
  signal: AbortSignal | undefined,
): Promise<Hop[]> {
  const { auth, credentials, pool, sentCookies } = operation;
  const startUnixMs = performance.timeOrigin + performance.now();
  const client = clientOf(operation.client);
  const hops: Hop[] = [];
  const send = async (authorization: string | undefined, isChallenge: boolean): Promise<HttpAnswer> => {
    const headers =
      authorization === undefined
        ? request.headers
        : [...request.headers.filter(([name]) => name !== "Authorization"), ["Authorization", authorization] as const];
    const sent = { ...request, headers, timeoutMs: left(operation, startUnixMs) };
    const answer = await client.exchange(sent, pool, signal);
    hops.push({ request: sent, answer, isChallenge: isChallenge && !isHttpFailure(answer), sentCookies });
    return answer;
  };
  if (credentials === undefined) {
    await send(undefined, false);
    return hops;
  }
  if (auth === "digest") {
    const first = await send(undefined, true);
    if (isHttpFailure(first) || first.status !== 401) return hops;
    const path = pathOf(request.url);
    const answers = headerValues(first.head, "www-authenticate").map((challenge) =>
      answerDigest(challenge, credentials, request.method, path, request.body),
    );
    const authorization = answers.find((answer) => answer !== undefined);
    if (authorization !== undefined) await send(authorization, false);
    return hops;
  }
  const first = await send(undefined, true);
  if (isHttpFailure(first) || first.status !== 401) return hops;
  const scheme = ["NTLM", "Negotiate"].find((name) =>
    headerValues(first.head, "www-authenticate").some(
      (offer) => offer.split(" ")[0]!.toLowerCase() === name.toLowerCase(),
    ),
  );
  if (scheme === undefined) return hops;
  const second = await send(`${scheme} ${negotiateMessage()}`, true);
  if (isHttpFailure(second) || second.status !== 401) return hops;
  const challenge = headerValues(second.head, "www-authenticate").find((offer) =>
    offer.toLowerCase().startsWith(`${scheme.toLowerCase()} `),
  );
  const answer = challenge === undefined ? undefined : answerNtlm(challenge.slice(scheme.length + 1), credentials);
  if (answer !== undefined) await send(`${scheme} ${answer}`, false);
  return hops;
}

function isRedirect(answer: HttpAnswer): boolean {
  if (isHttpFailure(answer)) return false;
  const { status } = answer;
  if (status < 301 || status > 308) return false;
  return status <= 303 || status >= 307;
}

/** Follows redirects as Go's client does (net/http, Client.Do), with the cookies that responses set on the way. */
async function follow(operation: HttpOperation, hops: Hop[], signal: AbortSignal | undefined): Promise<Journey> {
  const { startUnixMs } = hops[0]!.answer;
  const client = clientOf(operation.client);
  const jar = copyOf(operation.jar);
  for (let count = 0; ; count++) {
    const { request, answer } = hops.at(-1)!;
    if (isHttpFailure(answer) || !isRedirect(answer)) return { hops, error: undefined, isStopped: false };
    const location = headerValue(answer.head, "location");
    if (location === undefined || location === "") return { hops, error: undefined, isStopped: false };
    if (count >= operation.maxRedirects)
      return { hops, error: undefined, isStopped: count > 0 || operation.maxRedirects > 0 };
    const from = new URL(request.url);
    if (!URL.canParse(location, request.url))
      return {
        hops,
        error: { errorCode: 1000, error: `failed to parse Location header ${JSON.stringify(location)}` },
        isStopped: false,
      };
    const to = new URL(location, from);
    if (to.hash === "") to.hash = from.hash;
    if (to.protocol !== "http:" && to.protocol !== "https:")
      return {
        hops,
        error: { errorCode: 1000, error: `unsupported protocol scheme ${JSON.stringify(to.protocol.slice(0, -1))}` },
        isStopped: false,
      };
    takeCookies(jar, from, answer.head, systemClock.nowMs());
    const next = nextRequest(operation, request, answer.status, from, to, jar, left(operation, startUnixMs));
    hops.push({
      request: next.request,
      answer: await client.exchange(next.request, operation.pool, signal),
      isChallenge: false,
      sentCookies: next.sentCookies,
    });
  }
}

function nextRequest(
  operation: HttpOperation,
  before: HttpRequest,
  status: number,
  from: URL,
  to: URL,
  jar: Jar,
  timeoutMs: number,
): { readonly request: HttpRequest; readonly sentCookies: readonly RequestCookie[] } {
  const keepsMethod = status === 307 || status === 308 || before.method === "GET" || before.method === "HEAD";
  const method = keepsMethod ? before.method : "GET";
  const staysHome = to.hostname === from.hostname || to.hostname.endsWith(`.${from.hostname}`);
  const headers = before.headers.filter(([name]) => {
    if (name === "Referer" || name === "Host") return false;
    if (!staysHome && (name === "Authorization" || name === "Www-Authenticate" || name === "Cookie")) return false;
    return keepsMethod || !name.startsWith("Content-");
  });
  if (!(from.protocol === "https:" && to.protocol === "http:")) {
    const referer = new URL(from.href);
    referer.username = "";
    referer.password = "";
    referer.hash = "";
    headers.push(["Referer", referer.href]);
  }
  const sentCookies = requestCookies(jar, to, operation.cookies, systemClock.nowMs());
  const url = new URL(to.href);
  url.username = "";
  url.password = "";
  url.hash = "";
  return {
    sentCookies,
    request: {
      method,
      url: url.href,
      headers,
      extraHead: extraHead(sentCookies, operation.traceparent),
      body: keepsMethod ? before.body : undefined,
      timeoutMs,
      discardBody: before.discardBody,
    },
  };
}

/** What goes with a request to `url`: the jar's cookies, unless a given one replaces them, and those given. */
export function requestCookies(
  jar: Jar,
  url: URL,
  given: readonly RequestCookie[],
  nowUnixMs: number,
): readonly RequestCookie[] {
  if (jar.cookies.length === 0 && given.length === 0) return given;
  const replaced = new Set(given.filter(({ replace }) => replace).map(({ name }) => name));
  return [
    ...cookiesFor(jar, url, nowUnixMs)
      .filter(({ name }) => !replaced.has(name))
      .map(({ name, value }) => ({ name, value, replace: false })),
    ...given,
  ];
}

export function extraHead(cookies: readonly RequestCookie[], traceparent: string | undefined): string {
  let lines = "";
  if (cookies.length > 0)
    lines += `Cookie: ${cookies.map(({ name, value }) => cookiePair(name, value)).join("; ")}\r\n`;
  if (traceparent !== undefined) lines += `Traceparent: ${traceparent}\r\n`;
  return lines;
}

/** Puts what a response sets into the jar. */
export function takeCookies(jar: Jar, url: URL, head: string, nowUnixMs: number): void {
  for (const line of headerValues(head, "set-cookie")) {
    const cookie = parseSetCookie(line);
    if (cookie !== undefined) setCookie(jar, url, cookie, nowUnixMs);
  }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}

function delay(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
    if (signal?.aborted === true) done();
  });
}
