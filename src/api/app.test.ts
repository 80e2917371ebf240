import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Logs, Services, Status, Trace, Traces } from "./contract/shapes.ts";
import { openTestApi, query, type TestApi } from "./test-api.suite.ts";

const trace = (digit: string): string => digit.repeat(32);
let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addSpans([
    {
      at: 0,
      ms: 100,
      trace: trace("a"),
      span: "a1",
      service: "gateway",
      name: "GET /buy",
      kind: "server",
      status: "error",
    },
    {
      at: 10,
      ms: 50,
      trace: trace("a"),
      span: "a2",
      parent: "a1",
      service: "gateway",
      name: "call cart",
      kind: "client",
    },
    {
      at: 15,
      ms: 40,
      trace: trace("a"),
      span: "a3",
      parent: "a2",
      service: "cart",
      name: "GET /cart",
      kind: "server",
      attributes: { "http.route": "/cart" },
    },
    { at: 60_000, ms: 30, trace: trace("b"), span: "b1", service: "gateway", name: "GET /", kind: "server" },
    {
      at: 60_000,
      ms: 30,
      trace: trace("c"),
      span: "c1",
      service: "gateway",
      name: "GET /",
      kind: "server",
      tenant: "other",
    },
  ]);
  await api.store.addLogs([
    { at: 20, body: "Connection REFUSED by peer 7", severity: 17, service: "cart", trace: trace("a"), span: "a3" },
    { at: 30, body: "all fine", service: "cart" },
    { at: 30, body: "secret", service: "cart", tenant: "other" },
  ]);
});
afterAll(() => api[Symbol.asyncDispose]());

describe("the thin read path", () => {
  it("answers status", async () => {
    const status = await api.get<Status>("/api/status");
    expect(status).toMatchObject({ version: "0.0.0-test", ready: true, tenant: "default", demo: false });
  });

  it("lists traces of this tenant, newest first", async () => {
    const found = await api.get<Traces>("/api/traces?from=now-2h");
    expect(found.traces.map((each) => each.traceId)).toEqual([trace("b"), trace("a")]);
    expect(found.traces[1]).toMatchObject({
      rootService: "gateway",
      rootName: "GET /buy",
      rootStatus: "error",
      spanCount: 3,
      errorCount: 1,
      durationNs: 100_000_000,
      services: ["cart", "gateway"],
      matched: null,
    });
    expect(found.next).toBeNull();
  });

  it("finds traces by what one of their spans is, and says which", async () => {
    const found = await api.get<Traces>(
      `/api/traces?${query({ from: "now-2h", where: ["service = cart", "duration >= 40ms", "http.route = /cart"] })}`,
    );
    expect(found.traces.map((each) => [each.traceId, each.matched])).toEqual([
      [trace("a"), { spanId: "a3", service: "cart", name: "GET /cart", durationNs: 40_000_000, count: 1 }],
    ]);
    for (const sort of ["duration", "errors"])
      expect(
        (await api.get<Traces>(`/api/traces?from=now-2h&sort=${sort}`)).traces.map((each) => each.traceId),
      ).toEqual([trace("a"), trace("b")]);
    expect((await api.get<Traces>("/api/traces?from=now-2h&minDuration=50ms")).traces).toHaveLength(1);
  });

  it("shows one trace as columns", async () => {
    const found = await api.get<Trace>(`/api/traces/${trace("A")}`);
    expect(found).toMatchObject({
      services: ["gateway", "cart"],
      spanId: ["a1", "a2", "a3"],
      parent: [-1, 0, 1],
      depth: [0, 1, 2],
      offsetNs: [0, 10e6, 15e6],
      durationsNs: [100e6, 50e6, 40e6],
      selfNs: [50e6, 10e6, 40e6],
      logCount: [0, 0, 1],
      criticalPath: {
        segments: [
          [0, 0, 10e6],
          [1, 10e6, 15e6],
          [2, 15e6, 55e6],
          [1, 55e6, 60e6],
          [0, 60e6, 100e6],
        ],
        note: null,
      },
    });
    expect(await api.problem(`/api/traces/${trace("c")}`)).toMatchObject({ code: "not-found", status: 404 });
    expect(await api.problem("/api/traces/xyz")).toMatchObject({ code: "bad-request" });
  });

  it("finds log lines by words, severity and trace", async () => {
    const all = await api.get<Logs>("/api/logs?from=now-2h");
    expect(all.logs.map((line) => line.body)).toEqual(["all fine", "Connection REFUSED by peer 7"]);
    for (const search of [
      { text: "refused connection" },
      { text: '"connection refused"' },
      { text: "peer -fine" },
      { where: "severity >= error" },
      { where: `trace = ${trace("a")}` },
      { where: 'body =~ "REFUSED by"' },
    ])
      expect((await api.get<Logs>(`/api/logs?${query({ from: "now-2h", ...search })}`)).logs).toHaveLength(1);
    expect((await api.get<Logs>(`/api/logs?${query({ from: "now-2h", text: '"refused connection"' })}`)).logs).toEqual(
      [],
    );
  });

  it("lists services with rate, errors and durations", async () => {
    const { services } = await api.get<Services>("/api/services?from=now-1h");
    expect(services.map(({ service, errorRatio }) => [service, errorRatio])).toEqual([
      ["gateway", 0.5],
      ["cart", 0],
    ]);
    expect(services[0]!.ratePerSecond).toBeCloseTo(2 / 3600);
    expect(Math.abs(services[1]!.p50Ns! / 40e6 - 1)).toBeLessThan(0.0444);
  });

  it("runs SQL in any text format, with parameters", async () => {
    const response = await api.fetch("/api/sql?format=JSONEachRow", {
      method: "POST",
      body: "SELECT name, count() AS spans FROM spans WHERE kind = 'server' AND name != 'GET /' GROUP BY name ORDER BY name",
    });
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(await response.text()).toBe('{"name":"GET \\/buy","spans":"1"}\n{"name":"GET \\/cart","spans":"1"}\n');
    const json = await api.fetch("/api/sql?format=CSV", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query: "SELECT {a:String} AS x", parameters: { a: "it's" } }),
    });
    expect(await json.text()).toBe('"it\'s"\n');
    expect(await api.problem("/api/sql?format=Native", { method: "POST", body: "SELECT 1" })).toMatchObject({
      status: 400,
    });
  });

  it("tails log lines as they arrive", async () => {
    const response = await api.fetch("/api/logs/tail");
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const text = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect(await text()).toContain("event: heartbeat");
    let event: string | undefined;
    const reading = text().then((found) => {
      event = found;
    });
    // The first look finds where the tail begins, so a line that came before it is not shown.
    while (event === undefined) await api.store.addLogs([{ at: 3_600_000, body: "just now", service: "cart" }]);
    await reading;
    expect(event).toContain("event: rows");
    expect(event).toContain("just now");
    await reader.cancel();
  });
});
