import type { HttpRequest } from "#client/exchange.ts";
import { systemClock } from "#runtime/clock.ts";
import type { LoadUser } from "../../load-user.ts";
import { pack, parseCodings } from "./content-coding.ts";
import type { Credentials } from "./digest-auth.ts";
import { durationMs } from "./duration.ts";
import { ExpectedStatuses } from "./expected-statuses.ts";
import { encodeBody } from "./file-data.ts";
import { canonicalName } from "./header-name.ts";
import { httpUserOf } from "./http-run.ts";
import { HttpUrl, withoutSecrets } from "./http-url.ts";
import type { Jar } from "./jar.ts";
import { jarBehind } from "./jar-object.ts";
import type { HttpOperation, RequestCookie } from "./operation.ts";
import { extraHead, requestCookies } from "./perform.ts";
import { newTraceparent } from "./request-trace.ts";

/** What a response is made of later, besides the operation that was sent. */
export interface Prepared extends HttpOperation {
  /** The user's tags when the request was made, with those of its params. */
  readonly tags: number;
  /** The `name` tag, if the script gave one. */
  readonly name: string | undefined;
  /** Null: nobody asks whether responses are expected. */
  readonly expected: ExpectedStatuses | null;
  readonly responseType: "text" | "binary" | "none";
  readonly throws: boolean;
  /** For messages and `response.request`: without user and password. */
  readonly shownUrl: string;
}

const NO_COOKIES: readonly RequestCookie[] = [];
const DEFAULT_TIMEOUT_MS = 60_000;

/** Headers that are the connection's, and the body's length, which is ours to know. */
const OURS = new Set(["Content-Length", "Transfer-Encoding", "Connection"]);

/** A place that a URL names, checked once: scripts ask for the same ones again. */
interface KnownUrl {
  readonly href: string;
  readonly shown: string;
  readonly credentials: Credentials | undefined;
  readonly url: URL;
}

const urls = new Map<string, KnownUrl>();
const MOST_URLS = 4096;

function knownUrl(text: string): KnownUrl | undefined {
  const known = urls.get(text);
  if (known !== undefined) return known;
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if ((url.protocol !== "http:" && url.protocol !== "https:") || url.hostname === "") return undefined;
  const shown = withoutSecrets(text);
  const credentials =
    url.username === "" && url.password === ""
      ? undefined
      : { username: decoded(url.username), password: decoded(url.password) };
  url.username = "";
  url.password = "";
  url.hash = "";
  const made: KnownUrl = { href: url.href, shown, credentials, url };
  if (urls.size >= MOST_URLS) urls.clear();
  urls.set(text, made);
  return made;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * `http.request(method, url, body, params)` as an operation. Throws what a script's mistake throws in k6; a URL that is none
 * becomes an operation that fails.
 */
export function prepare(user: LoadUser, method: string, place: unknown, body: unknown, params: unknown): Prepared {
  const { host } = user;
  const http = httpUserOf(user);
  const { run } = http;
  const { options } = host;
  const text = place instanceof HttpUrl ? place.url : typeof place === "string" ? place : urlText(place);
  const known = knownUrl(text);
  const given = readParams(params);
  let tags = host.tags;
  let name = place instanceof HttpUrl ? place.name : undefined;
  if (given !== undefined)
    for (const [key, value] of given.tags) {
      if (key === "name") name = value;
      tags = host.metrics.tags.with(tags, key, value);
    }
  if (place instanceof HttpUrl && name === place.name && given?.tags.some(([key]) => key === "name") !== true)
    tags = host.metrics.tags.with(tags, "name", name);

  let headers = run.defaultHeaders;
  let bytes: Uint8Array | undefined;
  if (given !== undefined || (body !== undefined && body !== null) || known?.credentials !== undefined) {
    const encoded = encodeBody(body);
    bytes = encoded?.bytes;
    const own = given?.headers ?? [];
    const extra: (readonly [string, string])[] = [];
    const has = (header: string): boolean => own.some(([key]) => key === header);
    if (encoded?.contentType !== undefined && !has("Content-Type")) extra.push(["Content-Type", encoded.contentType]);
    if (given !== undefined && given.codings.length > 0 && bytes !== undefined) {
      bytes = pack(bytes, given.codings);
      if (!has("Content-Encoding")) extra.push(["Content-Encoding", given.codings.join(", ")]);
    }
    if (known?.credentials !== undefined && given?.auth === undefined && !has("Authorization")) {
      const { username, password } = known.credentials;
      extra.push(["Authorization", `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`]);
    }
    if (own.length > 0 || extra.length > 0) {
      const base = has("User-Agent") ? [] : run.defaultHeaders;
      headers = [...base, ...own, ...extra];
    }
  }

  const jar = given?.jar ?? http.jar;
  const cookies = given?.cookies ?? NO_COOKIES;
  const sentCookies =
    known === undefined || (jar.cookies.length === 0 && cookies.length === 0)
      ? NO_COOKIES
      : requestCookies(jar, known.url, cookies, systemClock.nowMs());
  const traceparent =
    run.traces?.wants(user, text) === true && !headers.some(([key]) => key === "Traceparent")
      ? newTraceparent()
      : undefined;
  const responseType = given?.responseType ?? (options.discardResponseBodies ? "none" : "text");
  const request: HttpRequest = {
    method,
    url: known?.href ?? text,
    headers,
    extraHead: sentCookies.length === 0 && traceparent === undefined ? "" : extraHead(sentCookies, traceparent),
    body: bytes,
    timeoutMs: given?.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    discardBody: responseType === "none",
  };
  return {
    client: run.client,
    pool: user.id,
    request,
    refusal: known === undefined ? { errorCode: 1020, error: `invalid URL: ${urlTrouble(text)}` } : undefined,
    delayMs: options.rps === undefined || options.rps <= 0 ? 0 : nextStart(run, options.rps),
    maxRedirects: given?.redirects ?? options.maxRedirects,
    auth: given?.auth,
    credentials: known?.credentials,
    jar,
    cookies,
    sentCookies,
    traceparent,
    tags,
    name,
    expected: given?.expected === undefined ? http.expected : given.expected,
    responseType,
    throws: given?.throws ?? options.throw,
    shownUrl: known?.shown ?? withoutSecrets(text),
  };
}

function urlText(place: unknown): string {
  // A URL of the url jslib, or whatever else makes a string of itself.
  if (typeof place === "object" && place !== null && "href" in place) return String(place.href);
  return String(place);
}

function urlTrouble(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    return /^https?:/i.test(text)
      ? `cannot parse ${JSON.stringify(withoutSecrets(text))}`
      : `unsupported protocol scheme ${JSON.stringify(text.slice(0, text.indexOf(":")))}`;
  return `${JSON.stringify(text)} has no scheme; write https://…`;
}

/** Milliseconds until this request may start. */
function nextStart(run: { nextStartMs: number }, rps: number): number {
  const now = performance.now();
  const start = Math.max(now, run.nextStartMs);
  run.nextStartMs = start + 1000 / rps;
  return start - now;
}

interface GivenParams {
  readonly headers: readonly (readonly [string, string])[];
  readonly tags: readonly (readonly [string, string])[];
  readonly cookies: readonly RequestCookie[];
  readonly jar: Jar | undefined;
  readonly auth: "digest" | "ntlm" | undefined;
  readonly codings: ReturnType<typeof parseCodings>;
  readonly redirects: number | undefined;
  readonly responseType: "text" | "binary" | "none" | undefined;
  readonly timeoutMs: number | undefined;
  readonly throws: boolean | undefined;
  readonly expected: ExpectedStatuses | null | undefined;
}

const NONE: readonly never[] = [];

function readParams(params: unknown): GivenParams | undefined {
  if (params === undefined || params === null) return undefined;
  if (typeof params !== "object") throw new TypeError(`params must be an object, not ${typeof params}`);
  const given = params as Readonly<Record<string, unknown>>;
  const isSet = (value: unknown): boolean => value !== undefined && value !== null;
  return {
    headers: isSet(given["headers"]) ? headersOf(given["headers"]) : NONE,
    tags: isSet(given["tags"]) ? tagsOf(given["tags"]) : NONE,
    cookies: isSet(given["cookies"]) ? cookiesOf(given["cookies"]) : NONE,
    jar: isSet(given["jar"]) ? jarOf(given["jar"]) : undefined,
    auth: isSet(given["auth"]) ? authOf(given["auth"]) : undefined,
    codings: isSet(given["compression"]) ? parseCodings(String(given["compression"])) : NONE,
    redirects: isSet(given["redirects"]) ? Math.max(0, Math.trunc(Number(given["redirects"]) || 0)) : undefined,
    responseType: isSet(given["responseType"]) ? responseTypeOf(given["responseType"]) : undefined,
    timeoutMs: isSet(given["timeout"]) ? timeoutOf(given["timeout"]) : undefined,
    throws: isSet(given["throw"]) ? Boolean(given["throw"]) : undefined,
    expected: expectedOf(given["responseCallback"]),
  };
}

function headersOf(value: unknown): readonly (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  for (const [name, text] of Object.entries(value as object)) {
    const canonical = canonicalName(name);
    if (!OURS.has(canonical)) headers.push([canonical, typeof text === "string" ? text : String(text)]);
  }
  return headers;
}

function tagsOf(value: unknown): readonly (readonly [string, string])[] {
  if (typeof value !== "object") throw new TypeError("invalid type for tags: they must be an object");
  return Object.entries(value as object).map(([key, text]) => {
    if (typeof text === "object" && text !== null)
      throw new TypeError(`the tag ${JSON.stringify(key)} must be a string, number or boolean`);
    return [key, String(text)] as const;
  });
}

function cookiesOf(value: unknown): readonly RequestCookie[] {
  return Object.entries(value as object)
    .filter(([, cookie]) => cookie !== undefined && cookie !== null)
    .map(([name, cookie]) => {
      if (typeof cookie !== "object") return { name, value: String(cookie), replace: false };
      const { value: text, replace } = cookie as { readonly value?: unknown; readonly replace?: unknown };
      return { name, value: text === undefined ? "" : String(text), replace: replace === true };
    });
}

function jarOf(value: unknown): Jar {
  const jar = jarBehind(value);
  if (jar === undefined) throw new TypeError("params.jar must be a CookieJar");
  return jar;
}

function authOf(value: unknown): "digest" | "ntlm" | undefined {
  const scheme = String(value).toLowerCase();
  if (scheme === "digest" || scheme === "ntlm") return scheme;
  if (scheme === "basic" || scheme === "") return undefined;
  throw new TypeError(`unknown auth ${JSON.stringify(String(value))}: basic, digest or ntlm`);
}

function responseTypeOf(value: unknown): "text" | "binary" | "none" {
  if (value === "text" || value === "binary" || value === "none") return value;
  throw new TypeError(`${String(value)} does not belong to ResponseType values, [text, binary, none]`);
}

function timeoutOf(value: unknown): number {
  const ms = durationMs(value);
  if (ms === undefined) throw new TypeError(`invalid timeout value ${JSON.stringify(String(value))}`);
  return ms === 0 ? DEFAULT_TIMEOUT_MS : ms;
}

function expectedOf(value: unknown): ExpectedStatuses | null | undefined {
  if (value === undefined || value === null) return value;
  if (value instanceof ExpectedStatuses) return value;
  throw new TypeError("unsupported responseCallback: use http.expectedStatuses(…)");
}
