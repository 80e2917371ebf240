import type { LogBuckets } from "#math/log-buckets.ts";
import { as, call, column, compare, equals, literal, select, test } from "#plan/expression.ts";
import type { Expression, TimeRange } from "#plan/select.ts";
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
  readonly durations: LogBuckets[];
}

/** Of most operations most steps have nothing: thousands of them share this. */
const NOTHING: LogBuckets = new Map();

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

/**
 * Rows of one operation as one row of lists: names are told once, and numbers come as JSON's own, which is a quarter of the
 * work of a hundred thousand small objects.
 */
async function countOperations(question: Question, buckets: Buckets): Promise<Map<string, Counted>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: select({
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
      columns: [
        as("service", column("service")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("at", listOf(call("real", column("at")))),
        as("count", listOf(call("real", column("count")))),
        as("errors", listOf(call("real", column("errors")))),
        as("buckets", listOf(call("mapKeys", column("durations")))),
        as("spans", listOf(call("reals", call("mapValues", column("durations"))))),
      ],
      groupBy: ["service", "name", "kind"],
      limit: MOST_ROWS,
    }),
  );
  const name = frame.strings("name");
  const kind = frame.strings("kind");
  const at = frame.lists<number>("at");
  const count = frame.lists<number>("count");
  const errors = frame.lists<number>("errors");
  const durationBuckets = frame.nested("buckets") as readonly (readonly (readonly number[])[])[];
  const spans = frame.nested("spans") as readonly (readonly (readonly number[])[])[];
  const found = new Map<string, Counted>();
  let rows = 0;
  for (const [row, service] of frame.strings("service").entries()) {
    const counts = emptyCounts(buckets.count);
    found.set(`${service}\0${name[row]}\0${kind[row]}`, { service, name: name[row]!, kind: kind[row]!, counts });
    rows += at[row]!.length;
    for (const [index, step] of at[row]!.entries()) {
      if (step < 0 || step >= buckets.count) continue;
      counts.count[step] = count[row]![index]!;
      counts.errors[step] = errors[row]![index]!;
      const durations = new Map<number, number>();
      for (const [place, bucket] of durationBuckets[row]![index]!.entries())
        durations.set(bucket, spans[row]![index]![place]!);
      counts.durations[step] = durations;
    }
  }
  if (rows === MOST_ROWS) question.markPartial();
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
      from: select({
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
      columns: [
        as("service", column("service")),
        as("severity", column("severity")),
        as("template", column("template")),
        as("at", listOf(call("real", column("at")))),
        as("count", listOf(call("real", column("count")))),
      ],
      groupBy: ["service", "severity", "template"],
      limit: MOST_ROWS,
    }),
  );
  const severity = frame.numbers("severity");
  const template = frame.strings("template");
  const at = frame.lists<number>("at");
  const counts = frame.lists<number>("count");
  const logs: LogHistory[] = [];
  const logsByService = new Map<string, number[]>();
  let rows = 0;
  for (const [row, service] of frame.strings("service").entries()) {
    const all = logsByService.get(service) ?? zeros(HISTORY_MINUTES);
    logsByService.set(service, all);
    const count = zeros(HISTORY_MINUTES);
    rows += at[row]!.length;
    for (const [index, minute] of at[row]!.entries()) {
      if (minute < 0 || minute >= HISTORY_MINUTES) continue;
      count[minute]! += counts[row]![index]!;
      all[minute]! += counts[row]![index]!;
    }
    if (severity[row] !== 0) logs.push({ service, template: template[row]!, severityNumber: severity[row]!, count });
  }
  if (rows === MOST_ROWS) question.markPartial();
  return { logs, logsByService };
}

const listOf = (value: Expression): Expression => call("groupArray", value);

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
    durations: new Array<LogBuckets>(length).fill(NOTHING),
  };
}
