import type { Metrics } from "../samples.ts";

/** The metrics of WebSockets, by number. */
export interface SocketMetrics {
  readonly sessions: number;
  readonly sent: number;
  readonly received: number;
  readonly ping: number;
  readonly sessionDuration: number;
  readonly connecting: number;
  readonly dataSent: number;
  readonly dataReceived: number;
}

const known = new WeakMap<Metrics, SocketMetrics>();

export function socketMetricsOf(metrics: Metrics): SocketMetrics {
  let found = known.get(metrics);
  if (found === undefined) {
    const counter = (name: string): number => metrics.define(name, "counter", "default").id;
    const trend = (name: string): number => metrics.define(name, "trend", "time").id;
    found = {
      sessions: counter("ws_sessions"),
      sent: counter("ws_msgs_sent"),
      received: counter("ws_msgs_received"),
      ping: trend("ws_ping"),
      sessionDuration: trend("ws_session_duration"),
      connecting: trend("ws_connecting"),
      dataSent: metrics.define("data_sent", "counter", "data").id,
      dataReceived: metrics.define("data_received", "counter", "data").id,
    };
    known.set(metrics, found);
  }
  return found;
}
