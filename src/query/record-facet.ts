import { and, as, call, column, descending, output, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import { type Field, type FilteredSignal, fieldExists, fixedFields } from "./field.ts";
import type { Question } from "./question.ts";
import { groupValue } from "./record-histogram.ts";
import { parseResource } from "./resource.ts";
import { severityName } from "./severity.ts";
import { timeSlices } from "./time-slices.ts";

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
        ...(exists !== undefined && field.type === "list" ? [as("having", call("countIf", test(exists)))] : []),
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
      columns: [
        as("value", groupValue(field)),
        as("count", call("count")),
        as("having", call("overAll", call("count"))),
      ],
      groupBy: ["value"],
      orderBy: [descending(output("count")), { by: output("value"), descending: false }],
      limit: field.type === "severity" ? 25 : limit,
    }),
  );
  const total = totals.numbers("total")[0] ?? 0;
  // Of a list each entry counts as a value; as having the field each row does.
  const having = (field.type === "list" ? totals : frame).numbers("having")[0] ?? 0;
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
const MOST_COUNTED = 100_000;
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
  const sample = timeSlices(signal === "spans" ? "start_time" : "time", range, MOST_COUNTED / Math.max(1, total));
  if (sample !== undefined) question.markPartial();
  const fields: { field: string; count: number }[] = fixedFields(signal).map((field) => ({ field, count: total }));
  const sampled = and(where, sample);
  const resources = await countResourceKeys(question, signal, range, sampled);
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
  const scale = resources.rows === 0 ? 1 : total / resources.rows;
  const scaled = (count: number): number => Math.min(total, Math.round(count * scale));
  const counts = keys.numbers("count");
  for (const [row, key] of keys.strings("key").entries())
    fields.push({ field: `attributes.${key}`, count: scaled(counts[row]!) });
  for (const [key, count] of resources.keys) fields.push({ field: `resource.${key}`, count: scaled(count) });
  return fields.sort((a, b) => b.count - a.count);
}

/** Rows by the keys of their resource, of which there are few: they are counted whole and taken apart here. */
async function countResourceKeys(
  question: Question,
  signal: Signal,
  range: TimeRange,
  where: Predicate | undefined,
): Promise<{ readonly rows: number; readonly keys: ReadonlyMap<string, number> }> {
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
  const keys = new Map<string, number>();
  for (const [row, resource] of frame.strings("resource").entries())
    for (const [key] of parseResource(resource)) keys.set(key, (keys.get(key) ?? 0) + counts[row]!);
  return { rows: counts.reduce((sum, count) => sum + count, 0), keys };
}
