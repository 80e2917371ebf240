import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RunRecord } from "#load/run-record.ts";
import { ManualClock } from "#runtime/clock.ts";
import { openMemoryDocuments } from "#state/memory/memory-documents.ts";
import type { LoadRuns } from "../contract/shapes.ts";
import { openTestApi, type TestApi } from "../test-api.suite.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi({ documents: openMemoryDocuments(new ManualClock(0)) });
});
afterAll(() => api[Symbol.asyncDispose]());

function record(name: string, startedUnixMs: number, p95 = 12): RunRecord {
  return {
    schema: 1,
    id: randomBytes(16).toString("hex"),
    name,
    script: { path: "/shop.js", sha256: "ab".repeat(32) },
    startedUnixMs,
    endedUnixMs: undefined,
    status: "running",
    exitCode: undefined,
    reason: "",
    tags: { version: "1" },
    git: { commit: "c0ffee", branch: "main", dirty: false },
    machine: { host: "h", platform: "linux x64", cpus: 2, memoryBytes: 1, node: "20", traceo: "0.1.0" },
    ci: undefined,
    scenarios: { default: { executor: "constant-vus" } },
    phases: [],
    thresholds: [
      { metric: "http_req_duration", source: "p(95)<10", method: "p(95)", value: p95, ok: p95 < 10, undecided: false },
    ],
    metrics: [
      {
        name: "http_reqs",
        type: "counter",
        contains: "default",
        samples: 5,
        values: { count: 500, rate: 50 },
        relativeError: 0,
      },
      {
        name: "http_req_duration",
        type: "trend",
        contains: "time",
        samples: 5,
        values: { "p(95)": p95 },
        relativeError: 0,
      },
    ],
    checks: [{ name: "ok", passes: 3, fails: 1 }],
    timeline: [],
    exemplars: [{ traceId: "1".repeat(32), durationMs: 3, unixMs: 5, tags: { url: "/a" } }],
    generators: [{ name: "local", clockOffsetMs: 0, busiest: 0.4, lostUnixMs: undefined }],
    notes: [],
  };
}

const write = (run: RunRecord, path = run.id, tenant = "default"): Promise<Response> =>
  api.fetch(`/api/load/runs/${path}`, {
    method: "POST",
    body: JSON.stringify(run),
    headers: { "content-type": "application/json", "x-scope-orgid": tenant },
  });

describe("load runs", () => {
  it("are written at their start and at their end, and then stay", async () => {
    const run = record("shop", 1_000);
    expect((await write(run)).status).toBe(200);
    const ended: RunRecord = { ...run, status: "failed", endedUnixMs: 9_000, exitCode: 99, reason: "a threshold" };
    expect((await write(ended)).status).toBe(200);
    expect(await api.get(`/api/load/runs/${run.id}`)).toEqual(JSON.parse(JSON.stringify(ended)));
    expect((await write(ended)).status).toBe(409);
    const { runs } = await api.get<LoadRuns>("/api/load/runs?name=shop");
    expect(runs).toEqual([
      {
        id: run.id,
        name: "shop",
        startedMs: 1_000,
        endedMs: 9_000,
        status: "failed",
        reason: "a threshold",
        tags: { version: "1" },
        commit: "c0ffee",
        requests: 500,
        requestsPerSecond: 50,
        failedShare: null,
        p95Ms: 12,
        droppedIterations: null,
        thresholds: { passed: 0, failed: 1 },
      },
    ]);
  });

  it("are listed newest first, by name, a page at a time, for their tenant", async () => {
    for (const at of [5, 3, 4, 1, 2]) {
      await write(record("paged", at * 1e12));
      await write(record("other", at * 1e12 + 1));
    }
    const first = await api.get<LoadRuns>("/api/load/runs?name=paged&limit=3");
    expect(first.runs.map(({ startedMs }) => startedMs / 1e12)).toEqual([5, 4, 3]);
    const second = await api.get<LoadRuns>(`/api/load/runs?name=paged&limit=3&cursor=${first.next}`);
    expect(second.runs.map(({ startedMs }) => startedMs / 1e12)).toEqual([2, 1]);
    expect(second.next).toBeNull();
    expect((await api.problem(`/api/load/runs?name=other&cursor=${first.next}`)).status).toBe(400);
    const others = await api.get<LoadRuns>("/api/load/runs", { headers: { "x-scope-orgid": "else" } });
    expect(others.runs).toEqual([]);
  });

  it("are compared, and removed", async () => {
    const [a, b] = [record("compared", 1, 10), record("compared", 2, 15)];
    await write(a);
    await write(b);
    const comparison = await api.get<{ metrics: { name: string; statistic: string; change: number }[] }>(
      `/api/load/runs/${b.id}/comparison?with=${a.id}`,
    );
    const p95 = comparison.metrics.find(({ name, statistic }) => name === "http_req_duration" && statistic === "p(95)");
    expect(p95!.change).toBeCloseTo(0.5);
    expect(await api.get(`/api/load/runs/${a.id}`, { method: "DELETE" })).toEqual({ removed: true });
    expect((await api.problem(`/api/load/runs/${a.id}`)).status).toBe(404);
    expect((await api.get<LoadRuns>("/api/load/runs?name=compared")).runs.map(({ id }) => id)).toEqual([b.id]);
  });

  it("say what is wrong with a body", async () => {
    const run = record("wrong", 1);
    expect((await write(run, "0".repeat(32))).status).toBe(400);
    const problem = await api.problem(`/api/load/runs/${run.id}`, {
      method: "POST",
      body: JSON.stringify({ ...run, status: "great" }),
      headers: { "content-type": "application/json" },
    });
    expect(problem.detail).toContain("status");
    expect((await write(run)).status).toBe(200);
    expect((await write({ ...run, startedUnixMs: 2 })).status).toBe(409);
  });
});
