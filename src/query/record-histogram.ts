import { as, call, column, descending, isIn, literal, output, select, test } from "#plan/expression.ts";
import type { Expression, Predicate, TimeRange } from "#plan/select.ts";
import { type Field, type FilteredSignal, fieldValue } from "./field.ts";
import type { Question } from "./question.ts";
import { severityName } from "./severity.ts";
import { roundBuckets, unixMs, wholeMinutes } from "./time.ts";

/** The API's Histogram without statistics. */
export interface RecordHistogram {
  readonly startMs: number;
  readonly stepMs: number;
  readonly groups: readonly { readonly name: string; readonly counts: readonly number[] }[];
}

const MINUTE_NS = 60_000_000_000n;
const MOST_GROUPS = 12;
export const OTHER_GROUP = "other";

const TIME_COLUMN = { spans: "start_time", logs: "time" } as const;

/**
 * Records counted by time and a field, the twelve largest groups by name and the rest as `other`. With buckets of a minute or
 * more the range is widened to whole minutes, so that the summaries by the minute can answer.
 */
export async function readHistogram(
  question: Question,
  signal: Exclude<FilteredSignal, "series">,
  asked: {
    readonly range: TimeRange;
    readonly where: Predicate | undefined;
    readonly groupBy: Field;
    readonly buckets: number;
  },
): Promise<RecordHistogram> {
  const buckets = roundBuckets(asked.range, asked.buckets);
  const range = buckets.stepNs % MINUTE_NS === 0n ? wholeMinutes(asked.range) : asked.range;
  const value = groupValue(asked.groupBy);
  const few = asked.groupBy.values !== undefined || asked.groupBy.type === "severity";
  const names = few ? undefined : await largest(question, signal, range, asked.where, value);
  const group =
    names === undefined
      ? value
      : call("if", test(isIn(value, names)), call("concat", literal("="), value), literal(OTHER_GROUP));
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where: asked.where,
      columns: [
        as(
          "bucket",
          call("bucket", column(TIME_COLUMN[signal]), literal(buckets.startUnixNano), literal(buckets.stepNs)),
        ),
        as("group", group),
        as("count", call("count")),
      ],
      groupBy: ["bucket", "group"],
      limit: 200_000,
    }),
  );
  const counts = new Map<string, number[]>();
  const bucket = frame.numbers("bucket");
  const count = frame.numbers("count");
  for (const [row, raw] of frame.texts("group").entries()) {
    const name =
      asked.groupBy.type === "severity" ? severityName(Number(raw)) : raw.startsWith("=") && !few ? raw.slice(1) : raw;
    let list = counts.get(name);
    if (list === undefined) {
      list = new Array<number>(buckets.count).fill(0);
      counts.set(name, list);
    }
    const at = bucket[row]!;
    if (at >= 0 && at < buckets.count) list[at]! += count[row]!;
  }
  const total = (list: readonly number[]): number => list.reduce((sum, each) => sum + each, 0);
  return {
    startMs: unixMs(buckets.startUnixNano),
    stepMs: Number(buckets.stepNs) / 1e6,
    groups: [...counts]
      .map(([name, list]) => ({ name, counts: list }))
      .sort(
        (a, b) => Number(a.name === OTHER_GROUP) - Number(b.name === OTHER_GROUP) || total(b.counts) - total(a.counts),
      ),
  };
}

/** A field's value as text to group by; of a list each entry counts. */
export function groupValue(field: Field): Expression {
  if (field.type === "list") return call("arrayJoin", field.value);
  return field.values === undefined ? fieldValue(field) : call("text", field.value);
}

async function largest(
  question: Question,
  signal: Exclude<FilteredSignal, "series">,
  range: TimeRange,
  where: Predicate | undefined,
  value: Expression,
): Promise<readonly string[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: signal,
      time: range,
      where,
      columns: [as("group", value), as("count", call("count"))],
      groupBy: ["group"],
      orderBy: [descending(output("count")), { by: output("group"), descending: false }],
      limit: MOST_GROUPS,
    }),
  );
  return frame.texts("group");
}
