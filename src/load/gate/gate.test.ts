import { describe, expect, it } from "vitest";
import { abbaSchedule, type GateSlot, judge } from "./gate.ts";
import { gateReport, predictionReport } from "./gate-report.ts";
import { predict } from "./stored-baseline.ts";

/** mulberry32: the same numbers everywhere. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

interface World {
  readonly pairs: number;
  /** True slowdown of the candidate. */
  readonly change: number;
  /** Standard deviation of a slot's log quantile, p50 and p95. */
  readonly noise: readonly [p50: number, p95: number];
  readonly slotMs?: number;
}

/** Slots of both versions on a machine whose speed drifts by 20% over minutes. */
function slots({ pairs, change, noise, slotMs = 10_000 }: World, next: () => number): GateSlot[] {
  const phase = next() * 2 * Math.PI;
  return abbaSchedule(pairs).map((version, index) => {
    const drift = 0.2 * Math.sin((2 * Math.PI * index * slotMs) / 300_000 + phase);
    const effect = version === "candidate" ? Math.log1p(change) : 0;
    const quantile = (base: number, deviation: number) => base * Math.exp(drift + effect + deviation * normal(next));
    return {
      version,
      startedUnixMs: index * slotMs,
      durationMs: slotMs,
      requests: 1000,
      errors: 0,
      droppedIterations: 0,
      quantiles: { p50: quantile(20, noise[0]), p95: quantile(60, noise[1]) },
    };
  });
}

function rates(world: World, metrics: readonly string[], runs = 400) {
  const next = random(42);
  const counts = { regression: 0, pass: 0, inconclusive: 0 };
  for (let run = 0; run < runs; run++) counts[judge(slots(world, next), { metrics }).verdict]++;
  return { regression: counts.regression / runs, pass: counts.pass / runs };
}

describe("gate", () => {
  it("alternates so that drift cancels", () => {
    expect(abbaSchedule(4).map((version) => version[0])).toEqual(["b", "c", "c", "b", "b", "c", "c", "b"]);
  });

  // The figures of facts/regression-gate.md, within what 400 runs scatter.
  it("raises no false alarms and finds what is there, at the drift and noise measured", () => {
    const quiet = (change: number) => rates({ pairs: 12, change, noise: [0.09, 0.09] }, ["p50"]);
    const none = quiet(0);
    expect(none.regression).toBeLessThanOrEqual(0.01);
    expect(none.pass).toBeGreaterThan(0.57);
    expect(none.pass).toBeLessThan(0.78);
    expect(Math.abs(quiet(0.1).regression - 0.45)).toBeLessThan(0.1);
    expect(Math.abs(quiet(0.15).regression - 0.85)).toBeLessThan(0.1);
    expect(quiet(0.2).regression).toBeGreaterThan(0.95);
    expect(quiet(0.2).pass).toBe(0);
  });

  it("finds +20% the more often the more pairs there are when p95 is as noisy as on a shared machine", () => {
    const power = [12, 20, 30].map((pairs) => rates({ pairs, change: 0.2, noise: [1, 0.17] }, ["p95"], 300).regression);
    expect(power[0]).toBeGreaterThan(0.45);
    expect(power[1]).toBeGreaterThan(power[0]! + 0.05);
    expect(power[2]).toBeGreaterThan(0.88);
  });

  it("keeps its false-alarm rate over two metrics without any tolerance", () => {
    const next = random(7);
    let alarms = 0;
    const runs = 1000;
    for (let run = 0; run < runs; run++)
      if (judge(slots({ pairs: 12, change: 0, noise: [0.11, 0.17] }, next), { tolerance: 0 }).verdict === "regression")
        alarms++;
    // 2.5% nominal; three standard deviations of 1,000 runs.
    expect(alarms / runs).toBeLessThan(0.025 + 3 * Math.sqrt((0.025 * 0.975) / runs));
  });

  it("promises with the smallest effect what the simulation then finds four times in five", () => {
    const next = random(3);
    const noise = [0.11, 0.17] as const;
    const effects = Array.from(
      { length: 100 },
      () => judge(slots({ pairs: 20, change: 0, noise }, next), { metrics: ["p50"] }).metrics[0]!.smallestEffect,
    ).sort((a, b) => a - b);
    const promised = effects[50]!;
    const found = rates({ pairs: 20, change: promised, noise }, ["p50"]).regression;
    expect(Math.abs(found - 0.8)).toBeLessThan(0.08);
  });

  it("says inconclusive rather than pass under twelve pairs, and shows nothing under six", () => {
    const few = judge(slots({ pairs: 5, change: 1, noise: [0.01, 0.01] }, random(1)));
    expect(few.verdict).toBe("inconclusive");
    expect(few.metrics[0]!.smallestEffect).toBe(Number.POSITIVE_INFINITY);
    const eight = judge(slots({ pairs: 8, change: 0, noise: [0.01, 0.01] }, random(1)));
    expect(eight.reasons).toEqual(["only 8 of 12 pairs count"]);
    expect(judge(slots({ pairs: 8, change: 1, noise: [0.01, 0.01] }, random(1))).verdict).toBe("regression");
    expect(judge([]).verdict).toBe("inconclusive");
  });

  it("leaves out pairs with a void slot or without a figure, and says which", () => {
    const all = slots({ pairs: 13, change: 0, noise: [0.01, 0.01] }, random(1));
    all[4] = { ...all[4]!, void: "the generator was saturated" };
    const result = judge(all);
    expect([result.verdict, result.pairs, result.leftOut]).toEqual([
      "pass",
      12,
      ["pair 3: baseline: the generator was saturated"],
    ]);
    const [first] = all;
    expect(judge([{ ...first!, quantiles: { p50: 1 } }, all[1]!]).leftOut).toEqual(["pair 1: baseline has no p95"]);
    expect(() => judge([first!, first!])).toThrow("both of the baseline");
  });

  const spoiled = (spoil: (slot: GateSlot, index: number) => Partial<GateSlot>) =>
    judge(
      slots({ pairs: 12, change: 0, noise: [0.01, 0.01] }, random(1)).map((slot, index) => ({
        ...slot,
        ...spoil(slot, index),
      })),
    );

  it("takes errors that come with the candidate for a regression", () => {
    const result = spoiled(({ version }) => ({ errors: version === "candidate" ? 20 : 2 }));
    expect([result.verdict, result.errors.verdict]).toEqual(["regression", "regression"]);
    expect(result.reasons).toEqual(["240 against 24 failed requests"]);
  });

  it("does not decide on one burst of errors", () => {
    const result = spoiled((_, index) => ({ errors: index === 5 ? 0 : index === 6 ? 400 : 0 }));
    expect([result.verdict, result.errors.verdict]).toEqual(["inconclusive", "inconclusive"]);
    expect(result.reasons).toEqual(["400 against 0 failed requests, but in so few slots that it can be chance"]);
  });

  it("lets errors pass that are as before, or fewer than matter", () => {
    expect(spoiled(() => ({ errors: 30 })).verdict).toBe("pass");
    expect(spoiled(({ version }) => ({ errors: version === "candidate" ? 1 : 0, requests: 100_000 })).verdict).toBe(
      "pass",
    );
  });

  it("takes dropped iterations into the verdict", () => {
    const result = spoiled(({ version }, index) => ({
      droppedIterations: version === "candidate" ? 50 + (index % 3) : 0,
    }));
    expect([result.verdict, result.drops.verdict]).toEqual(["regression", "regression"]);
    expect(result.drops.independent).toBeLessThan(1e-10);
  });

  it("writes the pull request's report", async () => {
    const result = judge(slots({ pairs: 12, change: 0.25, noise: [0.05, 0.3] }, random(11)));
    const report = gateReport(result, {
      baseline: "main",
      candidate: "my-branch",
      script: "load/checkout.js",
      slotMs: 10_000,
      links: [{ name: "runs in Traceo", url: "http://127.0.0.1:7070/runs?name=checkout" }],
    });
    await expect(report).toMatchFileSnapshot("golden/gate.md.txt");
  });
});

describe("a stored baseline", () => {
  it("can show only about +60% from ten runs that scatter by 20%", () => {
    // Ten values whose logs have standard deviation 0.2 exactly.
    const logs = [-2, -1, -1, 0, 0, 0, 0, 1, 1, 2].map((value) => (value * 0.2) / Math.sqrt(12 / 9));
    const prediction = predict(
      "p95",
      logs.map((log) => 100 * Math.exp(log)),
      150,
    )!;
    expect(prediction.smallestVisible).toBeCloseTo(0.607, 3);
    expect(prediction).toMatchObject({ outside: undefined, runs: 10, change: expect.closeTo(0.5, 9) as number });
    expect(
      predict(
        "p95",
        logs.map((log) => 100 * Math.exp(log)),
        170,
      )!.outside,
    ).toBe("slower");
    expect(predictionReport([prediction])).toContain("A prediction from 10 earlier runs, not a verdict");
  });

  it("holds 95% of further runs", () => {
    const next = random(5);
    let inside = 0;
    for (let run = 0; run < 2000; run++) {
      const values = Array.from({ length: 6 }, () => 50 * Math.exp(0.3 * normal(next)));
      if (predict("p95", values.slice(1), values[0]!)!.outside === undefined) inside++;
    }
    expect(Math.abs(inside / 2000 - 0.95)).toBeLessThan(0.015);
  });

  it("says nothing from two runs", () => {
    expect(predict("p95", [10, 12], 11)).toBeUndefined();
    expect(predictionReport([])).toContain("at least three earlier runs");
  });
});
