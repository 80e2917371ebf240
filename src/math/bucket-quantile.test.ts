import { describe, expect, it } from "vitest";
import { coarsen, explicitIntervals, exponentialIntervals, intervalQuantile } from "./bucket-quantile.ts";

describe("intervalQuantile", () => {
  // Data and answers of Prometheus' promql/promqltest/testdata/histograms.test, `testhistogram`.
  const positive = explicitIntervals([0.1, 0.2, 1], [50, 20, 40, 10]);
  const negative = explicitIntervals([-0.2, -0.1, 0.3], [10, 10, 0, 10]);
  it.each([
    [0, 0, -0.2],
    [0.2, 0.048, -0.2],
    [0.5, 0.15, -0.15],
    [0.8, 0.72, 0.3],
    [1, 1, 0.3],
  ])("reads the %d-quantile of explicit buckets as Prometheus does", (q, ofPositive, ofNegative) => {
    expect(intervalQuantile(positive, q)).toBeCloseTo(ofPositive, 9);
    expect(intervalQuantile(negative, q)).toBeCloseTo(ofNegative, 9);
  });

  // `single_histogram` of native_histograms.test: one, two and one in (0.5, 1], (1, 2], (2, 4]; its median is √2.
  const exponential = exponentialIntervals(
    0,
    new Map([
      [-1, 1],
      [0, 2],
      [1, 1],
    ]),
    1,
  );
  it("reads exponential buckets on the log scale", () => {
    expect(intervalQuantile(exponential, 0.5)).toBeCloseTo(Math.SQRT2, 9);
    expect(intervalQuantile(exponential, 1)).toBe(4);
    expect(intervalQuantile(exponentialIntervals(0, new Map([[1, 4]]), -1), 0.5)).toBeCloseTo(-3, 9);
  });

  it("merges buckets of different bounds", () => {
    const other = explicitIntervals([0.05, 0.15], [10, 10, 0]);
    const merged = intervalQuantile([...positive, ...other], 0.5)!;
    // Up to 0.15 lie 50 + 10 of the first and 20 of the second, 80 of 140; up to 0.1 there are 65.
    expect(merged).toBeCloseTo(0.1 + ((70 - 65) / 15) * 0.05, 9);
  });

  it("knows nothing of nothing, and only the end of what has none", () => {
    expect(intervalQuantile([], 0.5)).toBeNull();
    expect(intervalQuantile(explicitIntervals([], [7]), 0.5)).toBeNull();
    expect(intervalQuantile(explicitIntervals([5], [0, 3]), 0.5)).toBe(5);
  });
});

describe("coarsen", () => {
  it("merges neighbours, below zero too", () => {
    const fine = new Map([
      [-3, 1],
      [-2, 2],
      [-1, 4],
      [0, 8],
      [1, 16],
    ]);
    expect(coarsen(fine, 1)).toEqual(
      new Map([
        [-2, 1],
        [-1, 6],
        [0, 24],
      ]),
    );
  });
});
