import type { EngineValue } from "#engine/engine.ts";
import { arityProblem, FUNCTIONS } from "#plan/functions.ts";
import type { Expression, Predicate, Scalar, Select, TimeRange } from "#plan/select.ts";
import { type SourceTable, sourceTable } from "./source-table.ts";

/** SQL for the engine; every value of the question stands in `parameters`, none in `sql`. */
export interface CompiledSelect {
  readonly sql: string;
  readonly parameters: Readonly<Record<string, EngineValue>>;
  /** Name in the engine's answer → name in the Select. */
  readonly names: ReadonlyMap<string, string>;
}

/** What a column name means at one level of nesting. */
interface Scope {
  readonly tenant: string;
  readonly depth: number;
  readonly column: (name: string) => string;
  /** SQL of this Select's own outputs by name. */
  readonly outputs: ReadonlyMap<string, string>;
}

/**
 * A Select as ClickHouse SQL. Output columns get names of their own (`o0_3`), since ClickHouse lets an alias shadow a column
 * of the table in WHERE. A Select that breaks the invariants of select.ts is a programmer's error and throws.
 */
export function compileSelect(select: Select): CompiledSelect {
  const parameters = new Parameters();
  const { sql, outputs } = compileLevel(select, 0, parameters);
  return { sql, parameters: parameters.values, names: new Map([...outputs].map(([name, sqlName]) => [sqlName, name])) };
}

function compileLevel(
  select: Select,
  depth: number,
  parameters: Parameters,
): { sql: string; outputs: ReadonlyMap<string, string> } {
  if (!Number.isSafeInteger(select.limit) || select.limit < 0) throw new Error(`limit ${select.limit}`);
  const outputs = new Map(select.columns.map(({ as }, index) => [as, `o${depth}_${index}`]));
  const named = (name: string): string => {
    const found = outputs.get(name);
    if (found === undefined) throw new Error(`no output ${name}`);
    return found;
  };
  const conditions: string[] = [];
  let place = "";
  let source: string;
  let scope: Scope;
  if (typeof select.from === "string") {
    const table = sourceTable(select.from);
    source = select.from;
    scope = {
      tenant: select.tenant,
      depth,
      outputs,
      column: (name) => tableColumn(select.from as string, table, name),
    };
    conditions.push(`tenant = ${parameters.add(select.tenant)}`);
    if (select.time !== undefined) conditions.push(...timeConditions(table, select.time, parameters));
    if (select.place !== undefined) {
      const first = [...conditions.splice(0), predicateSql(select.place, scope, parameters)];
      place = ` PREWHERE ${first.join(" AND ")}`;
    }
  } else {
    if (select.place !== undefined) throw new Error("only a table has places");
    if (select.from.tenant !== select.tenant) throw new Error("a Select reads its inner Select as the same tenant");
    if (select.time !== undefined) throw new Error("the inner Select holds the time range");
    const inner = compileLevel(select.from, depth + 1, parameters);
    source = `(${inner.sql})`;
    scope = {
      tenant: select.tenant,
      depth,
      outputs,
      column: (name) => {
        const found = inner.outputs.get(name);
        if (found === undefined) throw new Error(`the inner Select has no column ${name}`);
        return found;
      },
    };
  }
  if (select.where !== undefined) conditions.push(predicateSql(select.where, scope, parameters));
  const columns = select.columns.map(({ as, value }) => `${expressionSql(value, scope, parameters)} AS ${named(as)}`);
  let sql = `SELECT ${columns.join(", ")} FROM ${source}${place}`;
  if (conditions.length > 0) sql += ` WHERE ${conditions.join(" AND ")}`;
  if (select.groupBy.length > 0) sql += ` GROUP BY ${select.groupBy.map(named).join(", ")}`;
  if (select.having !== undefined) sql += ` HAVING ${predicateSql(select.having, scope, parameters)}`;
  if (select.orderBy.length > 0)
    sql += ` ORDER BY ${select.orderBy
      .map(({ by, descending }) => `${expressionSql(by, scope, parameters)} ${descending ? "DESC" : "ASC"}`)
      .join(", ")}`;
  if (select.limitBy !== undefined) {
    if (!Number.isSafeInteger(select.limitBy.count)) throw new Error(`limit by ${select.limitBy.count}`);
    sql += ` LIMIT ${select.limitBy.count} BY ${select.limitBy.columns.map(named).join(", ")}`;
  }
  return { sql: `${sql} LIMIT ${select.limit}`, outputs };
}

function tableColumn(tableName: string, table: SourceTable, name: string): string {
  if (!table.columns.has(name)) throw new Error(`${tableName} has no column ${name}`);
  return `\`${name}\``;
}

function timeConditions(table: SourceTable, time: TimeRange, parameters: Parameters): string[] {
  const { column, grain } = table.time;
  const { fromUnixNano: from, toUnixNano: to } = time;
  if (grain === "nano")
    return [
      `${column} >= fromUnixTimestamp64Nano(${parameters.add(from)}, 'UTC')`,
      `${column} < fromUnixTimestamp64Nano(${parameters.add(to)}, 'UTC')`,
    ];
  const second = 1_000_000_000n;
  const first = from / second;
  const last = (to + second - 1n) / second;
  if (grain === "second")
    return [
      `${column} >= toDateTime(${parameters.add(first)}, 'UTC')`,
      `${column} < toDateTime(${parameters.add(last)}, 'UTC')`,
    ];
  return [
    `${column} >= toDate(toDateTime(${parameters.add(first)}, 'UTC'))`,
    `${column} <= toDate(toDateTime(${parameters.add(last)}, 'UTC'))`,
  ];
}

function expressionSql(of: Expression, scope: Scope, parameters: Parameters): string {
  switch (of.kind) {
    case "column":
      return scope.column(of.name);
    case "output": {
      const found = scope.outputs.get(of.name);
      if (found === undefined) throw new Error(`no output ${of.name}`);
      return found;
    }
    case "attribute":
      return `${scope.column(of.map)}[${parameters.add(of.key)}]`;
    case "literal":
      return parameters.add(of.value);
    case "list":
      return parameters.addList(of.values);
    case "call": {
      const problem = arityProblem(of.name, of.args.length);
      if (problem !== undefined) throw new Error(problem);
      return FUNCTIONS[of.name]!.sql(...of.args.map((arg) => expressionSql(arg, scope, parameters)));
    }
    case "test":
      return `(${predicateSql(of.of, scope, parameters)})`;
  }
}

function predicateSql(of: Predicate, scope: Scope, parameters: Parameters): string {
  switch (of.kind) {
    case "and":
    case "or":
      if (of.of.length === 0) return of.kind === "and" ? "1" : "0";
      return `(${of.of.map((part) => predicateSql(part, scope, parameters)).join(of.kind === "and" ? " AND " : " OR ")})`;
    case "not":
      return `NOT (${predicateSql(of.of, scope, parameters)})`;
    case "compare":
      return `${expressionSql(of.left, scope, parameters)} ${of.op} ${expressionSql(of.right, scope, parameters)}`;
    case "in":
      if (of.values.length === 0) return "0";
      return `${expressionSql(of.left, scope, parameters)} IN ${parameters.addList(of.values)}`;
    case "in-times":
      if (of.unixNanos.length === 0) return "0";
      return `${expressionSql(of.left, scope, parameters)} IN ${parameters.addTimes(of.unixNanos)}`;
    case "in-select": {
      if (of.select.columns.length !== 1) throw new Error("a condition asks a Select of one column");
      if (of.select.tenant !== scope.tenant) throw new Error("a condition asks as the same tenant");
      return `${expressionSql(of.left, scope, parameters)} IN (${compileLevel(of.select, scope.depth + 1, parameters).sql})`;
    }
    case "match":
      return `match(${expressionSql(of.left, scope, parameters)}, ${parameters.add(of.pattern)})`;
    case "phrase":
      return phraseSql(expressionSql(of.left, scope, parameters), lowerAscii(of.text), parameters);
    case "exists":
      return `${expressionSql(of.left, scope, parameters)} != ''`;
  }
}

/** A word of this length is rarely a part of others, so that looking for it first is worth its while. */
const TELLING_WORD = 6;

/**
 * hasPhrase takes words apart, 140 ns for a line of a hundred bytes; looking for the longest word's letters takes 60, and
 * most lines do not have them. Parts whose text index is not built yet are read that way.
 */
function phraseSql(left: string, text: string, parameters: Parameters): string {
  const phrase = `hasPhrase(lower(${left}), ${parameters.add(text)})`;
  const [longest = ""] = (text.match(/[a-z0-9]+/g) ?? []).sort((a, b) => b.length - a.length);
  if (longest.length < TELLING_WORD) return phrase;
  return `(positionCaseInsensitive(${left}, ${parameters.add(longest)}) > 0 AND ${phrase})`;
}

/** Values by parameter name; a value asked for twice is bound once. */
class Parameters {
  readonly values: Record<string, EngineValue> = {};
  readonly #known = new Map<string, string>();

  add(value: Scalar): string {
    return this.#bind(typeOf(value), String(value), value);
  }

  /** A list of one type as one parameter: quicker to read for the engine than one each. */
  addList(list: readonly Scalar[]): string {
    return this.#bind(`Array(${listTypeOf(list)})`, JSON.stringify(list.map(String)), list);
  }

  /** Times as the engine reads them: seconds with nine digits behind the point. */
  addTimes(unixNanos: readonly bigint[]): string {
    const times = unixNanos.map((nano) => `${nano / 1_000_000_000n}.${String(nano % 1_000_000_000n).padStart(9, "0")}`);
    return this.#bind("Array(DateTime64(9, 'UTC'))", JSON.stringify(times), times);
  }

  #bind(type: string, text: string, value: EngineValue): string {
    const key = `${type}:${text}`;
    let name = this.#known.get(key);
    if (name === undefined) {
      name = `p${this.#known.size}`;
      this.#known.set(key, name);
      this.values[name] = value;
    }
    return `{${name}:${type}}`;
  }
}

function listTypeOf(list: readonly Scalar[]): string {
  // Whole numbers that are not negative are ids; one type for all of them, whichever happen to be large.
  if (list.every((value) => typeof value === "bigint" && value >= 0n)) return "UInt64";
  const types = [...new Set(list.map(typeOf))];
  if (types.length === 1) return types[0]!;
  throw new Error(`a list is of one type, not of ${types.join(", ")}`);
}

function typeOf(value: Scalar): string {
  switch (typeof value) {
    case "string":
      return "String";
    case "bigint":
      return value >= 1n << 63n ? "UInt64" : "Int64";
    case "boolean":
      return "Bool";
    default:
      return Number.isSafeInteger(value) ? "Int64" : "Float64";
  }
}

/** As the engine's `lower`: ASCII letters only, or a text would no longer meet what `lower` made of the rows. */
function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
