/** k6's error codes below 1400, and what it says for them (documented at grafana.com/docs/k6, "Error codes"). */
export const FAILURE_CODE = {
  other: 1000,
  notTcp: 1010,
  invalidUrl: 1020,
  timeout: 1050,
  dns: 1100,
  noSuchHost: 1101,
  blockedRange: 1110,
  blockedHostname: 1111,
  tcp: 1200,
  brokenPipe: 1201,
  dial: 1210,
  dialTimeout: 1211,
  dialRefused: 1212,
  dialOther: 1213,
  reset: 1220,
  tls: 1300,
  unknownAuthority: 1310,
  wrongHostname: 1311,
  http2: 1600,
  http2GoAway: 1610,
  http2Stream: 1630,
  http2Connection: 1650,
  decompression: 1701,
} as const;

/** An exchange's failure on its way to an HttpFailure. */
export class ExchangeError extends Error {
  readonly errorCode: number;

  constructor(errorCode: number, message: string) {
    super(message);
    this.name = "ExchangeError";
    this.errorCode = errorCode;
  }
}

const UNKNOWN_AUTHORITY = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
]);

/** What Node says of a socket that failed, in k6's terms. `phase`: what was being done. */
export function classify(error: unknown, phase: "dial" | "tls" | "exchange"): ExchangeError {
  if (error instanceof ExchangeError) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const name = typeof code === "string" ? code : "";
  const text = typeof message === "string" ? message : String(error);
  if (name === "ENOTFOUND" || name === "ENODATA")
    return new ExchangeError(FAILURE_CODE.noSuchHost, "lookup: no such host");
  if (name === "EAI_AGAIN" || name.startsWith("EAI_")) return new ExchangeError(FAILURE_CODE.dns, `lookup: ${text}`);
  if (phase === "dial") return dialFailure(name, text);
  if (name === "ERR_TLS_CERT_ALTNAME_INVALID")
    return new ExchangeError(FAILURE_CODE.wrongHostname, `x509: certificate doesn't match hostname (${text})`);
  if (UNKNOWN_AUTHORITY.has(name)) return new ExchangeError(FAILURE_CODE.unknownAuthority, "x509: unknown authority");
  if (name === "CERT_HAS_EXPIRED" || name === "CERT_NOT_YET_VALID")
    return new ExchangeError(FAILURE_CODE.tls, "tls: certificate has expired or is not yet valid");
  if (name.startsWith("CERT_") || name.startsWith("ERR_TLS_") || name.startsWith("ERR_SSL_") || name === "EPROTO")
    return new ExchangeError(FAILURE_CODE.tls, `tls: ${text}`);
  if (name === "ECONNRESET")
    return text.includes("before secure TLS connection")
      ? new ExchangeError(FAILURE_CODE.other, "EOF")
      : new ExchangeError(FAILURE_CODE.reset, "read: connection reset by peer");
  if (name === "EPIPE") return new ExchangeError(FAILURE_CODE.brokenPipe, "write: broken pipe");
  if (name === "ETIMEDOUT") return new ExchangeError(FAILURE_CODE.tcp, "read: connection timed out");
  if (phase === "tls") return new ExchangeError(FAILURE_CODE.tls, `tls: ${text}`);
  return new ExchangeError(name === "" ? FAILURE_CODE.other : FAILURE_CODE.tcp, text);
}

function dialFailure(name: string, text: string): ExchangeError {
  if (name === "ECONNREFUSED") return new ExchangeError(FAILURE_CODE.dialRefused, "dial: connection refused");
  if (name === "ETIMEDOUT") return new ExchangeError(FAILURE_CODE.dialTimeout, "dial: i/o timeout");
  if (name === "ECONNRESET") return new ExchangeError(FAILURE_CODE.reset, "dial: connection reset by peer");
  return name === ""
    ? new ExchangeError(FAILURE_CODE.dial, `dial: ${text}`)
    : new ExchangeError(FAILURE_CODE.dialOther, `dial: ${dialText(name, text)}`);
}

function dialText(name: string, text: string): string {
  if (name === "EHOSTUNREACH") return "no route to host";
  if (name === "ENETUNREACH") return "network is unreachable";
  if (name === "EADDRNOTAVAIL") return "cannot assign requested address";
  return text;
}
