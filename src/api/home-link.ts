import type { FoundProblem } from "#query/home-problems.ts";
import { printFilter } from "./contract/filter.ts";

const PATHS = { traces: "/traces", logs: "/logs", metrics: "/metrics", services: "/services", home: "/" } as const;

/** A view of the web interface as path and search, with absolute times, by the interface's address schema. */
export function homeLink(target: FoundProblem["target"]): string {
  const search = new URLSearchParams();
  search.set("from", new Date(target.fromMs).toISOString());
  search.set("to", new Date(target.toMs).toISOString());
  for (const filter of target.where) search.append("where", printFilter(filter));
  if (target.select !== undefined) search.set("select", `=${printFilter(target.select)}`);
  if (target.metric !== undefined) search.set("metric", target.metric);
  if (target.sort === "duration") search.set("sort", "-duration");
  return `${PATHS[target.view]}?${search}`;
}
