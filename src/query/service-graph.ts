import { logBucketQuantile, logBucketsOf } from "#math/log-buckets.ts";
import {
  and,
  as,
  attribute,
  call,
  column,
  compare,
  descending,
  equals,
  isIn,
  literal,
  not,
  or,
  output,
  select,
  test,
} from "#plan/expression.ts";
import type { Expression, Predicate, Select, TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { passedSeconds, wholeMinutes } from "./time.ts";

export type NodeKind = "service" | "database" | "queue" | "external";

/** The API's ServiceGraph without statistics. */
export interface CallGraph {
  readonly nodes: readonly {
    readonly id: string;
    readonly kind: NodeKind;
    readonly ratePerSecond: number;
    readonly errorRatio: number;
  }[];
  readonly edges: readonly {
    readonly from: string;
    readonly to: string;
    readonly ratePerSecond: number;
    readonly errorRatio: number;
    /** Read from log-scale buckets: within 4.5%. */
    readonly p95Ns: number | null;
  }[];
}

const HOUR_NS = 3_600_000_000_000n;
/** From here on the summary by the hour answers; the range is then widened to whole hours. */
const LONG_NS = 6n * HOUR_NS;
/** Spans that are paired one by one; of more, a sample of whole traces or calls is. */
const MOST_PAIRED = 500_000;
const MOST_EDGES = 5000;

/**
 * Who calls whom. A call is a client's span and the server's span below it, met by the trace's and the client span's ids; where
 * nobody answered, the client's attributes name a database, a queue or a host. Over six hours or more `service_edges` has the
 * pairs; for less, they are made of the spans themselves, since the summary counts by the hour.
 */
export async function readServiceGraph(question: Question, asked: TimeRange): Promise<CallGraph> {
  const long = asked.toUnixNano - asked.fromUnixNano >= LONG_NS;
  const range = long
    ? {
        fromUnixNano: (asked.fromUnixNano / HOUR_NS) * HOUR_NS,
        toUnixNano: ((asked.toUnixNano + HOUR_NS - 1n) / HOUR_NS) * HOUR_NS,
      }
    : asked;
  const every = await sampling(question, range);
  if (every > 1) question.markPartial();
  const calls = long ? hourlyCalls(question, range, every) : pairedCalls(question, range, every);
  const server = column("server");
  const answered = test({ kind: "exists", left: server });
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: calls,
      where: and(
        { kind: "exists", left: column("client") },
        or({ kind: "exists", left: server }, { kind: "exists", left: column("peer") }),
      ),
      columns: [
        as("from", column("client")),
        as("to", call("if", answered, server, column("peer"))),
        as("kind", call("if", answered, literal("service"), column("peerKind"))),
        as("count", call("count")),
        as("errors", call("sum", column("failed"))),
        as(
          "durations",
          call(
            "durationBuckets",
            call("if", test(compare(column("serverNs"), ">", 0)), column("serverNs"), column("clientNs")),
          ),
        ),
      ],
      groupBy: ["from", "to", "kind"],
      orderBy: [descending(output("count"))],
      limit: MOST_EDGES,
    }),
  );
  if (frame.rowCount === MOST_EDGES) question.markPartial();
  const services = await serviceTotals(question, wholeMinutes(range));
  const seconds = passedSeconds(range, question.nowUnixNano);
  const from = frame.strings("from");
  const kind = frame.strings("kind");
  const count = frame.numbers("count");
  const errors = frame.numbers("errors");
  const durations = frame.maps("durations");
  const peers = new Map<string, { kind: NodeKind; count: number; errors: number }>();
  const edges = frame.strings("to").flatMap((to, row) => {
    if (to === from[row]) return [];
    if (!services.has(to)) {
      const node = peers.get(to) ?? { kind: nodeKind(kind[row]!), count: 0, errors: 0 };
      node.count += count[row]! * every;
      node.errors += errors[row]! * every;
      peers.set(to, node);
    }
    return [
      {
        from: from[row]!,
        to,
        ratePerSecond: (count[row]! * every) / seconds,
        errorRatio: errors[row]! / count[row]!,
        p95Ns: logBucketQuantile(logBucketsOf(durations[row]!), 0.95),
      },
    ];
  });
  const node = (id: string, of: NodeKind, total: { count: number; errors: number }) => ({
    id,
    kind: of,
    ratePerSecond: total.count / seconds,
    errorRatio: total.count === 0 ? 0 : total.errors / total.count,
  });
  return {
    nodes: [
      ...[...services].map(([id, total]) => node(id, "service", total)),
      ...[...peers].map(([id, peer]) => node(id, peer.kind, peer)),
    ].sort((a, b) => (a.id < b.id ? -1 : 1)),
    edges: merged(edges),
  };
}

/** Edges of one pair that differ in kind only are one. */
function merged(edges: CallGraph["edges"]): CallGraph["edges"] {
  const known = new Map<string, CallGraph["edges"][number]>();
  for (const edge of edges) {
    const key = JSON.stringify([edge.from, edge.to]);
    const other = known.get(key);
    if (other === undefined) known.set(key, edge);
    else {
      const rate = other.ratePerSecond + edge.ratePerSecond;
      known.set(key, {
        ...other,
        ratePerSecond: rate,
        errorRatio: (other.errorRatio * other.ratePerSecond + edge.errorRatio * edge.ratePerSecond) / rate,
      });
    }
  }
  return [...known.values()].sort((a, b) => b.ratePerSecond - a.ratePerSecond);
}

function nodeKind(peerKind: string): NodeKind {
  if (peerKind === "database" || peerKind === "queue") return peerKind;
  return "external";
}

const IS_CLIENT: Predicate = isIn(column("kind"), ["client", "producer"]);
const IS_SERVER: Predicate = isIn(column("kind"), ["server", "consumer"]);

/** Calls from the summary: half edges that share an id are one. Ids are hashes in the key: the lowest are a fair sample. */
function hourlyCalls(question: Question, range: TimeRange, every: number): Select {
  return select({
    tenant: question.tenant,
    from: "service_edges",
    time: range,
    where: every === 1 ? undefined : compare(column("edge_id"), "<", (1n << 64n) / BigInt(every)),
    columns: [
      as("edge", column("edge_id")),
      as("client", call("text", call("max", column("client_service")))),
      as("server", call("text", call("max", column("server_service")))),
      as("peer", call("text", call("max", column("peer")))),
      as("peerKind", call("text", call("max", column("peer_kind")))),
      as("failed", call("max", column("failed"))),
      as("clientNs", call("max", column("client_duration_nano"))),
      as("serverNs", call("max", column("server_duration_nano"))),
    ],
    groupBy: ["edge"],
    limit: Number.MAX_SAFE_INTEGER,
  });
}

/** The same from the spans, by the recipe of `service_edges`. */
function pairedCalls(question: Question, range: TimeRange, every: number): Select {
  const client = test(IS_CLIENT);
  const server = test(IS_SERVER);
  const service = call("text", column("service_name"));
  const none = literal("");
  const named = (key: string, value: Expression, otherwise: Expression): Expression =>
    call("if", test({ kind: "exists", left: attribute("attributes", key) }), value, otherwise);
  const itself = (key: string, otherwise: Expression): Expression =>
    named(key, call("text", attribute("attributes", key)), otherwise);
  const peer = itself(
    "peer.service",
    itself(
      "db.system.name",
      itself("db.system", itself("messaging.system", call("text", attribute("attributes", "server.address")))),
    ),
  );
  const database = literal("database");
  const peerKind = named(
    "db.system.name",
    database,
    named("db.system", database, named("messaging.system", literal("queue"), literal("service"))),
  );
  return select({
    tenant: question.tenant,
    from: "spans",
    time: range,
    where: and(
      or(IS_CLIENT, and(IS_SERVER, not(equals(column("parent_span_id"), "")))!),
      every === 1 ? undefined : equals(call("modulo", call("hash", column("trace_id")), literal(every)), 0),
    ),
    columns: [
      as("edge", call("hash", column("trace_id"), call("if", client, column("span_id"), column("parent_span_id")))),
      as("client", call("max", call("if", client, service, none))),
      as("server", call("max", call("if", server, service, none))),
      as("peer", call("max", call("if", client, peer, none))),
      as("peerKind", call("max", call("if", client, peerKind, none))),
      as("failed", call("max", test(equals(column("status_code"), "error")))),
      as("clientNs", call("max", call("if", client, column("duration_nano"), literal(0)))),
      as("serverNs", call("max", call("if", server, column("duration_nano"), literal(0)))),
    ],
    groupBy: ["edge"],
    limit: Number.MAX_SAFE_INTEGER,
  });
}

/** One of how many traces (or calls) is paired, so that no more than some MOST_PAIRED spans are. */
async function sampling(question: Question, range: TimeRange): Promise<number> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: wholeMinutes(range),
      where: not(equals(column("kind"), "internal")),
      columns: [as("count", call("count"))],
      limit: 1,
    }),
  );
  return Math.max(1, Math.ceil(frame.numbers("count")[0]! / MOST_PAIRED));
}

/** What each service answered; all its spans where it answers nobody. */
async function serviceTotals(
  question: Question,
  range: TimeRange,
): Promise<ReadonlyMap<string, { count: number; errors: number }>> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      columns: [
        as("service", column("service_name")),
        as("entry", test(IS_SERVER)),
        as("count", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
      ],
      groupBy: ["service", "entry"],
      orderBy: [descending(output("entry"))],
      limit: 20_000,
    }),
  );
  const count = frame.numbers("count");
  const errors = frame.numbers("errors");
  const totals = new Map<string, { count: number; errors: number }>();
  for (const [row, service] of frame.strings("service").entries())
    if (!totals.has(service)) totals.set(service, { count: count[row]!, errors: errors[row]! });
  return totals;
}
