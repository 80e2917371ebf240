import { createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { FailureNote, Later, SkeletonRows } from "./part/answer.tsx";
import { Empty } from "./part/empty.tsx";
import { Shell } from "./part/shell.tsx";
import { ViewTitle } from "./part/view-title.tsx";
import { type Address, parseAddress, printAddress } from "./state/address.ts";

/** Every view is its own file, fetched when it is first wanted. */
const root = createRootRoute({
  component: Shell,
  validateSearch: (search): Address => search as Address,
  notFoundComponent: () => (
    <>
      <ViewTitle>
        <h1>No such place</h1>
      </ViewTitle>
      <Empty icon="question" title="No such place" text="The address names no view. Use the rail, or press ⌘K." />
    </>
  ),
});

const view = <Path extends string>(
  path: Path,
  load: () => Promise<Record<string, React.ComponentType>>,
  name: string,
) => createRoute({ getParentRoute: () => root, path, component: lazyRouteComponent(load, name) });

const tree = root.addChildren([
  view("/", () => import("./view/home/home.tsx"), "Home"),
  view("/services", () => import("./view/service/service-list.tsx"), "Services"),
  view("/services/$service", () => import("./view/service/service.tsx"), "Service"),
  view("/traces", () => import("./view/traces/traces.tsx"), "Traces"),
  view("/traces/$traceId", () => import("./view/trace/trace.tsx"), "TraceView"),
  view("/logs", () => import("./view/logs/logs.tsx"), "Logs"),
  view("/metrics", () => import("./view/metrics/metrics.tsx"), "Metrics"),
  view("/sql", () => import("./view/sql/sql.tsx"), "Sql"),
  view("/trails/$trailId", () => import("./view/trails/trail.tsx"), "TrailView"),
  view("/v/$viewId", () => import("./view/trails/saved-view.tsx"), "SavedViewRedirect"),
  createRoute({
    getParentRoute: () => root,
    path: "/trace/$traceId",
    beforeLoad: ({ params, search }) => {
      throw redirect({ to: "/traces/$traceId", params: { traceId: params.traceId }, search });
    },
  }),
]);

export const router = createRouter({
  routeTree: tree,
  parseSearch: (search) => parseAddress(search) as Record<string, unknown>,
  stringifySearch: (search) => printAddress(search as Address),
  defaultPreload: false,
  defaultPendingMs: 150,
  defaultPendingMinMs: 0,
  defaultPendingComponent: () => (
    <Later>
      <SkeletonRows />
    </Later>
  ),
  defaultErrorComponent: ({ error, reset }) => (
    <FailureNote error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
  ),
});
