import type { Engine, StagedBlock } from "./engine.ts";
import { loadGate } from "./load-gate.ts";
import { readRows } from "./rows.ts";
import { insertComment, insertSql } from "./schema/ddl.ts";
import { STAGED, type StagedKind } from "./schema/staged.ts";
import { TABLES, type Table } from "./schema/tables.ts";

/**
 * Loading exactly once, by position in the data.
 *
 * A load has a number, and each row of every table keeps it. A table is filled by one INSERT, which makes one part in each
 * partition (schema/ddl.ts), and a part is there or not: so a partition has all of a load's rows or none. After an outcome
 * that is not known (an error, a restart, a kill) `finishLoad` asks every table which partitions have the load, and inserts
 * what is missing.
 *
 * Why asking for `load = N` is exact, in summaries too, where a row keeps only the newest of the loads merged into it: loads
 * of one kind follow one another, so while N is open no row has a greater number, and none of N's rows can have lost it.
 * Numbers must therefore only grow: a journal that starts anew must go on from `newestLoad`.
 */
export interface LoadBlock {
  readonly kind: StagedKind;
  /** Native blocks of STAGED[kind], written one after the other. */
  readonly parts: readonly Uint8Array[];
  /** Every day (YYYY-MM-DD, UTC) that has rows; days without any do no harm. */
  readonly dates: readonly string[];
}

export interface MissingPartitions {
  readonly table: string;
  readonly dates: readonly string[];
}

/** The engine refuses an INSERT into more than 100 partitions. */
const DATES_PER_INSERT = 90;

/** Inserts a load that was never tried before. After any error the outcome is unknown: `finishLoad`. */
export async function insertLoad(
  engine: Engine,
  load: number,
  blocks: readonly LoadBlock[],
  signal?: AbortSignal,
): Promise<void> {
  await loadGate.together(async () => await insertBlocks(engine, load, blocks, (_table, block) => block.dates, signal));
}

/** Inserts what a load that was tried before is still missing. May be called again after an error. */
export async function finishLoad(
  engine: Engine,
  load: number,
  blocks: readonly LoadBlock[],
  signal?: AbortSignal,
): Promise<readonly MissingPartitions[]> {
  return await loadGate.together(async () => {
    await earlierInsertsEnded(engine, blocks, signal);
    const missing = await missingFrom(engine, load, blocks, signal);
    const datesOf = new Map(missing.map(({ table, dates }) => [table, dates]));
    await insertBlocks(engine, load, blocks, ({ name }) => datesOf.get(name) ?? [], signal);
    return missing;
  });
}

/** Inserts only what `parts` name: tables and days known to lack the load, which is not the open one any more. */
export async function insertParts(
  engine: Engine,
  load: number,
  blocks: readonly LoadBlock[],
  parts: readonly { readonly table: string; readonly date: string }[],
  signal?: AbortSignal,
): Promise<void> {
  const wanted = new Set(parts.map(({ table, date }) => `${table} ${date}`));
  const datesFor = ({ name }: Table, { dates }: LoadBlock): readonly string[] =>
    dates.filter((date) => wanted.has(`${name} ${date}`));
  await loadGate.together(async () => await insertBlocks(engine, load, blocks, datesFor, signal));
}

/** Asks every table that these blocks fill which of their partitions do not have the load. */
export async function missingFrom(
  engine: Engine,
  load: number,
  blocks: readonly Pick<LoadBlock, "kind" | "dates">[],
  signal?: AbortSignal,
): Promise<readonly MissingPartitions[]> {
  const missing: MissingPartitions[] = [];
  // A replica that lags would call there what is not: ask one that has all that a quorum has.
  const newest = engine.status().cluster === undefined ? "" : " SETTINGS select_sequential_consistency = 1";
  for (const { kind, dates } of blocks) {
    for (const { name, partitionBy } of tablesOf(kind)) {
      const found = await readRows<[string]>(
        engine,
        `SELECT DISTINCT ${partitionBy} FROM ${name} WHERE ${partitionBy} IN {dates:Array(Date)} AND load = {load:UInt64}${newest}`,
        { dates, load },
        signal,
      );
      const there = new Set(found.map(([date]) => date));
      const absent = dates.filter((date) => !there.has(date));
      if (absent.length > 0) missing.push({ table: name, dates: absent });
    }
  }
  return missing;
}

/** The greatest load number in any table of these kinds; 0 if there is none. Reads a column of all of history. */
export async function newestLoad(engine: Engine, kinds: readonly StagedKind[], signal?: AbortSignal): Promise<number> {
  let newest = 0;
  for (const { name } of kinds.flatMap(tablesOf)) {
    const [row] = await readRows<[string]>(engine, `SELECT max(load) FROM ${name}`, {}, signal);
    newest = Math.max(newest, Number(row?.[0] ?? 0));
  }
  return newest;
}

async function insertBlocks(
  engine: Engine,
  load: number,
  blocks: readonly LoadBlock[],
  datesFor: (table: Table, block: LoadBlock) => readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const block of blocks) {
    const wanted = tablesOf(block.kind).flatMap((table) => {
      const dates = datesFor(table, block);
      return dates.length === 0 ? [] : [{ table, dates }];
    });
    if (wanted.length === 0) continue;
    await using staged = await engine.stage(STAGED[block.kind], block.parts);
    // Side by side, as far as the engine lets them. All must have ended before anybody may ask what is missing.
    const outcomes = await Promise.allSettled(
      wanted.map(async ({ table, dates }) => await insertTable(engine, load, table, staged, dates, signal)),
    );
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }
}

async function insertTable(
  engine: Engine,
  load: number,
  table: Table,
  block: StagedBlock,
  dates: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let first = 0; first < dates.length; first += DATES_PER_INSERT) {
    const some = dates.slice(first, first + DATES_PER_INSERT);
    const where = `${table.partitionDate} IN {dates:Array(Date)}`;
    await engine.insert(insertSql(table, where, engine.status().cluster), block, { load, dates: some }, signal);
  }
}

const POLL_MS = 50;

/**
 * An INSERT whose caller went away may still be running, and commit after `missingFrom` has looked. Inserts into one table
 * follow one another, so whatever still runs is the earlier attempt. Asked until it is gone twice in a row: the statement
 * is not listed in the instant in which it begins.
 */
async function earlierInsertsEnded(
  engine: Engine,
  blocks: readonly Pick<LoadBlock, "kind">[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const comments = blocks.flatMap(({ kind }) => tablesOf(kind).map(({ name }) => insertComment(name)));
  const { cluster } = engine.status();
  const from = cluster === undefined ? "system.processes" : "clusterAllReplicas({cluster:String}, system.processes)";
  for (let gone = 0; gone < 2; ) {
    const [row] = await readRows<[string]>(
      engine,
      `SELECT toString(count()) FROM ${from} WHERE Settings['log_comment'] IN {comments:Array(String)}`,
      { comments, ...(cluster === undefined ? {} : { cluster }) },
      signal,
    );
    gone = row?.[0] === "0" ? gone + 1 : 0;
    if (gone < 2) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function tablesOf(kind: StagedKind): readonly Table[] {
  return TABLES.filter(({ filledFrom }) => filledFrom === kind);
}
