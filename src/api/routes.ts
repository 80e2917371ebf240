import type { Route } from "./route.ts";
import { homeRoute } from "./routes/home.ts";
import {
  logContextRoute,
  logFacetRoute,
  logFieldsRoute,
  logHistogramRoute,
  logPatternsRoute,
  logsRoute,
  logTailRoute,
} from "./routes/logs.ts";
import { operationsRoute, serviceGraphRoute } from "./routes/service-graph.ts";
import { servicesRoute } from "./routes/service-list.ts";
import {
  differencesRoute,
  heatmapRoute,
  spanFacetRoute,
  spanFieldsRoute,
  spanHistogramRoute,
  spansRoute,
} from "./routes/spans.ts";
import { sqlRoute } from "./routes/sql.ts";
import { statusRoute } from "./routes/status.ts";
import { spanRoute, traceRoute, tracesRoute } from "./routes/traces.ts";

/** Every route under /api. */
export function apiRoutes(startedMs: number): readonly Route[] {
  return [
    statusRoute(startedMs),
    homeRoute(startedMs),
    servicesRoute,
    operationsRoute,
    serviceGraphRoute,
    tracesRoute,
    traceRoute,
    spanRoute,
    spansRoute,
    heatmapRoute,
    spanHistogramRoute,
    spanFacetRoute,
    spanFieldsRoute,
    differencesRoute,
    logsRoute,
    logHistogramRoute,
    logFacetRoute,
    logFieldsRoute,
    logPatternsRoute,
    logContextRoute,
    logTailRoute(),
    sqlRoute,
  ];
}
