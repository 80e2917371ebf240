import { and, as, call, column, compare, equals, literal, or, output, select } from "#plan/expression.ts";
import type { Expression, Predicate, TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { findPage } from "./time-page.ts";

export type LogOrder = "newest" | "oldest";

export interface LogSearch {
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly order: LogOrder;
  readonly limit: number;
  readonly after: LogPosition | undefined;
}

/**
 * Where a page ends: time, then the hash of the row's content, then how many rows equal in both were shown already. Rows that
 * are equal in everything are interchangeable, so that pages neither repeat nor skip one.
 */
export interface LogPosition {
  readonly time: string;
  readonly hash: string;
  readonly equal: number;
}

/** The API's LogRow. */
export interface LogLine {
  readonly id: string;
  readonly time: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly service: string;
  readonly body: string;
  readonly eventName: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly template: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly resource: Readonly<Record<string, string>>;
}

export interface FoundLogs {
  readonly logs: readonly LogLine[];
  readonly next: LogPosition | null;
}

/** Names a line: its time in Unix nanoseconds and the hash of its content. */
export function logId(line: { readonly time: string; readonly hash: string }): string {
  return `${line.time}-${BigInt(line.hash).toString(16).padStart(16, "0")}`;
}

export function parseLogId(id: string): { readonly time: bigint; readonly hash: bigint } {
  const parts = /^(\d{1,19})-([0-9a-f]{16})$/.exec(id);
  if (parts === null) throw new Failure("bad-request", "id: names no log line");
  return { time: BigInt(parts[1]!), hash: BigInt(`0x${parts[2]}`) };
}

/** Of everything that is told of a row but what the loader adds. */
export const ROW_HASH: Expression = call(
  "hash",
  column("service_name"),
  column("severity_number"),
  column("body"),
  column("trace_id"),
  column("span_id"),
  column("event_name"),
  column("observed_time"),
  column("attributes"),
  column("resource"),
);

export const LOG_COLUMNS = [
  as("time", call("unixNanoText", column("time"))),
  as("hash", ROW_HASH),
  as("hashText", call("text", ROW_HASH)),
  as("severityNumber", column("severity_number")),
  as("severityText", column("severity_text")),
  as("service", column("service_name")),
  as("body", column("body")),
  as("eventName", column("event_name")),
  as("traceId", column("trace_id")),
  as("spanId", column("span_id")),
  as("template", column("template")),
  as("attributes", column("attributes")),
  as("resource", column("resource_attributes")),
];

/**
 * Log lines by time, a page at a time, exact under equal timestamps.
 *
 * First the narrow question: where does the page lie (time-page.ts)? Then the rows there are read whole, and only they are
 * hashed and sorted.
 */
export async function searchLogs(question: Question, search: LogSearch): Promise<FoundLogs> {
  const { order, limit, after } = search;
  const wanted = limit + 1 + (after?.equal ?? 0);
  const newestFirst = order === "newest";
  const place = await findPage(question, {
    from: "logs",
    timeColumn: "time",
    range: search.range,
    where: search.where,
    newestFirst,
    wanted: limit + 1,
    after: after === undefined ? undefined : BigInt(after.time),
  });
  if (place === undefined) return { logs: [], next: null };
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: place.range,
      place: place.where,
      where: and(
        search.where,
        after === undefined
          ? undefined
          : or(
              compare(call("unixNano", column("time")), newestFirst ? "<" : ">", BigInt(after.time)),
              and(
                equals(call("unixNano", column("time")), BigInt(after.time)),
                compare(ROW_HASH, newestFirst ? "<=" : ">=", literal(BigInt(after.hash))),
              )!,
            ),
      ),
      columns: LOG_COLUMNS,
      orderBy: [
        { by: column("time"), descending: newestFirst },
        { by: output("hash"), descending: newestFirst },
      ],
      limit: wanted,
    }),
  );
  const { lines, hashes } = readLines(frame);
  const shown = after === undefined ? 0 : skipped(lines, hashes, after);
  const page = lines.slice(shown, shown + limit);
  const pageHashes = hashes.slice(shown, shown + limit);
  const last = page.at(-1);
  if (last === undefined || lines.length <= shown + limit) return { logs: page, next: null };
  const hash = pageHashes.at(-1)!;
  const position = { time: last.time, hash };
  let equal = page.filter((line, index) => line.time === last.time && pageHashes[index] === hash).length;
  if (after !== undefined && after.time === position.time && after.hash === position.hash) equal += after.equal;
  return { logs: page, next: { ...position, equal } };
}

/** How many of the first rows the page before has shown. */
function skipped(lines: readonly LogLine[], hashes: readonly string[], after: LogPosition): number {
  let count = 0;
  while (count < after.equal && lines[count]?.time === after.time && hashes[count] === after.hash) count++;
  return count;
}

/** Rows of LOG_COLUMNS, and their hashes as decimal text. */
export function readLines(frame: Frame): { lines: LogLine[]; hashes: readonly string[] } {
  const times = frame.strings("time");
  const hashes = frame.strings("hashText");
  const severityNumber = frame.numbers("severityNumber");
  const severityText = frame.strings("severityText");
  const service = frame.strings("service");
  const body = frame.strings("body");
  const eventName = frame.strings("eventName");
  const traceId = frame.strings("traceId");
  const spanId = frame.strings("spanId");
  const template = frame.strings("template");
  const attributes = frame.maps("attributes");
  const resource = frame.maps("resource");
  return {
    hashes,
    lines: times.map((time, row) => ({
      id: logId({ time, hash: hashes[row]! }),
      time,
      severityNumber: severityNumber[row]!,
      severityText: severityText[row]!,
      service: service[row]!,
      body: body[row]!,
      eventName: eventName[row]!,
      traceId: traceId[row]!,
      spanId: spanId[row]!,
      template: template[row]!,
      attributes: attributes[row]!,
      resource: resource[row]!,
    })),
  };
}
