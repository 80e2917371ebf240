/**
 * How often each limit of the receivers was met. One list, so that what is counted, exported and documented cannot differ.
 */
export const RECEIVER_LIMITS = {
  "in-flight-bytes": "bodies being received or decoded hold as many bytes as allowed",
  "in-flight-requests": "as many requests are under way as allowed",
  "connection-bytes": "one connection's bodies hold as many bytes as one connection may",
  "connection-requests": "one connection has as many requests under way as one connection may",
  "body-size": "a body is larger than allowed",
  "body-time": "a body arrived too slowly",
  "body-evicted": "a slow body was given up to make room for others",
  "body-fragments": "a body came in too many tiny pieces",
  "quota-bytes": "a tenant sent more bytes a second than its quota",
  "quota-records": "a tenant sent more records a second than its quota",
  connections: "the least active connection was closed, or a new one refused, because there are as many as allowed",
  "header-time": "a request's headers, or a connection's first bytes, arrived too slowly",
  "header-size": "a request's headers are larger than allowed",
  malformed: "bytes that are no request of the protocol",
  "stream-resets": "a connection reset more streams than a sender would",
  "control-frames": "a connection sent more pings or settings than a sender would",
  unauthenticated: "a request without a valid token",
  forbidden: "a request from a foreign page, for a foreign tenant or with a token of another kind",
} as const;

export type ReceiverLimit = keyof typeof RECEIVER_LIMITS;

export const RECEIVER_LIMIT_NAMES = Object.keys(RECEIVER_LIMITS) as readonly ReceiverLimit[];

export class LimitCounts {
  readonly #counts = new Map<ReceiverLimit, number>();

  add(limit: ReceiverLimit): void {
    this.#counts.set(limit, (this.#counts.get(limit) ?? 0) + 1);
  }

  /** Every limit, those never met with 0. */
  snapshot(): Readonly<Record<ReceiverLimit, number>> {
    return Object.fromEntries(RECEIVER_LIMIT_NAMES.map((name) => [name, this.#counts.get(name) ?? 0])) as Record<
      ReceiverLimit,
      number
    >;
  }
}
