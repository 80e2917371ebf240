import { logBucketQuantile, logBucketsOf, mergeLogBuckets } from "#math/log-buckets.ts";
import { and, as, call, column, equals, literal, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { type SparklineValues, sparkline } from "./sparkline.ts";
import { roundBuckets, wholeMinutes } from "./time.ts";

const SPARKLINE_POINTS = 60;
const MOST_ROWS = 100_000;

export interface OperationSummary {
  readonly name: string;
  readonly kind: string;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  readonly p50Ns: number | null;
  readonly p95Ns: number | null;
  readonly p99Ns: number | null;
  readonly rate: SparklineValues;
}

/** What one service does, by span name and kind, busiest first. Durations are from log-scale buckets, within 4.5%. */
export async function listOperations(
  question: Question,
  service: string,
  range: TimeRange,
  where?: Predicate,
): Promise<readonly OperationSummary[]> {
  const whole = wholeMinutes(range);
  const seconds = Number(whole.toUnixNano - whole.fromUnixNano) / 1e9;
  const asked = roundBuckets(whole, SPARKLINE_POINTS);
  const minute = 60_000_000_000n;
  const buckets =
    asked.stepNs < minute
      ? {
          startUnixNano: whole.fromUnixNano,
          stepNs: minute,
          count: Number((whole.toUnixNano - whole.fromUnixNano) / minute),
        }
      : asked;
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: whole,
      where: and(equals(column("service_name"), service), where),
      columns: [
        as("operation", column("name")),
        as("operationKind", column("kind")),
        as("bucket", call("bucket", column("start_time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("calls", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
        as("durations", call("durationBuckets", column("duration_nano"))),
      ],
      groupBy: ["operation", "operationKind", "bucket"],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const kinds = frame.strings("operationKind");
  const bucket = frame.numbers("bucket");
  const calls = frame.numbers("calls");
  const errors = frame.numbers("errors");
  const durations = frame.maps("durations");
  const found = new Map<
    string,
    { name: string; kind: string; count: number; errors: number; durations: Map<number, number>; byBucket: number[] }
  >();
  for (const [row, name] of frame.strings("operation").entries()) {
    const kind = kinds[row]!;
    const key = `${kind} ${name}`;
    let tally = found.get(key);
    if (tally === undefined) {
      tally = {
        name,
        kind,
        count: 0,
        errors: 0,
        durations: new Map(),
        byBucket: new Array<number>(buckets.count).fill(0),
      };
      found.set(key, tally);
    }
    tally.count += calls[row]!;
    tally.errors += errors[row]!;
    mergeLogBuckets(tally.durations, logBucketsOf(durations[row]!));
    const at = bucket[row]!;
    if (at >= 0 && at < buckets.count) tally.byBucket[at]! += calls[row]!;
  }
  const stepS = Number(buckets.stepNs) / 1e9;
  return [...found.values()]
    .map((tally) => ({
      name: tally.name,
      kind: tally.kind,
      ratePerSecond: tally.count / seconds,
      errorRatio: tally.count === 0 ? 0 : tally.errors / tally.count,
      p50Ns: logBucketQuantile(tally.durations, 0.5),
      p95Ns: logBucketQuantile(tally.durations, 0.95),
      p99Ns: logBucketQuantile(tally.durations, 0.99),
      rate: sparkline(
        buckets,
        tally.byBucket.map((count) => (count === 0 ? null : count / stepS)),
      ),
    }))
    .sort((a, b) => b.ratePerSecond - a.ratePerSecond || (a.name < b.name ? -1 : 1));
}
