import { and, call, compare, equals, isIn, literal, not, or } from "#plan/expression.ts";
import type { CompareOperator, Expression, Predicate } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import { parseDurationNs } from "./duration.ts";
import { type Field, type FilteredSignal, fieldExists, fieldValue, resolveField } from "./field.ts";
import { severityRange } from "./severity.ts";

/** One filter as api/contract/filter.ts parses it. */
export interface FieldFilter {
  readonly field: string;
  readonly op:
    | "="
    | "!="
    | ">"
    | ">="
    | "<"
    | "<="
    | "~"
    | "!~"
    | "=~"
    | "!=~"
    | "in"
    | "not in"
    | "exists"
    | "not exists";
  readonly values: readonly string[];
}

/** Most filters of one question, and most values of one `in`. */
export const MOST_FILTERS = 50;
const MOST_VALUES = 1000;

/** All filters joined by AND; undefined for none. Throws bad-request with the filter it cannot read. */
export function filtersPredicate(signal: FilteredSignal, filters: readonly FieldFilter[]): Predicate | undefined {
  if (filters.length > MOST_FILTERS)
    throw new Failure("bad-request", `where: ${filters.length} filters; at most ${MOST_FILTERS}`);
  return and(...filters.map((filter) => filterPredicate(signal, filter)));
}

/**
 * One filter as a predicate. What is not there counts as '': `attributes.tier != gold` holds for a record without a tier,
 * and `exists` asks for a value that is not empty.
 */
export function filterPredicate(signal: FilteredSignal, filter: FieldFilter): Predicate {
  const field = resolveField(signal, filter.field);
  if (filter.values.length > MOST_VALUES)
    throw new Failure(
      "bad-request",
      `where: ${filter.field} has ${filter.values.length} values; at most ${MOST_VALUES}`,
    );
  switch (filter.op) {
    case "!=":
      return not(equalTo(field, filter.values));
    case "not in":
      return not(equalTo(field, filter.values));
    case "=":
    case "in":
      return equalTo(field, filter.values);
    case "exists":
      return fieldExists(field) ?? { kind: "and", of: [] };
    case "not exists":
      return not(fieldExists(field) ?? { kind: "and", of: [] });
    case "~":
      return everywhere(field, (left) => ({ kind: "phrase", left, text: filter.values[0]! }));
    case "!~":
      return not(everywhere(field, (left) => ({ kind: "phrase", left, text: filter.values[0]! })));
    case "=~":
      return everywhere(field, (left) => ({ kind: "match", left, pattern: filter.values[0]! }));
    case "!=~":
      return not(everywhere(field, (left) => ({ kind: "match", left, pattern: filter.values[0]! })));
    default:
      return ordered(field, filter.op, filter.values[0]!);
  }
}

function everywhere(field: Field, of: (left: Expression) => Predicate): Predicate {
  if (field.type === "duration" || field.type === "severity" || field.type === "number" || field.type === "list")
    throw new Failure("bad-request", `where: ${field.name} is no text; use =, !=, <, <=, > or >=`);
  return of(field.values === undefined ? fieldValue(field) : call("text", field.value));
}

function equalTo(field: Field, values: readonly string[]): Predicate {
  switch (field.type) {
    case "duration":
      return isIn(
        field.value,
        values.map((value) => duration(field, value)),
      );
    case "number":
      return isIn(
        field.value,
        values.map((value) => number(field, value)),
      );
    case "severity":
      return or(
        ...values.map((value) => {
          const { first, last } = severity(value);
          return and(compare(field.value, ">=", first), compare(field.value, "<=", last))!;
        }),
      );
    case "list":
      return or(...values.map((value) => equals(call("has", field.value, literal(value)), 1)));
    default: {
      const wrong = field.values === undefined ? undefined : values.find((value) => !field.values!.includes(value));
      if (wrong !== undefined)
        throw new Failure(
          "bad-request",
          `where: ${field.name} is one of ${field.values!.join(", ")}, not ${JSON.stringify(wrong.slice(0, 60))}`,
        );
      const asked =
        field.name === "trace" || field.name === "span" || field.name === "parent" ? values.map(lower) : values;
      const left = fieldValue(field);
      return asked.length === 1 ? equals(left, asked[0]!) : isIn(left, asked);
    }
  }
}

function ordered(field: Field, op: CompareOperator, value: string): Predicate {
  switch (field.type) {
    case "duration":
      return compare(field.value, op, duration(field, value));
    case "number":
      return compare(field.value, op, number(field, value));
    case "severity": {
      const { first, last } = severity(value);
      return compare(field.value, op, op === ">" || op === "<=" ? last : first);
    }
    case "attribute": {
      if (value.trim() === "" || !Number.isFinite(Number(value)))
        throw new Failure(
          "bad-request",
          `where: ${field.name} ${op} compares numbers; ${JSON.stringify(value.slice(0, 60))} is none`,
        );
      return compare(call("number", fieldValue(field)), op, Number(value));
    }
    default:
      throw new Failure("bad-request", `where: ${field.name} has no order; use =, !=, in, ~ or =~`);
  }
}

const lower = (value: string): string => value.toLowerCase();

function duration(field: Field, value: string): number {
  const found = parseDurationNs(value);
  if (found === undefined)
    throw new Failure(
      "bad-request",
      `where: ${field.name} takes a duration as 500ms or 1.5s, not ${JSON.stringify(value.slice(0, 60))}`,
    );
  return Math.round(found);
}

function number(field: Field, value: string): number {
  if (value.trim() === "" || !Number.isFinite(Number(value)))
    throw new Failure("bad-request", `where: ${field.name} takes a number, not ${JSON.stringify(value.slice(0, 60))}`);
  return Number(value);
}

function severity(value: string): { first: number; last: number } {
  const found = severityRange(value);
  if (found === undefined)
    throw new Failure(
      "bad-request",
      `where: severity is trace, debug, info, warn, error, fatal or 0 to 24, not ${JSON.stringify(value.slice(0, 60))}`,
    );
  return found;
}
