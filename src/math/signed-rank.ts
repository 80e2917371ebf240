/** Wilcoxon's signed-rank test and the estimate that goes with it, exact at every sample size. */

/**
 * The exact null distribution of a sum in which each weight (a non-negative whole number) is counted or not, by a fair coin:
 * entry s is the probability of sum s. By dynamic programming, as in R's csignrank.
 */
export function coinSumDistribution(weights: readonly number[]): Float64Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let distribution = new Float64Array(total + 1);
  distribution[0] = 1;
  let reached = 0;
  for (const weight of weights) {
    const next = new Float64Array(total + 1);
    for (let sum = 0; sum <= reached; sum++) {
      const half = distribution[sum]! / 2;
      next[sum]! += half;
      next[sum + weight]! += half;
    }
    reached += weight;
    distribution = next;
  }
  return distribution;
}

/**
 * One-sided exact p-value of "the differences are not above 0": the chance of a rank sum of the positive ones at least as
 * large. Zeros are left out (Wilcoxon 1945); tied magnitudes share the mean of their ranks and the distribution is that of
 * these very ranks, so it stays exact (conditional on the ties). 1 without differences.
 */
export function signedRankPValue(differences: readonly number[]): number {
  const kept = differences.filter((difference) => difference !== 0);
  if (kept.length === 0) return 1;
  const ranks = doubledRanks(kept.map(Math.abs));
  const observed = kept.reduce((sum, difference, index) => sum + (difference > 0 ? ranks[index]! : 0), 0);
  const distribution = coinSumDistribution(ranks);
  let p = 0;
  for (let sum = observed; sum < distribution.length; sum++) p += distribution[sum]!;
  return Math.min(1, p);
}

/** Mean ranks times two, so that they are whole numbers. */
function doubledRanks(magnitudes: readonly number[]): readonly number[] {
  const order = magnitudes.map((_, index) => index).sort((a, b) => magnitudes[a]! - magnitudes[b]!);
  const ranks = new Array<number>(magnitudes.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && magnitudes[order[to]!] === magnitudes[order[from]!]) to++;
    for (let at = from; at < to; at++) ranks[order[at]!] = from + 1 + to;
    from = to;
  }
  return ranks;
}

export interface ShiftEstimate {
  /** Hodges and Lehmann's: the median of all means of two (each with itself too). */
  readonly estimate: number;
  /** Infinite where so few values cannot bound it at this level. */
  readonly low: number;
  readonly high: number;
}

/**
 * The centre of symmetric differences with the interval that inverts the exact signed-rank test (Hollander, Wolfe and
 * Chicken, Nonparametric Statistical Methods, 3rd ed., 3.2-3.3): each end leaves out at most `tail` (0.025 for 95%). With
 * ties it is wider than need be, never narrower.
 */
export function signedRankInterval(differences: readonly number[], tail: number): ShiftEstimate {
  const n = differences.length;
  if (n === 0) return { estimate: Number.NaN, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const means = new Float64Array((n * (n + 1)) / 2);
  let at = 0;
  for (let i = 0; i < n; i++) for (let j = i; j < n; j++) means[at++] = (differences[i]! + differences[j]!) / 2;
  means.sort();
  const middle = means.length >> 1;
  const estimate = means.length % 2 === 1 ? means[middle]! : (means[middle - 1]! + means[middle]!) / 2;
  const left = leftOut(n, tail);
  if (left === 0) return { estimate, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  return { estimate, low: means[left - 1]!, high: means[means.length - left]! };
}

const known = new Map<string, number>();

/** How many of the smallest rank sums have a chance of at most `tail` together: so many means lie outside at either end, less one. */
function leftOut(n: number, tail: number): number {
  const key = `${n} ${tail}`;
  let count = known.get(key);
  if (count === undefined) {
    const distribution = coinSumDistribution(Array.from({ length: n }, (_, index) => index + 1));
    let chance = 0;
    for (count = 0; count < distribution.length; count++) {
      chance += distribution[count]!;
      if (chance > tail) break;
    }
    if (known.size < 1000) known.set(key, count);
  }
  return count;
}
