import { describe, expect, it } from "vitest";
import { logBucketOf } from "#math/log-buckets.ts";
import { seeded } from "../shop-traffic.suite.ts";
import { HISTORY_MINUTES, type History, type OperationCounts, type OperationHistory } from "./history.ts";
import { findCommonSlowdown, findErrorProblems, findLatencyProblems } from "./operation-problems.ts";

const MINUTE_MS = 60_000;
const STEP_MS = 10_000;
const KNOWN_STEPS = 24;

/** Twelve operations of four services for four minutes; `factorOf` says how many times as long one takes at a step. */
function history(factorOf: (operation: number, step: number) => number): History {
  const random = seeded(7);
  const firstMs = (HISTORY_MINUTES - KNOWN_STEPS / 6) * MINUTE_MS;
  const operations = Array.from({ length: 12 }, (_, operation): OperationHistory => {
    const byStep = empty(KNOWN_STEPS);
    const byMinute = empty(HISTORY_MINUTES);
    for (let step = 0; step < KNOWN_STEPS; step++)
      for (let span = 0; span < 8; span++) {
        const bucket = logBucketOf(20e6 * (0.7 + 0.6 * random()) * factorOf(operation, step));
        const minute = HISTORY_MINUTES - KNOWN_STEPS / 6 + Math.floor(step / 6);
        for (const [counts, at] of [
          [byStep, step],
          [byMinute, minute],
        ] as const) {
          counts.count[at]!++;
          const durations = counts.durations[at]!;
          counts.durations[at] = new Map(durations).set(bucket, (durations.get(bucket) ?? 0) + 1);
        }
      }
    return { service: `service-${operation % 4}`, name: `work-${operation}`, kind: "server", byMinute, byStep };
  });
  return {
    minutes: { startUnixNano: 0n, stepNs: BigInt(MINUTE_MS) * 1_000_000n, count: HISTORY_MINUTES },
    steps: {
      startMs: Array.from({ length: KNOWN_STEPS }, (_, step) => firstMs + step * STEP_MS),
      endMs: HISTORY_MINUTES * MINUTE_MS,
    },
    operations,
    logs: [],
    logsByService: new Map(),
  };
}

function empty(length: number): OperationCounts {
  return {
    count: new Array<number>(length).fill(0),
    errors: new Array<number>(length).fill(0),
    durations: Array.from({ length }, () => new Map<number, number>()),
  };
}

const LATE = KNOWN_STEPS - 8;

describe("what a busy host does", () => {
  const busy = history((_, step) => (step >= LATE ? 5 : 1));

  it("is one problem of no service", () =>
    expect(findCommonSlowdown(busy)).toMatchObject({ title: "Everything is slower", service: "", before: 1 }));

  it("is a problem of no operation", () => expect(findLatencyProblems(busy)).toEqual([]));

  it("does not hide an operation that is slower yet", () =>
    expect(
      findLatencyProblems(history((operation, step) => (step < LATE ? 1 : operation === 5 ? 60 : 3))).map(
        ({ operation }) => operation,
      ),
    ).toEqual(["work-5"]));
});

describe("one slow operation", () => {
  const found = history((operation, step) => (step >= LATE && operation === 3 ? 20 : 1));

  it("is a problem of its own", () => {
    const problems = findLatencyProblems(found);
    expect(problems.map(({ operation }) => operation)).toEqual(["work-3"]);
    const [{ target, slowerThanNs, sparkline }] = problems as [(typeof problems)[0]];
    // The link selects exactly the spans that are counted as slow, in words a person would use.
    expect(target.select).toEqual({ field: "duration", op: ">=", values: [`${slowerThanNs! / 1e6}ms`] });
    expect(String(slowerThanNs).replace(/0+$/, "").length).toBeLessThanOrEqual(2);
    expect(sparkline.stepMs).toBe(30_000);
    expect(sparkline.values.at(-1)).toBeGreaterThan(5 * sparkline.values[0]!);
  });

  it("is not what everything does", () => expect(findCommonSlowdown(found)).toBeNull());

  it("does not fail", () => expect(findErrorProblems(found)).toEqual([]));
});
