import { logBucketQuantile, logBucketsOf, mergeLogBuckets } from "#math/log-buckets.ts";
import { and, as, call, column, descending, equals, isIn, literal, output, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { type SparklineValues, sparkline } from "./sparkline.ts";
import { passedSeconds, roundBuckets, wholeMinutes } from "./time.ts";

/** One entry of the API's Operations. */
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

const MOST_MINUTES_STEP = 60;

/** What a service does, by span name and kind, busiest first. The range is widened to whole minutes. */
export async function listOperations(
  question: Question,
  service: string,
  asked: { readonly range: TimeRange; readonly where: Predicate | undefined; readonly limit: number },
): Promise<readonly OperationSummary[]> {
  const range = wholeMinutes(asked.range);
  const buckets = roundBuckets(range, MOST_MINUTES_STEP, 60_000_000_000n);
  const where = and(equals(column("service_name"), service), asked.where);
  const groups = [as("name", column("name")), as("kind", column("kind"))];
  const totals = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        ...groups,
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
        as("durations", call("durationBuckets", column("duration_nano"))),
      ],
      groupBy: ["name", "kind"],
      orderBy: [descending(output("count")), { by: output("name"), descending: false }],
      limit: asked.limit,
    }),
  );
  const names = totals.strings("name");
  if (names.length === 0) return [];
  const trend = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where: and(where, isIn(column("name"), [...new Set(names)])),
      columns: [
        ...groups,
        as("bucket", call("bucket", column("start_time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("count", call("count")),
      ],
      groupBy: ["name", "kind", "bucket"],
      limit: 200_000,
    }),
  );
  const seconds = passedSeconds(range, question.nowUnixNano);
  const stepS = Number(buckets.stepNs) / 1e9;
  const lines = new Map<string, (number | null)[]>();
  const trendKind = trend.strings("kind");
  const trendBucket = trend.numbers("bucket");
  const trendCount = trend.numbers("count");
  for (const [row, name] of trend.strings("name").entries()) {
    const key = JSON.stringify([name, trendKind[row]]);
    const line = lines.get(key) ?? new Array<number | null>(buckets.count).fill(null);
    lines.set(key, line);
    const at = trendBucket[row]!;
    if (at >= 0 && at < buckets.count) line[at] = trendCount[row]! / stepS;
  }
  const kinds = totals.strings("kind");
  const counts = totals.numbers("count");
  const errors = totals.numbers("errors");
  const durations = totals.maps("durations");
  return names.map((name, row) => {
    const merged = new Map<number, number>();
    mergeLogBuckets(merged, logBucketsOf(durations[row]!));
    return {
      name,
      kind: kinds[row]!,
      ratePerSecond: counts[row]! / seconds,
      errorRatio: errors[row]! / counts[row]!,
      p50Ns: logBucketQuantile(merged, 0.5),
      p95Ns: logBucketQuantile(merged, 0.95),
      p99Ns: logBucketQuantile(merged, 0.99),
      rate: sparkline(buckets, lines.get(JSON.stringify([name, kinds[row]])) ?? []),
    };
  });
}
