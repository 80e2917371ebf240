import { describe, expect, it } from "vitest";
import type { TimelinePoint } from "./metric/timeline.ts";
import { compareRuns, comparisonText } from "./run-comparison.ts";
import type { RunRecord } from "./run-record.ts";

function point(index: number, factor: number): TimelinePoint {
  const p50 = factor * (10 + (index % 3) / 10);
  return {
    fromUnixMs: index * 1000,
    widthMs: 1000,
    requests: 100,
    failedRequests: 0,
    iterations: 100,
    droppedIterations: 0,
    users: 5,
    bytesReceived: 1,
    bytesSent: 1,
    failedChecks: 0,
    p50,
    p95: p50 * 2,
    p99: p50 * 3,
    max: p50 * 4,
  };
}

function record(id: string, factor: number, more: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: 1,
    id: id.repeat(32),
    name: "shop.js",
    script: { path: "shop.js", sha256: "1" },
    startedUnixMs: Date.UTC(2026, 0, 2),
    endedUnixMs: Date.UTC(2026, 0, 2, 0, 1),
    status: "passed",
    exitCode: 0,
    reason: "",
    tags: {},
    git: undefined,
    machine: { host: "box", platform: "linux x64", cpus: 2, memoryBytes: 8e9, node: "20", traceo: "0.1.0" },
    ci: undefined,
    scenarios: {},
    phases: [],
    thresholds: [
      {
        metric: "http_req_duration",
        source: "p(95)<25",
        method: "p(95)",
        value: 20 * factor,
        ok: factor < 1.2,
        undecided: false,
      },
    ],
    metrics: [
      {
        name: "http_reqs",
        type: "counter",
        contains: "default",
        samples: 2000,
        values: { count: 2000, rate: 100 },
        relativeError: 0,
      },
      {
        name: "http_req_duration",
        type: "trend",
        contains: "time",
        samples: 2000,
        values: { avg: 11 * factor, med: 10 * factor, "p(95)": 20 * factor, "p(99)": 30 * factor, max: 40 },
        relativeError: 0,
      },
      {
        name: "http_req_failed",
        type: "rate",
        contains: "default",
        samples: 2000,
        values: { rate: factor / 100, passes: 20, fails: 1980 },
        relativeError: 0,
      },
    ],
    checks: [{ name: "status is 200", passes: 99, fails: factor > 1 ? 1 : 0 }],
    timeline: Array.from({ length: 20 }, (_, index) => point(index, factor)),
    exemplars: [],
    generators: [],
    notes: [],
    ...more,
  };
}

describe("two runs side by side", () => {
  it("tells changes from the scatter within the runs, and never a verdict", async () => {
    const text = comparisonText(compareRuns(record("a", 1), record("b", 1.5)));
    await expect(text).toMatchFileSnapshot("run-comparison.golden.txt");
  });

  it("marks nothing in two equal runs", () => {
    const comparison = compareRuns(record("a", 1), record("b", 1));
    expect(comparison.warnings).toEqual([]);
    expect(comparison.metrics.map(({ change }) => change)).toEqual(Array(8).fill(0));
    expect(comparisonText(comparison)).not.toMatch(/ \*$/m);
  });

  it("says what makes runs less comparable, and shows what only one has", () => {
    const other = record("b", 1, {
      script: { path: "shop.js", sha256: "2" },
      scenarios: { more: {} },
      machine: { ...record("a", 1).machine, host: "other" },
      status: "void",
      reason: "the generator was saturated",
      metrics: [
        { name: "orders", type: "counter", contains: "default", samples: 1, values: { count: 3 }, relativeError: 0 },
      ],
    });
    const comparison = compareRuns(record("a", 1), other);
    expect(comparison.warnings).toEqual([
      "the scripts differ",
      "the scenarios differ",
      "they ran on different machines (box, other)",
      "run B is void: the generator was saturated",
    ]);
    expect(comparison.metrics.at(-1)).toMatchObject({ name: "orders", a: undefined, b: 3, change: undefined });
    expect(comparisonText(comparison)).toMatch(/orders count\s+-\s+3\n/);
  });
});
