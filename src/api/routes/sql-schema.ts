import { z } from "zod";
import { CALLABLE_FUNCTIONS } from "#engine/confined-functions.ts";
import { TABLES, VIEWS } from "#engine/schema/tables.ts";
import type { SqlSchema } from "../contract/shapes.ts";
import { route } from "../route.ts";

const sqlSchema: z.ZodType<SqlSchema> = z
  .object({
    tables: z.array(
      z.object({
        name: z.string(),
        comment: z.string(),
        columns: z.array(z.object({ name: z.string(), type: z.string() })),
      }),
    ),
    functions: z.array(z.string()),
  })
  .meta({ id: "SqlSchema" });

/** What people may read, the most asked for first. */
export const TABLE_COMMENTS: Readonly<Record<string, string>> = {
  spans: "Spans, a row each.",
  logs: "Log records, a row each; `template` is the body without what varies.",
  samples: "Data points of gauges and sums with the names and attributes of their series.",
  histograms: "Data points of histograms, exponential histograms and summaries; `series_id` leads to `series`.",
  series: "Metric series: name, type, unit and attributes; a row a day, use GROUP BY.",
  exemplars: "Measurements that lead to the trace they were made in.",
  traces: "One row a trace, kept by its spans as they come: aggregate it with GROUP BY trace_id.",
  span_stats: "Spans counted by service, name, kind and minute; `duration_buckets` has 8 buckets per doubling.",
  log_stats: "Log records counted by service, severity, template and minute.",
  service_edges: "Calls between services: half edges by `edge_id`, aggregate them with GROUP BY edge_id.",
  points: "Data points of gauges and sums without their series: what `samples` is made of.",
};

const DESCRIBE = `SELECT table, groupArray(name) AS names, groupArray(type) AS types FROM (
    SELECT table, name, type FROM system.columns
    WHERE database = currentDatabase() AND table IN {tables:Array(String)} ORDER BY table, position
  ) GROUP BY table`;

export const sqlSchemaRoute = route({
  path: "/sql/schema",
  summary: "Tables, columns and functions that SQL may use",
  description:
    "For completion. Combinators such as `countIf` and `quantilesArray` are allowed on top of the functions.",
  pathParameters: z.object({}),
  query: z.object({}),
  answer: sqlSchema,
  async handle({ dependencies, signal }): Promise<SqlSchema> {
    // The engine's own description knows the types of aliases and views, and columns that a later version added.
    const readable = [...TABLES, ...VIEWS].map(({ name }) => name);
    const { bytes } = await dependencies.engine.read(
      { sql: DESCRIBE, parameters: { tables: readable }, format: "JSONCompact" },
      signal,
    );
    const { data } = JSON.parse(Buffer.from(bytes).toString("utf8")) as { data: [string, string[], string[]][] };
    const order = Object.keys(TABLE_COMMENTS);
    return {
      tables: data
        .map(([name, names, types]) => ({
          name,
          comment: TABLE_COMMENTS[name] ?? "",
          columns: names.map((column, index) => ({ name: column, type: types[index]! })),
        }))
        .sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)),
      functions: CALLABLE_FUNCTIONS,
    };
  },
});
