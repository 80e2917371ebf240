import { z } from "zod";
import { isAllowedFunction } from "#engine/confined-functions.ts";
import type { Engine } from "#engine/engine.ts";
import { readRows } from "#engine/rows.ts";
import { TABLES, VIEWS } from "#engine/schema/tables.ts";
import type { SqlSchema } from "../contract/shapes.ts";
import { route } from "../route.ts";
import { sqlSchema } from "../schema/sql.ts";

/** What people find in each table, for completion and the reference. */
const COMMENTS: Readonly<Record<string, string>> = {
  spans: "One row a span. attributes['k'] and resource_attributes['k'] answer for every attribute.",
  traces: "One row a trace and day, in parts: GROUP BY trace_id.",
  span_stats: "Rate, errors and durations by service, name, kind and minute.",
  service_edges: "Who calls whom, by hour: half calls that meet by edge_id.",
  logs: "One row a log record. hasPhrase(lower(body), 'some words') uses the text index.",
  log_stats: "Log records by service, severity, template and minute.",
  series: "What is known of each series of a metric.",
  points: "Data points of gauges and sums; `samples` has their attributes too.",
  histograms: "Data points of histograms and summaries.",
  exemplars: "Measurements that name the trace they were made in.",
  samples: "Data points with the names and attributes of their series.",
};
/** Columns that are the loader's business. */
const HIDDEN: ReadonlySet<string> = new Set(["tenant", "load"]);

/** Reads the schema from the engine itself, once: it cannot change while the program runs. */
export function sqlSchemaRoute() {
  let known: Promise<SqlSchema> | undefined;
  return route({
    path: "/sql/schema",
    summary: "Tables, columns and functions of POST /sql, for completion",
    pathParameters: z.object({}),
    query: z.object({}),
    answer: sqlSchema,
    handle({ dependencies }): Promise<SqlSchema> {
      known ??= readSchema(dependencies.engine).catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
  });
}

async function readSchema(engine: Engine): Promise<SqlSchema> {
  const names = [...TABLES.map(({ name }) => name), ...VIEWS.map(({ name }) => name)];
  const columns = await readRows<[string, string, string]>(
    engine,
    "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN {names:Array(String)} ORDER BY table, position",
    { names },
  );
  const functions = await readRows<[string]>(engine, "SELECT name FROM system.functions ORDER BY name");
  return {
    tables: names.map((name) => ({
      name,
      comment: COMMENTS[name] ?? "",
      columns: columns.flatMap(([table, column, type]) =>
        table === name && !HIDDEN.has(column) ? [{ name: column, type }] : [],
      ),
    })),
    functions: functions.flatMap(([name]) => (isAllowedFunction(name) ? [name] : [])),
  };
}
