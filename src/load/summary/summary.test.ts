import { describe, expect, it } from "vitest";
import { METRIC } from "../metric/built-in.ts";
import { Totals } from "../metric/totals.ts";
import { bindThresholds } from "../threshold/threshold-set.ts";
import { humanizeBytes, humanizeDuration, humanizeValue } from "./humanize.ts";
import { machineSummary } from "./machine-summary.ts";
import { RUN_DURATION_MS, RUN_START_UNIX_MS, recordedRun } from "./recorded.suite.ts";
import { exportedSummary, summaryData } from "./summary-data.ts";
import { summaryReport } from "./summary-report.ts";
import type { SummarySource } from "./summary-source.ts";
import { summaryText } from "./summary-text.ts";
import { parseTrendStatistic } from "./trend-statistic.ts";

const STATS = ["avg", "min", "med", "max", "p(90)", "p(95)"];

function ended(trendStats = STATS): SummarySource {
  const { frames, registry } = recordedRun();
  const totals = new Totals();
  for (const { name, type, contains } of registry.all()) totals.registry.define(name, type, contains);
  const option = (threshold: string) => ({ threshold, abortOnFail: false, delayAbortEvalMs: 0 });
  const { thresholds } = bindThresholds(totals, {
    http_req_duration: [option("p(95)<500"), option(" p(99.9) < 50")],
    "http_req_duration{scenario:buyers}": [option("max<500")],
    http_req_failed: [option("rate<0.1")],
    orders: [option("count>50"), option("rate>5")],
    ws_sessions: [option("count==0")],
    "ws_msgs_sent{kind:x}": [option("count==0")],
  });
  for (const frame of frames) totals.merge(frame);
  const verdict = thresholds.evaluate(RUN_DURATION_MS, true);
  const systemTags = new Set(["expected_response"]);
  const options = { summaryTrendStats: trendStats, summaryTimeUnit: "" as const, systemTags };
  return { totals, thresholds, verdict, options, durationMs: RUN_DURATION_MS };
}

const text = { colors: false, summaryTimeUnit: "" as const, summaryTrendStats: STATS };
const surroundings = { noColor: true, isStdOutTTY: false, isStdErrTTY: false, setupData: { token: "t" } };

describe("end-of-test summary", () => {
  it("writes the compact form", async () => {
    const report = summaryReport(ended(), "compact");
    await expect(summaryText(report, text)).toMatchFileSnapshot("golden/compact.txt");
  });

  it("writes the full form, group by group and scenario by scenario", async () => {
    const report = summaryReport(ended(), "full");
    await expect(summaryText(report, text)).toMatchFileSnapshot("golden/full.txt");
  });

  it("writes other columns and another unit, with colours on a terminal", async () => {
    const stats = ["count", "p(99.9)"];
    const colored = summaryText(summaryReport(ended(stats), "compact"), {
      colors: true,
      summaryTimeUnit: "us",
      summaryTrendStats: stats,
    });
    await expect(colored.replaceAll("\x1b", "␛")).toMatchFileSnapshot("golden/colored.txt");
  });

  it("gives handleSummary what k6 gives it", async () => {
    const data = summaryData(ended(), surroundings);
    await expect(JSON.stringify(data, null, 2)).toMatchFileSnapshot("golden/handle-summary.json.txt");
    expect(data.metrics["http_req_duration"]!.thresholds!["p(95)<500"]).toEqual({ ok: true });
    expect(data.root_group.id).toBe("d41d8cd98f00b204e9800998ecf8427e");
  });

  it("exports, and writes for programs", async () => {
    const source = ended();
    await expect(exportedSummary(summaryData(source, surroundings))).toMatchFileSnapshot(
      "golden/summary-export.json.txt",
    );
    const machine = machineSummary(summaryReport(source, "compact"), {
      script: "shop.js",
      durationMs: RUN_DURATION_MS,
      generatedUnixMs: RUN_START_UNIX_MS,
      version: "0.1.0",
    });
    await expect(JSON.stringify(machine, null, 2)).toMatchFileSnapshot("golden/machine-summary.json.txt");
  });

  it("agrees with the samples themselves", () => {
    const { metrics } = summaryData(ended(), surroundings);
    const waits = Array.from({ length: 80 }, (_, index) => {
      const [second, request] = [Math.floor(index / 8), index % 8];
      return 5.25 + ((second * 7 + request * 13) % 40) + (second === 7 && request === 3 ? 900 : 0);
    }).sort((a, b) => a - b);
    const { values } = metrics["http_req_duration"]!;
    expect(values["avg"]).toBeCloseTo(waits.reduce((sum, wait) => sum + wait, 0) / 80, 9);
    expect(values["max"]).toBe(waits[79]);
    expect(values["p(95)"]).toBe(waits[75]! + (waits[76]! - waits[75]!) * (0.95 * 79 - 75));
    expect(metrics["orders"]!.values).toEqual({ count: 80, rate: 8 });
    expect(metrics["checks"]!.values).toEqual({ rate: 159 / 160, passes: 159, fails: 1 });
    expect(metrics["vus"]!.values).toEqual({ value: 8, min: 1, max: 8 });
  });

  it("tells what makes figures less than exact", () => {
    const source = ended();
    const verdict = {
      ...source.verdict,
      results: source.verdict.results.map((result, index) => ({ ...result, undecided: index === 0 })),
    };
    const { frames } = recordedRun();
    source.totals.merge({ ...frames[0]!, generator: 2, folded: 7 });
    const shown = summaryText(summaryReport({ ...source, verdict }, "compact"), text);
    expect(shown).toContain("(undecided)");
    expect(shown).toContain("1 threshold(s) undecided: above 100,000 samples percentiles are known to ±0.54%");
    expect(shown).toContain("7 sample(s) had too many different tags");
    expect(source.totals.whole(source.totals.registry.get(METRIC.http_reqs))!.sum).toBe(88);
  });
});

describe("values for people", () => {
  it.each([
    [0, "", "0s"],
    [0.000123, "", "123ns"],
    [0.0456, "", "45.6µs"],
    [12.3456, "", "12.34ms"],
    [1234.5, "", "1.23s"],
    [60_000, "", "1m0s"],
    [90_500, "", "1m30s"],
    [3_723_000, "", "1h2m3s"],
    [1234.5, "s", "1.23s"],
    [1.5, "us", "1500.00µs"],
    [1.5, "ms", "1.50ms"],
  ] as const)("writes %d ms in unit %j as %s", (ms, unit, expected) => {
    expect(humanizeDuration(ms, unit)).toBe(expected);
  });

  it.each([
    [0, "0 B"],
    [9.5, "9.5 B"],
    [999, "999 B"],
    [1234, "1.2 kB"],
    [12_345_678, "12 MB"],
  ])("writes %d bytes as %s", (bytes, expected) => {
    expect(humanizeBytes(bytes)).toBe(expected);
  });

  it("cuts percentages off instead of rounding them up to a lie", () => {
    expect(humanizeValue(0.99999, "rate", "default", "")).toBe("99.99%");
    expect(humanizeValue(1 / 3, "counter", "default", "")).toBe("0.333333");
  });

  it("knows the trend statistics", () => {
    expect(["avg", "min", "med", "max", "count", "p(99.95)", "p(100)"].every(parseTrendStatistic)).toBe(true);
    expect(["p(101)", "p()", "p95", "mean", "p(-1)"].map(parseTrendStatistic)).toEqual(Array(5).fill(undefined));
  });
});
