import { and, as, call, column, compare, equals, isIn, list, literal, or, select, test } from "#plan/expression.ts";
import type { Expression, Select, TimeRange } from "#plan/select.ts";
import type { Question } from "../question.ts";
import type { Buckets } from "../time.ts";
import type { SeriesSelection } from "./series-lookup.ts";

export type LevelAggregate = "avg" | "sum" | "min" | "max";
export type CounterAggregate = "rate" | "increase";

/** Values by group and step; null where there are none. */
export type StepValues = readonly (readonly (number | null)[])[];

/** How far before the range a counter's point before is looked for. */
export const LOOKBACK_NS = 300_000_000_000n;
const MOST_ROWS = 400_000;

const rangeOf = (buckets: Buckets): TimeRange => ({
  fromUnixNano: buckets.startUnixNano,
  toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
});

/**
 * Values as they are: of each series one value a step (its mean there, or its extreme), of the series of a group the mean,
 * the sum or the extreme of these. So `sum` adds up series, not points.
 */
export async function readLevels(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
  aggregate: LevelAggregate,
): Promise<StepValues> {
  const within = aggregate === "sum" ? "avg" : aggregate;
  const perSeries = select({
    tenant: question.tenant,
    from: "points",
    time: rangeOf(buckets),
    where: pointsOf(metric, series),
    columns: [
      as("id", column("series_id")),
      as("slot", call("bucket", column("time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
      as("value", call(within, column("value"))),
    ],
    groupBy: ["id", "slot"],
    limit: Number.MAX_SAFE_INTEGER,
  });
  return readGroups(question, series, buckets, perSeries, call(aggregate, column("value")));
}

/**
 * What a counter counted. An increase between two points is spread evenly over the time between them, so that a step shorter
 * than the sender's interval shows a line and not spikes; over more than five minutes without a point it counts in the step
 * of the later point. A value below the one before, or a later start time, is a new beginning: it counts from 0. Delta points
 * are increases already, from their start time on. The rate of a step is its increase by the time it covers, series by
 * series, then summed.
 */
export async function readIncreases(
  question: Question,
  metric: string,
  series: SeriesSelection,
  buckets: Buckets,
  aggregate: CounterAggregate,
): Promise<StepValues> {
  const range = rangeOf(buckets);
  const from = range.fromUnixNano - LOOKBACK_NS;
  const time = call("unixNano", column("time"));
  const startTime = call("unixNano", column("start_time"));
  const before = (value: Expression): Expression => call("previous", value, column("series_id"), column("time"));
  const points = select({
    tenant: question.tenant,
    from: "points",
    time: { fromUnixNano: from, toUnixNano: range.toUnixNano },
    where: pointsOf(metric, series),
    columns: [
      as("id", column("series_id")),
      as("t", time),
      as("started", startTime),
      as("value", column("value")),
      as("valueBefore", before(column("value"))),
      as("tBefore", before(time)),
      as("startedBefore", before(startTime)),
    ],
    limit: Number.MAX_SAFE_INTEGER,
  });
  const first = test(equals(call("isNull", column("tBefore")), 1));
  const increments =
    series.temporality === "delta" ? deltas(question, points, first) : differences(question, points, first, from);
  const start = literal(buckets.startUnixNano);
  const step = literal(buckets.stepNs);
  const slotOf = (at: Expression): Expression => call("intDiv", call("minus", at, start), step);
  const spread = test(compare(call("minus", column("t"), column("since")), "<=", literal(LOOKBACK_NS)));
  const pieces = select({
    tenant: question.tenant,
    from: increments,
    columns: [
      as("id", column("id")),
      as("t", column("t")),
      as("since", column("since")),
      as("increase", column("increase")),
      as("spread", spread),
      as(
        "slot",
        call(
          "arrayJoin",
          call(
            "range",
            call("if", spread, slotOf(column("since")), slotOf(column("t"))),
            call("plus", slotOf(column("t")), literal(1)),
          ),
        ),
      ),
    ],
    limit: Number.MAX_SAFE_INTEGER,
  });
  const slotStart = call("plus", start, call("times", column("slot"), step));
  const overlap = call(
    "greatest",
    literal(0),
    call(
      "minus",
      call("least", column("t"), call("plus", slotStart, step)),
      call("greatest", column("since"), slotStart),
    ),
  );
  const length = call("minus", column("t"), column("since"));
  const covered = call("if", column("spread"), overlap, length);
  const perSeries = select({
    tenant: question.tenant,
    from: select({
      tenant: question.tenant,
      from: pieces,
      columns: [
        as("id", column("id")),
        as("slot", column("slot")),
        as("covered", covered),
        as("part", call("divide", call("times", column("increase"), call("real", covered)), call("real", length))),
      ],
      limit: Number.MAX_SAFE_INTEGER,
    }),
    where: and(compare(column("slot"), ">=", 0), compare(column("slot"), "<", buckets.count)),
    columns: [
      as("id", column("id")),
      as("slot", column("slot")),
      as("increase", call("sum", column("part"))),
      as("covered", call("sum", column("covered"))),
    ],
    groupBy: ["id", "slot"],
    having: compare({ kind: "output", name: "covered" }, ">", 0),
    limit: Number.MAX_SAFE_INTEGER,
  });
  const seconds = call("divide", call("real", column("covered")), literal(1e9));
  return readGroups(
    question,
    series,
    buckets,
    perSeries,
    call("sum", aggregate === "rate" ? call("divide", column("increase"), seconds) : column("increase")),
  );
}

/** Cumulative points: from point to point. */
function differences(question: Question, points: Select, first: Expression, from: bigint): Select {
  const began = compare(column("started"), ">=", literal(from));
  const reset = test(
    or(compare(column("value"), "<", column("valueBefore")), compare(column("started"), ">", column("startedBefore"))),
  );
  return select({
    tenant: question.tenant,
    from: points,
    // The first point of a series is but a beginning, unless the counter began within what is read.
    where: and(
      or({ kind: "not", of: equals(call("isNull", column("tBefore")), 1) }, began),
      compare(column("t"), ">", sinceOf(first)),
    ),
    columns: [
      as("id", column("id")),
      as("t", column("t")),
      as("since", sinceOf(first)),
      as(
        "increase",
        call(
          "if",
          first,
          column("value"),
          call("if", reset, column("value"), call("minus", column("value"), call("present", column("valueBefore")))),
        ),
      ),
    ],
    limit: Number.MAX_SAFE_INTEGER,
  });
}

const sinceOf = (first: Expression): Expression =>
  call("if", first, column("started"), call("present", column("tBefore")));

/** Delta points: what each counted, since its start time or the point before. */
function deltas(question: Question, points: Select, first: Expression): Select {
  const since = call(
    "if",
    test(and(compare(column("started"), ">", 0), compare(column("started"), "<", column("t")))!),
    column("started"),
    call("if", first, call("minus", column("t"), literal(1)), call("present", column("tBefore"))),
  );
  return select({
    tenant: question.tenant,
    from: points,
    where: compare(column("t"), ">", since),
    columns: [as("id", column("id")), as("t", column("t")), as("since", since), as("increase", column("value"))],
    limit: Number.MAX_SAFE_INTEGER,
  });
}

/** Points of the series, without those that only say that there is none. */
function pointsOf(metric: string, series: SeriesSelection) {
  return and(
    equals(column("metric_name"), metric),
    isIn(column("series_id"), series.ids),
    equals(call("modulo", column("flags"), literal(2)), 0),
  );
}

async function readGroups(
  question: Question,
  series: SeriesSelection,
  buckets: Buckets,
  perSeries: Select,
  value: Expression,
): Promise<StepValues> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: perSeries,
      columns: [
        as("group", call("transform", column("id"), list(series.ids), list(series.groupOf))),
        as("slot", column("slot")),
        as("value", value),
      ],
      groupBy: ["group", "slot"],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const values = series.groups.map(() => new Array<number | null>(buckets.count).fill(null));
  const slot = frame.numbers("slot");
  const read = frame.numbers("value");
  for (const [row, group] of frame.numbers("group").entries()) {
    const at = slot[row]!;
    if (group >= 0 && at >= 0 && at < buckets.count && Number.isFinite(read[row]!)) values[group]![at] = read[row]!;
  }
  return values;
}
