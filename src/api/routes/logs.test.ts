import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestLog } from "#query/test-store.suite.ts";
import type { Facet, Fields, Histogram, LogContext, LogRow, Logs, Patterns } from "../contract/shapes.ts";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";

/** 600 lines of two services: fifty share each timestamp, and eight are the same in everything. */
const LINES: readonly TestLog[] = [
  ...Array.from(
    { length: 592 },
    (_, index): TestLog => ({
      at: Math.floor(index / 50) * 1000,
      ns: 7,
      service: index % 3 === 0 ? "cart" : "checkout",
      severity: index % 10 === 0 ? 17 : index % 10 === 1 ? 13 : 9,
      body: index % 10 === 0 ? `payment ${index} refused: card expired` : `order ${index} accepted in ${index % 7} ms`,
      trace: index % 2 === 0 ? (index % 20).toString(16).padStart(32, "0") : "",
      attributes: { "order.id": String(index), ...(index % 4 === 0 ? { tier: "gold" } : {}) },
      resource: { "service.instance.id": `instance-${index % 2}` },
    }),
  ),
  ...Array.from({ length: 8 }, (): TestLog => ({ at: 3000, ns: 7, service: "cart", body: "tick" })),
];

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addLogs(LINES);
  await api.store.addLogs(LINES.slice(0, 60).map((line) => ({ ...line, tenant: "other" })));
});
afterAll(() => api[Symbol.asyncDispose]());

describe("logs", () => {
  it.each([
    ["newest", 37],
    ["oldest", 37],
    ["newest", 3],
  ])("pages %s first by %d through every line once, equal times and equal lines and all", async (order, limit) => {
    const where = limit === 3 ? ["body ~ tick"] : [];
    const all: LogRow[] = [];
    let cursor: string | null = null;
    do {
      const answer: Logs = await api.get<Logs>(
        `/api/logs?${query({ from: "now-2h", order, limit, where, ...(cursor === null ? {} : { cursor }) })}`,
      );
      expect(answer.logs.length).toBeLessThanOrEqual(limit);
      all.push(...answer.logs);
      cursor = answer.next;
    } while (cursor !== null);
    const expected = LINES.filter((line) => limit !== 3 || line.body === "tick").map((line) => line.body);
    expect(all.map((line) => line.body).toSorted()).toEqual(expected.toSorted());
    const times = all.map((line) => BigInt(line.time));
    expect(times).toEqual(times.toSorted((a, b) => (order === "newest" ? Number(b - a) : Number(a - b))));
  });

  it("keeps what a page ended at while newer lines arrive", async () => {
    const tenant = { headers: { "x-scope-orgid": "moving" } };
    const lines = (from: number): TestLog[] =>
      Array.from({ length: 10 }, (_, index) => ({
        at: 1_800_000 + from + index,
        body: `m${from + index}`,
        tenant: "moving",
      }));
    await api.store.addLogs(lines(0));
    const first = await api.get<Logs>("/api/logs?limit=6&from=now-2h&to=now", tenant);
    await api.store.addLogs(lines(100));
    const second = await api.get<Logs>(`/api/logs?limit=6&from=now-2h&to=now&cursor=${first.next}`, tenant);
    expect([...first.logs, ...second.logs].map((line) => line.body)).toEqual(
      lines(0)
        .map((line) => line.body)
        .toReversed(),
    );
  });

  it("refuses what cannot be read, saying where", async () => {
    for (const [parameters, detail] of [
      [{ where: ["severity >= loud"] }, "severity"],
      [{ where: ["nonsense"] }, "expected"],
      [{ where: ["colour = red"] }, "no field"],
      [{ where: Array.from({ length: 51 }, () => "service = a") }, "where"],
      [{ where: Array.from({ length: 6 }, () => `service = ${"x".repeat(19_000)}`) }, "bytes of filters"],
      [{ where: [`service in ${Array.from({ length: 1001 }, (_, index) => index).join(",")}`] }, "1001 values"],
      [{ text: '"unfinished' }, "unfinished phrase"],
      [{ limit: 5000 }, "limit"],
      [{ limit: "ten" }, "limit"],
      [{ form: "now-1h" }, "form: no such parameter"],
      [{ order: ["newest", "oldest"] }, "given 2 times"],
      [{ from: "yesterday" }, "from"],
      [{ from: "now", to: "now-1h" }, "before"],
      [{ cursor: "x".repeat(5000) }, "cursor"],
    ] as const)
      expect((await api.problem(`/api/logs?${query(parameters as never)}`)).detail).toContain(detail);
    expect(await api.problem(`/api/logs?${query({ from: "now-2h", where: ["body =~ ("] })}`)).toMatchObject({
      status: 400,
    });
  });

  it("answers a regular expression made to explode as quickly as any other", async () => {
    const found = await api.get<Logs>(`/api/logs?${query({ from: "now-2h", where: ["body =~ (a+)+(b+)+(c|cc)*$z"] })}`);
    expect(found.logs).toEqual([]);
  });

  it("counts by time and severity, and the commonest values", async () => {
    const histogram = await api.get<Histogram>("/api/logs/histogram?from=now-2h&buckets=60");
    const sums = Object.fromEntries(
      histogram.groups.map(({ name, counts }) => [name, counts.reduce((a, b) => a + b, 0)]),
    );
    expect(sums).toEqual({ info: 480, error: 60, warn: 60 });
    const facet = await api.get<Facet>("/api/logs/facets?from=now-2h&field=severity&where=severity+%3D+error");
    expect(facet.values.map(({ value }) => value)).toEqual(["info", "warn", "error"]);
    const tier = await api.get<Facet>(`/api/logs/facets?${query({ from: "now-2h", field: "tier.x" })}`);
    expect(tier).toMatchObject({ values: [], coverage: 0, total: 600 });
    const { fields } = await api.get<Fields>("/api/logs/fields?from=now-2h");
    expect(fields.find(({ field }) => field === "attributes.tier")?.count).toBe(148);
    expect(fields.find(({ field }) => field === "resource.service.instance.id")?.count).toBe(592);
  });

  it("lists patterns with share and trend", async () => {
    const { patterns } = await api.get<Patterns>("/api/logs/patterns?from=now-2h");
    expect(patterns[0]).toMatchObject({
      template: "order <*> accepted in <*> ms",
      service: "checkout",
      severityNumber: 9,
    });
    const refused = patterns.filter(({ template }) => template === "payment <*> refused: card expired");
    expect(refused.reduce((sum, each) => sum + each.count, 0)).toBe(60);
    expect(patterns.reduce((sum, each) => sum + each.share, 0)).toBeCloseTo(1);
    for (const { count, trend } of patterns)
      expect(trend.values.reduce<number>((sum, value) => sum + (value ?? 0), 0)).toBe(count);
  });

  it("shows what stands around a line, by instance, service, trace or everybody", async () => {
    const all = await api.get<Logs>("/api/logs?from=now-2h&limit=1000&order=oldest");
    const at = 300;
    const line = all.logs[at]!;
    const context = (scope: string): Promise<LogContext> =>
      api.get(`/api/logs/context?${query({ id: line.id, scope, before: 5, after: 5 })}`);
    const everybody = await context("all");
    expect([...everybody.before, everybody.line, ...everybody.after].map(({ id }) => id)).toEqual(
      all.logs.slice(at - 5, at + 6).map(({ id }) => id),
    );
    for (const scope of ["service", "instance"]) {
      const found = await context(scope);
      expect(found.before).toHaveLength(5);
      for (const each of [...found.before, ...found.after]) {
        expect(each.service).toBe(line.service);
        if (scope === "instance") expect(each.resource).toEqual(line.resource);
      }
    }
    expect(await api.problem(`/api/logs/context?id=${"1".repeat(19)}-${"0".repeat(16)}`)).toMatchObject({
      status: 404,
    });
    expect(await api.problem("/api/logs/context?id=x")).toMatchObject({ status: 400 });
  });
});
