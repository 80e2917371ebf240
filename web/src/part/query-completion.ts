import { FILTER_OPERATORS, type FilterOperator, parseFilter, printFilter } from "../../../src/api/contract/filter.ts";
import type { Signal } from "../state/question.ts";

/** Where the person is while typing a filter. */
export type Stage =
  | { readonly at: "field"; readonly partial: string }
  | { readonly at: "operator"; readonly field: string; readonly partial: string }
  | {
      readonly at: "value";
      readonly field: string;
      readonly op: FilterOperator;
      readonly partial: string;
      readonly before: string;
    };

const FIELD = /^\s*([A-Za-z_][A-Za-z0-9_.\-/:]*)/;
const OPERATOR = /^\s*(not\s+in\b|not\s+exists\b|in\b|exists\b|!=~|=~|!=|>=|<=|!~|=|>|<|~)\s*/;

export function stageOf(text: string): Stage {
  const field = FIELD.exec(text);
  if (field === null) return { at: "field", partial: text.trim() };
  const rest = text.slice(field[0].length);
  if (rest === "") return { at: "field", partial: field[1]! };
  const op = OPERATOR.exec(rest);
  // `service i` may become `in`: an unfinished word is still the operator.
  if (op === null || (/^[a-z ]+$/.test(rest.trim()) && !/\s$/.test(rest))) {
    const partial = rest.trim();
    return FILTER_OPERATORS.some((operator) => operator.startsWith(partial))
      ? { at: "operator", field: field[1]!, partial }
      : { at: "field", partial: text.trim() };
  }
  const value = rest.slice(op[0].length);
  const name = op[1]!.replace(/\s+/, " ") as FilterOperator;
  const comma = name === "in" || name === "not in" ? value.lastIndexOf(",") : -1;
  return {
    at: "value",
    field: field[1]!,
    op: name,
    partial: value
      .slice(comma + 1)
      .trim()
      .replace(/^"|"$/g, ""),
    before: value.slice(0, comma + 1),
  };
}

export interface Suggestion {
  readonly id: string;
  /** What the input holds, or what is done, when it is taken. */
  readonly take:
    | { readonly kind: "text"; readonly text: string }
    | { readonly kind: "filter"; readonly filter: string }
    | { readonly kind: "words"; readonly words: string }
    | { readonly kind: "trace"; readonly traceId: string };
  readonly title: string;
  readonly hint: string;
}

const OPERATOR_HINTS: Readonly<Record<FilterOperator, string>> = {
  "=": "is",
  "!=": "is not",
  ">": "more than",
  ">=": "at least",
  "<": "less than",
  "<=": "at most",
  "~": "contains the phrase",
  "!~": "does not contain",
  "=~": "matches RE2",
  "!=~": "does not match",
  in: "one of",
  "not in": "none of",
  exists: "is there",
  "not exists": "is not there",
};

const BUILT_IN: Readonly<Record<Signal, readonly string[]>> = {
  spans: ["service", "name", "status", "duration", "kind", "trace", "event"],
  logs: ["service", "severity", "body", "template", "trace", "event"],
  metrics: ["service", "metric"],
};
const FIXED: Readonly<Record<string, readonly string[]>> = {
  status: ["error", "ok", "unset"],
  kind: ["server", "client", "internal", "producer", "consumer"],
  severity: ["error", "warn", "info", "debug", "trace", "fatal"],
  duration: ["100ms", "500ms", "1s", "5s"],
};

export interface Known {
  readonly fields: readonly { readonly field: string; readonly count: number }[];
  readonly values: readonly { readonly value: string; readonly count: number }[];
}

/** What could come next, the likeliest first. */
export function suggestionsFor(text: string, signal: Signal, known: Known): readonly Suggestion[] {
  const out: Suggestion[] = [];
  const trimmed = text.trim();
  if (/^[0-9a-f]{32}$/i.test(trimmed))
    out.push({
      id: "trace",
      take: { kind: "trace", traceId: trimmed.toLowerCase() },
      title: "Open trace",
      hint: trimmed,
    });
  const whole = parseFilter(text);
  if (!("message" in whole))
    out.push({
      id: "filter",
      take: { kind: "filter", filter: printFilter(whole) },
      title: printFilter(whole),
      hint: "add filter",
    });
  const stage = stageOf(text);
  if (stage.at === "field") {
    const partial = stage.partial.toLowerCase();
    const counts = new Map(known.fields.map(({ field, count }) => [field, count]));
    const fields = [...new Set([...BUILT_IN[signal], ...counts.keys()])].filter((field) =>
      field.toLowerCase().includes(partial),
    );
    fields.sort((a, b) => rank(a, partial) - rank(b, partial));
    for (const field of fields.slice(0, 12))
      out.push({
        id: `field ${field}`,
        take: { kind: "text", text: `${field} ` },
        title: field,
        hint: counts.has(field) ? `${counts.get(field)!.toLocaleString("en-US")} rows` : "",
      });
    if (trimmed !== "" && !/^[0-9a-f]{32}$/i.test(trimmed))
      out.push({
        id: "words",
        take: { kind: "words", words: trimmed },
        title: signal === "logs" ? `Lines with “${trimmed}”` : `Name contains “${trimmed}”`,
        hint: "search",
      });
  } else if (stage.at === "operator") {
    for (const op of FILTER_OPERATORS.filter((operator) => operator.startsWith(stage.partial))) {
      const done = op === "exists" || op === "not exists";
      const next = `${stage.field} ${op}`;
      out.push({
        id: `op ${op}`,
        take: done ? { kind: "filter", filter: next } : { kind: "text", text: `${next} ` },
        title: next,
        hint: OPERATOR_HINTS[op],
      });
    }
  } else {
    const values = [
      ...new Map([
        ...known.values.map(({ value, count }) => [value, count] as const),
        ...(FIXED[stage.field] ?? []).map((value) => [value, 0] as const),
      ]).entries(),
    ];
    const partial = stage.partial.toLowerCase();
    for (const [value, count] of values
      .filter(([candidate]) => candidate.toLowerCase().includes(partial))
      .slice(0, 12)) {
      const list = /in$/.test(stage.op) ? stage.before : "";
      const parsed = parseFilter(`${stage.field} ${stage.op} ${list}${JSON.stringify(value)}`);
      if ("message" in parsed) continue;
      const filter = printFilter(parsed);
      if (out.some((other) => other.take.kind === "filter" && other.take.filter === filter)) continue;
      out.push({
        id: `value ${value}`,
        take: { kind: "filter", filter },
        title: value,
        hint: count > 0 ? `${count.toLocaleString("en-US")} rows` : "",
      });
    }
  }
  return out;
}

function rank(field: string, partial: string): number {
  const lower = field.toLowerCase();
  if (lower === partial) return 0;
  if (lower.startsWith(partial)) return 1;
  return lower.includes(`.${partial}`) ? 2 : 3;
}
