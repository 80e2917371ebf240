import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coinSumDistribution, signedRankInterval, signedRankPValue } from "./signed-rank.ts";

/** By trying every assignment of signs. */
function enumerated(differences: readonly number[]): number {
  const kept = differences.filter((difference) => difference !== 0);
  const rank = (magnitude: number): number => {
    const below = kept.filter((other) => Math.abs(other) < magnitude).length;
    const same = kept.filter((other) => Math.abs(other) === magnitude).length;
    return below + (same + 1) / 2;
  };
  const ranks = kept.map((difference) => rank(Math.abs(difference)));
  const observed = kept.reduce((sum, difference, index) => sum + (difference > 0 ? ranks[index]! : 0), 0);
  let atLeast = 0;
  for (let signs = 0; signs < 2 ** kept.length; signs++) {
    const sum = ranks.reduce((total, value, index) => total + (signs & (1 << index) ? value : 0), 0);
    if (sum >= observed - 1e-9) atLeast++;
  }
  return atLeast / 2 ** kept.length;
}

describe("signed-rank test", () => {
  it("knows the published distribution", () => {
    // Hollander and Wolfe, table A.4: n = 10, P(T+ >= 45) = 0.042; n = 5, P(T+ >= 15) = 0.031.
    const ten = coinSumDistribution([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(ten.slice(45).reduce((sum, p) => sum + p, 0)).toBeCloseTo(0.042, 3);
    expect(coinSumDistribution([1, 2, 3, 4, 5])[15]).toBe(1 / 32);
  });

  it("is exact with ties and zeros", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -4, max: 5 }), { minLength: 1, maxLength: 9 }), (differences) => {
        expect(signedRankPValue(differences)).toBeCloseTo(enumerated(differences), 12);
      }),
    );
    expect(signedRankPValue([0, 0])).toBe(1);
  });

  it("estimates and bounds as R's wilcox.test(conf.int = TRUE) does", () => {
    // wilcox.test(c(1.83,.50,1.62,2.48,1.68,1.88,1.55,3.06,1.30) - c(.878,.647,.598,2.05,1.06,1.29,1.06,3.14,1.29)):
    // the depression data of Hollander and Wolfe, 3.1: V = 40, p = 0.01953 one-sided, estimate 0.46, 96.1% interval (0.010, 0.786).
    const differences = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];
    expect(signedRankPValue(differences)).toBeCloseTo(0.01953125, 8);
    const { estimate, low, high } = signedRankInterval(differences, 0.025);
    expect(estimate).toBeCloseTo(0.46, 10);
    expect([low, high]).toEqual([expect.closeTo(0.01, 10), expect.closeTo(0.786, 10)]);
  });

  it("cannot bound anything at 2.5% a side with fewer than six values", () => {
    expect(signedRankInterval([1, 2, 3, 4, 5], 0.025).low).toBe(Number.NEGATIVE_INFINITY);
    expect(signedRankInterval([1, 2, 3, 4, 5, 6], 0.025)).toEqual({ estimate: 3.5, low: 1, high: 6 });
    expect(signedRankInterval([], 0.025).estimate).toBeNaN();
  });

  it("bounds above 0 exactly when the test rejects, without ties", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -1000, max: 2000 }), {
          minLength: 6,
          maxLength: 14,
          selector: (value) => Math.abs(value),
        }),
        (values) => {
          const differences = values.filter((value) => value !== 0).map((value) => value + value / 1e6);
          if (differences.length < 6) return;
          expect(signedRankInterval(differences, 0.025).low > 0).toBe(signedRankPValue(differences) <= 0.025);
        },
      ),
    );
  });
});
