import { and, as, call, column, compare, descending, literal, output, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import { type Field, type FilteredSignal, fieldExists, fixedFields } from "./field.ts";
import type { Question } from "./question.ts";
import { groupValue } from "./record-histogram.ts";
import { parseResource } from "./resource.ts";
import { severityName } from "./severity.ts";

/** The API's Facet without statistics. */
export interface RecordFacet {
  readonly field: string;
  readonly values: readonly { readonly value: string; readonly count: number }[];
  readonly otherCount: number;
  readonly coverage: number;
  readonly total: number;
}

type Signal = Exclude<FilteredSignal, "series">;

/** The commonest values of a field, and how many rows have it at all. `where` is without the facet's own filter. */
export async function readFacet(
  question: Question,
  signal: Signal,
  asked: {
    readonly range: TimeRange;
    readonly where: Predicate | undefined;
    readonly field: Field;
    readonly limit: number;
  },
): Promise<RecordFacet> {
  const { range, where, field, limit } = asked;
  if (field.type === "duration") throw new Failure("bad-request", "field: durations have no facet; use the heatmap");
  const exists = fieldExists(field);
  const totals = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where,
      columns: [
        as("total", call("count")),
        as("having", exists === undefined ? call("count") : call("countIf", test(exists))),
      ],
      limit: 1,
    }),
  );
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where: and(where, exists),
      columns: [as("value", groupValue(field)), as("count", call("count"))],
      groupBy: ["value"],
      orderBy: [descending(output("count")), { by: output("value"), descending: false }],
      limit: field.type === "severity" ? 25 : limit,
    }),
  );
  const total = totals.numbers("total")[0] ?? 0;
  const having = totals.numbers("having")[0] ?? 0;
  const counts = frame.numbers("count");
  const byName = new Map<string, number>();
  for (const [row, value] of frame.texts("value").entries()) {
    const name = field.type === "severity" ? severityName(Number(value)) : value;
    byName.set(name, (byName.get(name) ?? 0) + counts[row]!);
  }
  const values = [...byName].map(([value, count]) => ({ value, count })).slice(0, limit);
  const shown = values.reduce((sum, { count }) => sum + count, 0);
  return {
    field: field.name,
    values,
    otherCount: field.type === "list" ? 0 : Math.max(0, having - shown),
    coverage: total === 0 ? 0 : having / total,
    total,
  };
}

/** The API's Fields without statistics. */
export type RecordFields = readonly { readonly field: string; readonly count: number }[];

/** Rows whose attribute keys are counted before a sample is taken instead. */
const MOST_COUNTED = 200_000;
const MOST_FIELDS = 500;
const MOST_RESOURCES = 10_000;

/** What the rows can be filtered by, most used first. Over many rows the counts come from a sample and are marked partial. */
export async function readFields(
  question: Question,
  signal: Signal,
  range: TimeRange,
  where: Predicate | undefined,
): Promise<RecordFields> {
  const total = (
    await question.read(
      select({
        tenant: question.tenant,
        from: signal,
        time: range,
        where,
        columns: [as("total", call("count"))],
        limit: 1,
      }),
    )
  ).numbers("total")[0]!;
  const every = Math.max(1, Math.ceil(total / MOST_COUNTED));
  if (every > 1) question.markPartial();
  const sample: Predicate | undefined =
    every === 1
      ? undefined
      : compare(
          call(
            "modulo",
            call("hash", column(signal === "spans" ? "start_time" : "time"), column("span_id")),
            literal(every),
          ),
          "=",
          0,
        );
  const fields: { field: string; count: number }[] = fixedFields(signal).map((field) => ({ field, count: total }));
  const sampled = and(where, sample);
  const keys = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where: sampled,
      columns: [as("key", call("arrayJoin", call("mapKeys", column("attributes")))), as("count", call("count"))],
      groupBy: ["key"],
      orderBy: [descending(output("count")), { by: output("key"), descending: false }],
      limit: MOST_FIELDS,
    }),
  );
  const counts = keys.numbers("count");
  for (const [row, key] of keys.strings("key").entries())
    fields.push({ field: `attributes.${key}`, count: Math.min(total, counts[row]! * every) });
  for (const [key, count] of await countResourceKeys(question, signal, range, sampled))
    fields.push({ field: `resource.${key}`, count: Math.min(total, count * every) });
  return fields.sort((a, b) => b.count - a.count);
}

/** Rows by the keys of their resource, of which there are few: they are counted whole and taken apart here. */
async function countResourceKeys(
  question: Question,
  signal: Signal,
  range: TimeRange,
  where: Predicate | undefined,
): Promise<ReadonlyMap<string, number>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where,
      columns: [as("resource", column("resource")), as("count", call("count"))],
      groupBy: ["resource"],
      orderBy: [descending(output("count"))],
      limit: MOST_RESOURCES,
    }),
  );
  const counts = frame.numbers("count");
  const found = new Map<string, number>();
  for (const [row, resource] of frame.strings("resource").entries())
    for (const [key] of parseResource(resource)) found.set(key, (found.get(key) ?? 0) + counts[row]!);
  return found;
}
