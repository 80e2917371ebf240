import { and, as, call, column, compare, equals, select } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { type Field, fieldValue } from "../field.ts";
import type { Question } from "../question.ts";

export type MetricType = "gauge" | "sum" | "histogram" | "exponential_histogram" | "summary";

/** The series of one metric that answer a question, and which group of labels each belongs to. */
export interface SeriesSelection {
  readonly type: MetricType;
  readonly temporality: "unspecified" | "delta" | "cumulative";
  readonly monotonic: boolean;
  readonly unit: string;
  readonly ids: readonly bigint[];
  /** By index of `ids`: index in `groups`. */
  readonly groupOf: readonly number[];
  readonly groups: readonly Readonly<Record<string, string>>[];
}

/** Series of a metric that are read; more are left out and the answer says that it is partial. */
export const MOST_SERIES = 5000;
const HOUR_NS = 3_600_000_000_000n;

/** A series' row is written anew every hour that it has points, so that its times tell whether it was there. */
export function wasActive(range: TimeRange): Predicate {
  return and(
    compare(
      column("last_time"),
      ">=",
      call("time", { kind: "literal", value: (range.fromUnixNano / HOUR_NS) * HOUR_NS }),
    ),
    compare(column("first_time"), "<", call("time", { kind: "literal", value: range.toUnixNano })),
  )!;
}

/** Undefined where the metric has no series. Of a name that several kinds of metric share, the kind of most series. */
export async function lookUpSeries(
  question: Question,
  asked: {
    readonly metric: string;
    readonly range: TimeRange;
    readonly where: Predicate | undefined;
    readonly groupBy: readonly Field[];
  },
): Promise<SeriesSelection | undefined> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "series",
      time: asked.range,
      where: and(equals(column("metric_name"), asked.metric), wasActive(asked.range), asked.where),
      columns: [
        as("id", call("text", column("series_id"))),
        as("type", call("text", call("any", column("metric_type")))),
        as("temporality", call("text", call("any", column("temporality")))),
        as("monotonic", call("any", column("is_monotonic"))),
        as("unit", call("any", column("unit"))),
        ...asked.groupBy.map((field, index) => as(`label${index}`, call("any", fieldText(field)))),
      ],
      groupBy: ["id"],
      orderBy: [{ by: { kind: "output", name: "id" }, descending: false }],
      limit: MOST_SERIES + 1,
    }),
  );
  if (frame.rowCount === 0) return undefined;
  if (frame.rowCount > MOST_SERIES) question.markPartial();
  const types = frame.strings("type");
  const temporalities = frame.strings("temporality");
  const monotonic = frame.numbers("monotonic");
  const units = frame.strings("unit");
  const labels = asked.groupBy.map((_, index) => frame.texts(`label${index}`));
  const kinds = types.map((type, row) => `${type} ${temporalities[row]} ${monotonic[row]}`);
  const kind = commonest(kinds);
  const first = kinds.indexOf(kind);
  const groups: Record<string, string>[] = [];
  const known = new Map<string, number>();
  const ids: bigint[] = [];
  const groupOf: number[] = [];
  for (const [row, id] of frame.strings("id").slice(0, MOST_SERIES).entries()) {
    if (kinds[row] !== kind) continue;
    const values = labels.map((list) => list[row]!);
    const key = JSON.stringify(values);
    let group = known.get(key);
    if (group === undefined) {
      group = groups.length;
      known.set(key, group);
      groups.push(Object.fromEntries(asked.groupBy.map((field, index) => [field.name, values[index]!])));
    }
    ids.push(BigInt(id));
    groupOf.push(group);
  }
  return {
    type: types[first] as MetricType,
    temporality: temporalities[first] as SeriesSelection["temporality"],
    monotonic: monotonic[first] === 1,
    unit: units[first]!,
    ids,
    groupOf,
    groups,
  };
}

function fieldText(field: Field) {
  return field.values === undefined ? fieldValue(field) : call("text", field.value);
}

function commonest(values: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]![0];
}
