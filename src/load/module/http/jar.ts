import { isIP } from "node:net";
import type { SetCookie } from "./cookie.ts";

/** What a jar keeps of a cookie: plain data, since a copy of the jar travels with a request that may be redirected. */
export interface StoredCookie {
  readonly name: string;
  readonly value: string;
  readonly domain: string;
  readonly path: string;
  readonly isHostOnly: boolean;
  readonly secure: boolean;
  /** Unix milliseconds; infinite: until the jar ends. */
  readonly expiresUnixMs: number;
  /** The order in which cookies were first set. */
  readonly turn: number;
}

/** Cookies by RFC 6265, section 5.3 and 5.4, without a list of public suffixes, as k6's jar has none. */
export interface Jar {
  cookies: StoredCookie[];
  turn: number;
}

/** What one site may fill a user's memory with. */
const MOST_COOKIES = 3000;

export function emptyJar(): Jar {
  return { cookies: [], turn: 0 };
}

/** A jar of its own for a request's redirects. */
export function copyOf(jar: Jar): Jar {
  return { cookies: [...jar.cookies], turn: jar.turn };
}

/** Keeps, replaces or deletes what a response from `url` sets. False: the cookie is not one that this host may set. */
export function setCookie(jar: Jar, url: URL, cookie: SetCookie, nowUnixMs: number): boolean {
  const host = hostOf(url);
  const wanted = cookie.domain.replace(/^\./, "").toLowerCase();
  if (wanted !== "" && wanted !== host && (isIP(host) !== 0 || !host.endsWith(`.${wanted}`))) return false;
  const domain = wanted === "" ? host : wanted;
  const path = cookie.path.startsWith("/") ? cookie.path : defaultPath(url.pathname);
  const before = jar.cookies.findIndex(
    (kept) => kept.name === cookie.name && kept.domain === domain && kept.path === path,
  );
  const expiresUnixMs =
    cookie.maxAge < 0
      ? 0
      : cookie.maxAge > 0
        ? nowUnixMs + cookie.maxAge * 1000
        : cookie.expiresUnixMs > 0
          ? cookie.expiresUnixMs
          : Number.POSITIVE_INFINITY;
  if (expiresUnixMs <= nowUnixMs) {
    if (before >= 0) jar.cookies.splice(before, 1);
    return true;
  }
  const stored: StoredCookie = {
    name: cookie.name,
    value: cookie.value,
    domain,
    path,
    isHostOnly: wanted === "" || isIP(host) !== 0,
    secure: cookie.secure,
    expiresUnixMs,
    turn: before >= 0 ? jar.cookies[before]!.turn : jar.turn++,
  };
  if (before >= 0) jar.cookies[before] = stored;
  else {
    if (jar.cookies.length >= MOST_COOKIES) jar.cookies.shift();
    jar.cookies.push(stored);
  }
  return true;
}

/** What a request to `url` sends: longer paths first, then those set earlier. */
export function cookiesFor(jar: Jar, url: URL, nowUnixMs: number): readonly StoredCookie[] {
  if (jar.cookies.length === 0) return [];
  const host = hostOf(url);
  return jar.cookies
    .filter(
      (cookie) =>
        cookie.expiresUnixMs > nowUnixMs &&
        (!cookie.secure || url.protocol === "https:") &&
        (host === cookie.domain || (!cookie.isHostOnly && host.endsWith(`.${cookie.domain}`))) &&
        fitsPath(url.pathname, cookie.path),
    )
    .sort((a, b) => b.path.length - a.path.length || a.turn - b.turn);
}

/** Takes away what a request to `url` would send; only that name where one is given. */
export function removeCookies(jar: Jar, url: URL, nowUnixMs: number, name?: string): void {
  const sent = new Set(cookiesFor(jar, url, nowUnixMs).filter((cookie) => name === undefined || cookie.name === name));
  jar.cookies = jar.cookies.filter((cookie) => !sent.has(cookie));
}

function hostOf(url: URL): string {
  const { hostname } = url;
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

function defaultPath(path: string): string {
  const last = path.lastIndexOf("/");
  return last <= 0 ? "/" : path.slice(0, last);
}

function fitsPath(path: string, cookiePath: string): boolean {
  if (path === cookiePath) return true;
  return path.startsWith(cookiePath) && (cookiePath.endsWith("/") || path[cookiePath.length] === "/");
}
