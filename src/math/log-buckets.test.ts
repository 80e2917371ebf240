import { describe, expect, it } from "vitest";
import {
  LOG_BUCKET_RELATIVE_ERROR,
  logBucketDistance,
  logBucketOf,
  logBucketQuantile,
  logBucketsOf,
  mergeLogBuckets,
} from "./log-buckets.ts";

function bucketsOf(values: readonly number[]): Map<number, number> {
  const buckets = new Map<number, number>();
  for (const value of values) mergeLogBuckets(buckets, new Map([[logBucketOf(value), 1]]));
  return buckets;
}

describe("log-scale buckets", () => {
  it("gives quantiles within the stated error of the exact ones", () => {
    let state = 12345;
    const random = (): number => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return state / 2147483648;
    };
    const values = Array.from({ length: 5000 }, () => Math.exp(6 + 9 * random()));
    const sorted = values.toSorted((a, b) => a - b);
    const buckets = bucketsOf(values);
    for (const q of [0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1]) {
      const exact = sorted[Math.ceil(q * sorted.length) - 1]!;
      const read = logBucketQuantile(buckets, q)!;
      expect(Math.abs(read - exact) / exact).toBeLessThanOrEqual(LOG_BUCKET_RELATIVE_ERROR + 1e-9);
    }
    expect(LOG_BUCKET_RELATIVE_ERROR).toBeCloseTo(0.0443, 4);
  });

  it("has no quantile of nothing", () => expect(logBucketQuantile(new Map(), 0.5)).toBeNull());

  it("reads the engine's map", () => {
    expect(logBucketsOf({ "8": 2, "16": "3" })).toEqual(
      new Map([
        [8, 2],
        [16, 3],
      ]),
    );
  });

  it("measures distance in doublings", () => {
    const a = bucketsOf([100, 200, 400, 800]);
    const twice = bucketsOf([200, 400, 800, 1600]);
    expect(logBucketDistance(a, a)).toBe(0);
    expect(logBucketDistance(a, twice)).toBeCloseTo(1, 6);
    expect(logBucketDistance(twice, a)).toBeCloseTo(1, 6);
  });
});
