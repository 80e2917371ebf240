import { describe, expect, it } from "vitest";
import { kendallTau, median, medianDeviation, sortedQuantile, theilSenSlope } from "./robust.ts";

describe("robust statistics", () => {
  it("finds the middle", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it("is not moved by one wild value", () => {
    expect(medianDeviation([1, 2, 3, 4, 5])).toBeCloseTo(1.4826, 4);
    expect(medianDeviation([1, 2, 3, 4, 5000])).toBeCloseTo(1.4826, 4);
    expect(theilSenSlope([0, 1, 2, 3, 4], [0, 2, 4, 600, 8])).toBeCloseTo(2, 9);
  });

  it("tells a rise from noise", () => {
    expect(kendallTau([1, 2, 3, 4], [1, 2, 3, 4])).toBe(1);
    expect(kendallTau([1, 2, 3, 4], [4, 3, 2, 1])).toBe(-1);
    expect(kendallTau([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(2 / 3);
  });

  it("interpolates quantiles as R's default does", () => {
    expect(sortedQuantile([1, 2, 3, 4], 0.95)).toBeCloseTo(3.85, 9);
    expect(sortedQuantile([7], 0.5)).toBe(7);
  });
});
