import { describe, expect, it } from "vitest";
import { layoutMap, MOST_NODES, NODE_HEIGHT } from "./map-layout.ts";

const node = (id: string, ratePerSecond = 1) => ({ id, kind: "service" as const, ratePerSecond, errorRatio: 0 });
const edge = (from: string, to: string, ratePerSecond = 1, errorRatio = 0) => ({
  from,
  to,
  ratePerSecond,
  errorRatio,
  p95Ns: null,
});
const graph = (...pairs: readonly (readonly [string, string])[]) => ({
  nodes: [...new Set(pairs.flat())].map((id) => node(id)),
  edges: pairs.map(([from, to]) => edge(from, to)),
});

describe("service map", () => {
  it("puts callers left of what they call", () => {
    const { nodes, edges } = layoutMap(
      graph(["gateway", "cart"], ["gateway", "checkout"], ["checkout", "payment"], ["gateway", "payment"]),
    );
    const x = Object.fromEntries(nodes.map(({ id, x: at }) => [id, at]));
    expect(x["gateway"]).toBeLessThan(x["checkout"]!);
    expect(x["checkout"]).toBeLessThan(x["payment"]!);
    // The long edge passes the layer between through a place of its own.
    expect(edges.find(({ from, to }) => from === "gateway" && to === "payment")!.points).toHaveLength(3);
  });

  it("survives cycles and self calls, and marks what goes back", () => {
    const { edges } = layoutMap(graph(["a", "b"], ["b", "c"], ["c", "a"], ["b", "b"]));
    expect(edges.filter(({ back }) => back).map(({ from, to }) => `${from}${to}`)).toEqual(["ca"]);
    expect(edges).toHaveLength(3);
  });

  it("lets no two nodes overlap", () => {
    const pairs = Array.from({ length: 40 }, (_, i) => [`n${i}`, `n${(i * 7 + 3) % 50}`] as const);
    const { nodes } = layoutMap(graph(...pairs));
    for (const [i, a] of nodes.entries())
      for (const b of nodes.slice(i + 1)) expect(a.x !== b.x || Math.abs(a.y - b.y) >= NODE_HEIGHT).toBe(true);
  });

  it("crosses no more than it must", () => {
    const { nodes } = layoutMap(graph(["a", "y"], ["b", "x"], ["r", "a"], ["r", "b"]));
    const y = Object.fromEntries(nodes.map(({ id, y: at }) => [id, at]));
    expect(y["a"]! < y["b"]!).toBe(y["y"]! < y["x"]!);
  });

  it("groups the quietest leaves, and keeps their traffic", () => {
    const many = {
      nodes: [node("gateway", 1000), ...Array.from({ length: 100 }, (_, i) => node(`leaf${i}`, i))],
      edges: Array.from({ length: 100 }, (_, i) => edge("gateway", `leaf${i}`, i, i === 0 ? 1 : 0)),
    };
    const { nodes, edges } = layoutMap(many);
    expect(nodes.length).toBeLessThanOrEqual(MOST_NODES);
    const group = nodes.find(({ kind }) => kind === "group")!;
    expect(group.members).toContain("leaf0");
    expect(group.members).not.toContain("leaf99");
    const sum = edges.reduce((total, { ratePerSecond }) => total + ratePerSecond, 0);
    expect(sum).toBe((99 * 100) / 2);
  });

  it("draws nothing for nothing", () => {
    expect(layoutMap({ nodes: [], edges: [] }).nodes).toEqual([]);
  });
});
