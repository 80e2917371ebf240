import { describe, expect, it } from "vitest";
import type { Trace } from "../../../../src/api/contract/shapes.ts";
import { correctSkew } from "./clock-skew.ts";

type Span = readonly [parent: number, service: number, offsetNs: number, durationNs: number];
const traceOf = (...spans: readonly Span[]): Trace => ({
  traceId: "t",
  time: "0",
  durationNs: 100,
  services: ["a", "b", "c"],
  names: ["x"],
  spanId: spans.map((_, i) => String(i)),
  parent: spans.map(([parent]) => parent),
  depth: spans.map(() => 0),
  service: spans.map(([, service]) => service),
  name: spans.map(() => 0),
  kind: spans.map(() => 0),
  status: spans.map(() => 0),
  offsetNs: spans.map(([, , offset]) => offset),
  durationsNs: spans.map(([, , , duration]) => duration),
  selfNs: spans.map(() => 0),
  events: spans.map(([, , offset]) => [offset]),
  logCount: spans.map(() => 0),
  criticalPath: { segments: [[0, 0, 1]], note: null },
  truncated: false,
  statistics: { elapsedMs: 0, rowsRead: 0, bytesRead: 0, partial: false },
});

describe("clock skew", () => {
  it("leaves a trace alone whose spans lie within their parents", () => {
    const trace = traceOf([-1, 0, 0, 100], [0, 1, 10, 50]);
    expect(correctSkew(trace)).toEqual({ trace, moved: 0 });
  });

  it("centres a callee that seems to begin too early, with all below it", () => {
    const { trace, moved } = correctSkew(traceOf([-1, 0, 50, 100], [0, 1, 0, 40], [1, 1, 5, 10]));
    expect(moved).toBe(1);
    expect(trace.offsetNs).toEqual([50, 80, 85]);
    expect(trace.events).toEqual([[50], [80], [85]]);
    expect(trace.criticalPath.segments).toEqual([]);
  });

  it("starts one longer than its parent with it", () => {
    expect(correctSkew(traceOf([-1, 0, 50, 10], [0, 1, 0, 40])).trace.offsetNs).toEqual([50, 50]);
  });

  it("moves neither the same service nor what only outlives its caller", () => {
    expect(correctSkew(traceOf([-1, 0, 50, 100], [0, 0, 0, 40])).moved).toBe(0);
    expect(correctSkew(traceOf([-1, 0, 0, 100], [0, 1, 90, 400])).moved).toBe(0);
  });
});
