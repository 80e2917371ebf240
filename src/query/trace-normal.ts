import { median } from "#math/robust.ts";
import { and, as, call, column, compare, descending, equals, isIn, not, select, test } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import type { Frame } from "./frame.ts";
import type { Question } from "./question.ts";
import { ALL_TIME, earlier } from "./time.ts";
import { type ComparableSpans, type PathGroup, tracePaths } from "./trace/trace-paths.ts";

export interface ComparedPath {
  readonly path: readonly string[];
  readonly service: string;
  readonly name: string;
  readonly state: "added" | "missing" | "slower" | "faster" | "same";
  readonly count: number;
  readonly usualCount: number;
  readonly selfNs: number;
  readonly usualSelfNs: number;
  readonly spanIds: readonly string[];
}

/** The API's NormalComparison without statistics. */
export interface TraceComparison {
  readonly comparedTraces: number;
  readonly note: string | null;
  readonly paths: readonly ComparedPath[];
}

/** Traces that make up what is normal; half from before, half from after, the nearest ones. */
const TRACES = 60;
const FEW = 5;
const MOST_SPANS = 20_000;
const MOST_COMPARED_SPANS = 60_000;
const SHOWN_SPAN_IDS = 20;
const AROUND_NS = 3_600_000_000_000n;
/** A difference below this is nobody's business. */
const LEAST_NS = 1_000_000;
const LEAST_FACTOR = 1.5;

/**
 * This trace beside the median of traces with the same root, aligned by path of service and name: what was added, what is
 * missing, what took longer by its own time. A path is normal when half of the others have it. Failed traces are left out of
 * what is normal while there are others.
 */
export async function compareWithNormal(question: Question, traceId: string): Promise<TraceComparison> {
  const own = await readSpans(question, ALL_TIME, equals(column("trace_id"), traceId), MOST_SPANS);
  const [rows] = own.traces;
  if (rows === undefined) throw new Failure("not-found", `no span of trace ${traceId} is stored`);
  const root = rows.parentSpanId.indexOf("");
  if (root < 0)
    return {
      comparedTraces: 0,
      note: "The root span is missing, so it cannot be told which traces are alike.",
      paths: [],
    };
  const service = rows.service[root]!;
  const name = rows.name[root]!;
  const around = {
    fromUnixNano: own.firstUnixNano > AROUND_NS ? own.firstUnixNano - AROUND_NS : 0n,
    toUnixNano: own.firstUnixNano + AROUND_NS,
  };
  const others = await readOthers(question, around, own.firstUnixNano, { traceId, service, name });
  const notes = [
    own.truncated ? `Only the first ${MOST_SPANS} spans are compared.` : "",
    others.length < FEW
      ? `Only ${others.length} ${others.length === 1 ? "trace" : "traces"} with the same root within an hour: under ${FEW}, there is no normal.`
      : "",
  ].filter((note) => note !== "");
  const note = notes.length === 0 ? null : notes.join(" ");
  if (others.length === 0) return { comparedTraces: 0, note, paths: [] };
  return { comparedTraces: others.length, note, paths: alignPaths(tracePaths(rows), others.map(tracePaths)) };
}

/** Every path of this trace or of at least half of the others, the greatest difference of own time first. */
export function alignPaths(
  own: ReadonlyMap<string, PathGroup>,
  others: readonly ReadonlyMap<string, PathGroup>[],
): readonly ComparedPath[] {
  const keys = new Set([...own.keys(), ...others.flatMap((other) => [...other.keys()])]);
  const compared: ComparedPath[] = [];
  for (const key of keys) {
    const here = own.get(key);
    const there = others.flatMap((other) => other.get(key) ?? []);
    const usual = there.length * 2 >= others.length;
    if (here === undefined && !usual) continue;
    const shown = here ?? there[0]!;
    const usualCount = usual ? median(there.map((group) => group.count)) : 0;
    const usualSelfNs = usual ? median(there.map((group) => group.selfNs)) : 0;
    compared.push({
      path: shown.path,
      service: shown.service,
      name: shown.name,
      state: stateOf(here, usual, usualSelfNs),
      count: here?.count ?? 0,
      usualCount,
      selfNs: here?.selfNs ?? 0,
      usualSelfNs,
      spanIds: (here?.spanIds ?? []).slice(0, SHOWN_SPAN_IDS),
    });
  }
  const weight = (path: ComparedPath): number => Math.abs(path.selfNs - path.usualSelfNs);
  return compared.sort((a, b) => weight(b) - weight(a) || (a.path.join() < b.path.join() ? -1 : 1));
}

function stateOf(here: PathGroup | undefined, usual: boolean, usualSelfNs: number): ComparedPath["state"] {
  if (here === undefined) return "missing";
  if (!usual) return "added";
  const difference = here.selfNs - usualSelfNs;
  if (difference >= LEAST_NS && here.selfNs >= LEAST_FACTOR * usualSelfNs) return "slower";
  if (-difference >= LEAST_NS && usualSelfNs >= LEAST_FACTOR * here.selfNs) return "faster";
  return "same";
}

async function readOthers(
  question: Question,
  around: TimeRange,
  at: bigint,
  like: { readonly traceId: string; readonly service: string; readonly name: string },
): Promise<readonly ComparableSpans[]> {
  const root = and(
    equals(column("service_name"), like.service),
    equals(column("name"), like.name),
    equals(column("parent_span_id"), ""),
    not(equals(column("trace_id"), like.traceId)),
    compare(column("trace_id"), "!=", ""),
  )!;
  const near = async (range: TimeRange, newestFirst: boolean): Promise<readonly string[]> => {
    const frame = await question.read(
      select({
        tenant: question.tenant,
        from: "spans",
        time: range,
        where: root,
        columns: [as("trace", column("trace_id")), as("failed", test(equals(column("status_code"), "error")))],
        orderBy: [
          { by: { kind: "output", name: "failed" }, descending: false },
          { by: column("start_time"), descending: newestFirst },
        ],
        limit: TRACES / 2,
      }),
    );
    return frame.strings("trace");
  };
  const ids = [
    ...(await near({ fromUnixNano: around.fromUnixNano, toUnixNano: at }, true)),
    ...(await near({ fromUnixNano: at, toUnixNano: around.toUnixNano }, false)),
  ];
  if (ids.length === 0) return [];
  const found = await readSpans(question, around, isIn(column("trace_id"), [...new Set(ids)]), MOST_COMPARED_SPANS);
  if (!found.truncated) return found.traces;
  // The last one was cut off in the middle.
  question.markPartial();
  return found.traces.slice(0, -1);
}

interface ReadTraces {
  readonly traces: readonly ComparableSpans[];
  readonly firstUnixNano: bigint;
  readonly truncated: boolean;
}

async function readSpans(question: Question, range: TimeRange, where: Predicate, most: number): Promise<ReadTraces> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where,
      columns: [
        as("trace", column("trace_id")),
        as("span", column("span_id")),
        as("parent", column("parent_span_id")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", call("int", column("kind"))),
        as("time", call("unixNanoText", column("start_time"))),
        as("duration", column("duration_nano")),
      ],
      orderBy: [descending(column("trace_id")), { by: column("start_time"), descending: false }],
      limit: most,
    }),
  );
  const times = frame.strings("time").map(BigInt);
  const firstUnixNano = times.reduce(earlier, times[0] ?? 0n);
  return { traces: split(frame, times, firstUnixNano), firstUnixNano, truncated: frame.rowCount === most };
}

function split(frame: Frame, times: readonly bigint[], first: bigint): readonly ComparableSpans[] {
  const rowsOf = new Map<string, number[]>();
  for (const [row, trace] of frame.strings("trace").entries()) {
    const rows = rowsOf.get(trace);
    if (rows === undefined) rowsOf.set(trace, [row]);
    else rows.push(row);
  }
  const columns = {
    spanId: frame.strings("span"),
    parentSpanId: frame.strings("parent"),
    service: frame.strings("service"),
    name: frame.strings("name"),
    kind: frame.numbers("kind"),
    duration: frame.numbers("duration"),
    start: times.map((time) => Number(time - first)),
  };
  return [...rowsOf.values()].map((rows) => {
    const pick = <T>(values: readonly T[]): T[] => rows.map((row) => values[row]!);
    return {
      spanId: pick(columns.spanId),
      parentSpanId: pick(columns.parentSpanId),
      service: pick(columns.service),
      name: pick(columns.name),
      kind: pick(columns.kind),
      start: pick(columns.start),
      duration: pick(columns.duration),
    };
  });
}
