import { TABLES } from "#engine/schema/tables.ts";
import type { TableName } from "#plan/select.ts";

/** What the executor must know of a table: the columns that exist, and how a time range becomes a condition. */
export interface SourceTable {
  readonly columns: ReadonlySet<string>;
  /** Names of the Map columns. */
  readonly maps: ReadonlySet<string>;
  readonly time: {
    readonly column: string;
    /**
     * `nano`: exact. `second`: the column holds the start of a minute or hour; the range is widened to whole seconds, and
     * whoever asks aligns it. `day`: the column is a Date; the range is widened to whole days.
     */
    readonly grain: "nano" | "second" | "day";
  };
}

const TIME: Readonly<Record<TableName, SourceTable["time"]>> = {
  spans: { column: "start_time", grain: "nano" },
  logs: { column: "time", grain: "nano" },
  points: { column: "time", grain: "nano" },
  histograms: { column: "time", grain: "nano" },
  exemplars: { column: "time", grain: "nano" },
  span_stats: { column: "time", grain: "second" },
  log_stats: { column: "time", grain: "second" },
  service_edges: { column: "time", grain: "second" },
  traces: { column: "date", grain: "day" },
  series: { column: "date", grain: "day" },
};

const known = new Map<TableName, SourceTable>();

export function sourceTable(name: TableName): SourceTable {
  const before = known.get(name);
  if (before !== undefined) return before;
  const table = TABLES.find((candidate) => candidate.name === name);
  if (table === undefined) throw new Error(`no table ${name} in the schema`);
  const columns = new Set<string>();
  const maps = new Set<string>();
  const add = (column: string, type: string): void => {
    columns.add(column);
    if (type.startsWith("Map(")) maps.add(column);
  };
  for (const { name: column, type } of table.columns) add(column, type);
  for (const extra of table.extras) {
    const alias = /^`?([^\s`]+)`?\s+(.*?)\s+ALIAS\s/s.exec(extra);
    if (alias !== null) add(alias[1]!, alias[2]!);
  }
  const source = { columns, maps, time: TIME[name] };
  known.set(name, source);
  return source;
}
