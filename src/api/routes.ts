import type { Route } from "./route.ts";
import { backupRoute, eraseRoute, quarantineRoute, replayRoute } from "./routes/administration.ts";
import { demoBreakRoute, demoRevealRoute, demoRoute } from "./routes/demo.ts";
import { deploysRoute } from "./routes/deploys.ts";
import { documentListRoute, documentRemoveRoute, documentRoute, documentWriteRoute } from "./routes/documents.ts";
import { explainRoute } from "./routes/explain.ts";
import { homeRoute } from "./routes/home.ts";
import {
  loadRunComparisonRoute,
  loadRunRemoveRoute,
  loadRunRoute,
  loadRunsRoute,
  loadRunWriteRoute,
} from "./routes/load-runs.ts";
import {
  logContextRoute,
  logFacetRoute,
  logFieldsRoute,
  logHistogramRoute,
  logPatternsRoute,
  logsRoute,
  logTailRoute,
} from "./routes/logs.ts";
import { labelsRoute, labelValuesRoute, metricsRoute, seriesRoute } from "./routes/metrics.ts";
import { serviceColoursRoute } from "./routes/service-colours.ts";
import { operationsRoute, serviceGraphRoute, servicesRoute } from "./routes/service-list.ts";
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
import { normalRoute, spanRoute, traceRoute, tracesRoute } from "./routes/traces.ts";

/** Every route under /api, as the reference lists them. Where two paths meet, the one without a parameter stands first. */
export function apiRoutes(startedMs: number): readonly Route[] {
  const routes: readonly Route[] = [
    statusRoute(startedMs),
    homeRoute(startedMs),
    servicesRoute,
    operationsRoute,
    serviceGraphRoute,
    deploysRoute,
    serviceColoursRoute,
    tracesRoute,
    traceRoute,
    spanRoute,
    normalRoute,
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
    metricsRoute,
    labelsRoute,
    labelValuesRoute,
    seriesRoute,
    loadRunsRoute,
    loadRunRoute,
    loadRunWriteRoute,
    loadRunRemoveRoute,
    loadRunComparisonRoute,
    sqlRoute,
    backupRoute,
    eraseRoute,
    quarantineRoute,
    replayRoute,
    sqlSchemaRoute(),
    explainRoute(() => routes),
    documentListRoute,
    documentRoute,
    documentWriteRoute,
    documentRemoveRoute,
    openSessionRoute,
    closeSessionRoute,
    demoRoute,
    demoBreakRoute,
    demoRevealRoute,
  ];
  return routes;
}
