import {
  and,
  as,
  ascending,
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
import type { Expression, Predicate, Select, SelectColumn, TimeRange } from "#plan/select.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { earlier, later } from "./time.ts";

export type TraceSort = "start" | "duration" | "errors";

export interface TraceSearch {
  readonly range: TimeRange;
  /** What a span of the trace must meet; undefined: any trace. */
  readonly where: Predicate | undefined;
  readonly minDurationNs: number | undefined;
  readonly sort: TraceSort;
  readonly limit: number;
  /** The last trace of the page before. */
  readonly after: TracePosition | undefined;
}

/** Where a page ends: the sort key of its last trace, and its id where keys are equal. */
export interface TracePosition {
  readonly key: string;
  readonly traceId: string;
}

export interface FoundTrace {
  readonly traceId: string;
  readonly time: string;
  readonly durationNs: number;
  readonly rootService: string | null;
  readonly rootName: string | null;
  readonly rootStatus: "unset" | "ok" | "error" | null;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly string[];
  readonly matched: {
    readonly spanId: string;
    readonly service: string;
    readonly name: string;
    readonly durationNs: number;
    readonly count: number;
  } | null;
}

export interface FoundTraces {
  readonly traces: readonly FoundTrace[];
  readonly next: TracePosition | null;
}

const DAY_NS = 86_400_000_000_000n;
/** The part of the range that is looked at first, the newest: most pages end there. */
const FIRST_PART = 256n;

/**
 * Traces with a span in the range that meets every filter, a page at a time.
 *
 * By start, newest first: the key is the start of the trace's newest matching span, so that a window of time at the newest
 * end that holds a page's worth of traces holds exactly that page; windows grow until one does. By duration or errors the
 * key is the whole trace's, from the `traces` summary.
 */
export async function searchTraces(question: Question, search: TraceSearch): Promise<FoundTraces> {
  const { keys, matches: known } =
    search.sort === "start" && search.minDurationNs === undefined
      ? await newest(question, search)
      : { keys: await ranked(question, search), matches: undefined };
  const page = keys.slice(0, search.limit);
  const more = keys.length > search.limit;
  const last = page.at(-1);
  const ids = page.map(({ traceId }) => traceId);
  const summaries = await summarise(question, search.range, ids);
  const matches =
    search.where === undefined
      ? undefined
      : (known ?? (await bestMatches(question, within(search.range, [...summaries.values()]), search.where, ids)));
  return {
    traces: ids.flatMap((id) => {
      const found = summaries.get(id);
      return found === undefined ? [] : [{ ...found, matched: matches?.get(id) ?? null }];
    }),
    next: more && last !== undefined ? last : null,
  };
}

/** With the matches, where the whole range was read anyway: a filter that few spans meet costs one pass and not two. */
async function newest(
  question: Question,
  search: TraceSearch,
): Promise<{ readonly keys: readonly TracePosition[]; readonly matches: ReadonlyMap<string, Match> | undefined }> {
  const { fromUnixNano: from, toUnixNano } = search.range;
  // Nothing newer than the page before can follow it, but a trace's key is its newest matching span: all of those are read.
  const end = search.after === undefined ? toUnixNano : earlier(toUnixNano, BigInt(search.after.key) + 1n);
  for (let part = FIRST_PART; ; ) {
    const isWhole = part === 1n;
    const withMatches = isWhole && search.where !== undefined;
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from: "spans",
        time: { fromUnixNano: isWhole ? from : end - (end - from) / part, toUnixNano },
        where: and(compare(column("trace_id"), "!=", ""), search.where),
        columns: [
          as("trace", column("trace_id")),
          as("key", NEWEST_START),
          as("text", call("text", NEWEST_START)),
          ...(withMatches ? MATCH_COLUMNS : []),
        ],
        groupBy: ["trace"],
        having: beyond(output("key"), search.after),
        orderBy: [descending(output("key")), ascending(output("trace"))],
        limit: search.limit + 1,
      }),
    );
    if (isWhole || frame.rowCount > search.limit)
      return { keys: readPositions(frame), matches: withMatches ? readMatches(frame) : undefined };
    // As much longer as would hold a page if the rest is like this part; nothing found says that little will be.
    const growth = frame.rowCount === 0 ? part : BigInt(Math.ceil((2 * (search.limit + 1)) / frame.rowCount));
    part = later(1n, part / later(4n, growth));
  }
}

const NEWEST_START = call("max", call("unixNano", column("start_time")));

/** Keys descend, ids ascend where keys are equal. */
function beyond(key: Expression, after: TracePosition | undefined): Predicate | undefined {
  if (after === undefined) return undefined;
  const value = BigInt(after.key);
  return or(compare(key, "<", value), and(equals(key, value), compare(output("trace"), ">", after.traceId))!);
}

/** Whole traces, from their partial rows; the range widened to days, and a day to either side for those across midnight. */
function wholeTraces(question: Question, range: TimeRange, where: Predicate | undefined): Select {
  return select({
    tenant: question.tenant,
    from: "traces",
    time: { fromUnixNano: range.fromUnixNano - DAY_NS, toUnixNano: range.toUnixNano + DAY_NS },
    where,
    columns: [
      as("trace", column("trace_id")),
      as("start", call("unixNano", call("min", column("start_time")))),
      as(
        "duration",
        call(
          "minus",
          call("unixNano", call("max", column("end_time"))),
          call("unixNano", call("min", column("start_time"))),
        ),
      ),
      as("errors", call("sum", column("error_count"))),
    ],
    groupBy: ["trace"],
    limit: Number.MAX_SAFE_INTEGER,
  });
}

async function ranked(question: Question, search: TraceSearch): Promise<readonly TracePosition[]> {
  const key = search.sort === "start" ? "start" : search.sort;
  const matching: Predicate | undefined =
    search.where === undefined
      ? undefined
      : {
          kind: "in-select",
          left: column("trace_id"),
          select: select({
            tenant: question.tenant,
            from: "spans",
            time: search.range,
            where: search.where,
            columns: [as("trace", column("trace_id"))],
            groupBy: ["trace"],
            limit: Number.MAX_SAFE_INTEGER,
          }),
        };
  return positions(
    question,
    select({
      tenant: question.tenant,
      from: wholeTraces(question, search.range, matching),
      where: and(
        compare(column("trace"), "!=", ""),
        // With filters the range is that of the matching span; without, that of the trace's start.
        search.where === undefined
          ? and(
              compare(column("start"), ">=", search.range.fromUnixNano),
              compare(column("start"), "<", search.range.toUnixNano),
            )
          : undefined,
        search.minDurationNs === undefined
          ? undefined
          : compare(column("duration"), ">=", BigInt(Math.round(search.minDurationNs))),
        search.after === undefined
          ? undefined
          : or(
              compare(column(key), "<", BigInt(search.after.key)),
              and(equals(column(key), BigInt(search.after.key)), compare(column("trace"), ">", search.after.traceId))!,
            ),
      ),
      columns: [as("trace", column("trace")), as("key", column(key))],
      orderBy: [descending(output("key")), ascending(output("trace"))],
      limit: search.limit + 1,
    }),
  );
}

async function positions(question: Question, asked: Select): Promise<readonly TracePosition[]> {
  return readPositions(
    await question.read({ ...asked, columns: [...asked.columns, as("text", call("text", output("key")))] }),
  );
}

function readPositions(frame: Frame): readonly TracePosition[] {
  const keys = frame.strings("text");
  return frame.strings("trace").map((traceId, row) => ({ traceId, key: keys[row]! }));
}

/** One part of the trace's earliest root, a tuple in the `traces` table. */
const rootPart = (index: number): Expression => call("element", call("max", column("root")), literal(index));

async function summarise(
  question: Question,
  range: TimeRange,
  ids: readonly string[],
): Promise<Map<string, Omit<FoundTrace, "matched">>> {
  if (ids.length === 0) return new Map();
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "traces",
      time: { fromUnixNano: range.fromUnixNano - DAY_NS, toUnixNano: range.toUnixNano + DAY_NS },
      where: isIn(column("trace_id"), ids),
      columns: [
        as("trace", column("trace_id")),
        as("time", call("unixNanoText", call("min", column("start_time")))),
        as("end", call("unixNanoText", call("max", column("end_time")))),
        as("spans", call("sum", column("span_count"))),
        as("errors", call("sum", column("error_count"))),
        as("services", call("groupUniqArrayArray", column("services"))),
        as("rootService", rootPart(2)),
        as("rootName", rootPart(3)),
        as("rootSpan", rootPart(4)),
        as("rootStatus", call("text", rootPart(6))),
      ],
      groupBy: ["trace"],
      limit: ids.length,
    }),
  );
  const times = frame.strings("time");
  const ends = frame.strings("end");
  const spans = frame.numbers("spans");
  const errors = frame.numbers("errors");
  const services = frame.lists<string>("services");
  const rootService = frame.strings("rootService");
  const rootName = frame.strings("rootName");
  const rootSpan = frame.strings("rootSpan");
  const rootStatus = frame.strings("rootStatus");
  return new Map(
    frame.strings("trace").map((traceId, row) => {
      const rooted = rootSpan[row] !== "" || rootName[row] !== "";
      return [
        traceId,
        {
          traceId,
          time: times[row]!,
          durationNs: Number(BigInt(ends[row]!) - BigInt(times[row]!)),
          rootService: rooted ? rootService[row]! : null,
          rootName: rooted ? rootName[row]! : null,
          rootStatus: rooted ? (rootStatus[row] as "unset" | "ok" | "error") : null,
          spanCount: spans[row]!,
          errorCount: errors[row]!,
          services: services[row]!.toSorted(),
        },
      ];
    }),
  );
}

/** What of a range the traces last; their spans are looked for nowhere else. */
function within(range: TimeRange, traces: readonly Pick<FoundTrace, "time" | "durationNs">[]): TimeRange {
  let from = range.toUnixNano;
  let to = range.fromUnixNano;
  for (const { time, durationNs } of traces) {
    from = earlier(from, BigInt(time));
    to = later(to, BigInt(time) + BigInt(Math.max(0, durationNs)) + 1n);
  }
  const narrowed = { fromUnixNano: later(range.fromUnixNano, from), toUnixNano: earlier(range.toUnixNano, to) };
  return narrowed.fromUnixNano < narrowed.toUnixNano ? narrowed : range;
}

type Match = NonNullable<FoundTrace["matched"]>;

/** Of each trace the longest span that meets the filters, failed ones first; read beside `trace`. */
const MATCH_COLUMNS: readonly SelectColumn[] = [
  as("count", call("count")),
  as(
    "best",
    call(
      "argMax",
      call(
        "tuple",
        column("span_id"),
        call("text", column("service_name")),
        call("text", column("name")),
        call("text", column("duration_nano")),
      ),
      call("tuple", { kind: "test", of: equals(column("status_code"), literal("error")) }, column("duration_nano")),
    ),
  ),
];

async function bestMatches(
  question: Question,
  range: TimeRange,
  where: Predicate,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Match>> {
  if (ids.length === 0) return new Map();
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where: and(isIn(column("trace_id"), ids), where),
      columns: [as("trace", column("trace_id")), ...MATCH_COLUMNS],
      groupBy: ["trace"],
      limit: ids.length,
    }),
  );
  return readMatches(frame);
}

function readMatches(frame: Frame): ReadonlyMap<string, Match> {
  const counts = frame.numbers("count");
  const best = frame.nested("best");
  return new Map(
    frame.strings("trace").map((traceId, row) => {
      const [spanId, service, name, duration] = best[row] as readonly string[];
      return [
        traceId,
        { spanId: spanId!, service: service!, name: name!, durationNs: Number(duration), count: counts[row]! },
      ];
    }),
  );
}
