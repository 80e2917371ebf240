import { as, call, column, compare, descending, isIn, output, select } from "#plan/expression.ts";
import type { TimeRange } from "#plan/select.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { unixMs, wholeMinutes } from "./time.ts";

/** What one service sends. */
export interface ArrivingService {
  readonly service: string;
  readonly spansPerSecond: number;
  readonly logsPerSecond: number;
  readonly pointsPerSecond: number;
  /** Exact to the minute: the end of the last minute that has something, or now. */
  readonly lastSeenMs: number;
}

const MOST_SERVICES = 500;
const MOST_SERIES = 20_000;
const MINUTE_NS = 60_000_000_000n;

/** Rates by service over a range, the busiest first. Before the first of all data nothing could arrive: it does not count. */
export async function readArriving(question: Question, range: TimeRange): Promise<readonly ArrivingService[]> {
  const whole = wholeMinutes(range);
  const nowMs = unixMs(question.nowUnixNano);
  const endMs = Math.min(unixMs(whole.toUnixNano), nowMs);
  let firstMs = endMs;
  const found = new Map<string, { spans: number; logs: number; points: number; lastMs: number }>();
  const add = (
    service: string,
    signal: "spans" | "logs" | "points",
    count: number,
    sinceMs: number,
    lastMs: number,
  ): void => {
    const one = found.get(service) ?? { spans: 0, logs: 0, points: 0, lastMs: 0 };
    one[signal] += count;
    one.lastMs = Math.max(one.lastMs, Math.min(nowMs, lastMs));
    firstMs = Math.min(firstMs, sinceMs);
    found.set(service, one);
  };
  const readMinutes = (table: "spans" | "logs", timeColumn: string) =>
    question.read(
      select({
        tenant: question.tenant,
        from: table,
        time: whole,
        columns: [
          as("service", column("service_name")),
          as(
            "minute",
            call("bucket", column(timeColumn), { kind: "literal", value: 0n }, { kind: "literal", value: MINUTE_NS }),
          ),
          as("count", call("count")),
        ],
        groupBy: ["service", "minute"],
        limit: 200_000,
      }),
    );
  const readSeries = (): Promise<Frame> =>
    question.read(
      select({
        tenant: question.tenant,
        from: "series",
        time: whole,
        where: compare(column("last_time"), ">=", call("time", { kind: "literal", value: whole.fromUnixNano })),
        columns: [as("id", call("text", column("series_id"))), as("service", call("any", column("service_name")))],
        groupBy: ["id"],
        limit: MOST_SERIES,
      }),
    );
  const [spans, logs, series] = await Promise.all([
    readMinutes("spans", "start_time"),
    readMinutes("logs", "time"),
    readSeries(),
  ]);
  for (const [table, frame] of [
    ["spans", spans],
    ["logs", logs],
  ] as const) {
    const minute = frame.numbers("minute");
    const count = frame.numbers("count");
    for (const [row, service] of frame.strings("service").entries())
      add(service, table, count[row]!, minute[row]! * 60_000, (minute[row]! + 1) * 60_000);
  }
  if (series.rowCount === MOST_SERIES) question.markPartial();
  const ids = series.strings("id");
  const services = series.strings("service");
  const serviceOf = new Map(ids.map((id, row) => [id, services[row]!]));
  const readPoints = (table: "points" | "histograms"): Promise<Frame> =>
    question.read(
      select({
        tenant: question.tenant,
        from: table,
        time: whole,
        where: isIn(column("series_id"), ids.map(BigInt)),
        columns: [
          as("id", call("text", column("series_id"))),
          as("count", call("count")),
          as("first", call("unixNanoText", call("min", column("time")))),
          as("last", call("unixNanoText", call("max", column("time")))),
        ],
        groupBy: ["id"],
        orderBy: [descending(output("count"))],
        limit: MOST_SERIES,
      }),
    );
  if (ids.length > 0)
    for (const frame of await Promise.all([readPoints("points"), readPoints("histograms")])) {
      const count = frame.numbers("count");
      const first = frame.strings("first");
      const last = frame.strings("last");
      for (const [row, id] of frame.strings("id").entries())
        add(serviceOf.get(id)!, "points", count[row]!, unixMs(BigInt(first[row]!)), unixMs(BigInt(last[row]!)));
    }
  const seconds = Math.max(1, (endMs - Math.max(firstMs, unixMs(whole.fromUnixNano))) / 1000);
  return [...found]
    .map(([service, one]) => ({
      service,
      spansPerSecond: one.spans / seconds,
      logsPerSecond: one.logs / seconds,
      pointsPerSecond: one.points / seconds,
      lastSeenMs: one.lastMs,
    }))
    .sort(
      (a, b) =>
        b.spansPerSecond +
          b.logsPerSecond +
          b.pointsPerSecond -
          (a.spansPerSecond + a.logsPerSecond + a.pointsPerSecond) || (a.service < b.service ? -1 : 1),
    )
    .slice(0, MOST_SERVICES);
}
