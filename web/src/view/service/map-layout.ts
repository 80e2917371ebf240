import type { ServiceGraph } from "../../../../src/api/contract/shapes.ts";

/**
 * The service map, layered from left to right along calls (Sugiyama's method, the simple way): cycles are cut where a walk
 * from the callers meets itself, a node stands right of everything that calls it, and nodes of a layer are ordered by the
 * median of their neighbours, back and forth, so that few edges cross. Over MOST_NODES the smallest leaves are grouped.
 */
export const MOST_NODES = 60;
export const NODE_WIDTH = 176;
export const NODE_HEIGHT = 44;
const GAP_X = 96;
const GAP_Y = 20;
const PASSES = 6;

export interface MapNode {
  readonly id: string;
  readonly kind: ServiceGraph["nodes"][number]["kind"] | "group";
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  /** Names of the grouped, for a group. */
  readonly members: readonly string[];
  readonly x: number;
  readonly y: number;
}

export interface MapEdge {
  readonly from: string;
  readonly to: string;
  readonly ratePerSecond: number;
  readonly errorRatio: number;
  readonly p95Ns: number | null;
  /** Goes against the flow: part of a cycle. */
  readonly back: boolean;
  /** Where it passes the layers between, from and to included. */
  readonly points: readonly (readonly [number, number])[];
}

export interface MapLayout {
  readonly nodes: readonly MapNode[];
  readonly edges: readonly MapEdge[];
  readonly width: number;
  readonly height: number;
}

type Graph = Pick<ServiceGraph, "nodes" | "edges">;
type DraftNode = Omit<MapNode, "x" | "y">;

export function layoutMap(graph: Graph): MapLayout {
  const { nodes, edges } = grouped(graph);
  const ids = nodes.map(({ id }) => id);
  const back = backEdges(ids, edges);
  const forward = edges.map((edge, i) =>
    back.has(i) ? { from: edge.to, to: edge.from } : { from: edge.from, to: edge.to },
  );
  const layer = layersOf(ids, forward);
  // Long edges pass each layer through a placeholder, so that they have a place of their own.
  const rows = new Map<string, number>(layer);
  const chains: string[][] = [];
  const links: { from: string; to: string }[] = [];
  forward.forEach(({ from, to }, i) => {
    const chain = [from];
    for (let at = layer.get(from)! + 1; at < layer.get(to)!; at++) {
      const id = `\u0000${i}\u0000${at}`;
      rows.set(id, at);
      chain.push(id);
    }
    chain.push(to);
    chains.push(chain);
    for (let at = 1; at < chain.length; at++) links.push({ from: chain[at - 1]!, to: chain[at]! });
  });
  const columns = ordered(rows, links);
  const place = new Map<string, readonly [number, number]>();
  const heights = columns.map((column) =>
    column.reduce((sum, id) => sum + (id.startsWith("\u0000") ? 12 : NODE_HEIGHT) + GAP_Y, -GAP_Y),
  );
  const height = Math.max(NODE_HEIGHT, ...heights);
  columns.forEach((column, x) => {
    let y = (height - heights[x]!) / 2;
    for (const id of column) {
      const size = id.startsWith("\u0000") ? 12 : NODE_HEIGHT;
      place.set(id, [x * (NODE_WIDTH + GAP_X), y + size / 2]);
      y += size + GAP_Y;
    }
  });
  return {
    nodes: nodes.map((node) => ({ ...node, x: place.get(node.id)![0], y: place.get(node.id)![1] - NODE_HEIGHT / 2 })),
    edges: edges.map((edge, i) => {
      const points = chains[i]!.map((id, at): readonly [number, number] => {
        const [x, y] = place.get(id)!;
        if (at === 0) return [x + NODE_WIDTH, y];
        return at === chains[i]!.length - 1 ? [x, y] : [x + NODE_WIDTH / 2, y];
      });
      return { ...edge, back: back.has(i), points };
    }),
    width: columns.length * (NODE_WIDTH + GAP_X) - GAP_X,
    height,
  };
}

/** Leaves with the least traffic become one group per caller, until few enough nodes are left. */
function grouped(graph: Graph): { nodes: DraftNode[]; edges: ServiceGraph["edges"][number][] } {
  const nodes: DraftNode[] = graph.nodes.map((node) => ({ ...node, members: [] }));
  const known = new Set(nodes.map(({ id }) => id));
  const edges = graph.edges.filter(({ from, to }) => known.has(from) && known.has(to) && from !== to);
  if (nodes.length <= MOST_NODES) return { nodes, edges };
  const callers = new Map<string, Set<string>>();
  const calls = new Set<string>();
  for (const { from, to } of edges) {
    calls.add(from);
    callers.set(to, (callers.get(to) ?? new Set()).add(from));
  }
  // First the leaves that one caller calls, then any other, the quietest first.
  const quietest = [...nodes].sort(
    (a, b) => Number(calls.has(a.id)) - Number(calls.has(b.id)) || a.ratePerSecond - b.ratePerSecond,
  );
  const groupOf = new Map<string, string>();
  let left = nodes.length;
  for (const node of quietest) {
    if (left <= MOST_NODES) break;
    const own = callers.get(node.id);
    const group = own?.size === 1 && !calls.has(node.id) ? `group:${[...own][0]!}` : "group:";
    if (![...groupOf.values()].includes(group)) left++;
    groupOf.set(node.id, group);
    left--;
  }
  const target = (id: string): string => {
    const group = groupOf.get(id);
    if (group === undefined) return id;
    const caller = group.slice(6);
    return groupOf.has(caller) ? "group:" : group;
  };
  const kept: DraftNode[] = nodes.filter(({ id }) => !groupOf.has(id));
  const groups = new Map<string, DraftNode[]>();
  for (const node of nodes)
    if (groupOf.has(node.id)) groups.set(target(node.id), [...(groups.get(target(node.id)) ?? []), node]);
  for (const [id, members] of groups) {
    const rate = members.reduce((sum, node) => sum + node.ratePerSecond, 0);
    const errors = members.reduce((sum, node) => sum + node.ratePerSecond * node.errorRatio, 0);
    kept.push({
      id,
      kind: "group",
      ratePerSecond: rate,
      errorRatio: rate === 0 ? 0 : errors / rate,
      members: members.map((node) => node.id),
    });
  }
  const merged = new Map<string, ServiceGraph["edges"][number]>();
  for (const edge of edges) {
    const from = target(edge.from);
    const to = target(edge.to);
    if (from === to) continue;
    const key = `${from}\u0000${to}`;
    const old = merged.get(key);
    const rate = (old?.ratePerSecond ?? 0) + edge.ratePerSecond;
    const errors = (old === undefined ? 0 : old.ratePerSecond * old.errorRatio) + edge.ratePerSecond * edge.errorRatio;
    merged.set(key, {
      from,
      to,
      ratePerSecond: rate,
      errorRatio: rate === 0 ? 0 : errors / rate,
      p95Ns: Math.max(old?.p95Ns ?? 0, edge.p95Ns ?? 0) || null,
    });
  }
  return { nodes: kept, edges: [...merged.values()] };
}

/** Indices of the edges that close a cycle on a walk that starts from nodes nobody calls. */
function backEdges(
  ids: readonly string[],
  edges: readonly { readonly from: string; readonly to: string; readonly ratePerSecond: number }[],
): ReadonlySet<number> {
  const outgoing = new Map<string, number[]>();
  const called = new Set<string>();
  edges.forEach(({ from, to }, i) => {
    outgoing.set(from, [...(outgoing.get(from) ?? []), i]);
    called.add(to);
  });
  const state = new Map<string, "open" | "done">();
  const back = new Set<number>();
  const starts = [...ids].sort((a, b) => Number(called.has(a)) - Number(called.has(b)));
  for (const start of starts) {
    if (state.has(start)) continue;
    const stack: { id: string; next: number }[] = [{ id: start, next: 0 }];
    state.set(start, "open");
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const edge = outgoing.get(top.id)?.[top.next++];
      if (edge === undefined) {
        state.set(top.id, "done");
        stack.pop();
        continue;
      }
      const to = edges[edge]!.to;
      if (state.get(to) === "open") back.add(edge);
      else if (!state.has(to)) {
        state.set(to, "open");
        stack.push({ id: to, next: 0 });
      }
    }
  }
  return back;
}

/** The longest way from a caller decides the layer. */
function layersOf(
  ids: readonly string[],
  edges: readonly { readonly from: string; readonly to: string }[],
): Map<string, number> {
  const layer = new Map(ids.map((id) => [id, 0]));
  const waiting = new Map(ids.map((id) => [id, 0]));
  for (const { to } of edges) waiting.set(to, waiting.get(to)! + 1);
  const queue = ids.filter((id) => waiting.get(id) === 0);
  for (let at = 0; at < queue.length; at++) {
    const id = queue[at]!;
    for (const edge of edges) {
      if (edge.from !== id) continue;
      layer.set(edge.to, Math.max(layer.get(edge.to)!, layer.get(id)! + 1));
      waiting.set(edge.to, waiting.get(edge.to)! - 1);
      if (waiting.get(edge.to) === 0) queue.push(edge.to);
    }
  }
  return layer;
}

/** Columns of ids, ordered so that neighbours stand near each other. */
function ordered(
  layer: ReadonlyMap<string, number>,
  links: readonly { readonly from: string; readonly to: string }[],
): string[][] {
  const columns: string[][] = [];
  for (const [id, at] of layer) {
    while (columns.length <= at) columns.push([]);
    columns[at]!.push(id);
  }
  const before = new Map<string, string[]>();
  const after = new Map<string, string[]>();
  for (const { from, to } of links) {
    before.set(to, [...(before.get(to) ?? []), from]);
    after.set(from, [...(after.get(from) ?? []), to]);
  }
  const sort = (column: string[], neighbours: ReadonlyMap<string, string[]>, beside: readonly string[]): void => {
    const at = new Map(beside.map((id, i) => [id, i]));
    const median = (id: string, fallback: number): number => {
      const places = (neighbours.get(id) ?? []).flatMap((other) => at.get(other) ?? []).sort((a, b) => a - b);
      return places.length === 0
        ? fallback
        : places[Math.floor((places.length - 1) / 2)]! + (places.length % 2 === 0 ? 0.5 : 0);
    };
    const keyed = column.map((id, i) => ({ id, key: median(id, i), i }));
    keyed.sort((a, b) => a.key - b.key || a.i - b.i);
    column.splice(0, column.length, ...keyed.map(({ id }) => id));
  };
  for (let pass = 0; pass < PASSES; pass++) {
    for (let x = 1; x < columns.length; x++) sort(columns[x]!, before, columns[x - 1]!);
    for (let x = columns.length - 2; x >= 0; x--) sort(columns[x]!, after, columns[x + 1]!);
  }
  return columns;
}
