import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fisherGreater, logGamma, poissonGreater, signFlipGreater } from "./exact-count-test.ts";
import { holmAdjusted } from "./holm.ts";
import { studentCdf, studentQuantile } from "./student.ts";

describe("exact tests of counts", () => {
  it("agrees with published examples", () => {
    // Fisher's tea: three of four right, p = 17/70.
    expect(fisherGreater(1, 4, 3, 4)).toBeCloseTo(17 / 70, 12);
    expect(fisherGreater(0, 100, 0, 100)).toBe(1);
    expect(fisherGreater(0, 10_000, 5, 10_000)).toBeCloseTo(0.03121, 4);
    // R: binom.test(8, 10, 0.5, "greater") = 56/1024.
    expect(poissonGreater(2, 60, 8, 60)).toBeCloseTo(56 / 1024, 12);
    expect(poissonGreater(0, 60, 3, 120)).toBeCloseTo((2 / 3) ** 3, 12);
    expect(poissonGreater(5, 60, 0, 60)).toBe(1);
    expect(Math.exp(logGamma(11))).toBeCloseTo(3_628_800, 4);
  });

  it("flips signs as trying all of them does", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9, max: 12 }), { minLength: 1, maxLength: 10 }), (differences) => {
        const observed = differences.reduce((sum, value) => sum + value, 0);
        let atLeast = 0;
        for (let signs = 0; signs < 2 ** differences.length; signs++) {
          const sum = differences.reduce((total, value, at) => total + (signs & (1 << at) ? -value : value), 0);
          if (sum >= observed) atLeast++;
        }
        const expected = differences.every((value) => value === 0) ? 1 : atLeast / 2 ** differences.length;
        expect(signFlipGreater(differences)).toBeCloseTo(expected, 12);
      }),
    );
  });

  it("does not take one burst for a difference, as Fisher's test does", () => {
    expect(fisherGreater(0, 24_000, 300, 24_000)).toBeLessThan(1e-20);
    expect(signFlipGreater([0, 0, 0, 300, 0, 0, 0, 0, 0, 0, 0, 0])).toBe(0.5);
    expect(signFlipGreater(Array(12).fill(25))).toBe(1 / 4096);
    expect(signFlipGreater(Array(12).fill(1_000_000))).toBe(1 / 4096);
  });

  it("adjusts as Holm does", () => {
    expect(holmAdjusted([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
    expect(holmAdjusted([0.5, 0.9])).toEqual([1, 1]);
    expect(holmAdjusted([])).toEqual([]);
  });

  it("knows Student's t", () => {
    expect(studentQuantile(0.975, 9)).toBeCloseTo(2.262157, 5);
    expect(studentQuantile(0.975, 1)).toBeCloseTo(12.7062, 3);
    expect(studentQuantile(0.95, 30)).toBeCloseTo(1.697261, 5);
    expect(studentCdf(0, 5)).toBe(0.5);
    expect(studentCdf(-2.262157, 9)).toBeCloseTo(0.025, 6);
  });
});
