import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestSeries } from "#query/test-store.suite.ts";
import type { Labels, LabelValues, Metrics, SeriesAnswer } from "../contract/shapes.ts";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";

const MINUTE = 60_000;
const START = 3_000_000;
const times = (count: number, stepMs: number): number[] =>
  Array.from({ length: count }, (_, index) => START + index * stepMs);

/** A counter that counts 3 a second, began long before, and starts anew after its tenth point. */
const counter = (instance: string, restart: boolean): TestSeries => ({
  metric: "http.requests",
  type: "sum",
  temporality: "cumulative",
  monotonic: true,
  unit: "{request}",
  description: "Requests.",
  service: "gateway",
  attributes: { "http.route": instance === "a" ? "/cart" : "/buy" },
  resource: { "service.instance.id": instance },
  points: times(20, 15_000).map((at, index) => ({
    at,
    start: restart && index >= 10 ? START + 9.5 * 15_000 : -MINUTE * 600,
    value: restart && index >= 10 ? 3 * 15 * (index - 9.5) : 100_000 + 3 * 15 * index,
  })),
});

const SERIES: readonly TestSeries[] = [
  counter("a", false),
  counter("b", true),
  {
    metric: "jobs.done",
    type: "sum",
    temporality: "delta",
    monotonic: true,
    service: "worker",
    points: times(5, MINUTE).map((at) => ({ at, start: at - MINUTE, value: 120 })),
  },
  ...["a", "b"].map(
    (instance): TestSeries => ({
      metric: "memory",
      unit: "By",
      service: "cart",
      resource: { "service.instance.id": instance },
      // Twice as many points from one: a sum of series must not count them twice.
      points: times(instance === "a" ? 40 : 20, instance === "a" ? 7500 : 15_000).map((at) => ({
        at,
        value: instance === "a" ? 100 : 50,
      })),
    }),
  ),
  {
    metric: "latency",
    type: "histogram",
    temporality: "cumulative",
    unit: "ms",
    service: "cart",
    histograms: times(11, MINUTE / 2).map((at, index) => ({
      at,
      count: String(100 * index),
      sum: 4000 * index,
      min: "nan",
      max: "nan",
      bounds: [10, 20, 100],
      bucket_counts: [50 * index, 20 * index, 30 * index, 0].map(String),
    })),
    exemplars: [{ at: START + 1000, value: 77, trace: "a".repeat(32), span: "b".repeat(16) }],
  },
  {
    metric: "latency.exponential",
    type: "exponential_histogram",
    temporality: "delta",
    service: "cart",
    // Half of the points at a coarser scale: (1, 2] and (2, 4] with 2 and 2 of four each.
    histograms: times(4, 15_000).map((at, index) => ({
      at,
      count: "4",
      sum: 8,
      scale: index % 2,
      positive_offset: 0,
      positive_counts: index % 2 === 0 ? ["2", "2"] : ["1", "1", "1", "1"],
    })),
  },
  {
    metric: "latency.summary",
    type: "summary",
    service: "cart",
    histograms: times(4, 15_000).map((at) => ({
      at,
      count: "10",
      sum: 50,
      quantiles: [0.5, 0.99],
      quantile_values: [4, 9],
    })),
  },
];

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addSeries(SERIES);
  await api.store.addSeries([{ ...SERIES[0]!, tenant: "other" }]);
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (
  name: string,
  parameters: Record<string, string | number | readonly string[]> = {},
): Promise<SeriesAnswer> =>
  api.get(
    `/api/metrics/${encodeURIComponent(name)}/series?${query({ from: "2026-01-02T03:50:00Z", to: "2026-01-02T03:56:00Z", ...parameters })}`,
  );
const known = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);

describe("metrics", () => {
  it("lists metrics by name, a page at a time", async () => {
    const all = await api.get<Metrics>("/api/metrics?from=now-1h");
    expect(all.metrics.map(({ name }) => name)).toEqual([
      "http.requests",
      "jobs.done",
      "latency",
      "latency.exponential",
      "latency.summary",
      "memory",
    ]);
    expect(all.metrics[0]).toEqual({
      name: "http.requests",
      type: "sum",
      unit: "{request}",
      description: "Requests.",
      seriesCount: 2,
      services: ["gateway"],
    });
    const first = await api.get<Metrics>("/api/metrics?from=now-1h&limit=4");
    const rest = await api.get<Metrics>(`/api/metrics?from=now-1h&limit=4&cursor=${first.next}`);
    expect([...first.metrics, ...rest.metrics]).toEqual(all.metrics);
    expect(rest.next).toBeNull();
    expect((await api.get<Metrics>("/api/metrics?from=now-1h&search=LATENCY+sum")).metrics).toHaveLength(1);
    expect((await api.get<Metrics>("/api/metrics?from=now-1h&service=worker")).metrics).toHaveLength(1);
    expect((await api.get<Metrics>("/api/metrics?from=now-9h&to=now-8h")).metrics).toEqual([]);
  });

  it("lists labels and their values", async () => {
    const { labels } = await api.get<Labels>("/api/metrics/http.requests/labels?from=now-1h");
    expect(labels).toEqual([
      { name: "attributes.http.route", values: 2 },
      { name: "resource.service.instance.id", values: 2 },
      { name: "service", values: 1 },
    ]);
    const values = await api.get<LabelValues>(
      "/api/metrics/http.requests/labels/attributes.http.route?from=now-1h&limit=1",
    );
    expect(values.values).toEqual([{ value: "/buy", count: 1 }]);
    const rest = await api.get<LabelValues>(
      `/api/metrics/http.requests/labels/attributes.http.route?from=now-1h&limit=1&cursor=${values.next}`,
    );
    expect(rest).toMatchObject({ values: [{ value: "/cart", count: 1 }], next: null });
  });

  it("knows the rate of a counter through a reset, whatever the step", async () => {
    for (const step of ["15s", "10s", "60s"]) {
      const answer = await ask("http.requests", { groupBy: ["resource.service.instance.id"], step });
      expect(answer).toMatchObject({ type: "sum", aggregate: "rate", unit: "{request}" });
      expect(answer.series).toHaveLength(2);
      for (const { labels, values } of answer.series) {
        const rates = known(values);
        expect(rates.length).toBeGreaterThan(3);
        // The restart lost half an interval between its last point and its new beginning; nothing else may show.
        if (labels["resource.service.instance.id"] === "a") for (const rate of rates) expect(rate).toBeCloseTo(3, 6);
        else {
          expect(Math.max(...rates)).toBeCloseTo(3, 6);
          expect(Math.min(...rates)).toBeGreaterThanOrEqual(1.5 - 1e-6);
        }
      }
    }
    const both = await ask("http.requests", { aggregate: "increase", step: "60s" });
    expect(known(both.series[0]!.values).reduce((a, b) => a + b, 0)).toBeCloseTo(2 * 19 * 45 - 22.5, 6);
  });

  it("spreads delta points over the time they counted", async () => {
    const answer = await ask("jobs.done", { step: "15s" });
    const rates = known(answer.series[0]!.values);
    expect(rates.length).toBeGreaterThanOrEqual(16);
    for (const rate of rates) expect(rate).toBeCloseTo(2, 9);
  });

  it("adds up series, not points", async () => {
    const one = async (aggregate: string): Promise<number[]> =>
      known((await ask("memory", { aggregate, step: "30s" })).series[0]!.values);
    for (const [aggregate, value] of [
      ["sum", 150],
      ["avg", 75],
      ["min", 50],
      ["max", 100],
    ] as const)
      expect(new Set(await one(aggregate))).toEqual(new Set([value]));
    const filtered = await ask("memory", { where: ["resource.service.instance.id = b"], aggregate: "sum" });
    expect(new Set(known(filtered.series[0]!.values))).toEqual(new Set([50]));
    const limited = await ask("memory", { groupBy: ["resource.service.instance.id"], limit: 1 });
    expect(limited.series.map(({ labels }) => labels)).toEqual([{ "resource.service.instance.id": "a" }]);
    expect(limited.omitted).toBe(1);
  });

  it("reads quantiles from explicit and exponential histograms and summaries", async () => {
    const median = await ask("latency", { aggregate: "p50", step: "30s" });
    expect(known(median.series[0]!.values)).toHaveLength(10);
    for (const value of known(median.series[0]!.values)) expect(value).toBeCloseTo(10, 9);
    expect(known((await ask("latency", { aggregate: "p95", step: "30s" })).series[0]!.values)[0]).toBeCloseTo(
      20 + (25 / 30) * 80,
      6,
    );
    expect(known((await ask("latency", { aggregate: "avg", step: "30s" })).series[0]!.values)[0]).toBeCloseTo(40, 9);
    expect(known((await ask("latency", { aggregate: "rate", step: "15s" })).series[0]!.values)[0]).toBeCloseTo(
      100 / 30,
      9,
    );
    expect(median.exemplars).toEqual([
      { timeMs: Date.parse("2026-01-02T03:50:01Z"), value: 77, traceId: "a".repeat(32), spanId: "b".repeat(16) },
    ]);
    const exponential = await ask("latency.exponential", { aggregate: "p50", step: "60s" });
    expect(known(exponential.series[0]!.values)[0]).toBeCloseTo(2, 9);
    expect(known((await ask("latency.summary", { aggregate: "p99" })).series[0]!.values)[0]).toBe(9);
    expect(known((await ask("latency.summary", { aggregate: "avg" })).series[0]!.values)[0]).toBe(5);
  });

  it("says what cannot be asked", async () => {
    const problem = (name: string, parameters: Record<string, string>) =>
      api.problem(`/api/metrics/${name}/series?${query({ from: "now-1h", ...parameters })}`);
    expect(await problem("nothing", {})).toMatchObject({ code: "not-found" });
    expect((await problem("memory", { aggregate: "rate" })).detail).toContain("rates are of counters");
    expect((await problem("memory", { aggregate: "p95" })).detail).toContain("quantiles are of histograms");
    expect((await problem("memory", { step: "1ms" })).detail).toContain("step");
    expect((await problem("memory", { step: "1s" })).detail).toContain("points");
    expect(await ask("memory", { where: ["resource.service.instance.id = zzz"] })).toMatchObject({
      series: [],
      unit: "By",
    });
  });
});
