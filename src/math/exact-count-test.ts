/** Exact one-sided tests that a count is larger in the second of two samples. */

/**
 * Fisher's exact test: the chance of at least `events2` events in the second sample when the same events fall on both by
 * chance (hypergeometric; Fisher, Statistical Methods for Research Workers, 1934).
 */
export function fisherGreater(events1: number, trials1: number, events2: number, trials2: number): number {
  const events = events1 + events2;
  const all = trials1 + trials2;
  const whole = logChoose(all, events);
  let p = 0;
  for (let k = events2; k <= Math.min(events, trials2); k++) {
    if (events - k > trials1) continue;
    p += Math.exp(logChoose(trials2, k) + logChoose(trials1, events - k) - whole);
  }
  return Math.min(1, p);
}

/**
 * Two Poisson counts over given exposures (times): given their sum, the second is binomial (Przyborowski and Wilenski,
 * Biometrika 31 (1940) 313-323). The chance of at least `events2`.
 */
export function poissonGreater(events1: number, exposure1: number, events2: number, exposure2: number): number {
  const events = events1 + events2;
  if (events2 <= 0 || exposure2 <= 0) return 1;
  const share = exposure2 / (exposure1 + exposure2);
  if (share >= 1) return 1;
  let p = 0;
  for (let k = events2; k <= events; k++)
    p += Math.exp(logChoose(events, k) + k * Math.log(share) + (events - k) * Math.log1p(-share));
  return Math.min(1, p);
}

/**
 * Pairs whose two sides are exchangeable: the chance that flipping the sign of each whole-number difference by a fair coin
 * gives a sum at least as large (Fisher's randomization test). Unlike the two above it stands events that come in bursts.
 * Above 200,000 in all, differences are made coarser, which can only raise the result by as much as rounding does.
 */
export function signFlipGreater(differences: readonly number[]): number {
  const total = differences.reduce((sum, difference) => sum + Math.abs(difference), 0);
  if (total === 0) return 1;
  const scale = Math.min(1, 200_000 / total);
  const weights = differences.map((difference) => Math.round(Math.abs(difference) * scale));
  const observed = differences.reduce((sum, difference, index) => sum + Math.sign(difference) * weights[index]!, 0);
  // A sum of signed weights at least `observed` is a sum of those with a plus at least half of (all + observed).
  let distribution = new Map<number, number>([[0, 1]]);
  for (const weight of weights) {
    const next = new Map<number, number>();
    for (const [sum, chance] of distribution) {
      next.set(sum + weight, (next.get(sum + weight) ?? 0) + chance / 2);
      next.set(sum - weight, (next.get(sum - weight) ?? 0) + chance / 2);
    }
    distribution = next;
  }
  let p = 0;
  for (const [sum, chance] of distribution) if (sum >= observed) p += chance;
  return Math.min(1, p);
}

function logChoose(n: number, k: number): number {
  if (k < 0 || k > n) return Number.NEGATIVE_INFINITY;
  return logGamma(n + 1) - logGamma(k + 1) - logGamma(n - k + 1);
}

const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Lanczos' approximation with g = 7 and nine terms: 15 digits for x ≥ 0.5. */
export function logGamma(x: number): number {
  const at = x - 1;
  let sum = LANCZOS[0]!;
  for (let index = 1; index < LANCZOS.length; index++) sum += LANCZOS[index]! / (at + index);
  const t = at + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (at + 0.5) * Math.log(t) - t + Math.log(sum);
}
