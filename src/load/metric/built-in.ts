import type { Metric, MetricContents, MetricType } from "../samples.ts";

/** The metrics that exist in every run, by k6's names. A registry holds them first and in this order: the place is the id. */
const DEFINITIONS = [
  ["vus", "gauge", "default"],
  ["vus_max", "gauge", "default"],
  ["iterations", "counter", "default"],
  ["iteration_duration", "trend", "time"],
  ["dropped_iterations", "counter", "default"],
  ["checks", "rate", "default"],
  ["group_duration", "trend", "time"],
  ["http_reqs", "counter", "default"],
  ["http_req_failed", "rate", "default"],
  ["http_req_duration", "trend", "time"],
  ["http_req_blocked", "trend", "time"],
  ["http_req_connecting", "trend", "time"],
  ["http_req_tls_handshaking", "trend", "time"],
  ["http_req_sending", "trend", "time"],
  ["http_req_waiting", "trend", "time"],
  ["http_req_receiving", "trend", "time"],
  ["ws_sessions", "counter", "default"],
  ["ws_msgs_sent", "counter", "default"],
  ["ws_msgs_received", "counter", "default"],
  ["ws_ping", "trend", "time"],
  ["ws_session_duration", "trend", "time"],
  ["ws_connecting", "trend", "time"],
  ["grpc_req_duration", "trend", "time"],
  ["data_sent", "counter", "data"],
  ["data_received", "counter", "data"],
  // Ours, not k6's: an arrival-rate iteration measured from the moment it was due instead of the moment it began.
  ["iteration_duration_from_schedule", "trend", "time"],
] as const satisfies readonly (readonly [string, MetricType, MetricContents])[];

export type BuiltInName = (typeof DEFINITIONS)[number][0];

export const BUILT_IN_METRICS: readonly Metric[] = DEFINITIONS.map(([name, type, contains], id) => ({
  id,
  name,
  type,
  contains,
}));

/** Ids by name: `METRIC.http_req_duration`. */
export const METRIC = Object.fromEntries(BUILT_IN_METRICS.map(({ name, id }) => [name, id])) as Readonly<
  Record<BuiltInName, number>
>;
