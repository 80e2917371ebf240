import { logBucketsOf, mergeLogBuckets } from "#math/log-buckets.ts";
import { as, call, column, compare, equals, literal, select, test } from "#plan/expression.ts";
import type { Question } from "../question.ts";
import type { Buckets } from "../time.ts";

const MINUTE_NS = 60_000_000_000n;
/** The present minute, which is not over yet, and the hour before it with some to spare. */
export const HISTORY_MINUTES = 66;
const MOST_ROWS = 150_000;

export interface OperationHistory {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  /** By minute, oldest first; the last minute is not over. */
  readonly count: number[];
  readonly errors: number[];
  readonly durations: Map<number, number>[];
}

export interface LogHistory {
  readonly service: string;
  readonly template: string;
  readonly severityNumber: number;
  readonly count: number[];
}

export interface MinuteHistory {
  readonly minutes: Buckets;
  readonly operations: readonly OperationHistory[];
  readonly logs: readonly LogHistory[];
  /** Log lines of any severity by service and minute. */
  readonly logsByService: ReadonlyMap<string, readonly number[]>;
}

/** The last hour, minute by minute, from the summaries. */
export async function readMinuteHistory(question: Question): Promise<MinuteHistory> {
  const present = (question.nowUnixNano / MINUTE_NS) * MINUTE_NS;
  const range = {
    fromUnixNano: present - BigInt(HISTORY_MINUTES - 1) * MINUTE_NS,
    toUnixNano: present + MINUTE_NS,
  };
  const minutes: Buckets = { startUnixNano: range.fromUnixNano, stepNs: MINUTE_NS, count: HISTORY_MINUTES };
  const minuteOf = (timeColumn: string) =>
    as("minute", call("bucket", column(timeColumn), literal(minutes.startUnixNano), literal(minutes.stepNs)));
  const spans = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      columns: [
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        minuteOf("start_time"),
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
        as("durations", call("durationBuckets", column("duration_nano"))),
      ],
      groupBy: ["service", "name", "kind", "minute"],
      limit: MOST_ROWS,
    }),
  );
  if (spans.rowCount === MOST_ROWS) question.markPartial();
  const operations = new Map<string, OperationHistory>();
  {
    const name = spans.strings("name");
    const kind = spans.strings("kind");
    const minute = spans.numbers("minute");
    const count = spans.numbers("count");
    const errors = spans.numbers("errors");
    const durations = spans.maps("durations");
    for (const [row, service] of spans.strings("service").entries()) {
      const key = JSON.stringify([service, name[row], kind[row]]);
      let history = operations.get(key);
      if (history === undefined) {
        history = {
          service,
          name: name[row]!,
          kind: kind[row]!,
          count: zeros(),
          errors: zeros(),
          durations: Array.from({ length: HISTORY_MINUTES }, () => new Map<number, number>()),
        };
        operations.set(key, history);
      }
      const at = minute[row]!;
      if (at < 0 || at >= HISTORY_MINUTES) continue;
      history.count[at]! += count[row]!;
      history.errors[at]! += errors[row]!;
      mergeLogBuckets(history.durations[at]!, logBucketsOf(durations[row]!));
    }
  }
  const logs = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: range,
      where: compare(column("severity_number"), ">=", 13),
      columns: [
        as("service", column("service_name")),
        as("template", column("template")),
        as("severity", column("severity_number")),
        minuteOf("time"),
        as("count", call("count")),
      ],
      groupBy: ["service", "template", "severity", "minute"],
      limit: MOST_ROWS,
    }),
  );
  if (logs.rowCount === MOST_ROWS) question.markPartial();
  const templates = new Map<string, LogHistory>();
  {
    const template = logs.strings("template");
    const severity = logs.numbers("severity");
    const minute = logs.numbers("minute");
    const count = logs.numbers("count");
    for (const [row, service] of logs.strings("service").entries()) {
      const key = JSON.stringify([service, template[row], severity[row]]);
      let history = templates.get(key);
      if (history === undefined) {
        history = { service, template: template[row]!, severityNumber: severity[row]!, count: zeros() };
        templates.set(key, history);
      }
      const at = minute[row]!;
      if (at >= 0 && at < HISTORY_MINUTES) history.count[at]! += count[row]!;
    }
  }
  const all = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: range,
      columns: [as("service", column("service_name")), minuteOf("time"), as("count", call("count"))],
      groupBy: ["service", "minute"],
      limit: MOST_ROWS,
    }),
  );
  const logsByService = new Map<string, number[]>();
  {
    const minute = all.numbers("minute");
    const count = all.numbers("count");
    for (const [row, service] of all.strings("service").entries()) {
      let list = logsByService.get(service);
      if (list === undefined) {
        list = zeros();
        logsByService.set(service, list);
      }
      const at = minute[row]!;
      if (at >= 0 && at < HISTORY_MINUTES) list[at]! += count[row]!;
    }
  }
  return { minutes, operations: [...operations.values()], logs: [...templates.values()], logsByService };
}

const zeros = (): number[] => new Array<number>(HISTORY_MINUTES).fill(0);
