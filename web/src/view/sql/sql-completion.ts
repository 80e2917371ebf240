import type { SqlSchema } from "../../../../src/api/contract/shapes.ts";

export interface SqlKnown {
  readonly schema: SqlSchema;
  /** Attribute keys in use, the commonest first: `attributes.http.route`, `resource.host.name`. */
  readonly fields: readonly string[];
}

export interface SqlOption {
  readonly label: string;
  /** What is written, where it is not the label. */
  readonly apply?: string;
  readonly detail: string;
  readonly kind: "table" | "column" | "alias" | "key" | "function" | "keyword";
  /** What is likelier here stands first, -99 to 99. */
  readonly boost: number;
}

export interface SqlCompletion {
  /** Where the text begins that an option replaces, as characters from the start. */
  readonly from: number;
  /** How many characters behind the place asked about it replaces as well. */
  readonly behind?: number;
  readonly options: readonly SqlOption[];
}

export const SQL_KEYWORDS =
  "select from where group by order limit offset having as and or not in is null like ilike between case when then else end join left right inner full outer cross on using union all distinct with asc desc array prewhere final sample interval settings format explain any".split(
    " ",
  );

const TOKEN =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:\\[\s\S]|''|[^'\\])*(?:'|$)|`(?:[^`\\]|\\.)*(?:`|$)|"(?:[^"\\]|\\.)*(?:"|$)|[A-Za-z_]\w*|\d[\w.]*|\s+|[\s\S]/g;
const WORD = /^[A-Za-z_]\w*$/;
const KEYWORDS = new Set(SQL_KEYWORDS);
const MOST_KEYS = 200;

interface Token {
  readonly from: number;
  readonly text: string;
}

/**
 * What could stand at a place in a statement: tables after FROM and JOIN, columns of the tables that the statement names
 * (of all tables while it names none), columns behind a table's name or alias and a dot, keys within `attributes['…']`,
 * functions and keywords. Null within a string or comment, and where nothing was typed unless `asked` for.
 */
export function completeSql(text: string, at: number, known: SqlKnown, asked: boolean): SqlCompletion | null {
  const tokens: Token[] = [];
  for (const match of text.matchAll(TOKEN)) tokens.push({ from: match.index, text: match[0] });
  const significant = tokens.filter((token) => !isBlank(token.text));
  const under = tokens.find((token) => token.from < at && at <= token.from + token.text.length);
  const before = significant.filter((token) => token.from + token.text.length <= at && token !== under);
  if (under !== undefined && isBlank(under.text) && !/^\s/.test(under.text)) return null;
  if (under?.text.startsWith("'") === true) {
    const closed = under.text.length > 1 && under.text.endsWith("'") && at === under.from + under.text.length;
    return closed ? null : keysAt(text, at, under, before, known.fields);
  }
  const word = under !== undefined && WORD.test(under.text) ? under : undefined;
  const from = word?.from ?? at;
  const left = before.filter((token) => token.from < from);
  if (under !== undefined && word === undefined && !isBlank(under.text)) left.push(under);
  const previous = left.at(-1)?.text.toLowerCase();
  const named = tablesOf(queryAround(significant, at), known.schema);

  if (previous === ".") {
    const owner = left.at(-2)?.text ?? "";
    const table = known.schema.tables.find(({ name }) => name === (named.get(owner) ?? owner));
    return table === undefined ? null : { from, options: columnsOf([table]) };
  }
  if (word === undefined && !asked && previous !== "from" && previous !== "join") return null;
  const tables = known.schema.tables.map(
    ({ name, comment }): SqlOption => ({ label: name, detail: comment, kind: "table", boost: 60 }),
  );
  if (previous === "from" || previous === "join") return { from, options: tables };

  const here = known.schema.tables.filter(({ name }) => [...named.values()].includes(name));
  return {
    from,
    options: [
      ...columnsOf(here.length > 0 ? here : known.schema.tables),
      ...[...named]
        .filter(([alias, table]) => alias !== table)
        .map(([alias, table]): SqlOption => ({ label: alias, detail: table, kind: "alias", boost: 70 })),
      ...tables.map((table) => ({ ...table, boost: -10 })),
      ...SQL_KEYWORDS.map(
        (keyword): SqlOption => ({ label: keyword.toUpperCase(), detail: "", kind: "keyword", boost: 10 }),
      ),
      ...known.schema.functions.map(
        // The engine's own lower-case names are what people mean; the shouting ones are for other dialects.
        (name): SqlOption => ({
          label: name,
          apply: `${name}(`,
          detail: "function",
          kind: "function",
          boost: /^[A-Z0-9_]+$/.test(name) ? -40 : -5,
        }),
      ),
    ],
  };
}

function isBlank(text: string): boolean {
  return /^(\s|--|\/\*)/.test(text);
}

function columnsOf(tables: SqlSchema["tables"]): SqlOption[] {
  const options = new Map<string, SqlOption>();
  for (const table of tables)
    for (const { name, type } of table.columns) {
      const detail = tables.length > 1 ? `${shortType(type)} · ${table.name}` : shortType(type);
      const apply = name.split(".").every((part) => WORD.test(part)) ? {} : { apply: `\`${name}\`` };
      if (!options.has(name)) options.set(name, { label: name, ...apply, detail, kind: "column", boost: 80 });
    }
  return [...options.values()];
}

/** `Enum8('unset' = 0, …)` and `LowCardinality(String)` say more than fits beside a name. */
function shortType(type: string): string {
  const inner = /^LowCardinality\((.*)\)$/.exec(type)?.[1] ?? type;
  return inner.replace(/^(Enum\d*)\(.*\)$/s, "$1").replace(/^DateTime64\((\d+).*\)$/, "DateTime64($1)");
}

/** The tokens of the query around a place, without those of queries in brackets within it. */
function queryAround(tokens: readonly Token[], at: number): readonly Token[] {
  const enclosing: Token[][] = [[]];
  const opened: boolean[] = [];
  let found: readonly Token[] | undefined;
  for (const [i, token] of tokens.entries()) {
    if (token.from >= at) found ??= enclosing.at(-1);
    if (token.text === "(") {
      const isQuery = /^(select|with)$/i.test(tokens[i + 1]?.text ?? "");
      opened.push(isQuery);
      if (isQuery) enclosing.push([]);
    } else if (token.text === ")") {
      if (opened.pop() === true) enclosing.pop();
    } else if (token.text === ";" && enclosing.length === 1) {
      if (found !== undefined) break;
      enclosing[0] = [];
    } else enclosing.at(-1)!.push(token);
  }
  return found ?? enclosing.at(-1)!;
}

/** The tables that a statement reads, by the name or alias they have in it. */
function tablesOf(tokens: readonly Token[], schema: SqlSchema): ReadonlyMap<string, string> {
  const tables = new Map<string, string>();
  const known = new Set(schema.tables.map(({ name }) => name));
  let expects = false;
  for (let i = 0; i < tokens.length; i++) {
    const text = tokens[i]!.text;
    const lower = text.toLowerCase();
    if (lower === "from" || lower === "join") {
      expects = true;
      continue;
    }
    if (!expects) continue;
    expects = false;
    const name = text.replaceAll(/[`"]/g, "");
    if (!known.has(name)) continue;
    const as = tokens[i + 1]?.text.toLowerCase() === "as" ? 2 : 1;
    const alias = tokens[i + as]?.text;
    tables.set(alias !== undefined && WORD.test(alias) && !KEYWORDS.has(alias.toLowerCase()) ? alias : name, name);
    if (tokens[i + 1]?.text === ",") {
      i++;
      expects = true;
    }
  }
  return tables;
}

/** Within `attributes['` the keys that rows have. */
function keysAt(
  text: string,
  at: number,
  string: Token,
  before: readonly Token[],
  fields: readonly string[],
): SqlCompletion | null {
  if (before.at(-1)?.text !== "[") return null;
  const map = before.at(-2)?.text;
  const prefix = map === "attributes" ? "attributes." : map === "resource_attributes" ? "resource." : null;
  if (prefix === null) return null;
  const closed = string.text.length > 1 && string.text.endsWith("'");
  const end = string.from + string.text.length;
  return {
    from: string.from + 1,
    // Up to and with the quote and bracket that an editor closes by itself, so that typing goes on behind them.
    ...(closed ? { behind: (text[end] === "]" ? end + 1 : end) - at } : {}),
    options: fields
      .filter((field) => field.startsWith(prefix))
      .slice(0, MOST_KEYS)
      .map((field, i) => {
        const key = field.slice(prefix.length);
        const written = key.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
        return {
          label: key,
          apply: `${written}']`,
          detail: "",
          kind: "key",
          boost: Math.max(0, 99 - i),
        };
      }),
  };
}
