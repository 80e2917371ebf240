/** Intervals of proportions, with continuity correction, at 95% unless another z is given. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Standard normal quantile of a two-sided 95% interval. */
export const Z_95 = 1.959963984540054;

/**
 * Wilson's score interval with continuity correction (Newcombe, "Two-sided confidence intervals for the single proportion:
 * comparison of seven methods", Statistics in Medicine 17 (1998) 857-872, method 4). [0, 1] of no trials.
 */
export function wilsonInterval(successes: number, trials: number, z = Z_95): Interval {
  if (trials <= 0) return { low: 0, high: 1 };
  const p = successes / trials;
  const q = 1 - p;
  const z2 = z * z;
  const scale = 2 * (trials + z2);
  const low =
    successes <= 0
      ? 0
      : (2 * trials * p + z2 - 1 - z * Math.sqrt(z2 - 2 - 1 / trials + 4 * p * (trials * q + 1))) / scale;
  const high =
    successes >= trials
      ? 1
      : (2 * trials * p + z2 + 1 + z * Math.sqrt(z2 + 2 - 1 / trials + 4 * p * (trials * q - 1))) / scale;
  return { low: Math.max(0, low), high: Math.min(1, high) };
}

/**
 * The interval of p1 - p2 of two independent samples: Newcombe's hybrid score method with continuity correction (Newcombe,
 * "Interval estimation for the difference between independent proportions: comparison of eleven methods", Statistics in
 * Medicine 17 (1998) 873-890, method 11).
 */
export function proportionDifference(
  successes1: number,
  trials1: number,
  successes2: number,
  trials2: number,
  z = Z_95,
): Interval & { readonly difference: number } {
  const p1 = trials1 <= 0 ? 0 : successes1 / trials1;
  const p2 = trials2 <= 0 ? 0 : successes2 / trials2;
  const one = wilsonInterval(successes1, trials1, z);
  const two = wilsonInterval(successes2, trials2, z);
  const difference = p1 - p2;
  return {
    difference,
    low: Math.max(-1, difference - Math.hypot(p1 - one.low, two.high - p2)),
    high: Math.min(1, difference + Math.hypot(one.high - p1, p2 - two.low)),
  };
}
