import { median } from "#math/robust.ts";
import { and, as, attribute, call, column, compare, descending, equals, or, output, select } from "#plan/expression.ts";
import type { Predicate } from "#plan/select.ts";
import type { Question } from "../question.ts";
import { selfTimes } from "../trace/self-time.ts";
import { orderSpanTree } from "../trace/span-tree.ts";
import type { OperationProblem } from "./problem.ts";

/** Traces looked at for each operation; enough to vote. */
const TRACES = 24;
const MOST_TRACES = 150;
/** Traces of before, for what is usual. */
const USUAL_TRACES = 80;
const MOST_SPANS = 20_000;
const MS_NS = 1_000_000n;
/** A trace is read whole when its spans lie this close to the one that named it. */
const AROUND_NS = 60_000n * MS_NS;
const USUAL_NS = 900_000n * MS_NS;

export interface TraceSpan {
  readonly service: string;
  readonly name: string;
  readonly kind: string;
  /** What a client span calls: a database or a host, by the attributes that have a column of their own; '' where it is not said. */
  readonly peer: string;
  readonly failed: boolean;
  readonly duration: number;
  /** Time in which none of its children ran. */
  readonly self: number;
}

/** Spans in tree order: parents stand before their children. */
export interface SmallTrace {
  readonly spans: readonly TraceSpan[];
  readonly parent: readonly number[];
}

export interface AffectedTraces {
  /** The newest traces that each problem shows in. */
  readonly traces: readonly SmallTrace[];
  /** Median own time by `operationKey` in traces of the same operations before anything changed. */
  readonly usualSelf: ReadonlyMap<string, number>;
}

export const operationKey = (service: string, name: string): string => JSON.stringify([service, name]);

/** The spans that the problem is about. */
export function affectedSpans(problem: OperationProblem): Predicate {
  return problem.slowerThanNs === null
    ? equals(column("status_code"), "error")
    : compare(column("duration_nano"), ">=", BigInt(Math.floor(problem.slowerThanNs)));
}

export function operationSpans(problem: OperationProblem): Predicate {
  return and(
    equals(column("service_name"), problem.service),
    equals(column("name"), problem.operation),
    equals(column("kind"), problem.spanKind),
  )!;
}

/** The same of a span at hand. */
export function isAffected(span: TraceSpan, problem: OperationProblem): boolean {
  if (span.service !== problem.service || span.name !== problem.operation || span.kind !== problem.spanKind)
    return false;
  return problem.slowerThanNs === null ? span.failed : span.duration >= problem.slowerThanNs;
}

/** Whole traces that the problems show in, and what was usual in such traces before. Two reads, however many problems. */
export async function readAffectedTraces(
  question: Question,
  problems: readonly OperationProblem[],
): Promise<AffectedTraces> {
  if (problems.length === 0) return { traces: [], usualSelf: new Map() };
  const firstNs = BigInt(Math.min(...problems.map((problem) => problem.sinceMs))) * MS_NS;
  const [traces, usual] = await Promise.all([
    readTraces(question, {
      fromUnixNano: firstNs,
      toUnixNano: question.nowUnixNano,
      where: or(...problems.map((problem) => and(operationSpans(problem), affectedSpans(problem))!)),
      perOperation: TRACES,
      most: MOST_TRACES,
    }),
    readTraces(question, {
      fromUnixNano: firstNs - USUAL_NS,
      toUnixNano: firstNs,
      where: or(...problems.map(operationSpans)),
      perOperation: TRACES,
      most: USUAL_TRACES,
    }),
  ]);
  return { traces, usualSelf: medianSelfTimes(usual) };
}

function medianSelfTimes(traces: readonly SmallTrace[]): ReadonlyMap<string, number> {
  const times = new Map<string, number[]>();
  for (const { spans } of traces)
    for (const span of spans) {
      const key = operationKey(span.service, span.name);
      const list = times.get(key);
      if (list === undefined) times.set(key, [span.self]);
      else list.push(span.self);
    }
  return new Map([...times].map(([key, list]) => [key, median(list)]));
}

/** The newest traces that have such a span: of each operation as many, so that a busy one does not hide a rare one. */
async function readTraces(
  question: Question,
  asked: {
    readonly fromUnixNano: bigint;
    readonly toUnixNano: bigint;
    readonly where: Predicate;
    readonly perOperation: number;
    readonly most: number;
  },
): Promise<readonly SmallTrace[]> {
  const named = select({
    tenant: question.tenant,
    from: "spans",
    time: { fromUnixNano: asked.fromUnixNano, toUnixNano: asked.toUnixNano },
    where: and(asked.where, compare(column("trace_id"), "!=", "")),
    columns: [
      as("trace", column("trace_id")),
      as("operation", call("hash", column("service_name"), column("name"))),
      as("latest", call("max", column("start_time"))),
    ],
    groupBy: ["trace", "operation"],
    orderBy: [descending(output("latest"))],
    limitBy: { count: asked.perOperation, columns: ["operation"] },
    limit: 20 * asked.most,
  });
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: { fromUnixNano: asked.fromUnixNano - AROUND_NS, toUnixNano: asked.toUnixNano + AROUND_NS },
      where: {
        kind: "in-select",
        left: column("trace_id"),
        select: select({
          tenant: question.tenant,
          from: named,
          columns: [as("trace", column("trace"))],
          groupBy: ["trace"],
          orderBy: [descending(call("max", column("latest")))],
          limit: asked.most,
        }),
      },
      columns: [
        as("trace", column("trace_id")),
        as("span", column("span_id")),
        as("parent", column("parent_span_id")),
        as("service", column("service_name")),
        as("name", column("name")),
        as("kind", column("kind")),
        as("status", column("status_code")),
        as("time", call("unixNanoText", column("start_time"))),
        as("duration", column("duration_nano")),
        as("database", attribute("attributes", "db.system.name")),
        as("address", attribute("attributes", "server.address")),
      ],
      limit: MOST_SPANS,
    }),
  );
  const span = frame.strings("span");
  const parent = frame.strings("parent");
  const service = frame.strings("service");
  const name = frame.strings("name");
  const kind = frame.strings("kind");
  const status = frame.strings("status");
  const time = frame.strings("time");
  const duration = frame.numbers("duration");
  const database = frame.strings("database");
  const address = frame.strings("address");
  const rowsOf = new Map<string, number[]>();
  for (const [row, id] of frame.strings("trace").entries()) {
    const rows = rowsOf.get(id);
    if (rows === undefined) rowsOf.set(id, [row]);
    else rows.push(row);
  }
  return [...rowsOf.values()].map((rows) => {
    const first = BigInt(time[rows[0]!]!);
    const start = rows.map((row) => Number(BigInt(time[row]!) - first));
    const tree = orderSpanTree({
      spanId: rows.map((row) => span[row]!),
      parentSpanId: rows.map((row) => parent[row]!),
      start,
      kind: rows.map((row) => (kind[row] === "server" ? 2 : 0)),
    });
    const self = selfTimes({
      parent: tree.parent,
      start: tree.order.map((index) => start[index]!),
      duration: tree.order.map((index) => duration[rows[index]!]!),
    });
    return {
      parent: tree.parent,
      spans: tree.order.map((index, position) => {
        const row = rows[index]!;
        return {
          service: service[row]!,
          name: name[row]!,
          kind: kind[row]!,
          peer: database[row]! || address[row]!,
          failed: status[row] === "error",
          duration: duration[row]!,
          self: self[position]!,
        };
      }),
    };
  });
}
