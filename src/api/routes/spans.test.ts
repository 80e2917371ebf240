import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LOG_BUCKET_RELATIVE_ERROR } from "#math/log-buckets.ts";
import { EPOCH_MS, type TestSpan } from "#query/test-store.suite.ts";
import type { Differences, Facet, Fields, Heatmap, Histogram, SpanDetail, Spans, Traces } from "../contract/shapes.ts";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");
const iso = (ms: number): string => new Date(EPOCH_MS + ms).toISOString();

/** An hour of 1,200 requests, four at the same moment. Every tenth in version 1.3.0 is slow and fails. */
const REQUESTS: readonly TestSpan[] = Array.from({ length: 1200 }, (_, index) => {
  const fresh = index % 3 === 0;
  const broken = fresh && index % 2 === 0;
  return {
    at: Math.floor(index / 4) * 12_000,
    ms: broken ? 2000 + (index % 7) : 20 + (index % 50),
    trace: hex(index + 1, 32),
    span: hex(index + 1, 16),
    service: "checkout",
    name: index % 5 === 0 ? "POST /pay" : "POST /order",
    kind: "server",
    status: broken ? "error" : "ok",
    attributes: {
      "http.route": index % 5 === 0 ? "/pay" : "/order",
      "user.id": `user-${index}`,
      "request.started": String(EPOCH_MS + index),
      ...(index % 4 === 0 ? { tier: "gold" } : {}),
    },
    resource: { "service.version": fresh ? "1.3.0" : "1.2.0", "cloud.region": index % 2 === 0 ? "eu" : "us" },
    events: broken ? [{ at: 1, name: "exception", attributes: { "exception.type": "Timeout" } }] : [],
    links: index === 0 ? [{ trace: hex(9, 32), span: hex(9, 16) }] : [],
  };
});
const broken = REQUESTS.filter((span) => span.status === "error").length;

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addSpans(REQUESTS);
  await api.store.addSpans(REQUESTS.slice(0, 100).map((span) => ({ ...span, tenant: "other" })));
});
afterAll(() => api[Symbol.asyncDispose]());

async function pages<T>(path: (cursor: string) => string, rows: (answer: never) => readonly T[]): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | null = "";
  for (let page = 0; cursor !== null; page++) {
    if (page > 500) throw new Error("the pages do not end");
    const answer: { next: string | null } = await api.get(path(cursor === "" ? "" : `&cursor=${cursor}`));
    all.push(...rows(answer as never));
    cursor = answer.next;
  }
  return all;
}

describe("spans", () => {
  it.each(["start", "duration"])("pages by %s through every span once, equal keys and all", async (sort) => {
    const all = await pages(
      (cursor) => `/api/spans?from=now-1h&sort=${sort}&limit=97${cursor}`,
      (answer: Spans) => answer.spans,
    );
    expect(all).toHaveLength(1200);
    expect(new Set(all.map((span) => span.spanId)).size).toBe(1200);
    const keys = all.map((span) => (sort === "start" ? Number(BigInt(span.time) / 1_000_000n) : span.durationNs));
    expect(keys).toEqual(keys.toSorted((a, b) => b - a));
  });

  it("pages through every trace once", async () => {
    for (const sort of ["start", "duration", "errors"]) {
      const ids = await pages(
        (cursor) => `/api/traces?from=now-1h&sort=${sort}&limit=500${cursor}`,
        (answer: Traces) => answer.traces.map((trace) => trace.traceId),
      );
      expect(ids).toHaveLength(1200);
      expect(new Set(ids).size).toBe(1200);
    }
  });

  it("refuses a cursor of another question", async () => {
    const { next } = await api.get<Spans>("/api/spans?from=now-1h&limit=5");
    for (const path of [
      `/api/spans?from=now-1h&limit=5&sort=duration&cursor=${next}`,
      `/api/spans?from=now-2h&limit=5&cursor=${next}`,
      `/api/traces?from=now-1h&limit=5&cursor=${next}`,
      "/api/spans?from=now-1h&cursor=AAAA",
      `/api/spans?from=now-1h&cursor=${Buffer.from('["x",{"from":"1","to":"2","at":{}}]').toString("base64url")}`,
      "/api/spans?from=now-1h&cursor=%00",
    ])
      expect(await api.problem(path)).toMatchObject({ status: 400, code: "bad-request" });
  });

  it("knows everything of one span", async () => {
    const span = await api.get<SpanDetail>(`/api/traces/${hex(1, 32)}/spans/${hex(1, 16)}`);
    expect(span).toMatchObject({
      service: "checkout",
      status: "error",
      resource: { "service.version": "1.3.0" },
      events: [{ name: "exception", attributes: { "exception.type": "Timeout" } }],
      links: [{ traceId: hex(9, 32), spanId: hex(9, 16) }],
    });
    expect(await api.problem(`/api/traces/${hex(1, 32)}/spans/${hex(2, 16)}`)).toMatchObject({ code: "not-found" });
  });

  it("draws every span in the heatmap, errors apart", async () => {
    const map = await api.get<Heatmap>("/api/spans/heatmap?from=now-1h&columns=60&rows=20");
    const total = (list: readonly number[]): number => list.reduce((sum, each) => sum + each, 0);
    expect(map.counts).toHaveLength(map.columns * map.rows);
    expect(map.boundsNs).toHaveLength(map.rows + 1);
    expect(map.rows).toBeLessThanOrEqual(20);
    expect(total(map.counts)).toBe(1200);
    expect(total(map.errors)).toBe(broken);
    expect(map.boundsNs[0]).toBeLessThanOrEqual(20e6);
    expect(map.boundsNs.at(-1)).toBeGreaterThan(2006e6);
    const slowRows = map.boundsNs.findIndex((bound) => bound > 1000e6);
    for (let x = 0; x < map.columns; x++)
      for (let y = 0; y < slowRows - 1; y++) expect(map.errors[x * map.rows + y]).toBe(0);
    expect(await api.get<Heatmap>("/api/spans/heatmap?from=now-9h&to=now-8h")).toMatchObject({ rows: 0, counts: [] });
  });

  it("counts by time and status, and by any attribute with the rest as other", async () => {
    const byStatus = await api.get<Histogram>("/api/spans/histogram?from=now-1h&buckets=60");
    const sums = (histogram: Histogram): Record<string, number> =>
      Object.fromEntries(histogram.groups.map(({ name, counts }) => [name, counts.reduce((a, b) => a + b, 0)]));
    expect(byStatus.stepMs).toBe(60_000);
    expect(sums(byStatus)).toEqual({ ok: 1200 - broken, error: broken });
    const byUser = sums(await api.get<Histogram>("/api/spans/histogram?from=now-1h&groupBy=attributes.user.id"));
    expect(Object.keys(byUser)).toHaveLength(13);
    expect(byUser["other"]).toBe(1188);
  });

  it("counts a facet without its own filter, with coverage and the rest", async () => {
    const facet = await api.get<Facet>(
      `/api/spans/facets?${query({ from: "now-1h", field: "resource.service.version", where: ["resource.service.version = 1.3.0", "status = ok"] })}`,
    );
    expect(facet).toMatchObject({
      values: [
        { value: "1.2.0", count: 800 },
        { value: "1.3.0", count: 400 - broken },
      ],
      otherCount: 0,
      coverage: 1,
    });
    const tier = await api.get<Facet>("/api/spans/facets?from=now-1h&field=attributes.tier");
    expect(tier).toMatchObject({ values: [{ value: "gold", count: 300 }], coverage: 0.25, total: 1200 });
    const users = await api.get<Facet>("/api/spans/facets?from=now-1h&field=user.id&limit=5");
    expect(users.values).toHaveLength(5);
    expect(users.otherCount).toBe(1195);
    expect((await api.get<Facet>("/api/spans/facets?from=now-1h&field=event")).values).toEqual([
      { value: "exception", count: broken },
    ]);
  });

  it("names the fields, most used first", async () => {
    const { fields } = await api.get<Fields>("/api/spans/fields?from=now-1h");
    expect(fields.find(({ field }) => field === "attributes.tier")).toEqual({ field: "attributes.tier", count: 300 });
    expect(fields.some(({ field }) => field === "resource.service.version")).toBe(true);
  });

  it("ranks what tells the slow from the rest, without ids and times", async () => {
    const found = await api.get<Differences>(
      `/api/spans/differences?${query({ from: "now-1h", selectMinDuration: "1s" })}`,
    );
    expect([found.insideCount, found.outsideCount, found.note]).toEqual([broken, 1200 - broken, null]);
    const ranked = found.differences.map(({ field, value }) => `${field}=${value}`);
    expect(ranked.slice(0, 4).toSorted()).toEqual(
      ["event=exception", "resource.service.version=1.3.0", "status=error", "status=ok"].toSorted(),
    );
    expect(ranked.some((each) => each.startsWith("attributes.user.id") || each.includes("request.started"))).toBe(
      false,
    );
    const version = found.differences.find(({ value }) => value === "1.3.0")!;
    expect(version).toMatchObject({ insideCount: broken, insideShare: 1, outsideCount: 400 - broken, coverage: 1 });
    expect(version.low).toBeLessThan(version.difference);
    expect(version.high).toBeGreaterThanOrEqual(version.difference);
    const few = await api.get<Differences>(
      `/api/spans/differences?${query({ from: "now-1h", selectFrom: iso(0), selectTo: iso(24_000) })}`,
    );
    expect(few).toMatchObject({ insideCount: 8, outsideCount: 1192 });
    expect(few.note).toContain("8 rows");
    expect(await api.problem("/api/spans/differences?from=now-1h")).toMatchObject({ status: 400 });
  });

  it("finds the slowest without reading all", async () => {
    const found = await api.get<Spans>("/api/spans?from=now-1h&sort=duration&limit=10");
    const exact = REQUESTS.map((span) => span.ms! * 1e6).toSorted((a, b) => b - a);
    expect(found.spans.map((span) => span.durationNs)).toEqual(exact.slice(0, 10));
  });

  it("keeps quantiles within the stated error", async () => {
    const { services } = await api.get<{ services: { p50Ns: number; p99Ns: number }[] }>("/api/services?from=now-1h");
    const sorted = REQUESTS.map((span) => span.ms! * 1e6).toSorted((a, b) => a - b);
    for (const [q, read] of [
      [0.5, services[0]!.p50Ns],
      [0.99, services[0]!.p99Ns],
    ] as const) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
      expect(Math.abs(read / exact - 1)).toBeLessThanOrEqual(LOG_BUCKET_RELATIVE_ERROR + 1e-9);
    }
  });
});
