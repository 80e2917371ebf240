/**
 * The filter grammar that the UI's chips, the CLI and the API share: `field operator value`, one filter a `where` parameter.
 *
 *   service = checkout          name != "GET /health"        duration > 500ms        status = error
 *   severity >= warn            attributes.http.route = /cart  resource.service.version in 1.2,1.3
 *   body ~ "connection refused" (phrase, any case)            attributes.user.id exists
 *   body =~ "time(d)? ?out"     (RE2)                          kind in server,consumer
 *
 * Fields: service, name, kind, status, duration, trace, span, parent, scope, severity, body, template, event, metric,
 * attributes.<key>, resource.<key>. A bare key with a dot is an attribute of the record, then of the resource.
 * Values with spaces or commas stand in double quotes (JSON string escapes). Filters are joined by AND.
 */
export const FILTER_OPERATORS = [
  "=",
  "!=",
  ">",
  ">=",
  "<",
  "<=",
  "~",
  "!~",
  "=~",
  "!=~",
  "in",
  "not in",
  "exists",
  "not exists",
] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

export interface Filter {
  readonly field: string;
  readonly op: FilterOperator;
  /** One value, several for `in`, none for `exists`. */
  readonly values: readonly string[];
}

export interface FilterProblem {
  readonly message: string;
  /** Character in the text. */
  readonly position: number;
}

const PATTERN =
  /^\s*(?<field>[A-Za-z_][A-Za-z0-9_.\-/:]*)\s*(?<op>not\s+in\b|not\s+exists\b|in\b|exists\b|!=~|=~|!=|>=|<=|!~|=|>|<|~)\s*/;

/** Reads one filter. Never throws. */
export function parseFilter(text: string): Filter | FilterProblem {
  const head = PATTERN.exec(text);
  if (head?.groups === undefined)
    return { message: "expected `field operator value`, e.g. `service = checkout`", position: 0 };
  const op = head.groups["op"]!.replace(/\s+/, " ") as FilterOperator;
  const field = head.groups["field"]!;
  const rest = text.slice(head[0].length);
  if (op === "exists" || op === "not exists") {
    if (rest.trim() !== "") return { message: `\`${op}\` takes no value`, position: head[0].length };
    return { field, op, values: [] };
  }
  const values = parseValues(rest, head[0].length);
  if ("message" in values) return values;
  if (op !== "in" && op !== "not in" && values.list.length !== 1)
    return { message: `\`${op}\` takes one value; use \`in\` for several`, position: head[0].length };
  return { field, op, values: values.list };
}

function parseValues(text: string, base: number): { list: string[] } | FilterProblem {
  const list: string[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === " ") at++;
    if (text[at] === '"') {
      const end = closingQuote(text, at);
      if (end < 0) return { message: "unfinished string", position: base + at };
      try {
        list.push(JSON.parse(text.slice(at, end + 1)) as string);
      } catch {
        return { message: "bad escape in string", position: base + at };
      }
      at = end + 1;
      while (text[at] === " ") at++;
    } else {
      const comma = text.indexOf(",", at);
      const end = comma < 0 ? text.length : comma;
      const value = text.slice(at, end).trim();
      if (value === "") return { message: 'expected a value (write "" for the empty one)', position: base + at };
      list.push(value);
      at = end;
    }
    if (at >= text.length) return { list };
    if (text[at] !== ",") return { message: "expected `,` or the end", position: base + at };
    at++;
  }
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

/** The text form; `parseFilter(printFilter(f))` gives f back. */
export function printFilter(filter: Filter): string {
  if (filter.values.length === 0) return `${filter.field} ${filter.op}`;
  return `${filter.field} ${filter.op} ${filter.values.map(printValue).join(",")}`;
}

function printValue(value: string): string {
  return value === "" || /^[\s"]|[,\n]|\s$/.test(value) ? JSON.stringify(value) : value;
}
