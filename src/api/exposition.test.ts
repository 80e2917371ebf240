import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestApi, type TestApi } from "./test-api.suite.ts";

let api: TestApi;
beforeAll(async () => {
  const ledger = {
    received: 10,
    stored: 5,
    rejected: 2,
    dropped: 0,
    pending: 3,
    missing: 0,
    reasons: [{ reason: 'a "quoted"\nreason\\', count: 2 }],
    receivedPerSecond: 1,
    refusedRequests: 4,
  };
  api = await openTestApi({
    ingestLedger: () => ({ traces: ledger, logs: { ...ledger, missing: 1, reasons: [] }, metrics: ledger }),
    limits: () => ({ "body-size": 7, connections: 0 }),
  });
});
afterAll(() => api[Symbol.asyncDispose]());

describe("/metrics", () => {
  it("tells ledger, engine, limits and process in Prometheus' text format", async () => {
    const response = await api.fetch("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await response.text();
    for (const line of [
      'traceo_records_total{signal="traces",state="received"} 10',
      'traceo_records_missing{signal="logs"} 1',
      'traceo_records_refused_total{signal="traces",reason="a \\"quoted\\"\\nreason\\\\"} 2',
      'traceo_requests_refused_total{signal="metrics"} 4',
      'traceo_receiver_limit_met_total{limit="body-size"} 7',
      'traceo_receiver_limit_met_total{limit="connections"} 0',
      'traceo_engine_state{state="ready"} 1',
      'traceo_engine_state{state="failed"} 0',
      "traceo_engine_restarts_total 0",
      "traceo_disk_free_bytes 2",
    ])
      expect(text.split("\n")).toContain(line);
    expect(text).toMatch(/^process_cpu_seconds_total [\d.]+$/m);
  });

  it("is well-formed: every sample follows the type of its family, and none comes twice", async () => {
    const lines = (await (await api.fetch("/metrics")).text()).trimEnd().split("\n");
    const seen = new Set<string>();
    let family = "";
    for (const line of lines) {
      const type = /^# TYPE (\S+) (counter|gauge)$/.exec(line);
      if (type !== null) {
        family = type[1]!;
        expect(family.endsWith("_total")).toBe(type[2] === "counter");
      } else if (!line.startsWith("# HELP ")) {
        const [, name, labels] = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})? -?[\d.e+]+$/.exec(line) ?? [];
        expect([line, name]).toEqual([line, family]);
        expect(seen.has(`${name}${labels}`)).toBe(false);
        seen.add(`${name}${labels}`);
      }
    }
    expect(seen.size).toBeGreaterThan(30);
  });
});
