import { attribute, call, column, compare, literal, or } from "#plan/expression.ts";
import type { Expression, Predicate } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";

/** The kinds of record a filter can speak of; `series` are what metrics are filtered by. */
export type FilteredSignal = "spans" | "logs" | "series";

/** How a field compares: as text, as a duration with a unit, as a severity name, as an attribute (text, or a number for < and >). */
export type FieldType = "text" | "duration" | "severity" | "number" | "list" | "attribute";

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly value: Expression;
  /** Values the field can take, where they are few and fixed. */
  readonly values?: readonly string[];
  /** For a bare dotted key, which may be the record's or the resource's: the second place to look. */
  readonly fallback?: Expression;
}

const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];
const STATUSES = ["unset", "ok", "error"];
const METRIC_TYPES = ["gauge", "sum", "histogram", "exponential_histogram", "summary"];

const text = (name: string, columnName: string): Field => ({ name, type: "text", value: column(columnName) });

const FIELDS: Readonly<Record<FilteredSignal, Readonly<Record<string, Field>>>> = {
  spans: {
    service: text("service", "service_name"),
    name: text("name", "name"),
    kind: { ...text("kind", "kind"), values: KINDS },
    status: { ...text("status", "status_code"), values: STATUSES },
    status_message: text("status_message", "status_message"),
    duration: { name: "duration", type: "duration", value: column("duration_nano") },
    trace: text("trace", "trace_id"),
    span: text("span", "span_id"),
    parent: text("parent", "parent_span_id"),
    scope: text("scope", "scope_name"),
    event: { name: "event", type: "list", value: column("events.name") },
  },
  logs: {
    service: text("service", "service_name"),
    trace: text("trace", "trace_id"),
    span: text("span", "span_id"),
    scope: text("scope", "scope_name"),
    severity: { name: "severity", type: "severity", value: column("severity_number") },
    body: text("body", "body"),
    template: text("template", "template"),
    event: text("event", "event_name"),
  },
  series: {
    service: text("service", "service_name"),
    metric: text("metric", "metric_name"),
    type: { ...text("type", "metric_type"), values: METRIC_TYPES },
    unit: text("unit", "unit"),
    scope: text("scope", "scope_name"),
  },
};

const ALIASES: Readonly<Record<string, string>> = { "service.name": "service", trace_id: "trace", span_id: "span" };

/** Longest key of an attribute that can be asked for. */
const KEY_LENGTH = 512;

/** What a field's name means for a signal. Throws bad-request for a name that means nothing. */
export function resolveField(signal: FilteredSignal, asked: string): Field {
  const name = Object.hasOwn(ALIASES, asked) ? ALIASES[asked]! : asked;
  if (name.length > KEY_LENGTH) throw new Failure("bad-request", `field: longer than ${KEY_LENGTH} characters`);
  const fields = FIELDS[signal];
  if (Object.hasOwn(fields, name)) return fields[name]!;
  for (const [prefix, map] of [
    ["attributes.", "attributes"],
    ["resource.", "resource_attributes"],
    ["scope.", "scope_attributes"],
  ] as const)
    if (name.startsWith(prefix) && name.length > prefix.length)
      return { name, type: "attribute", value: attribute(map, name.slice(prefix.length)) };
  if (!name.includes("."))
    throw new Failure(
      "bad-request",
      `where: ${signal} have no field ${JSON.stringify(asked)}; there are ${Object.keys(fields).join(", ")}, attributes.<key> and resource.<key>`,
    );
  return {
    name,
    type: "attribute",
    value: attribute("attributes", name),
    fallback: attribute("resource_attributes", name),
  };
}

/** Names of the fields that are not attributes. */
export function fixedFields(signal: FilteredSignal): readonly string[] {
  return Object.keys(FIELDS[signal]);
}

/** The field's value as one expression, for grouping and showing. */
export function fieldValue(field: Field): Expression {
  if (field.fallback === undefined) return field.value;
  return call("if", { kind: "test", of: { kind: "exists", left: field.value } }, field.value, field.fallback);
}

/** That the record has the field at all; undefined where every record has it. */
export function fieldExists(field: Field): Predicate | undefined {
  if (field.type === "attribute")
    return field.fallback === undefined
      ? { kind: "exists", left: field.value }
      : or({ kind: "exists", left: field.value }, { kind: "exists", left: field.fallback });
  if (field.type === "list") return compare(call("length", field.value), ">", literal(0));
  if (field.type === "severity") return compare(field.value, ">", 0);
  if (field.type === "text" && field.values === undefined && field.name !== "service" && field.name !== "name")
    return { kind: "exists", left: field.value };
  return undefined;
}
