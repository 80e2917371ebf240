import type { HttpTimings } from "#client/exchange.ts";
import type { Metrics, Samples } from "../../samples.ts";

/** The metrics of HTTP, by number. */
export interface HttpMetrics {
  readonly requests: number;
  readonly failed: number;
  readonly duration: number;
  readonly blocked: number;
  readonly connecting: number;
  readonly tlsHandshaking: number;
  readonly sending: number;
  readonly waiting: number;
  readonly receiving: number;
  readonly dataSent: number;
  readonly dataReceived: number;
}

export function defineHttpMetrics(metrics: Metrics): HttpMetrics {
  const trend = (name: string): number => metrics.define(name, "trend", "time").id;
  return {
    requests: metrics.define("http_reqs", "counter", "default").id,
    failed: metrics.define("http_req_failed", "rate", "default").id,
    duration: trend("http_req_duration"),
    blocked: trend("http_req_blocked"),
    connecting: trend("http_req_connecting"),
    tlsHandshaking: trend("http_req_tls_handshaking"),
    sending: trend("http_req_sending"),
    waiting: trend("http_req_waiting"),
    receiving: trend("http_req_receiving"),
    dataSent: metrics.define("data_sent", "counter", "data").id,
    dataReceived: metrics.define("data_received", "counter", "data").id,
  };
}

/** Adds a request's samples. `failed` undefined: nobody asked whether the response was expected. `traceId`: of the trace that the request started. */
export function addSamples(
  samples: Samples,
  metrics: HttpMetrics,
  tags: number,
  timings: HttpTimings,
  endUnixMs: number,
  failed: boolean | undefined,
  traceId: string | undefined,
): void {
  samples.add(metrics.requests, tags, 1, endUnixMs);
  samples.add(metrics.duration, tags, timings.sending + timings.waiting + timings.receiving, endUnixMs, traceId);
  samples.add(metrics.blocked, tags, timings.blocked, endUnixMs);
  samples.add(metrics.connecting, tags, timings.connecting, endUnixMs);
  samples.add(metrics.tlsHandshaking, tags, timings.tlsHandshaking, endUnixMs);
  samples.add(metrics.sending, tags, timings.sending, endUnixMs);
  samples.add(metrics.waiting, tags, timings.waiting, endUnixMs);
  samples.add(metrics.receiving, tags, timings.receiving, endUnixMs);
  if (failed !== undefined) samples.add(metrics.failed, tags, failed ? 1 : 0, endUnixMs);
}
