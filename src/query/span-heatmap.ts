import { logBucketLow } from "#math/log-buckets.ts";
import { as, call, column, equals, literal, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { roundBuckets, unixMs } from "./time.ts";

/** The API's Heatmap without statistics: cell (x, y) is counts[x * rows + y]. */
export interface DurationHeatmap {
  readonly startMs: number;
  readonly stepMs: number;
  readonly columns: number;
  readonly rows: number;
  readonly boundsNs: readonly number[];
  readonly counts: readonly number[];
  readonly errors: readonly number[];
}

/**
 * Time by log duration, every matching span counted. The rows are whole log buckets (eight to a doubling), as many to a row
 * as it takes to stay within `rows`; all rows are of one height, the first holds the shortest span and the last the longest.
 */
export async function readHeatmap(
  question: Question,
  range: TimeRange,
  where: Predicate | undefined,
  most: { readonly columns: number; readonly rows: number },
): Promise<DurationHeatmap> {
  const buckets = roundBuckets(range, most.columns);
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        as("x", call("bucket", column("start_time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("y", call("durationBucket", column("duration_nano"))),
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
      ],
      groupBy: ["x", "y"],
      limit: 1_000_000,
    }),
  );
  const x = frame.numbers("x");
  const y = frame.numbers("y");
  const count = frame.numbers("count");
  const failed = frame.numbers("errors");
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const bucket of y) {
    if (bucket < low) low = bucket;
    if (bucket > high) high = bucket;
  }
  const empty = frame.rowCount === 0;
  const perRow = empty ? 1 : Math.max(1, Math.ceil((high - low + 1) / most.rows));
  const rows = empty ? 0 : Math.ceil((high - low + 1) / perRow);
  const counts = new Array<number>(buckets.count * rows).fill(0);
  const errors = new Array<number>(buckets.count * rows).fill(0);
  for (let cell = 0; cell < x.length; cell++) {
    const at = x[cell]! * rows + Math.floor((y[cell]! - low) / perRow);
    counts[at]! += count[cell]!;
    errors[at]! += failed[cell]!;
  }
  return {
    startMs: unixMs(buckets.startUnixNano),
    stepMs: Number(buckets.stepNs) / 1e6,
    columns: buckets.count,
    rows,
    boundsNs: empty ? [] : Array.from({ length: rows + 1 }, (_, row) => logBucketLow(low + row * perRow)),
    counts,
    errors,
  };
}
