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
  for (const part of splitTop(table.columns)) {
    const [, column, type] = /^(\S+)\s+(.*)$/s.exec(part)!;
    if (column === "INDEX" || column === "PROJECTION" || column === "CONSTRAINT") continue;
    const nested = /^Nested\s*\((.*)\)$/s.exec(type!);
    if (nested === null) {
      columns.add(column!);
      if (/^Map\(/.test(type!)) maps.add(column!);
    } else for (const field of splitTop(nested[1]!)) columns.add(`${column}.${field.split(/\s+/)[0]}`);
  }
  const source = { columns, maps, time: TIME[name] };
  known.set(name, source);
  return source;
}

/** Splits at the commas that stand in no parenthesis and no quotes. */
function splitTop(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quoted = false;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts.filter((part) => part !== "");
}
