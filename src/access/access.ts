/** Who may do what, asked by every receiver and every API route: `admit`, or its parts where they are answered differently. */
import { type Clock, systemClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import { createGuard, type GuardedRequest, isLoopback } from "./guard.ts";
import { ANONYMOUS, isPermitted, type Need, type Principal } from "./principal.ts";
import { headerOf, type RequestHeaders } from "./request-headers.ts";
import { endedSessionCookie, sessionCookie, sessionOf, signSession, verifySession } from "./session.ts";
import { tenantOf } from "./tenant.ts";
import { digestOf, findToken, openTokenFile, type Token, type TokenFile } from "./tokens.ts";

export interface AccessOptions {
  /** Hosts we listen on, of every port, without the ports. */
  readonly listen: readonly string[];
  readonly allowedHosts?: readonly string[];
  readonly allowedOrigins?: readonly string[];
  readonly tokenFile?: string | undefined;
  /** Listen beyond loopback without tokens. */
  readonly noAuth?: boolean;
  /** Browsers reach us over TLS (ended before us): session cookies are `Secure`. */
  readonly secureCookies?: boolean;
  readonly clock?: Clock;
  /** Sentences for the person who runs the server. */
  readonly warn?: (message: string) => void;
}

/** A request that may go on. */
export interface Admitted {
  /** The principal's name. */
  readonly name: string;
  readonly tenant: string;
  readonly principal: Principal;
}

export interface Access {
  /** Whether tokens are asked for. */
  readonly required: boolean;
  /** Host and Origin, then who asks, then for which tenant. Returns what the first of the three that refuses says. */
  admit(request: GuardedRequest, need: Need): Admitted | Failure;
  /** Host and Origin only: undefined if they are in order, otherwise "forbidden". */
  guard(request: GuardedRequest): Failure | undefined;
  /** The origin to name in `Access-Control-Allow-Origin`, if the request comes from a page in `allowedOrigins`. */
  allowedOrigin(headers: RequestHeaders): string | undefined;
  /**
   * Who sends these headers, if that principal may do what is needed. "unauthenticated" without (valid) credentials: answer
   * 401 with `WWW-Authenticate: Bearer`. "forbidden" where the token is known but of another kind.
   */
  authenticate(headers: RequestHeaders, need: Need): Principal | Failure;
  /** Trades a token for a browser session. The answer to `POST /api/session` sets `cookie`. */
  openSession(token: string): { readonly principal: Principal; readonly cookie: string } | Failure;
  /** The cookie that ends a browser session, for the answer to `DELETE /api/session`. */
  closeSession(): string;
}

/** Throws "config-invalid" for an unreadable token file, or for listening beyond loopback with neither tokens nor `noAuth`. */
export function openAccess(options: AccessOptions): Access {
  const clock = options.clock ?? systemClock;
  const warn = options.warn ?? (() => undefined);
  const file = options.tokenFile === undefined ? undefined : openTokenFile(options.tokenFile, clock, warn);
  const exposed = options.listen.filter((host) => !isLoopback(host));
  if (exposed.length > 0 && file === undefined) {
    if (options.noAuth !== true)
      throw new Failure("config-invalid", `listening on ${exposed.join(", ")} without tokens would let anybody in`, {
        remedy: "Give a token file with --token-file, listen on 127.0.0.1, or say --no-auth if the network is trusted.",
      });
    warn(`anybody who reaches ${exposed.join(", ")} can read and write telemetry (--no-auth)`);
  }
  const guard = createGuard({
    listen: options.listen,
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
  });
  const authenticate = (headers: RequestHeaders, need: Need): Principal | Failure => {
    if (file === undefined) return ANONYMOUS;
    const principal = identify(file, headers, clock.nowMs());
    if (principal === undefined)
      return new Failure(
        "unauthenticated",
        headers["authorization"] === undefined ? "this server asks for a token" : "the token is not known here",
      );
    if (isPermitted(principal, need)) return principal;
    return new Failure("forbidden", `the token ${principal.name} does not permit "${need}"`, {
      remedy: `Use a token from an "${need}" or "admin" line of the token file.`,
    });
  };
  return {
    required: file !== undefined,
    admit(request, need) {
      const foreign = guard.check(request);
      if (foreign !== undefined) return foreign;
      const principal = authenticate(request.headers, need);
      if (principal instanceof Failure) return principal;
      const tenant = tenantOf(request.headers, principal);
      return tenant instanceof Failure ? tenant : { name: principal.name, tenant, principal };
    },
    guard: guard.check,
    allowedOrigin: guard.allowedOrigin,
    authenticate,
    openSession(token) {
      if (file === undefined) return new Failure("bad-request", "this server asks for no token");
      const found = findToken(file.current(), digestOf(token));
      if (found === undefined) return new Failure("unauthenticated", "the token is not known here");
      const value = signSession(found, clock.nowMs());
      return { principal: principalOf(found, "session"), cookie: sessionCookie(value, options.secureCookies ?? false) };
    },
    closeSession: () => endedSessionCookie(options.secureCookies ?? false),
  };
}

/** `Authorization` decides where it is there; only without it a session cookie counts. */
function identify(file: TokenFile, headers: RequestHeaders, nowMs: number): Principal | undefined {
  const authorization = headerOf(headers, "authorization");
  if (authorization === undefined) {
    const session = sessionOf(headerOf(headers, "cookie"));
    const token = session === undefined ? undefined : verifySession(file.current(), session, nowMs);
    return token === undefined ? undefined : principalOf(token, "session");
  }
  const [scheme, credentials] = splitScheme(authorization);
  if (credentials === "") return undefined;
  if (scheme === "bearer") return known(file, credentials, "bearer");
  if (scheme !== "basic") return undefined;
  // The user's name is not looked at: clients that know only Basic send the token as the password.
  const pair = Buffer.from(credentials, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  return colon < 0 ? undefined : known(file, pair.slice(colon + 1), "basic");
}

function known(file: TokenFile, token: string, via: Principal["via"]): Principal | undefined {
  const found = findToken(file.current(), digestOf(token));
  return found === undefined ? undefined : principalOf(found, via);
}

function principalOf(token: Token, via: Principal["via"]): Principal {
  return { name: token.name, needs: token.needs, tenants: token.tenants, via };
}

function splitScheme(authorization: string): [scheme: string, credentials: string] {
  const at = authorization.indexOf(" ");
  if (at < 0) return [authorization.toLowerCase(), ""];
  return [authorization.slice(0, at).toLowerCase(), authorization.slice(at + 1).trim()];
}
