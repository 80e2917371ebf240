import type { Signal } from "#model/batch.ts";
import type { Engine } from "./engine.ts";
import { loadGate } from "./load-gate.ts";
import { readRows } from "./rows.ts";
import { localName, onCluster } from "./schema/ddl.ts";
import { TABLES } from "./schema/tables.ts";

/** How long rows are kept, by signal; a tenant may have its own. A day goes once all of it is older than that. */
export interface RetentionPolicy {
  readonly maxAgeMs: Readonly<Record<Signal, number>>;
  readonly tenants: ReadonlyMap<string, Readonly<Partial<Record<Signal, number>>>>;
}

export interface Dropped {
  readonly table: string;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly rows: number;
  /** Bytes on disk that come back within a minute or two. */
  readonly sizeBytes: number;
  /** The tenants whose rows were deleted; undefined where the whole day was dropped. */
  readonly tenants: "expired" | undefined;
}

const DAY_MS = 86_400_000;

/** The tables of a signal, the rows themselves and their summaries. */
export function tablesOfSignal(signal: Signal): readonly string[] {
  return TABLES.filter(({ filledFrom }) => {
    if (filledFrom === "spans") return signal === "traces";
    if (filledFrom === "logs") return signal === "logs";
    return signal === "metrics";
  }).map(({ name }) => name);
}

interface DayOfTable {
  readonly table: string;
  readonly date: string;
  readonly rows: number;
  readonly sizeBytes: number;
}

/** Days of our tables with what they hold, oldest first. */
export async function readDays(engine: Engine, signal?: AbortSignal): Promise<DayOfTable[]> {
  const { cluster } = engine.status();
  const names = new Map(TABLES.map(({ name }) => [localName(name, cluster), name]));
  const rows = await readRows<[string, string, string, string]>(
    engine,
    `SELECT table, partition, toString(sum(rows)), toString(sum(bytes_on_disk)) FROM system.parts
      WHERE database = currentDatabase() AND active AND table IN {tables:Array(String)}
      GROUP BY table, partition ORDER BY partition, table`,
    { tables: [...names.keys()] },
    signal,
  );
  return rows.map(([table, date, count, sizeBytes]) => ({
    table: names.get(table)!,
    date,
    rows: Number(count),
    sizeBytes: Number(sizeBytes),
  }));
}

/** Drops the days and deletes the tenants' rows that are too old. Does nothing the second time. */
export async function dropExpired(
  engine: Engine,
  policy: RetentionPolicy,
  nowUnixMs: number,
  signal?: AbortSignal,
): Promise<Dropped[]> {
  const dropped: Dropped[] = [];
  const days = await readDays(engine, signal);
  for (const which of ["traces", "logs", "metrics"] as const) {
    const own = [...policy.tenants].flatMap(([tenant, ages]) =>
      ages[which] === undefined ? [] : [{ tenant, maxAgeMs: ages[which] }],
    );
    const tables = new Set(tablesOfSignal(which));
    for (const day of days.filter(({ table }) => tables.has(table))) {
      const ageMs = nowUnixMs - (Date.parse(`${day.date}T00:00:00Z`) + DAY_MS);
      const isOld = ageMs > policy.maxAgeMs[which];
      const old = own.filter(({ maxAgeMs }) => ageMs > maxAgeMs).map(({ tenant }) => tenant);
      const kept = own.filter(({ maxAgeMs }) => ageMs <= maxAgeMs).map(({ tenant }) => tenant);
      if (isOld && kept.length === 0) {
        await dropDay(engine, day.table, day.date, signal);
        dropped.push({ ...day, tenants: undefined });
      } else if (isOld || old.length > 0) {
        const rows = await deleteRows(
          engine,
          day,
          isOld ? "tenant NOT IN {tenants:Array(String)}" : "tenant IN {tenants:Array(String)}",
          { tenants: isOld ? kept : old },
          signal,
        );
        if (rows > 0) dropped.push({ ...day, rows, tenants: "expired" });
      }
    }
  }
  return dropped;
}

/**
 * Drops the oldest days, of all signals at once, until what is left is within `budgetBytes`. The newest day is never
 * dropped: if that alone is over the budget, only ingest can help, by refusing.
 */
export async function dropOldest(engine: Engine, budgetBytes: number, signal?: AbortSignal): Promise<Dropped[]> {
  const days = await readDays(engine, signal);
  const newest = days.at(-1)?.date;
  let usedBytes = days.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const dropped: Dropped[] = [];
  for (const date of new Set(days.map((day) => day.date))) {
    if (usedBytes <= budgetBytes || date === newest) break;
    for (const day of days.filter((one) => one.date === date)) {
      await dropDay(engine, day.table, date, signal);
      usedBytes -= day.sizeBytes;
      dropped.push({ ...day, tenants: undefined });
    }
  }
  return dropped;
}

/** A load that is half way must not find its day gone from one table and there in the next. */
async function dropDay(engine: Engine, table: string, date: string, signal: AbortSignal | undefined): Promise<void> {
  const { cluster } = engine.status();
  await loadGate.alone(
    async () =>
      await engine.execute(
        `ALTER TABLE ${localName(table, cluster)}${onCluster(cluster)} DROP PARTITION {date:String}`,
        { date },
        signal,
      ),
  );
}

/** Deletes rows of a table, or of one day of it, for good: a mutation, which rewrites their parts. Answers how many there were. */
export async function deleteRows(
  engine: Engine,
  { table, date }: { readonly table: string; readonly date?: string },
  where: string,
  parameters: Readonly<Record<string, string | readonly string[]>>,
  signal?: AbortSignal,
): Promise<number> {
  const { cluster } = engine.status();
  const day = date === undefined ? {} : { date };
  const partition = TABLES.find(({ name }) => name === table)!.partitionBy;
  const [row] = await readRows<[string]>(
    engine,
    `SELECT toString(count()) FROM ${table} WHERE ${date === undefined ? "" : `${partition} = {date:Date} AND `}${where}`,
    { ...parameters, ...day },
    signal,
  );
  const rows = Number(row?.[0] ?? 0);
  if (rows > 0)
    await engine.execute(
      `ALTER TABLE ${localName(table, cluster)}${onCluster(cluster)} DELETE${date === undefined ? "" : " IN PARTITION {date:String}"}
        WHERE ${where} SETTINGS mutations_sync = 2`,
      { ...parameters, ...day },
      signal,
    );
  return rows;
}
