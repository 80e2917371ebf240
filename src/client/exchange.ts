/**
 * One HTTP request as sent and what came back: plain data, so that it can be had from a helper thread as well. Redirects,
 * cookies, authentication and content decoding are the caller's.
 */
export interface HttpRequest {
  readonly method: string;
  /** `http:` or `https:`, host, port, path and query, already resolved and percent-encoded. */
  readonly url: string;
  /**
   * In the order sent, names as written. `Host`, `Content-Length` and `Connection` are added when missing. Encoded once for
   * each array: who sends the same headers again passes the same array again and leaves it as it is.
   */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Header lines that change with every request (`Cookie`, `traceparent`), ready to send: `name: value\r\n` each. */
  readonly extraHead?: string;
  readonly body: Uint8Array | undefined;
  readonly timeoutMs: number;
  /** Read the body and throw it away: `HttpExchange.body` is empty. */
  readonly discardBody: boolean;
}

/** Milliseconds, as k6 defines its timings: duration = sending + waiting + receiving; blocked holds the three of connecting. */
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
  /**
   * The header block as received (`name: value` lines, without the status line; in HTTP/2 written the same way), one character
   * a byte: read it only when asked for a header (`response-head.ts`).
   */
  readonly head: string;
  /** After chunking, before content decoding. */
  readonly body: Uint8Array;
  readonly timings: HttpTimings;
  readonly startUnixMs: number;
  readonly remoteIp: string;
  readonly remotePort: number;
  /** `tls1.3`; empty without TLS. */
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
  /** Empty and 0 when it failed before there was a connection. */
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export type HttpAnswer = HttpExchange | HttpFailure;

export function isHttpFailure(answer: HttpAnswer): answer is HttpFailure {
  return "errorCode" in answer;
}
