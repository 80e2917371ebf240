import type { Statistics } from "../../../../src/api/contract/shapes.ts";

/** A result in ClickHouse's JSONCompact format. */
export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly statistics: Statistics;
}

export function readResult(text: string, statisticsHeader: string | null): SqlResult {
  const body = JSON.parse(text) as {
    readonly meta?: SqlResult["columns"];
    readonly data?: SqlResult["rows"];
    readonly statistics?: { readonly elapsed?: number; readonly rows_read?: number; readonly bytes_read?: number };
  };
  return {
    columns: body.meta ?? [],
    rows: body.data ?? [],
    statistics:
      statisticsHeader !== null
        ? (JSON.parse(statisticsHeader) as Statistics)
        : {
            elapsedMs: (body.statistics?.elapsed ?? 0) * 1000,
            rowsRead: body.statistics?.rows_read ?? 0,
            bytesRead: body.statistics?.bytes_read ?? 0,
            partial: false,
          },
  };
}

/** One cell as text, exactly as the engine gave it. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  return typeof value === "string" ? value : typeof value === "object" ? JSON.stringify(value) : String(value);
}

const LOOKED_AT = 200;
const CHARACTER_PX = 8;
const CELL_PX = 32;
const LEAST_PX = 72;
const MOST_PX = 560;

/** Widths in pixels that show each column's heading and what its first rows hold, as far as that is sensible. */
export function columnWidths(result: SqlResult): readonly number[] {
  return result.columns.map(({ name }, at) => {
    let longest = name.length;
    for (const row of result.rows.slice(0, LOOKED_AT)) longest = Math.max(longest, cellText(row[at]).length);
    return Math.min(MOST_PX, Math.max(LEAST_PX, longest * CHARACTER_PX + CELL_PX));
  });
}

export function isNumeric(type: string): boolean {
  return /^(Nullable\(|LowCardinality\()*(U?Int\d+|Float\d+|Decimal)/.test(type);
}

export function isTime(type: string): boolean {
  return /^(Nullable\(|LowCardinality\()*Date(Time(64)?)?(32)?(\(|\)|$)/.test(type);
}

/** Milliseconds of a Date or DateTime as ClickHouse prints it, in UTC. */
export function timeOf(value: unknown): number | null {
  if (typeof value !== "string") return null;
  const match = /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?)?/.exec(value);
  if (match === null) return null;
  const ms = Date.parse(`${match[1]}T${match[2] ?? "00:00:00"}${(match[3] ?? "").slice(0, 4)}Z`);
  return Number.isNaN(ms) ? null : ms;
}

export interface ResultChart {
  readonly startMs: number;
  readonly stepMs: number;
  readonly series: readonly { readonly label: string; readonly values: readonly (number | null)[] }[];
}

const MOST_SERIES = 12;
const MOST_STEPS = 2000;

/**
 * A chart of a result that has a time column: a line per number column, or per value of one text column. Null where the
 * result is no such thing. Times are put on the smallest step between two of them; steps without a row are gaps.
 */
export function chartOf(result: SqlResult): ResultChart | null {
  const timeAt = result.columns.findIndex(({ type }) => isTime(type));
  const numbers = result.columns.flatMap(({ type }, i) => (isNumeric(type) && i !== timeAt ? [i] : []));
  const texts = result.columns.flatMap(({ type }, i) => (!isNumeric(type) && !isTime(type) ? [i] : []));
  if (timeAt < 0 || numbers.length === 0 || texts.length > 1) return null;
  const times = [...new Set(result.rows.flatMap((row) => timeOf(row[timeAt]) ?? []))].sort((a, b) => a - b);
  if (times.length < 2) return null;
  let stepMs = Number.POSITIVE_INFINITY;
  for (let i = 1; i < times.length; i++) stepMs = Math.min(stepMs, times[i]! - times[i - 1]!);
  const startMs = times[0]!;
  const length = Math.floor((times.at(-1)! - startMs) / stepMs) + 1;
  if (length > MOST_STEPS) return null;
  const series = new Map<string, (number | null)[]>();
  for (const row of result.rows) {
    const ms = timeOf(row[timeAt]);
    if (ms === null) continue;
    for (const at of numbers) {
      const name = result.columns[at]!.name;
      const label =
        texts.length === 0
          ? name
          : numbers.length === 1
            ? cellText(row[texts[0]!])
            : `${cellText(row[texts[0]!])} ${name}`;
      if (!series.has(label) && series.size >= MOST_SERIES) continue;
      const values = series.get(label) ?? new Array<number | null>(length).fill(null);
      series.set(label, values);
      const value = row[at] === null ? null : Number(row[at]);
      values[Math.round((ms - startMs) / stepMs)] = value === null || Number.isNaN(value) ? null : value;
    }
  }
  return { startMs, stepMs, series: [...series].map(([label, values]) => ({ label, values })) };
}

/** The result as CSV (RFC 4180); what a spreadsheet would run as a formula is quoted with an apostrophe. */
export function csvOf(result: SqlResult): string {
  const quote = (text: string): string => {
    const safe = /^[=+\-@\t\r]/.test(text) && !/^[+-]?\d/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return [
    result.columns.map(({ name }) => quote(name)),
    ...result.rows.map((row) => row.map((value) => quote(value === null ? "" : cellText(value)))),
  ]
    .map((line) => line.join(","))
    .join("\r\n");
}
