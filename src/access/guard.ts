/**
 * Keeps pages of other sites away from a server that a browser can reach.
 *
 * Two attacks: a page elsewhere sends a request here (its Origin, or Sec-Fetch-Site, gives it away), or a page's own name is
 * rebound to our address (its Origin looks like ours, but the Host is a name we never gave ourselves). So each request's Host
 * must be ours, and an Origin must be the same as the Host or be allowed by name.
 *
 * What a browser cannot do needs no check: it cannot rebind an IP literal, it sends an Origin with every POST, PUT, PATCH and
 * DELETE, and it cannot add `Authorization` for a foreign page without asking first. A telemetry sender that reaches us under
 * a name from a container network therefore needs no entry in `allowedHosts` where we listen beyond loopback.
 */
import { isIP } from "node:net";
import { Failure } from "#runtime/failure.ts";
import { headerOf, type RequestHeaders } from "./request-headers.ts";

export interface GuardOptions {
  /** Host names or addresses we listen on ("127.0.0.1", "0.0.0.0", "::", "telemetry.internal"), without ports. */
  readonly listen: readonly string[];
  /** Further names that requests may use, without ports; ".example.org" is the name and all below it. */
  readonly allowedHosts: readonly string[];
  /** Origins of other sites' pages that may use us, as browsers send them: "https://shop.example.org". */
  readonly allowedOrigins: readonly string[];
}

export interface GuardedRequest {
  readonly method: string;
  readonly headers: RequestHeaders;
}

export interface Guard {
  /** Undefined if the request may go on, otherwise "forbidden" saying what is wrong. */
  check(request: GuardedRequest): Failure | undefined;
  /** The origin to name in `Access-Control-Allow-Origin`, if the request comes from an allowed other site. */
  allowedOrigin(headers: RequestHeaders): string | undefined;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);
const EVERY_ADDRESS: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

/** Loopback names and addresses: localhost (and below it, RFC 6761), 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const name = bareHost(host);
  if (name === "localhost" || name.endsWith(".localhost")) return true;
  if (isIP(name) === 4) return name.startsWith("127.");
  return name === "::1" || name.startsWith("::ffff:127.");
}

export function createGuard(options: GuardOptions): Guard {
  const listen = options.listen.map(bareHost);
  const exact = new Set([...listen, ...options.allowedHosts.map(bareHost)]);
  const suffixes = options.allowedHosts.filter((host) => host.startsWith(".")).map((host) => host.toLowerCase());
  const origins = new Set(options.allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  const everyAddress = listen.some((host) => EVERY_ADDRESS.has(host));
  const loopbackOnly = listen.every(isLoopback);

  const isOurs = (host: string): boolean =>
    isLoopback(host) ||
    exact.has(host) ||
    (everyAddress && isIP(host) !== 0) ||
    suffixes.some((suffix) => host.endsWith(suffix) || host === suffix.slice(1));

  return {
    check({ method, headers }) {
      const host = headerOf(headers, "host") ?? headerOf(headers, ":authority");
      const origin = headerOf(headers, "origin");
      const site = headerOf(headers, "sec-fetch-site");
      const fromBrowser = origin !== undefined || site !== undefined;
      // See above: a request with credentials of its own, or an unsafe one without Origin, is no browser's.
      const cannotBeRebound =
        !fromBrowser && !loopbackOnly && (headers["authorization"] !== undefined || !SAFE_METHODS.has(method));
      const name = host === undefined ? undefined : hostName(host);
      if (!cannotBeRebound && (name === undefined || !isOurs(name)))
        return new Failure("forbidden", `Host ${quoted(host ?? "")} is not a name of this server`, {
          remedy: "Use the address the server listens on, or add the name to `allowedHosts`.",
        });
      if (origin !== undefined) {
        if (origins.has(origin.toLowerCase()) || sameOrigin(origin, host)) return undefined;
        return new Failure("forbidden", `a page of ${quoted(origin)} may not use this server`, {
          remedy: "Add the origin to `allowedOrigins` if its pages are meant to use this server.",
        });
      }
      if (site === "cross-site" || site === "same-site") {
        // Following a link from elsewhere shows a page to the person, not to the other site.
        const followsLink =
          (method === "GET" || method === "HEAD") &&
          headerOf(headers, "sec-fetch-mode") === "navigate" &&
          headerOf(headers, "sec-fetch-dest") === "document";
        if (!followsLink) return new Failure("forbidden", "a page of another site may not use this server");
      }
      return undefined;
    },
    allowedOrigin(headers) {
      const origin = headerOf(headers, "origin");
      return origin !== undefined && origins.has(origin.toLowerCase()) ? origin : undefined;
    },
  };
}

/** "https://a.example:443" and Host "a.example" are one origin; the scheme is left to whatever ends TLS before us. */
function sameOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined) return false;
  const scheme = /^(https?):\/\/(.+)$/i.exec(origin);
  if (scheme === null) return false;
  const usualPort = scheme[1]!.toLowerCase() === "https" ? "443" : "80";
  const [name, port] = splitHost(scheme[2]!);
  const [ourName, ourPort] = splitHost(host);
  return name === ourName && (port ?? usualPort) === (ourPort ?? usualPort);
}

function hostName(host: string): string | undefined {
  const [name] = splitHost(host);
  return name === "" || /[\s/@\\]/.test(name) ? undefined : name;
}

function splitHost(host: string): [name: string, port: string | undefined] {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(host.trim());
  if (match === null) return ["", undefined];
  return [bareHost(match[1]!), match[2] === "" ? undefined : match[2]];
}

/** Lower case, without brackets and the root's dot. */
function bareHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "");
}

function quoted(value: string): string {
  return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}…` : value);
}
