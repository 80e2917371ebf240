import type { Engine } from "./engine.ts";
import { loadGate } from "./load-gate.ts";
import { deleteRows } from "./retention.ts";
import { readRows } from "./rows.ts";
import { insertColumnsSql, recipeSql } from "./schema/ddl.ts";
import { TABLES, type Table } from "./schema/tables.ts";

export interface Erased {
  /** Rows deleted from tables of rows; summaries are not counted. */
  readonly rows: number;
  /** Days and summaries that were rebuilt. */
  readonly rebuilt: readonly { readonly table: string; readonly date: string }[];
}

/**
 * Deletes all rows of a tenant from every table, for good. Every row of every table is one tenant's, summaries too, so nothing
 * has to be rebuilt. Cut off, it is started again. What is still in the journal comes after: let the loader finish first.
 */
export async function eraseTenant(engine: Engine, tenant: string, signal?: AbortSignal): Promise<Erased> {
  let rows = 0;
  for (const { name, summaryOf } of TABLES) {
    const deleted = await deleteRows(engine, { table: name }, "tenant = {tenant:String}", { tenant }, signal);
    if (summaryOf === undefined) rows += deleted;
  }
  return { rows, rebuilt: [] };
}

/**
 * Deletes a trace's spans, logs and exemplars, and rebuilds the summaries of the days it was in from the rows that are left.
 * `traces` is rebuilt last: while a day's work is not done the trace still stands there, so that a second attempt finds it.
 * In a cluster counts stay as they were (span statistics, edges, log statistics): only the trace's own row is deleted.
 */
export async function eraseTrace(
  engine: Engine,
  tenant: string,
  traceId: string,
  signal?: AbortSignal,
): Promise<Erased> {
  const where = "tenant = {tenant:String} AND trace_id = {trace:String}";
  const parameters = { tenant, trace: traceId };
  const days = new Map<string, Set<string>>();
  for (const { name, partitionBy } of TABLES.filter(({ columns }) =>
    columns.some((column) => column.name === "trace_id"),
  )) {
    const found = await readRows<[string]>(
      engine,
      `SELECT DISTINCT toString(${partitionBy}) FROM ${name} WHERE ${where}`,
      parameters,
      signal,
    );
    days.set(name, new Set(found.map(([date]) => date)));
  }
  // A cut-off attempt may have deleted the spans already: the days stand in `traces` too.
  const spanDays = new Set([...(days.get("spans") ?? []), ...(days.get("traces") ?? [])]);
  const logDays = days.get("logs") ?? new Set();
  let rows = 0;
  for (const table of ["spans", "logs", "exemplars"])
    for (const date of days.get(table) ?? [])
      rows += await deleteRows(engine, { table, date }, where, parameters, signal);

  const rebuilt: { table: string; date: string }[] = [];
  const summaries = [
    ...TABLES.filter(({ name, summaryOf }) => summaryOf !== undefined && name !== "traces"),
    tracesTable(),
  ];
  for (const table of summaries) {
    for (const date of table.summaryOf === "spans" ? spanDays : logDays) {
      if (engine.status().cluster === undefined) {
        await rebuildDay(engine, table, date, tenant, signal);
        rebuilt.push({ table: table.name, date });
      } else if (table.name === "traces")
        await deleteRows(engine, { table: "traces", date }, where, parameters, signal);
    }
  }
  return { rows, rebuilt };
}

function tracesTable(): Table {
  return TABLES.find(({ name }) => name === "traces")!;
}

/**
 * Makes a tenant's share of one day of a summary anew out of the rows it summarises, and puts it in place in one step. No load
 * may run meanwhile: what it added after the copy was taken would be lost with the old partition.
 */
export async function rebuildDay(
  engine: Engine,
  table: Table,
  date: string,
  tenant: string,
  signal?: AbortSignal,
): Promise<void> {
  if (table.summaryOf === undefined) throw new Error(`${table.name} is no summary`);
  const twin = `${table.name}_rebuilt`;
  const where = `${table.partitionDate} = {date:Date} AND tenant = {tenant:String} AND load <= {newest:UInt64}`;
  const recipe = recipeSql(table, "load", where).replaceAll("{block}", table.summaryOf);
  await loadGate.alone(async () => {
    // A load that came half way may be in the rows and not yet in the summary. It must not come in for this tenant alone:
    // the loader would find its number and take the whole day as done.
    const [newest] = await readRows<[string]>(
      engine,
      `SELECT toString(max(load)) FROM ${table.name} WHERE ${table.partitionBy} = {date:Date}`,
      { date },
      signal,
    );
    const parameters = { date, tenant, newest: newest?.[0] ?? "0" };
    await engine.execute(`DROP TABLE IF EXISTS ${twin} SYNC`);
    try {
      await engine.execute(`CREATE TABLE ${twin} AS ${table.name}`);
      const others = `SELECT * FROM ${table.name} WHERE ${table.partitionBy} = {date:Date} AND tenant != {tenant:String}`;
      await engine.execute(insertColumnsSql(table, twin, others), parameters, signal);
      await engine.execute(insertColumnsSql(table, twin, recipe), parameters, signal);
      const [row] = await readRows<[string]>(engine, `SELECT toString(count()) FROM ${twin}`, {}, signal);
      await engine.execute(
        row?.[0] === "0"
          ? `ALTER TABLE ${table.name} DROP PARTITION {date:String}`
          : `ALTER TABLE ${table.name} REPLACE PARTITION {date:String} FROM ${twin}`,
        { date },
        signal,
      );
    } finally {
      await engine.execute(`DROP TABLE IF EXISTS ${twin} SYNC`);
    }
  });
}
