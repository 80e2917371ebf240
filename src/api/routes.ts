import type { Route } from "./route.ts";
import { demoBreakRoute, demoRevealRoute, demoRoute } from "./routes/demo.ts";
import { deleteDocumentRoute, documentRoute, documentsRoute, putDocumentRoute } from "./routes/documents.ts";
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
import { openApiRoutes } from "./routes/openapi.ts";
import { serviceColoursRoute } from "./routes/service-colours.ts";
import { operationsRoute, serviceGraphRoute } from "./routes/service-graph.ts";
import { servicesRoute } from "./routes/service-list.ts";
import { closeSessionRoute, openSessionRoute } from "./routes/session.ts";
import {
  differencesRoute,
  heatmapRoute,
  spanFacetRoute,
  spanFieldsRoute,
  spanHistogramRoute,
  spansRoute,
} from "./routes/spans.ts";
import { sqlRoute } from "./routes/sql.ts";
import { sqlSchemaRoute } from "./routes/sql-schema.ts";
import { statusRoute } from "./routes/status.ts";
import { spanRoute, traceRoute, tracesRoute } from "./routes/traces.ts";

/** Every route under /api. */
export function apiRoutes(startedMs: number): readonly Route[] {
  const routes: Route[] = [
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
    sqlSchemaRoute,
    documentsRoute,
    documentRoute,
    putDocumentRoute,
    deleteDocumentRoute,
    serviceColoursRoute(),
    openSessionRoute,
    closeSessionRoute,
    demoRoute,
    demoBreakRoute,
    demoRevealRoute,
  ];
  routes.push(...openApiRoutes(() => routes));
  return routes;
}
