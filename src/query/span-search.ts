import {
  and,
  as,
  call,
  column,
  compare,
  descending,
  equals,
  isIn,
  literal,
  or,
  output,
  select,
} from "#plan/expression.ts";
import type { Expression, Predicate, TimeRange } from "#plan/select.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { earlier, later } from "./time.ts";
import { findPage } from "./time-page.ts";

export type SpanSort = "start" | "duration";

export interface SpanSearch {
  readonly range: TimeRange;
  readonly where: Predicate | undefined;
  readonly sort: SpanSort;
  readonly limit: number;
  readonly after: SpanPosition | undefined;
}

/** Where a page ends: start time or duration in ns, then the hash of the span's ids, then how many equal ones were shown. */
export interface SpanPosition {
  readonly key: string;
  readonly hash: string;
  readonly equal: number;
}

/** The API's SpanRow. */
export interface SpanLine {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly time: string;
  readonly durationNs: number;
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly statusMessage: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface FoundSpans {
  readonly spans: readonly SpanLine[];
  readonly next: SpanPosition | null;
}

const ROW_HASH: Expression = call("hash", column("trace_id"), column("span_id"), column("service_name"));

export const SPAN_COLUMNS = [
  as("traceId", column("trace_id")),
  as("spanId", column("span_id")),
  as("parentSpanId", column("parent_span_id")),
  as("time", call("unixNanoText", column("start_time"))),
  as("duration", column("duration_nano")),
  as("service", column("service_name")),
  as("name", column("name")),
  as("kind", column("kind")),
  as("status", column("status_code")),
  as("statusMessage", column("status_message")),
  as("attributes", column("attributes")),
];

/** Single spans that meet every filter, newest or slowest first, a page at a time and exact where keys are equal. */
export async function searchSpans(question: Question, search: SpanSearch): Promise<FoundSpans> {
  const byTime = search.sort === "start";
  const narrow = byTime ? await byStart(question, search) : await byDuration(question, search);
  if (narrow === undefined) return { spans: [], next: null };
  const { limit, after } = search;
  const key = byTime ? column("start_time") : column("duration_nano");
  const keyValue = byTime ? call("unixNano", column("start_time")) : column("duration_nano");
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: narrow.range,
      place: narrow.place,
      where: and(
        search.where,
        narrow.where,
        after === undefined
          ? undefined
          : or(
              compare(keyValue, "<", BigInt(after.key)),
              and(equals(keyValue, BigInt(after.key)), compare(ROW_HASH, "<=", literal(BigInt(after.hash))))!,
            ),
      ),
      columns: [
        ...SPAN_COLUMNS,
        as("hash", ROW_HASH),
        as("hashText", call("text", ROW_HASH)),
        as("key", call("text", keyValue)),
      ],
      orderBy: [descending(key), descending(output("hash"))],
      limit: limit + 1 + (after?.equal ?? 0),
    }),
  );
  const spans = readSpans(frame);
  const keys = frame.strings("key");
  const hashes = frame.strings("hashText");
  const isAt = (row: number, position: { key: string; hash: string }): boolean =>
    keys[row] === position.key && hashes[row] === position.hash;
  let shown = 0;
  if (after !== undefined) while (shown < after.equal && isAt(shown, after)) shown++;
  const end = Math.min(spans.length, shown + limit);
  const page = spans.slice(shown, end);
  if (page.length === 0 || spans.length <= shown + limit) return { spans: page, next: null };
  const last = { key: keys[end - 1]!, hash: hashes[end - 1]! };
  let equal = 0;
  for (let row = shown; row < end; row++) if (isAt(row, last)) equal++;
  if (after !== undefined && after.key === last.key && after.hash === last.hash) equal += after.equal;
  return { spans: page, next: { ...last, equal } };
}

interface Narrowed {
  readonly range: TimeRange;
  readonly place?: Predicate;
  readonly where?: Predicate;
}

async function byStart(question: Question, search: SpanSearch): Promise<Narrowed | undefined> {
  const found = await findPage(question, {
    from: "spans",
    timeColumn: "start_time",
    range: search.range,
    where: search.where,
    newestFirst: true,
    wanted: search.limit + 1,
    after: search.after === undefined ? undefined : BigInt(search.after.key),
  });
  return found === undefined ? undefined : { range: found.range, place: found.where };
}

/** Spans of one duration that are looked for by their times; of more, every duration is read. */
const MOST_EQUAL = 2_000;

/** First only durations, times and services, to know which rows to read whole. */
async function byDuration(question: Question, search: SpanSearch): Promise<Narrowed | undefined> {
  const { limit, after, range } = search;
  const slowest = await readPlaces(
    question,
    search,
    after === undefined ? undefined : compare(column("duration_nano"), "<", BigInt(after.key)),
    limit + 1,
  );
  const least = slowest.at(-1)?.duration ?? after?.key;
  if (least === undefined) return undefined;
  const where = compare(column("duration_nano"), ">=", BigInt(least));
  // Rows as long as the page's last or the last page's may be more than were asked for: all of them compete by hash.
  const isCut = slowest.length > limit && slowest.filter(({ duration }) => duration === least).length > 1;
  const equal = [...(isCut ? [BigInt(least)] : []), ...(after === undefined ? [] : [BigInt(after.key)])];
  if (equal.length > 0) {
    const more = await readPlaces(question, search, isIn(column("duration_nano"), equal), MOST_EQUAL);
    if (more.length === MOST_EQUAL) return { range, where };
    slowest.push(...more);
  }
  if (slowest.length === 0) return undefined;
  const times = slowest.map(({ time }) => time);
  const timesOf = new Map<string, Set<bigint>>();
  for (const { service, time } of slowest) timesOf.set(service, (timesOf.get(service) ?? new Set()).add(time));
  return {
    range: { fromUnixNano: times.reduce(earlier), toUnixNano: times.reduce(later) + 1n },
    place: or(
      ...[...timesOf].map(
        ([service, of]) =>
          and(equals(column("service_name"), service), {
            kind: "in-times",
            left: column("start_time"),
            unixNanos: [...of],
          })!,
      ),
    ),
    where,
  };
}

interface Place {
  readonly duration: string;
  readonly time: bigint;
  readonly service: string;
}

async function readPlaces(
  question: Question,
  search: SpanSearch,
  where: Predicate | undefined,
  limit: number,
): Promise<Place[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: search.range,
      where: and(search.where, where),
      columns: [
        as("duration", call("text", column("duration_nano"))),
        as("time", call("unixNanoText", column("start_time"))),
        as("service", column("service_name")),
      ],
      orderBy: [descending(column("duration_nano"))],
      limit,
    }),
  );
  const times = frame.strings("time");
  const services = frame.strings("service");
  return frame
    .strings("duration")
    .map((duration, row) => ({ duration, time: BigInt(times[row]!), service: services[row]! }));
}

/** Rows of SPAN_COLUMNS. */
export function readSpans(frame: Frame): SpanLine[] {
  const spanId = frame.strings("spanId");
  const parentSpanId = frame.strings("parentSpanId");
  const time = frame.strings("time");
  const duration = frame.numbers("duration");
  const service = frame.strings("service");
  const name = frame.strings("name");
  const kind = frame.strings("kind");
  const status = frame.strings("status");
  const statusMessage = frame.strings("statusMessage");
  const attributes = frame.maps("attributes");
  return frame.strings("traceId").map((traceId, row) => ({
    traceId,
    spanId: spanId[row]!,
    parentSpanId: parentSpanId[row]!,
    time: time[row]!,
    durationNs: duration[row]!,
    service: service[row]!,
    name: name[row]!,
    kind: kind[row]!,
    status: status[row]!,
    statusMessage: statusMessage[row]!,
    attributes: attributes[row]!,
  }));
}
