import { and, as, ascending, call, column, equals, output, select } from "#plan/expression.ts";
import { Failure } from "#runtime/failure.ts";
import type { Question } from "./question.ts";
import { ALL_TIME } from "./time.ts";
import { type CriticalPath, criticalPath } from "./trace/critical-path.ts";
import { selfTimes } from "./trace/self-time.ts";
import { orderSpanTree } from "./trace/span-tree.ts";

/** Most spans of a trace that are shown; the earliest are. */
export const MOST_SPANS = 20_000;
const MOST_EVENTS_A_SPAN = 100;
const AROUND_NS = 300_000_000_000n;

/** The API's Trace without statistics: index i of every array is one span, in tree order. */
export interface TraceStructure {
  readonly traceId: string;
  readonly time: string;
  readonly durationNs: number;
  readonly services: readonly string[];
  readonly names: readonly string[];
  readonly spanId: readonly string[];
  readonly parent: readonly number[];
  readonly depth: readonly number[];
  readonly service: readonly number[];
  readonly name: readonly number[];
  readonly kind: readonly number[];
  readonly status: readonly number[];
  readonly offsetNs: readonly number[];
  readonly durationsNs: readonly number[];
  readonly selfNs: readonly number[];
  readonly events: readonly (readonly number[])[];
  readonly logCount: readonly number[];
  readonly criticalPath: CriticalPath;
  readonly truncated: boolean;
}

/** A trace id as people paste it: hex of any case, with or without dashes. Throws bad-request. */
export function parseTraceId(text: string): string {
  const id = text.toLowerCase().replaceAll("-", "");
  if (!/^[0-9a-f]{16}([0-9a-f]{16})?$/.test(id))
    throw new Failure("bad-request", "traceId: must be 32 (or 16) hexadecimal digits");
  return id;
}

/** Throws not-found where no span of the trace is stored. */
export async function readTrace(question: Question, traceId: string): Promise<TraceStructure> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: ALL_TIME,
      where: equals(column("trace_id"), traceId),
      columns: [
        as("span", column("span_id")),
        as("parent", column("parent_span_id")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", call("int", column("kind"))),
        as("status", call("int", column("status_code"))),
        as("time", call("unixNanoText", column("start_time"))),
        as("duration", column("duration_nano")),
        as("events", call("unixNanoTexts", column("events.time"))),
      ],
      orderBy: [ascending(column("start_time")), ascending(output("span"))],
      limit: MOST_SPANS + 1,
    }),
  );
  if (frame.rowCount === 0)
    throw new Failure("not-found", `no span of trace ${traceId} is stored`, {
      remedy: "Check the id; the trace may be older than the retention, or its spans are still on their way.",
    });
  const truncated = frame.rowCount > MOST_SPANS;
  if (truncated) question.markPartial();
  const count = Math.min(frame.rowCount, MOST_SPANS);
  const times = frame.strings("time").slice(0, count).map(BigInt);
  const first = times[0]!;
  const offsets = times.map((time) => Number(time - first));
  const durations = frame.numbers("duration").slice(0, count);
  const spanIds = frame.strings("span").slice(0, count);
  const kinds = frame.numbers("kind").slice(0, count);
  const statuses = frame.numbers("status");
  const services = frame.strings("service");
  const names = frame.strings("name");
  const events = frame.lists<string>("events");
  const tree = orderSpanTree({
    spanId: spanIds,
    parentSpanId: frame.strings("parent").slice(0, count),
    start: offsets,
    kind: kinds,
  });
  const pick = <T>(values: readonly T[]): T[] => tree.order.map((index) => values[index]!);
  const start = pick(offsets);
  const duration = pick(durations);
  const timed = { parent: tree.parent, start, duration };
  const serviceNames = new Dictionary();
  const spanNames = new Dictionary();
  const durationNs = start.reduce((most, from, index) => Math.max(most, from + Math.max(0, duration[index]!)), 0);
  const logs = await logCounts(question, traceId, first, first + BigInt(durationNs));
  return {
    traceId,
    time: `${first}`,
    durationNs,
    spanId: pick(spanIds),
    parent: tree.parent,
    depth: tree.depth,
    service: pick(services).map((value) => serviceNames.indexOf(value)),
    name: pick(names).map((value) => spanNames.indexOf(value)),
    services: serviceNames.values,
    names: spanNames.values,
    kind: pick(kinds),
    status: pick(statuses),
    offsetNs: start,
    durationsNs: duration,
    selfNs: selfTimes(timed),
    events: pick(events).map((list) => list.slice(0, MOST_EVENTS_A_SPAN).map((time) => Number(BigInt(time) - first))),
    logCount: pick(spanIds).map((id) => logs.get(id) ?? 0),
    criticalPath: truncated
      ? { segments: [], note: `Only the first ${MOST_SPANS} spans are shown, so the critical path cannot be computed.` }
      : criticalPath(timed),
    truncated,
  };
}

async function logCounts(
  question: Question,
  traceId: string,
  fromUnixNano: bigint,
  toUnixNano: bigint,
): Promise<ReadonlyMap<string, number>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "logs",
      time: { fromUnixNano: fromUnixNano - AROUND_NS, toUnixNano: toUnixNano + AROUND_NS },
      where: and(equals(column("trace_id"), traceId)),
      columns: [as("span", column("span_id")), as("count", call("count"))],
      groupBy: ["span"],
      limit: MOST_SPANS,
    }),
  );
  const counts = frame.numbers("count");
  return new Map(frame.strings("span").map((span, row) => [span, counts[row]!]));
}

/** Distinct values by order of first sight. */
class Dictionary {
  readonly values: string[] = [];
  readonly #known = new Map<string, number>();

  indexOf(value: string): number {
    let index = this.#known.get(value);
    if (index === undefined) {
      index = this.values.length;
      this.#known.set(value, index);
      this.values.push(value);
    }
    return index;
  }
}
