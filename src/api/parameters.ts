import { z } from "zod";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { FilteredSignal } from "#query/field.ts";
import { filtersPredicate, MOST_FILTERS } from "#query/filter-predicate.ts";
import { parseTimeRange } from "#query/time.ts";
import { Failure } from "#runtime/failure.ts";
import { type Filter, parseFilter } from "./contract/filter.ts";

const LONGEST_FILTER = 20_000;
/** Of all filters together: the engine reads a statement of a quarter of a megabyte with its values, no longer one. */
const LONGEST_FILTERS = 100_000;

/** Parameters that every route of a time range takes. */
export const TIME_PARAMETERS = {
  from: z
    .string()
    .max(60)
    .optional()
    .describe("Start: RFC 3339, Unix milliseconds, `now` or `now-15m`. Default: 15 minutes before `to`."),
  to: z.string().max(60).optional().describe("End, exclusive; the same forms. Default: now."),
};

export const WHERE_PARAMETER = {
  where: z
    .array(z.string().max(LONGEST_FILTER))
    .max(MOST_FILTERS)
    .default([])
    .describe("A filter as `service = checkout` or `duration > 500ms`; repeat it to join several by AND."),
};

export const RANGE_PARAMETERS = { ...TIME_PARAMETERS, ...WHERE_PARAMETER };

/** `limit` and `cursor` of a list. */
export function pageParameters(standard: number, most: number) {
  return {
    limit: integer(1, most).default(standard).describe(`Rows of a page, at most ${most}.`),
    cursor: z.string().max(4000).optional().describe("`next` of the page before, with the same other parameters."),
  };
}

/** A whole number as query strings carry it. */
export function integer(least: number, most: number) {
  return z.coerce.number().int().min(least).max(most);
}

export function rangeOf(query: { from?: string | undefined; to?: string | undefined }, nowUnixNano: bigint): TimeRange {
  return parseTimeRange(query, nowUnixNano);
}

/** Reads filters; throws bad-request with the text and the position of the mistake. */
export function parseFilters(texts: readonly string[]): readonly Filter[] {
  const length = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (length > LONGEST_FILTERS)
    throw new Failure("bad-request", `where: ${length} bytes of filters; at most ${LONGEST_FILTERS}`);
  return texts.map((text) => {
    const filter = parseFilter(text);
    if ("message" in filter)
      throw new Failure("bad-request", `where: ${JSON.stringify(text.slice(0, 200))}: ${filter.message}`, {
        position: filter.position,
      });
    return filter;
  });
}

export function predicateOf(signal: FilteredSignal, texts: readonly string[]): Predicate | undefined {
  return filtersPredicate(signal, parseFilters(texts));
}

/** Names of the parameters that may be given several times. */
export function listParameters(query: z.ZodObject): ReadonlySet<string> {
  return new Set(
    Object.entries(query.shape).flatMap(([name, schema]) => {
      const inner = schema instanceof z.ZodDefault || schema instanceof z.ZodOptional ? schema.unwrap() : schema;
      return inner instanceof z.ZodArray ? [name] : [];
    }),
  );
}

/** Query parameters as an object: names in `lists` always as arrays, others as text. Throws bad-request for one given twice. */
export function readParameters(search: URLSearchParams, lists: ReadonlySet<string>): Record<string, string | string[]> {
  const read: Record<string, string | string[]> = Object.create(null);
  for (const name of new Set(search.keys())) {
    const values = search.getAll(name);
    if (lists.has(name)) read[name] = values;
    else if (values.length > 1) throw new Failure("bad-request", `${name.slice(0, 60)}: given ${values.length} times`);
    else read[name] = values[0]!;
  }
  return read;
}

/** Checks a value against a schema; throws bad-request naming the first parameter that is wrong. */
export function validate<T>(schema: z.ZodType<T>, value: unknown): T {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  const name = issue.code === "unrecognized_keys" ? issue.keys.join(", ") : issue.path.join(".");
  const what = issue.code === "unrecognized_keys" ? "no such parameter here" : issue.message;
  throw new Failure("bad-request", `${name === "" ? "body" : name.slice(0, 200)}: ${what}`);
}
