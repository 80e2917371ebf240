import { logBucketQuantile, logBucketsOf, mergeLogBuckets } from "#math/log-buckets.ts";
import { as, call, column, equals, isIn, literal, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { type SparklineValues, sparkline } from "./sparkline.ts";
import { type Buckets, passedSeconds, roundBuckets, wholeMinutes } from "./time.ts";

const MINUTE_NS = 60_000_000_000n;
const DAY_NS = 86_400_000_000_000n;
const SPARKLINE_POINTS = 60;
const MOST_ROWS = 200_000;

export interface ServiceSummary {
  readonly service: string;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  readonly p50Ns: number | null;
  readonly p95Ns: number | null;
  readonly p99Ns: number | null;
  readonly before: {
    readonly ratePerSecond: number;
    readonly errorRatio: number;
    readonly p95Ns: number | null;
  } | null;
  readonly rate: SparklineValues;
  readonly errors: SparklineValues;
  readonly p95: SparklineValues;
}

/** Counts of one group of spans, in all and by bucket of time. */
class Tally {
  count = 0;
  errors = 0;
  readonly durations = new Map<number, number>();
  readonly byBucket: { count: number; errors: number; durations: Map<number, number> }[];

  constructor(buckets: number) {
    this.byBucket = Array.from({ length: buckets }, () => ({ count: 0, errors: 0, durations: new Map() }));
  }

  add(bucket: number, count: number, errors: number, durations: ReadonlyMap<number, number>): void {
    this.count += count;
    this.errors += errors;
    mergeLogBuckets(this.durations, durations);
    const at = this.byBucket[bucket];
    if (at === undefined) return;
    at.count += count;
    at.errors += errors;
    mergeLogBuckets(at.durations, durations);
  }
}

/**
 * What a service does is what it answers: its server and consumer spans. A service that has none (a batch job, a browser) is
 * told by all its spans.
 */
async function tallyServices(
  question: Question,
  range: TimeRange,
  buckets: Buckets,
  where: Predicate | undefined,
): Promise<Map<string, Tally>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        as("service", column("service_name")),
        as("entry", test(isIn(column("kind"), ["server", "consumer"]))),
        as("bucket", call("bucket", column("start_time"), literal(buckets.startUnixNano), literal(buckets.stepNs))),
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
        as("durations", call("durationBuckets", column("duration_nano"))),
      ],
      groupBy: ["service", "entry", "bucket"],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const services = frame.strings("service");
  const entries = frame.numbers("entry");
  const bucket = frame.numbers("bucket");
  const counts = frame.numbers("count");
  const errors = frame.numbers("errors");
  const durations = frame.maps("durations");
  const answering = new Set(services.filter((_, row) => entries[row] === 1));
  const tallies = new Map<string, Tally>();
  for (const [row, service] of services.entries()) {
    if (answering.has(service) && entries[row] !== 1) continue;
    let tally = tallies.get(service);
    if (tally === undefined) {
      tally = new Tally(buckets.count);
      tallies.set(service, tally);
    }
    tally.add(bucket[row]!, counts[row]!, errors[row]!, logBucketsOf(durations[row]!));
  }
  return tallies;
}

/** All services of a range, busiest first, beside the same length of time a day before, or just before where that has no data. */
export async function listServices(
  question: Question,
  range: TimeRange,
  where?: Predicate,
): Promise<readonly ServiceSummary[]> {
  const whole = wholeMinutes(range);
  const seconds = passedSeconds(whole, question.nowUnixNano);
  const buckets = roundBuckets(whole, SPARKLINE_POINTS, MINUTE_NS);
  const shifted = (by: bigint): TimeRange => ({
    fromUnixNano: whole.fromUnixNano - by,
    toUnixNano: whole.toUnixNano - by,
  });
  const one: Buckets = { startUnixNano: 0n, stepNs: MINUTE_NS * 100_000_000n, count: 1 };
  const [now, dayBefore] = await Promise.all([
    tallyServices(question, whole, buckets, where),
    tallyServices(question, shifted(DAY_NS), one, where),
  ]);
  const length = whole.toUnixNano - whole.fromUnixNano;
  const lengthSeconds = Number(length) / 1e9;
  const before =
    dayBefore.size > 0 || length >= DAY_NS ? dayBefore : await tallyServices(question, shifted(length), one, where);
  return [...now]
    .map(([service, tally]): ServiceSummary => {
      const earlier = before.get(service);
      const stepS = Number(buckets.stepNs) / 1e9;
      return {
        service,
        ratePerSecond: tally.count / seconds,
        errorRatio: tally.count === 0 ? 0 : tally.errors / tally.count,
        p50Ns: logBucketQuantile(tally.durations, 0.5),
        p95Ns: logBucketQuantile(tally.durations, 0.95),
        p99Ns: logBucketQuantile(tally.durations, 0.99),
        before:
          earlier === undefined || earlier.count === 0
            ? null
            : {
                ratePerSecond: earlier.count / lengthSeconds,
                errorRatio: earlier.errors / earlier.count,
                p95Ns: logBucketQuantile(earlier.durations, 0.95),
              },
        rate: sparkline(
          buckets,
          tally.byBucket.map((at) => (at.count === 0 ? null : at.count / stepS)),
        ),
        errors: sparkline(
          buckets,
          tally.byBucket.map((at) => (at.count === 0 ? null : at.errors / at.count)),
        ),
        p95: sparkline(
          buckets,
          tally.byBucket.map((at) => logBucketQuantile(at.durations, 0.95)),
        ),
      };
    })
    .sort((a, b) => b.ratePerSecond - a.ratePerSecond || (a.service < b.service ? -1 : 1));
}
