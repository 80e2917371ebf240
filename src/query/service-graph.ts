import { logBucketQuantile, logBucketsOf } from "#math/log-buckets.ts";
import { and, as, call, column, compare, descending, equals, isIn, output, select, test } from "#plan/expression.ts";
import type { TimeRange } from "#plan/select.ts";
import type { Question } from "./question.ts";
import { wholeMinutes } from "./time.ts";

const MOST_EDGES = 2_000;

export type NodeKind = "service" | "database" | "queue" | "external";

export interface GraphNode {
  readonly id: string;
  readonly kind: NodeKind;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  readonly p95Ns: number | null;
}

/**
 * Who calls whom. The two halves of a call (the caller's span, the callee's) meet under one `edge_id`; first they are made one
 * call, then calls are counted by caller and callee. A call that nobody answered for leads to its peer: a database, a queue, or
 * something outside. A server span whose caller sent nothing makes no edge.
 */
export async function readServiceGraph(
  question: Question,
  range: TimeRange,
): Promise<{ readonly nodes: readonly GraphNode[]; readonly edges: readonly GraphEdge[] }> {
  const whole = wholeMinutes(range);
  const seconds = Number(whole.toUnixNano - whole.fromUnixNano) / 1e9;
  const calls = select({
    tenant: question.tenant,
    from: "service_edges",
    time: whole,
    columns: [
      as("edge", column("edge_id")),
      as("client", call("max", column("client_service"))),
      as("server", call("max", column("server_service"))),
      as("calledPeer", call("max", column("peer"))),
      as("calledKind", call("max", column("peer_kind"))),
      as("isFailed", call("max", column("failed"))),
      as(
        "duration",
        call("greatest", call("max", column("client_duration_nano")), call("max", column("server_duration_nano"))),
      ),
    ],
    groupBy: ["edge"],
    limit: Number.MAX_SAFE_INTEGER,
  });
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: calls,
      where: and(
        compare(column("client"), "!=", ""),
        // A call within one service is no edge of the graph.
        compare(column("client"), "!=", column("server")),
      ),
      columns: [
        as("caller", column("client")),
        as("callee", column("server")),
        as("peerName", call("if", test(equals(column("server"), "")), column("calledPeer"), column("server"))),
        as("peerKind", call("if", test(equals(column("server"), "")), column("calledKind"), column("server"))),
        as("calls", call("count")),
        as("errors", call("sum", column("isFailed"))),
        as("durations", call("durationBuckets", column("duration"))),
      ],
      groupBy: ["caller", "callee", "peerName", "peerKind"],
      orderBy: [descending(output("calls"))],
      limit: MOST_EDGES,
    }),
  );
  if (frame.rowCount === MOST_EDGES) question.markPartial();

  const nodes = new Map<string, GraphNode>();
  for (const node of await readServices(question, whole, seconds)) nodes.set(node.id, node);
  const callees = frame.strings("callee");
  const peers = frame.strings("peerName");
  const peerKinds = frame.strings("peerKind");
  const counts = frame.numbers("calls");
  const errors = frame.numbers("errors");
  const durations = frame.maps("durations");
  const edges: GraphEdge[] = [];
  for (const [row, caller] of frame.strings("caller").entries()) {
    const isAnswered = callees[row] !== "";
    const to = peers[row]!;
    if (to === "") continue;
    const ratePerSecond = counts[row]! / seconds;
    const errorRatio = counts[row] === 0 ? 0 : errors[row]! / counts[row]!;
    edges.push({
      from: caller,
      to,
      ratePerSecond,
      errorRatio,
      p95Ns: logBucketQuantile(logBucketsOf(durations[row]!), 0.95),
    });
    if (!nodes.has(caller)) nodes.set(caller, { id: caller, kind: "service", ratePerSecond: 0, errorRatio: 0 });
    if (isAnswered) {
      if (!nodes.has(to)) nodes.set(to, { id: to, kind: "service", ratePerSecond, errorRatio });
      continue;
    }
    const known = nodes.get(to);
    if (known?.kind === "service") continue;
    const rate = (known?.ratePerSecond ?? 0) + ratePerSecond;
    const failed = (known === undefined ? 0 : known.errorRatio * known.ratePerSecond) + errorRatio * ratePerSecond;
    nodes.set(to, {
      id: to,
      kind: kindOf(peerKinds[row]!),
      ratePerSecond: rate,
      errorRatio: rate === 0 ? 0 : failed / rate,
    });
  }
  return { nodes: [...nodes.values()], edges };
}

/** A service's own rate: what it answers. */
async function readServices(question: Question, range: TimeRange, seconds: number): Promise<GraphNode[]> {
  const frame = await question.read(
    select({
      tenant: question.tenant,
      from: "spans",
      time: range,
      where: isIn(column("kind"), ["server", "consumer"]),
      columns: [
        as("service", column("service_name")),
        as("calls", call("count")),
        as("errors", call("countIf", test(equals(column("status_code"), "error")))),
      ],
      groupBy: ["service"],
      limit: MOST_EDGES,
    }),
  );
  const counts = frame.numbers("calls");
  const errors = frame.numbers("errors");
  return frame.strings("service").map((id, row) => ({
    id,
    kind: "service",
    ratePerSecond: counts[row]! / seconds,
    errorRatio: counts[row] === 0 ? 0 : errors[row]! / counts[row]!,
  }));
}

function kindOf(peerKind: string): NodeKind {
  return peerKind === "database" || peerKind === "queue" ? peerKind : "external";
}
