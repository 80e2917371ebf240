import { logBucketsOf, mergeLogBuckets } from "#math/log-buckets.ts";
import { as, call, column, compare, equals, literal, select, test } from "#plan/expression.ts";
import type { TimeRange } from "#plan/select.ts";
import type { Question } from "../question.ts";
import { type Buckets, unixMs } from "../time.ts";

const MINUTE_NS = 60_000_000_000n;
/** The present minute, which is not over yet, and the hour before it with some to spare. */
export const HISTORY_MINUTES = 66;
/** So many minutes before the present one, and that one, are counted in short steps: a trouble is seconds old when it counts. */
const FINE_MINUTES = 5;
const FINE_STEP_NS = 10_000_000_000n;
/** Short steps are counted from the spans themselves. With more of them than this, minutes hold evidence enough. */
const MOST_FINE_SPANS = 3_000_000;
const MOST_ROWS = 150_000;
/** Least severity number of warnings (OpenTelemetry log data model). */
const WARNING = 13;

/** Counts of one operation by the step, oldest first; the last step is not over. */
export interface OperationCounts {
  readonly count: number[];
  readonly errors: number[];
  readonly durations: Map<number, number>[];
}

export interface OperationHistory {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly byMinute: OperationCounts;
  /** By `History.steps`: minutes, then short steps. */
  readonly byStep: OperationCounts;
}

export interface LogHistory {
  readonly service: string;
  readonly template: string;
  readonly severityNumber: number;
  /** By minute. */
  readonly count: number[];
}

/** Steps without gaps, oldest first; not all of one length. */
export interface Steps {
  readonly startMs: readonly number[];
  /** End of the last step: now. */
  readonly endMs: number;
}

export interface History {
  readonly minutes: Buckets;
  readonly steps: Steps;
  readonly operations: readonly OperationHistory[];
  readonly logs: readonly LogHistory[];
  /** Log lines of any severity by service and minute. */
  readonly logsByService: ReadonlyMap<string, readonly number[]>;
}

/** The last hour by the minute, from the summaries, and the last minutes in short steps. */
export async function readHistory(question: Question): Promise<History> {
  const present = (question.nowUnixNano / MINUTE_NS) * MINUTE_NS;
  const minutes: Buckets = {
    startUnixNano: present - BigInt(HISTORY_MINUTES - 1) * MINUTE_NS,
    stepNs: MINUTE_NS,
    count: HISTORY_MINUTES,
  };
  const [operations, logs] = await Promise.all([readOperations(question, minutes), readLogs(question, minutes)]);
  return { minutes, ...operations, ...logs };
}

async function readOperations(
  question: Question,
  minutes: Buckets,
): Promise<{ steps: Steps; operations: readonly OperationHistory[] }> {
  const byMinute = await countOperations(question, minutes);
  const firstFine = HISTORY_MINUTES - 1 - FINE_MINUTES;
  let recent = 0;
  for (const { counts } of byMinute.values())
    for (let minute = firstFine; minute < HISTORY_MINUTES; minute++) recent += counts.count[minute]!;
  const fineStart = minutes.startUnixNano + BigInt(firstFine) * MINUTE_NS;
  const fine: Buckets = {
    startUnixNano: fineStart,
    stepNs: FINE_STEP_NS,
    count: Math.max(1, Number((question.nowUnixNano - fineStart + FINE_STEP_NS - 1n) / FINE_STEP_NS)),
  };
  const isFine = recent <= MOST_FINE_SPANS;
  const byFineStep = isFine ? await countOperations(question, fine) : new Map<string, Counted>();
  const coarse = isFine ? firstFine : HISTORY_MINUTES;
  const steps: Steps = {
    startMs: [...startsOf(minutes).slice(0, coarse), ...(isFine ? startsOf(fine) : [])],
    endMs: unixMs(question.nowUnixNano),
  };
  const operations = new Map<string, OperationHistory>();
  for (const [key, { service, name, kind, counts }] of byMinute) {
    const later = byFineStep.get(key)?.counts ?? emptyCounts(isFine ? fine.count : 0);
    operations.set(key, {
      service,
      name,
      kind,
      byMinute: counts,
      byStep: {
        count: [...counts.count.slice(0, coarse), ...later.count],
        errors: [...counts.errors.slice(0, coarse), ...later.errors],
        durations: [...counts.durations.slice(0, coarse), ...later.durations],
      },
    });
  }
  return { steps, operations: [...operations.values()] };
}

function startsOf(buckets: Buckets): number[] {
  return Array.from({ length: buckets.count }, (_, index) =>
    unixMs(buckets.startUnixNano + BigInt(index) * buckets.stepNs),
  );
}

interface Counted {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly counts: OperationCounts;
}

async function countOperations(question: Question, buckets: Buckets): Promise<Map<string, Counted>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: rangeOf(buckets),
      columns: [
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("at", bucketOf("start_time", buckets)),
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
        as("durations", call("durationBuckets", column("duration_nano"))),
      ],
      groupBy: ["service", "name", "kind", "at"],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const name = frame.strings("name");
  const kind = frame.strings("kind");
  const at = frame.numbers("at");
  const count = frame.numbers("count");
  const errors = frame.numbers("errors");
  const durations = frame.maps("durations");
  const found = new Map<string, Counted>();
  for (const [row, service] of frame.strings("service").entries()) {
    const key = JSON.stringify([service, name[row], kind[row]]);
    let one = found.get(key);
    if (one === undefined) {
      one = { service, name: name[row]!, kind: kind[row]!, counts: emptyCounts(buckets.count) };
      found.set(key, one);
    }
    const step = at[row]!;
    if (step < 0 || step >= buckets.count) continue;
    one.counts.count[step]! += count[row]!;
    one.counts.errors[step]! += errors[row]!;
    mergeLogBuckets(one.counts.durations[step]!, logBucketsOf(durations[row]!));
  }
  return found;
}

async function readLogs(
  question: Question,
  minutes: Buckets,
): Promise<{ logs: readonly LogHistory[]; logsByService: ReadonlyMap<string, readonly number[]> }> {
  const isWarning = test(compare(column("severity_number"), ">=", WARNING));
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: rangeOf(minutes),
      columns: [
        as("service", column("service_name")),
        as("severity", call("if", isWarning, column("severity_number"), literal(0))),
        as("template", call("if", isWarning, column("template"), literal(""))),
        as("at", bucketOf("time", minutes)),
        as("count", call("count")),
      ],
      groupBy: ["service", "severity", "template", "at"],
      limit: MOST_ROWS,
    }),
  );
  if (frame.rowCount === MOST_ROWS) question.markPartial();
  const severity = frame.numbers("severity");
  const template = frame.strings("template");
  const at = frame.numbers("at");
  const count = frame.numbers("count");
  const logs = new Map<string, LogHistory>();
  const logsByService = new Map<string, number[]>();
  for (const [row, service] of frame.strings("service").entries()) {
    const minute = at[row]!;
    if (minute < 0 || minute >= HISTORY_MINUTES) continue;
    const all = logsByService.get(service) ?? zeros(HISTORY_MINUTES);
    logsByService.set(service, all);
    all[minute]! += count[row]!;
    if (severity[row] === 0) continue;
    const key = JSON.stringify([service, template[row], severity[row]]);
    const one = logs.get(key) ?? {
      service,
      template: template[row]!,
      severityNumber: severity[row]!,
      count: zeros(HISTORY_MINUTES),
    };
    logs.set(key, one);
    one.count[minute]! += count[row]!;
  }
  return { logs: [...logs.values()], logsByService };
}

function rangeOf(buckets: Buckets): TimeRange {
  return {
    fromUnixNano: buckets.startUnixNano,
    toUnixNano: buckets.startUnixNano + BigInt(buckets.count) * buckets.stepNs,
  };
}

function bucketOf(timeColumn: string, buckets: Buckets) {
  return call("bucket", column(timeColumn), literal(buckets.startUnixNano), literal(buckets.stepNs));
}

const zeros = (length: number): number[] => new Array<number>(length).fill(0);

function emptyCounts(length: number): OperationCounts {
  return {
    count: zeros(length),
    errors: zeros(length),
    durations: Array.from({ length }, () => new Map<number, number>()),
  };
}
