/**
 * Browser sessions without a table: the cookie says until when it is valid and proves with an HMAC that whoever made it knew
 * the token's digest. It ends with its time, or with the token's removal from the token file; it survives a restart.
 *
 *   traceo_session = <expiry, Unix ms, base 36> . <16 random bytes> . <HMAC-SHA256 of both>       (base64url)
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Token } from "./tokens.ts";

export const SESSION_COOKIE = "traceo_session";
export const SESSION_MS = 12 * 60 * 60 * 1000;
const MAX_COOKIE_LENGTH = 200;

/** The value of the cookie, for `sessionCookie`. */
export function signSession(token: Token, nowMs: number): string {
  const claim = `${(nowMs + SESSION_MS).toString(36)}.${randomBytes(16).toString("base64url")}`;
  return `${claim}.${seal(token, claim).toString("base64url")}`;
}

/** The token that a cookie's value was made with, if it is still valid. */
export function verifySession(tokens: readonly Token[], value: string, nowMs: number): Token | undefined {
  if (value.length > MAX_COOKIE_LENGTH) return undefined;
  const [expiry, nonce, seal64, ...rest] = value.split(".");
  if (expiry === undefined || nonce === undefined || seal64 === undefined || rest.length > 0) return undefined;
  if (!/^[0-9a-z]{1,12}$/.test(expiry) || Number.parseInt(expiry, 36) <= nowMs) return undefined;
  const presented = Buffer.from(seal64, "base64url");
  if (presented.length !== 32) return undefined;
  const claim = `${expiry}.${nonce}`;
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(seal(token, claim), presented)) found = token;
  return found;
}

/** `Set-Cookie` for a session. `secure` where the person's browser reaches us over TLS. */
export function sessionCookie(value: string, secure: boolean): string {
  const maxAge = Math.floor(SESSION_MS / 1000);
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${maxAge}${secure ? "; Secure" : ""}`;
}

/** `Set-Cookie` that ends it. */
export function endedSessionCookie(secure: boolean): string {
  return `${SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0${secure ? "; Secure" : ""}`;
}

/** The session cookie's value from a `Cookie` header. */
export function sessionOf(cookieHeader: string | undefined): string | undefined {
  for (const part of cookieHeader?.split(";") ?? []) {
    const at = part.indexOf("=");
    if (part.slice(0, at).trim() === SESSION_COOKIE) return part.slice(at + 1).trim();
  }
  return undefined;
}

function seal(token: Token, claim: string): Buffer {
  return createHmac("sha256", token.digest).update("traceo session 1\n").update(claim).digest();
}
