/**
 * The path language of github.com/tidwall/gjson (its SYNTAX.md), which k6's `response.json(selector)` takes, over parsed
 * values: keys with `*` and `?`, indexes, `#`, `#.key`, queries `#(key op value)` and `#(…)#`, pipes, escapes, the modifiers
 * that select or reorder, and multipaths `{a,b}` and `[a,b]`.
 */

/** Path length and depth: a script's selector may be built of what a server sent. */
const MOST_DEPTH = 64;

/** Parses as JSON.parse does; the message says line and column, as k6's does. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = firstFault(text);
    const before = text.slice(0, position).split("\n");
    throw new Error(
      `cannot parse json due to an error at line ${before.length}, character ${before.at(-1)!.length + 1}, error: ${message}`,
      { cause: error },
    );
  }
}

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** Where a text stops being JSON: V8's messages do not always tell. */
function firstFault(text: string): number {
  const closers: string[] = [];
  let at = 0;
  let wants: "value" | "first" | "key" | "colon" | "next" = "value";
  for (;;) {
    SPACE.lastIndex = at;
    SPACE.test(text);
    at = SPACE.lastIndex;
    const mark = text[at];
    if (mark === undefined) return at;
    const closer: string | undefined = closers.at(-1);
    if (wants === "next" && closer === undefined) return at;
    if ((wants === "next" || wants === "first") && mark === closer) {
      closers.pop();
      wants = "next";
      at++;
    } else if (wants === "next") {
      if (mark !== ",") return at;
      wants = closer === "}" ? "key" : "value";
      at++;
    } else if (wants === "colon") {
      if (mark !== ":") return at;
      wants = "value";
      at++;
    } else {
      const isKey: boolean = wants === "key" || (wants === "first" && closer === "}");
      if (!isKey && (mark === "{" || mark === "[")) {
        closers.push(mark === "{" ? "}" : "]");
        wants = "first";
        at++;
        continue;
      }
      SCALAR.lastIndex = at;
      if ((isKey && mark !== '"') || !SCALAR.test(text)) return at;
      at = SCALAR.lastIndex;
      wants = isKey ? "colon" : "next";
    }
  }
}

/** Undefined: nothing is there. */
export function selectJson(value: unknown, path: string): unknown {
  return select(value, path, 0);
}

function select(value: unknown, path: string, depth: number): unknown {
  if (depth > MOST_DEPTH) return undefined;
  if (path === "" || value === undefined) return value;
  if (path.startsWith("@")) {
    const { head, rest } = splitModifier(path);
    return select(modified(value, head), rest, depth + 1);
  }
  if (path.startsWith("{") || path.startsWith("[")) {
    const end = closing(path, 0);
    if (end > 0) return select(multipath(value, path.slice(0, end + 1), depth), path.slice(end + 2), depth + 1);
  }
  const { part, isPattern, separator, rest } = nextPart(path);
  if (Array.isArray(value)) return selectInArray(value, part, separator, rest, depth);
  if (typeof value !== "object" || value === null) return undefined;
  const key = isPattern ? Object.keys(value).find((name) => fits(name, part)) : unescaped(part);
  if (key === undefined || !Object.hasOwn(value, key)) return undefined;
  return select((value as Record<string, unknown>)[key], rest, depth + 1);
}

function selectInArray(
  values: readonly unknown[],
  part: string,
  separator: string,
  rest: string,
  depth: number,
): unknown {
  if (part === "#") {
    if (separator !== ".") return select(values.length, rest, depth + 1);
    // After a dot the rest is asked of each element; what follows a pipe, of the result.
    const { inner, outer } = splitAtPipe(rest);
    const found = values.map((one) => select(one, inner, depth + 1)).filter((one) => one !== undefined);
    return select(found, outer, depth + 1);
  }
  if (part.startsWith("#(") || part.startsWith("#[")) {
    const isAll = part.endsWith("#");
    const condition = part.slice(2, isAll ? -2 : -1);
    const matches = (one: unknown): boolean => isMatch(one, condition, depth + 1);
    if (!isAll) return select(values.find(matches), rest, depth + 1);
    const all = values.filter(matches);
    if (separator !== "." || rest === "") return select(all, rest, depth + 1);
    if (rest.startsWith("#") || rest.startsWith("@")) return select(all, rest, depth + 1);
    const { inner, outer } = splitAtPipe(rest);
    return select(
      all.map((one) => select(one, inner, depth + 1)).filter((one) => one !== undefined),
      outer,
      depth + 1,
    );
  }
  return /^\d+$/.test(part) ? select(values[Number(part)], rest, depth + 1) : undefined;
}

interface Part {
  readonly part: string;
  readonly isPattern: boolean;
  readonly separator: string;
  readonly rest: string;
}

/** Up to the next `.` or `|` that is not escaped and stands in no query. */
function nextPart(path: string): Part {
  let isPattern = false;
  for (let at = 0; at < path.length; at++) {
    const mark = path[at];
    if (mark === "\\") at++;
    else if (mark === "*" || mark === "?") isPattern = true;
    else if (mark === "#" && at === 0 && (path[1] === "(" || path[1] === "[")) {
      const end = closing(path, 1);
      if (end < 0) return { part: path, isPattern, separator: "", rest: "" };
      at = end;
    } else if (mark === "." || mark === "|")
      return { part: path.slice(0, at), isPattern, separator: mark, rest: path.slice(at + 1) };
  }
  return { part: path, isPattern, separator: "", rest: "" };
}

/** Where the bracket at `from` is closed, strings and escapes passed over; -1: nowhere. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const mark = text[at]!;
    if (mark === "\\") at++;
    else if (mark === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if ("([{".includes(mark)) depth++;
    else if (")]}".includes(mark) && --depth === 0) return at;
  }
  return -1;
}

function splitAtPipe(path: string): { readonly inner: string; readonly outer: string } {
  for (let at = 0; at < path.length; at++) {
    const mark = path[at]!;
    if (mark === "\\") at++;
    else if ("([{".includes(mark)) {
      const end = closing(path, at);
      if (end < 0) break;
      at = end;
    } else if (mark === "|") return { inner: path.slice(0, at), outer: path.slice(at + 1) };
  }
  return { inner: path, outer: "" };
}

function unescaped(part: string): string {
  return part.includes("\\") ? part.replace(/\\(.)/g, "$1") : part;
}

/** Linear: at a mismatch it goes back to the last `*` only. */
function fits(text: string, pattern: string): boolean {
  let at = 0;
  let p = 0;
  let star = -1;
  let mark = 0;
  while (at < text.length) {
    const isEscaped = pattern[p] === "\\";
    const wanted = isEscaped ? pattern[p + 1] : pattern[p];
    if (!isEscaped && wanted === "*") {
      star = p++;
      mark = at;
    } else if (p < pattern.length && ((!isEscaped && wanted === "?") || wanted === text[at])) {
      p += isEscaped ? 2 : 1;
      at++;
    } else if (star >= 0) {
      p = star + 1;
      at = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p >= pattern.length;
}

const OPERATORS = ["==", "!=", "<=", ">=", "!%", "=", "<", ">", "%"] as const;

function isMatch(value: unknown, condition: string, depth: number): boolean {
  for (let at = 0; at < condition.length; at++) {
    const mark = condition[at]!;
    if (mark === "\\") at++;
    else if ("([{".includes(mark)) {
      const end = closing(condition, at);
      if (end < 0) return false;
      at = end;
    } else {
      const operator = OPERATORS.find((one) => condition.startsWith(one, at));
      if (operator === undefined) continue;
      const path = condition.slice(0, at).trim();
      const left = path === "" ? value : select(value, path, depth);
      return left !== undefined && compare(left, operator, condition.slice(at + operator.length).trim());
    }
  }
  return select(value, condition.trim(), depth) !== undefined;
}

function compare(left: unknown, operator: (typeof OPERATORS)[number], literal: string): boolean {
  if (literal.startsWith("~")) {
    const isTrue = left === true || left === 1 || (typeof left === "string" && /^(1|t|true)$/i.test(left));
    const isNull = left === null;
    const holds =
      literal === "~true" ? isTrue : literal === "~false" ? !isTrue : literal === "~null" ? isNull : literal === "~*";
    return operator === "!=" ? !holds : holds;
  }
  const right = literalOf(literal);
  if (operator === "%" || operator === "!%") {
    const isLike = typeof left === "string" && fits(left, String(right));
    return operator === "%" ? isLike : !isLike;
  }
  if (typeof left === "object" && left !== null) return false;
  if (typeof left !== typeof right) return operator === "!=";
  switch (operator) {
    case "=":
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left! < right!;
    case "<=":
      return left! <= right!;
    case ">":
      return left! > right!;
    default:
      return left! >= right!;
  }
}

function literalOf(text: string): string | number | boolean | null {
  if (text === "true") return true;
  if (text === "false") return false;
  if (text === "null") return null;
  if (text.startsWith('"'))
    return text.slice(1, text.endsWith('"') && text.length > 1 ? -1 : undefined).replace(/\\(.)/g, "$1");
  return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
}

function splitModifier(path: string): { readonly head: string; readonly rest: string } {
  for (let at = 1; at < path.length; at++) {
    const mark = path[at]!;
    if ("([{".includes(mark)) {
      const end = closing(path, at);
      if (end < 0) break;
      at = end;
    } else if (mark === "|" || mark === ".") return { head: path.slice(1, at), rest: path.slice(at + 1) };
  }
  return { head: path.slice(1), rest: "" };
}

function modified(value: unknown, modifier: string): unknown {
  const colon = modifier.indexOf(":");
  const name = colon < 0 ? modifier : modifier.slice(0, colon);
  const argument = colon < 0 ? "" : modifier.slice(colon + 1);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  switch (name) {
    case "this":
    case "valid":
    case "ugly":
    case "pretty":
      return value;
    case "reverse":
      if (Array.isArray(value)) return [...value].reverse();
      return isObject ? Object.fromEntries(Object.entries(value as object).reverse()) : value;
    case "keys":
      return isObject ? Object.keys(value as object) : [];
    case "values":
      return isObject ? Object.values(value as object) : Array.isArray(value) ? value : [];
    case "flatten":
      return Array.isArray(value) ? value.flat(argument.includes("true") ? Number.POSITIVE_INFINITY : 1) : value;
    case "join":
      return Array.isArray(value)
        ? Object.fromEntries(
            value.flatMap((one) => (typeof one === "object" && one !== null ? Object.entries(one as object) : [])),
          )
        : value;
    case "tostr":
      return JSON.stringify(value);
    case "fromstr":
      try {
        return typeof value === "string" ? (JSON.parse(value) as unknown) : undefined;
      } catch {
        return undefined;
      }
    case "group":
      return grouped(value);
    default:
      return undefined;
  }
}

/** `{"a":[1,2],"b":[3,4]}` as `[{"a":1,"b":3},{"a":2,"b":4}]`. */
function grouped(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const rows: Record<string, unknown>[] = [];
  for (const [key, column] of Object.entries(value))
    if (Array.isArray(column))
      for (const [index, one] of column.entries()) {
        rows[index] ??= {};
        rows[index][key] = one;
      }
  return rows;
}

function multipath(value: unknown, text: string, depth: number): unknown {
  const isArray = text.startsWith("[");
  const parts: string[] = [];
  let start = 1;
  for (let at = 1; at < text.length - 1; at++) {
    const mark = text[at]!;
    if (mark === "\\") at++;
    else if (mark === '"') {
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === "\\") at++;
    } else if ("([{".includes(mark)) {
      const end = closing(text, at);
      if (end < 0) break;
      at = end;
    } else if (mark === ",") {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start, -1));
  const found = parts.flatMap((part) => {
    const named = isArray ? null : /^"((?:[^"\\]|\\.)*)"\s*:(.*)$/s.exec(part.trim());
    const path = named === null ? part.trim() : named[2]!;
    const one = select(value, path, depth + 1);
    if (one === undefined) return [];
    return [[named === null ? path.slice(path.lastIndexOf(".") + 1) : named[1]!, one] as const];
  });
  return isArray ? found.map(([, one]) => one) : Object.fromEntries(found);
}
