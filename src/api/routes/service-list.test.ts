import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestSpan } from "#query/test-store.suite.ts";
import { ManualClock } from "#runtime/clock.ts";
import { openMemoryDocuments } from "#state/memory/memory-documents.ts";
import type { NormalComparison, Operations, ServiceColours, ServiceGraph, Services } from "../contract/shapes.ts";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");

/** Requests through four services, a database and a queue; number 40 is slow in the database, calls twice and forgets the queue. */
const SPANS: readonly TestSpan[] = Array.from({ length: 60 }, (_, index): TestSpan[] => {
  const at = 1000 * index;
  const trace = hex(index + 1, 32);
  const id = (step: number): string => hex((index + 1) * 16 + step, 16);
  const odd = index === 40;
  const span = (
    step: number,
    parent: number | null,
    service: string,
    name: string,
    kind: string,
    start: number,
    ms: number,
    attributes: Record<string, string> = {},
  ): TestSpan => ({
    at: at + start,
    ms,
    trace,
    span: id(step),
    parent: parent === null ? "" : id(parent),
    service,
    name,
    kind,
    status: index % 10 === 0 && service === "payment" ? "error" : "ok",
    attributes,
  });
  const db = odd ? 400 : 20;
  return [
    span(0, null, "gateway", "POST /orders", "server", 0, 60 + db),
    span(1, 0, "gateway", "POST", "client", 1, 50 + db),
    span(2, 1, "checkout", "POST /checkout", "server", 2, 45 + db),
    span(3, 2, "checkout", "SELECT stock", "client", 3, db, { "db.system.name": "postgresql" }),
    ...(odd ? [span(9, 2, "checkout", "SELECT stock", "client", 4 + db, 5, { "db.system": "postgresql" })] : []),
    span(4, 2, "checkout", "POST", "client", 10 + db, 20),
    span(5, 4, "payment", "POST /charges", "server", 11 + db, 18),
    span(6, 5, "payment", "POST provider", "client", 12 + db, 15, { "server.address": "provider.example" }),
    ...(odd ? [] : [span(7, 2, "checkout", "send order", "producer", 35 + db, 1, { "messaging.system": "kafka" })]),
    ...(index % 2 === 0 && !odd ? [span(8, 7, "worker", "process order", "consumer", 300, 10)] : []),
  ];
}).flat();

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi({ documents: openMemoryDocuments(new ManualClock(0)) });
  await api.store.addSpans(SPANS);
  // The halves of a call that arrive in different loads meet all the same.
  await api.store.addSpans(
    SPANS.filter((span) => span.service === "payment").map((span) => ({ ...span, tenant: "halves" })),
  );
  await api.store.addSpans(
    SPANS.filter((span) => span.service !== "payment").map((span) => ({ ...span, tenant: "halves" })),
  );
});
afterAll(() => api[Symbol.asyncDispose]());

describe("services", () => {
  it("lists what each one answers, with sparklines on whole minutes", async () => {
    const { services } = await api.get<Services>("/api/services?from=now-1h");
    expect(services.map(({ service, errorRatio }) => [service, errorRatio])).toEqual([
      ["checkout", 0],
      ["gateway", 0],
      ["payment", 0.1],
      ["worker", 0],
    ]);
    expect(services[0]!.rate.stepMs).toBe(60_000);
    expect(services[0]!.rate.values.reduce<number>((sum, value) => sum + (value ?? 0) * 60, 0)).toBeCloseTo(60);
  });

  it("compares with the same length of time before", async () => {
    const { services } = await api.get<Services>(
      `/api/services?${query({ from: "2026-01-02T03:01:00Z", to: "2026-01-02T03:02:00Z" })}`,
    );
    expect(services).toEqual([]);
    const earlier = await api.get<Services>(
      `/api/services?${query({ from: "2026-01-02T03:00:00Z", to: "2026-01-02T03:01:00Z" })}`,
    );
    expect(earlier.services[0]!.before).toBeNull();
  });

  it("lists the operations of one", async () => {
    const { operations } = await api.get<Operations>("/api/services/checkout/operations?from=now-1h");
    expect(operations.map(({ name, kind }) => `${kind} ${name}`).toSorted()).toEqual([
      "client POST",
      "client SELECT stock",
      "producer send order",
      "server POST /checkout",
    ]);
    const select = operations.find(({ name }) => name === "SELECT stock")!;
    expect(Math.abs(select.p50Ns! / 20e6 - 1)).toBeLessThan(0.0444);
    expect(select.ratePerSecond).toBeCloseTo(61 / 3600);
    expect((await api.get<Operations>("/api/services/no%2Fbody/operations?from=now-1h")).operations).toEqual([]);
  });

  it.each(["default", "halves"])("draws who calls whom, from spans and from the summary alike (%s)", async (tenant) => {
    for (const from of ["now-1h", "now-8h"]) {
      const graph = await api.get<ServiceGraph>(`/api/service-graph?from=${from}`, {
        headers: { "x-scope-orgid": tenant },
      });
      expect(graph.nodes.map(({ id, kind }) => `${kind} ${id}`)).toEqual([
        "service checkout",
        "service gateway",
        "queue kafka",
        "service payment",
        "database postgresql",
        "external provider.example",
        "service worker",
      ]);
      const seconds = from === "now-1h" ? 3600 : 8 * 3600;
      const edges = Object.fromEntries(
        graph.edges.map((edge) => [`${edge.from} ${edge.to}`, Math.round(edge.ratePerSecond * seconds)]),
      );
      expect(edges).toEqual({
        "gateway checkout": 60,
        "checkout postgresql": 61,
        "checkout payment": 60,
        "payment provider.example": 60,
        "checkout kafka": 30,
        "checkout worker": 29,
      });
      expect(graph.edges.find(({ to }) => to === "payment")!.errorRatio).toBeCloseTo(0.1);
    }
  });

  it("gives each service the next free colour, for good", async () => {
    const first = await api.get<ServiceColours>("/api/service-colours");
    expect(Object.values(first.slots).toSorted()).toEqual([0, 1, 2, 3]);
    await api.store.addSpans(
      Array.from({ length: 6 }, (_, index) => ({
        at: index,
        trace: "f",
        span: hex(index, 16),
        service: `a-new-${index}`,
      })),
    );
    const second = await api.get<ServiceColours>("/api/service-colours");
    expect(second.slots).toMatchObject(first.slots);
    expect(second.slots["a-new-4"]).toBe(0);
    expect(new Set(Object.values(second.slots)).size).toBe(8);
  });

  it("compares a trace with what is normal for its root", async () => {
    const normal = await api.get<NormalComparison>(`/api/traces/${hex(41, 32)}/normal`);
    expect(normal).toMatchObject({ comparedTraces: 49, note: null });
    const by = (state: string): string[] => normal.paths.filter((path) => path.state === state).map(({ name }) => name);
    expect(by("slower")).toEqual(["SELECT stock"]);
    expect(by("missing")).toEqual(["send order", "process order"].slice(0, 1));
    expect(by("added")).toEqual([]);
    expect(normal.paths[0]).toMatchObject({ name: "SELECT stock", count: 2, usualCount: 1, usualSelfNs: 20e6 });
    const usual = await api.get<NormalComparison>(`/api/traces/${hex(7, 32)}/normal`);
    expect(usual.paths.every((path) => path.state === "same" || path.name === "process order")).toBe(true);
    expect(await api.problem(`/api/traces/${hex(999, 32)}/normal`)).toMatchObject({ status: 404 });
  });
});
