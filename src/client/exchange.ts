/**
 * One HTTP request as sent and what came back: plain data, so that it can be had from a helper thread as well. Redirects,
 * cookies, authentication and content decoding are the caller's.
 */
export interface HttpRequest {
  readonly method: string;
  /** `http:` or `https:`, host, port, path and query, already resolved and percent-encoded. */
  readonly url: string;
  /** In the order sent, names as written. `Host`, `Content-Length` and `Connection` are added when missing. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
  readonly timeoutMs: number;
  /** Read the body and throw it away: `HttpExchange.body` is empty. */
  readonly discardBody: boolean;
}

/** Milliseconds, as k6 defines its timings: duration = sending + waiting + receiving. */
export interface HttpTimings {
  readonly blocked: number;
  readonly lookingUp: number;
  readonly connecting: number;
  readonly tlsHandshaking: number;
  readonly sending: number;
  readonly waiting: number;
  readonly receiving: number;
}

/** The server answered. */
export interface HttpExchange {
  readonly status: number;
  /** As the status line has it: `OK`; empty in HTTP/2. */
  readonly statusText: string;
  readonly protocol: "HTTP/1.0" | "HTTP/1.1" | "HTTP/2.0";
  /** The header block as received (`name: value` lines; in HTTP/2 written the same way): read it only when asked for a header. */
  readonly head: string;
  /** After chunking, before content decoding. */
  readonly body: Uint8Array;
  readonly timings: HttpTimings;
  readonly startUnixMs: number;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly tlsVersion: string;
  readonly tlsCipherSuite: string;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** No answer: what failed, with k6's error_code (1000 to 1799) and whatever was measured until then. */
export interface HttpFailure {
  readonly errorCode: number;
  readonly error: string;
  readonly timings: HttpTimings;
  readonly startUnixMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}
