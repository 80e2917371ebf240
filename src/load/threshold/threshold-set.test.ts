import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { METRIC } from "../metric/built-in.ts";
import { MetricRegistry } from "../metric/metric-registry.ts";
import { Recorder, type RecorderLimits } from "../metric/recorder.ts";
import { Totals } from "../metric/totals.ts";
import type { ThresholdOption } from "../options.ts";
import { parseSubmetricName } from "./submetric-name.ts";
import { parseThreshold } from "./threshold-expression.ts";
import { bindThresholds } from "./threshold-set.ts";

const option = (threshold: string, more: Partial<ThresholdOption> = {}): ThresholdOption => ({
  threshold,
  abortOnFail: false,
  delayAbortEvalMs: 0,
  ...more,
});

/** Thresholds over samples of a generator. */
function bound(
  thresholds: Readonly<Record<string, readonly ThresholdOption[]>>,
  fill: (recorder: Recorder, registry: MetricRegistry) => void,
  limits: Partial<RecorderLimits> = {},
) {
  const totals = new Totals();
  const { thresholds: set, invalid } = bindThresholds(totals, thresholds);
  const registry = new MetricRegistry();
  const recorder = new Recorder(registry, { generator: 1, raw: false, limits }, 0);
  fill(recorder, registry);
  totals.merge(recorder.drain(1000));
  return { set, invalid };
}

describe("threshold grammar", () => {
  it.each([
    ["p(95)<500", { name: "p", percent: 95 }, "<", 500],
    ["p(99.9) <= 1e3", { name: "p", percent: 99.9 }, "<=", 1000],
    [" rate >0.95 ", { name: "rate" }, ">", 0.95],
    ["count>=100", { name: "count" }, ">=", 100],
    ["value===7", { name: "value" }, "===", 7],
    ["avg==2.5", { name: "avg" }, "==", 2.5],
    ["med!=-3", { name: "med" }, "!=", -3],
    ["max<+inf", { name: "max" }, "<", Number.POSITIVE_INFINITY],
    ["min>.5", { name: "min" }, ">", 0.5],
  ])("reads %j", (source, method, operator, value) => {
    expect(parseThreshold(source)).toEqual({ source, method, operator, value });
  });

  it.each([
    ["", "an operator is missing", 0],
    ["p(95)", "an operator is missing", 5],
    ["p(95)<", "a number is missing", 6],
    ["p(95)< ", "a number is missing", 7],
    ["p(95)<abc", '"abc" is not a number', 6],
    ["p(95)<5 00", '"5 00" is not a number', 6],
    ["<500", "a method is missing", 0],
    ["p<500", "p needs a percentile", 1],
    ["p(101)<500", '"101" is no percentile', 2],
    ["p(-1)<500", '"-1" is no percentile', 2],
    ["p(x)<500", '"x" is no percentile', 2],
    ["p(95<500", 'a ")" is missing', 4],
    ["p95<500", '"p95" is no method', 0],
    ["  mean<500", '"mean" is no method', 2],
    ["rate<0.1%", '"0.1%" is not a number', 5],
    ["p(95)=>500", '"p(95)=" is no method', 0],
    ["max<0x10", '"0x10" is not a number', 4],
  ])("refuses %j: %s at %i", (source, problem, position) => {
    const answer = parseThreshold(source);
    if (source === "p(95)=>500") expect(answer).toMatchObject({ position: 6 });
    else expect(answer).toMatchObject({ problem: expect.stringContaining(problem) as string, position });
  });

  it.each([
    ["http_reqs", { metric: "http_reqs", tags: [] }],
    ["a{b:c}", { metric: "a", tags: [["b", "c"]] }],
    [
      "a{group:::outer::inner, url:http://x/y?z=1}",
      {
        metric: "a",
        tags: [
          ["group", "::outer::inner"],
          ["url", "http://x/y?z=1"],
        ],
      },
    ],
    [
      `a{ status : "200" , name:'p q'}`,
      {
        metric: "a",
        tags: [
          ["status", "200"],
          ["name", "p q"],
        ],
      },
    ],
  ])("reads the name %j", (name, expected) => {
    expect(parseSubmetricName(name)).toEqual(expected);
  });

  it.each([
    ["a{b:c", '"}" is missing', 5],
    ["a b:c}", '"{" is missing', 5],
    ["a}b{", "stands before", 1],
    ["a{b:c}d", "must be the last", 6],
    ["a{}", "key:value", 2],
    ["a{b:c,d}", "key:value", 6],
    ["a{b:}", "key:value", 2],
  ])("refuses the name %j: %s at %i", (name, problem, position) => {
    expect(parseSubmetricName(name)).toMatchObject({ problem: expect.stringContaining(problem) as string, position });
  });
});

describe("thresholds", () => {
  it("compares what each type of metric is asked", () => {
    const { set } = bound(
      {
        http_req_duration: [
          option("p(50)<=20"),
          option("avg<20"),
          option("med==20"),
          option("max<30"),
          option("min>9"),
        ],
        "http_req_duration{status:500}": [option("max<25")],
        http_req_failed: [option("rate<0.5")],
        http_reqs: [option("count==3"), option("rate<1.5")],
        vus: [option("value>=4")],
      },
      (recorder, registry) => {
        const failed = registry.tags.of([["status", "500"]]);
        for (const [value, tags] of [
          [10, 0],
          [20, failed],
          [30, 0],
        ] as const) {
          recorder.add(METRIC.http_req_duration, tags, value, 0);
          recorder.add(METRIC.http_reqs, tags, 1, 0);
          recorder.add(METRIC.http_req_failed, tags, tags === failed ? 1 : 0, 0);
        }
        recorder.add(METRIC.vus, 0, 5, 0);
        recorder.add(METRIC.vus, 0, 3, 1);
      },
    );
    const verdict = set.evaluate(2000, true);
    expect(verdict.results.map(({ metric, source, value, ok }) => [metric, source, value, ok])).toEqual([
      ["http_req_duration", "p(50)<=20", 20, true],
      ["http_req_duration", "avg<20", 20, false],
      ["http_req_duration", "med==20", 20, true],
      ["http_req_duration", "max<30", 30, false],
      ["http_req_duration", "min>9", 10, true],
      ["http_req_duration{status:500}", "max<25", 20, true],
      ["http_req_failed", "rate<0.5", 1 / 3, true],
      ["http_reqs", "count==3", 3, true],
      ["http_reqs", "rate<1.5", 1.5, false],
      ["vus", "value>=4", 3, false],
    ]);
    expect(verdict.breached).toEqual(["http_req_duration", "http_reqs", "vus"]);
    expect(verdict.abort).toBe(false);
  });

  it("leaves out metrics without samples while the test runs and counts them as k6 does at the end", () => {
    const { set } = bound(
      {
        http_req_duration: [option("p(95)<500"), option("min>1")],
        http_req_failed: [option("rate>0.9")],
        http_reqs: [option("count>0")],
      },
      () => undefined,
    );
    expect(set.evaluate(1000, false)).toEqual({ results: [], breached: [], abort: false });
    expect(set.evaluate(1000, true).results.map(({ source, ok }) => [source, ok])).toEqual([
      ["p(95)<500", true],
      ["min>1", false],
      ["rate>0.9", true],
      ["count>0", false],
    ]);
  });

  it("aborts only past delayAbortEval", () => {
    const { set } = bound(
      { http_reqs: [option("count<1", { abortOnFail: true, delayAbortEvalMs: 5000 })] },
      (recorder) => recorder.add(METRIC.http_reqs, 0, 1, 0),
    );
    expect(set.evaluate(4000, false)).toMatchObject({ breached: ["http_reqs"], abort: false });
    expect(set.evaluate(5000, false).abort).toBe(false);
    expect(set.evaluate(5001, false).abort).toBe(true);
  });

  it("names unknown metrics, wrong methods and bad texts before the start", () => {
    const { invalid } = bound(
      {
        nothing_here: [option("p(95)<1")],
        http_reqs: [option("p(95)<1"), option("count>1"), option("count>")],
        "vus{a": [option("value>1")],
      },
      () => undefined,
    );
    expect(invalid.map(({ message }) => message)).toEqual([
      'threshold on "nothing_here": there is no metric "nothing_here", neither built in nor made by the script',
      'threshold "p(95)<1" on "http_reqs": a counter has no p; it has count, rate',
      'threshold "count>" on "http_reqs": a number is missing (at character 7)',
      'threshold on "vus{a": a "}" is missing at the end (at character 6)',
    ]);
  });

  it("calls a threshold undecided exactly when the true value can be on either side", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1, max: 1000, noNaN: true }), { minLength: 30, maxLength: 100 }),
        fc.double({ min: 0.97, max: 1.03, noNaN: true }),
        (values, near) => {
          const sorted = values.toSorted((a, b) => a - b);
          const place = 0.95 * (sorted.length - 1);
          const below = sorted[Math.floor(place)]!;
          const exact = below + (sorted[Math.ceil(place)]! - below) * (place - Math.floor(place));
          const limit = exact * near;
          const { set } = bound(
            { http_req_duration: [option(`p(95)<${limit}`, { abortOnFail: true })] },
            (recorder) => {
              for (const value of values) recorder.add(METRIC.http_req_duration, 0, value, 0);
            },
            { maxExactPerMetric: 0, maxExactPerSeries: 0 },
          );
          const verdict = set.evaluate(1000, true);
          const [result] = verdict.results;
          if (!result!.undecided) expect(result!.ok).toBe(exact < limit);
          if (Math.abs(near - 1) > 0.012) expect(result!.undecided).toBe(false);
          if (result!.undecided) expect(verdict.abort).toBe(false);
        },
      ),
    );
  });

  it("says undecided of a limit that is the value itself", () => {
    const { set } = bound(
      { http_req_duration: [option("p(50)<100"), option("max<101"), option("avg<101")] },
      (recorder) => {
        for (let sample = 0; sample < 9; sample++) recorder.add(METRIC.http_req_duration, 0, 96 + sample, 0);
      },
      { maxExactPerMetric: 0, maxExactPerSeries: 0 },
    );
    expect(set.evaluate(1, true).results.map(({ undecided }) => undecided)).toEqual([true, false, false]);
  });
});
