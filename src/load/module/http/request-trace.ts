import { randomFillSync } from "node:crypto";
import type { LoadUser } from "../../load-user.ts";

/**
 * Trace context of requests (W3C Trace Context, version 00): each request starts a trace of its own, sampled, whose id goes
 * with the sample of the request's duration. Who runs a load test says which requests with `traceRequests`.
 */
export interface RequestTraces {
  /** False: this request carries no trace context (sampled out, another host …). */
  wants(user: LoadUser, url: string): boolean;
}

/** Random bytes are drawn many at a time: asking for 24 costs as much as asking for thousands. */
const POOL = Buffer.allocUnsafeSlow(24 * 512);
let poolAt = POOL.length;

/** `00-<trace id>-<span id>-01`. */
export function newTraceparent(): string {
  if (poolAt === POOL.length) {
    randomFillSync(POOL);
    poolAt = 0;
  }
  const hex = POOL.toString("hex", poolAt, poolAt + 24);
  poolAt += 24;
  // An id of zeros only is none; 2^-64 happens in a long enough life.
  const traceId = hex.slice(0, 32);
  const spanId = hex.slice(32);
  return `00-${/^0+$/.test(traceId) ? "1".padStart(32, "0") : traceId}-${/^0+$/.test(spanId) ? "1".padStart(16, "0") : spanId}-01`;
}

export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
