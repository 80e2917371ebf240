import type { Route } from "./route.ts";
import { logsRoute } from "./routes/logs.ts";
import { servicesRoute } from "./routes/service-list.ts";
import { sqlRoute } from "./routes/sql.ts";
import { statusRoute } from "./routes/status.ts";
import { traceRoute, tracesRoute } from "./routes/traces.ts";

/** Every route under /api. */
export function apiRoutes(startedMs: number): readonly Route[] {
  return [statusRoute(startedMs), servicesRoute, tracesRoute, traceRoute, logsRoute, sqlRoute];
}
