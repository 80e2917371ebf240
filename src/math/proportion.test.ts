import { describe, expect, it } from "vitest";
import { proportionDifference, wilsonInterval } from "./proportion.ts";

describe("wilsonInterval", () => {
  // Newcombe 1998 (single proportion), table I, method 4.
  it.each([
    [81, 263, 0.2535, 0.3682],
    [15, 148, 0.0598, 0.1644],
    [0, 20, 0, 0.2005],
    [1, 29, 0.0018, 0.1963],
  ])("of %d in %d is [%d, %d]", (successes, trials, low, high) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it("knows nothing of no trials", () => expect(wilsonInterval(0, 0)).toEqual({ low: 0, high: 1 }));
});

describe("proportionDifference", () => {
  // Newcombe 1998 (difference), table II, method 11.
  it.each([
    [56, 70, 48, 80, 0.0428, 0.3422],
    [9, 10, 3, 10, 0.1013, 0.8387],
    [10, 10, 0, 20, 0.6014, 1],
  ])("of %d/%d and %d/%d is [%d, %d]", (a, m, b, n, low, high) => {
    const interval = proportionDifference(a, m, b, n);
    expect(interval.low).toBeCloseTo(low, 3);
    expect(interval.high).toBeCloseTo(high, 3);
  });
});
