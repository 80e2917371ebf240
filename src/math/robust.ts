/** Statistics that a few wild values do not move. */

/** The middle value (mean of the two middle ones); NaN of nothing. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Makes the median absolute deviation an estimate of the standard deviation of normal values: 1 / Φ⁻¹(3/4). */
const MAD_SCALE = 1.482602218505602;

/** Scaled median absolute deviation from the median (Hampel, JASA 69 (1974) 383-393); NaN of nothing. */
export function medianDeviation(values: readonly number[]): number {
  const middle = median(values);
  return MAD_SCALE * median(values.map((value) => Math.abs(value - middle)));
}

/**
 * The Theil-Sen slope: the median of the slopes of all pairs (Sen, JASA 63 (1968) 1379-1389). Holds while up to 29% of the
 * points are wild. NaN for fewer than two different x. Quadratic: callers pass at most some hundred points.
 */
export function theilSenSlope(x: readonly number[], y: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < x.length; i++)
    for (let j = i + 1; j < x.length; j++) if (x[j] !== x[i]) slopes.push((y[j]! - y[i]!) / (x[j]! - x[i]!));
  return median(slopes);
}

/**
 * Kendall's τ-a of y against x, -1 to 1: the share of pairs that rise less the share that fall (Kendall, Biometrika 30 (1938)
 * 81-93). 1 for what only ever rises. 0 for fewer than two points.
 */
export function kendallTau(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  let pairs = 0;
  for (let i = 0; i < x.length; i++)
    for (let j = i + 1; j < x.length; j++) {
      pairs++;
      sum += Math.sign(x[j]! - x[i]!) * Math.sign(y[j]! - y[i]!);
    }
  return pairs === 0 ? 0 : sum / pairs;
}

/** The q-quantile of sorted values by linear interpolation (Hyndman and Fan 1996, type 7); NaN of nothing. */
export function sortedQuantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low]! + (sorted[high]! - sorted[low]!) * (at - low);
}
