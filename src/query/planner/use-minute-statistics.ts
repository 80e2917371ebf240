import { printExpression } from "#plan/print.ts";
import type { Expression, Predicate, Select, TableName } from "#plan/select.ts";
import { mapSelects } from "#plan/walk.ts";
import type { RewriteRule } from "./rules.ts";

const MINUTE_NS = 60_000_000_000n;

/** A summary by the minute and what of the rows' table it can stand for. */
interface MinuteStatistics {
  readonly rows: TableName;
  readonly summary: TableName;
  readonly timeColumn: string;
  /** Columns of the rows that the summary keeps under the same name. */
  readonly columns: ReadonlySet<string>;
  /** Aggregates over rows, printed, and what they are over the summary. */
  readonly aggregates: ReadonlyMap<string, Expression>;
}

const column = (name: string): Expression => ({ kind: "column", name });
const fold = (name: string, of: string): Expression => ({ kind: "call", name, args: [column(of)] });

const SPAN_STATS: MinuteStatistics = {
  rows: "spans",
  summary: "span_stats",
  timeColumn: "start_time",
  columns: new Set(["service_name", "name", "kind"]),
  aggregates: new Map([
    ["count()", fold("sum", "count")],
    ['countIf(status_code = "error")', fold("sum", "error_count")],
    ["sum(duration_nano)", fold("sum", "duration_sum_nano")],
    ["max(duration_nano)", fold("max", "duration_max_nano")],
    ["durationBuckets(duration_nano)", fold("sumMap", "duration_buckets")],
  ]),
};

const LOG_STATS: MinuteStatistics = {
  rows: "logs",
  summary: "log_stats",
  timeColumn: "time",
  columns: new Set(["service_name", "severity_number", "template"]),
  aggregates: new Map([["count()", fold("sum", "count")]]),
};

/**
 * Rates, errors and durations come from the summary by the minute where it knows everything that is asked: whole minutes,
 * its own columns, its own aggregates. 10 million rows become some ten thousand.
 */
export const useSpanStats = rule("use-span-stats", SPAN_STATS);
export const useLogStats = rule("use-log-stats", LOG_STATS);

function rule(name: string, statistics: MinuteStatistics): RewriteRule {
  return {
    name,
    rewrite(select) {
      let used = 0;
      const rewritten = mapSelects(select, (each) => {
        const changed = rewriteLevel(each, statistics);
        if (changed === undefined) return each;
        used++;
        return changed;
      });
      return used === 0
        ? undefined
        : { select: rewritten, why: `${statistics.summary} counts ${statistics.rows} by the minute` };
    },
  };
}

/** Thrown within this file only: the summary does not know what is asked. */
class Unknown extends Error {}

function rewriteLevel(select: Select, statistics: MinuteStatistics): Select | undefined {
  if (select.from !== statistics.rows || select.time === undefined || select.place !== undefined) return undefined;
  if (select.time.fromUnixNano % MINUTE_NS !== 0n || select.time.toUnixNano % MINUTE_NS !== 0n) return undefined;
  const grouped = new Set(select.groupBy);
  const aggregated = select.columns.some(({ as }) => !grouped.has(as));
  if (!aggregated && select.groupBy.length === 0) return undefined;
  try {
    return {
      ...select,
      from: statistics.summary,
      where: select.where === undefined ? undefined : predicate(select.where, statistics, false),
      columns: select.columns.map((each) => ({
        as: each.as,
        value: expression(each.value, statistics, !grouped.has(each.as)),
      })),
      having: select.having === undefined ? undefined : predicate(select.having, statistics, true),
      orderBy: select.orderBy.map((order) => ({ ...order, by: expression(order.by, statistics, true) })),
    };
  } catch (error) {
    if (error instanceof Unknown) return undefined;
    throw error;
  }
}

function expression(of: Expression, statistics: MinuteStatistics, aggregate: boolean): Expression {
  if (aggregate && of.kind === "call") {
    const known = statistics.aggregates.get(printExpression(of));
    if (known !== undefined) return known;
    if (ROW_FUNCTIONS.has(of.name))
      return { ...of, args: of.args.map((arg) => expression(arg, statistics, aggregate)) };
    throw new Unknown();
  }
  switch (of.kind) {
    case "literal":
    case "list":
    case "output":
      return of;
    case "column":
      if (aggregate || !statistics.columns.has(of.name)) throw new Unknown();
      return of;
    case "test":
      return { ...of, of: predicate(of.of, statistics, aggregate) };
    case "attribute":
      throw new Unknown();
    case "call": {
      if (of.name === "bucket") return bucket(of, statistics);
      if (!ROW_FUNCTIONS.has(of.name)) throw new Unknown();
      return { ...of, args: of.args.map((arg) => expression(arg, statistics, aggregate)) };
    }
  }
}

/** Functions of single values that mean the same over rows and over the summary. */
const ROW_FUNCTIONS: ReadonlySet<string> = new Set([
  "text",
  "lower",
  "if",
  "tuple",
  "plus",
  "minus",
  "times",
  "divide",
]);

/** A bucket of time of whole minutes. */
function bucket(of: Extract<Expression, { kind: "call" }>, statistics: MinuteStatistics): Expression {
  const [time, start, width] = of.args;
  if (time?.kind !== "column" || time.name !== statistics.timeColumn) throw new Unknown();
  for (const bound of [start, width])
    if (bound?.kind !== "literal" || typeof bound.value !== "bigint" || bound.value % MINUTE_NS !== 0n)
      throw new Unknown();
  return { ...of, args: [column("time"), start!, width!] };
}

function predicate(of: Predicate, statistics: MinuteStatistics, aggregate: boolean): Predicate {
  switch (of.kind) {
    case "and":
    case "or":
      return { ...of, of: of.of.map((part) => predicate(part, statistics, aggregate)) };
    case "not":
      return { ...of, of: predicate(of.of, statistics, aggregate) };
    case "compare":
      return {
        ...of,
        left: expression(of.left, statistics, aggregate),
        right: expression(of.right, statistics, aggregate),
      };
    case "in":
    case "match":
    case "phrase":
    case "exists":
      return { ...of, left: expression(of.left, statistics, aggregate) };
    case "in-times":
    case "in-select":
      throw new Unknown();
  }
}
