/** Observations known only to lie between two values. `geometric`: evenly spread on the log scale, otherwise evenly. */
export interface CountedInterval {
  readonly low: number;
  readonly high: number;
  readonly count: number;
  readonly geometric: boolean;
}

/**
 * The q-quantile of counted intervals, which may overlap (histograms of several senders with different bounds): the value at
 * which the cumulative count reaches q of the whole. Within an interval linear, as Prometheus' histogram_quantile for classic
 * histograms, or exponential, as for native ones (Prometheus 3, "exponential interpolation"). Unbounded intervals give their
 * finite end: what lies beyond the last bound is not known. Null of nothing. The true value lies in the same interval.
 */
export function intervalQuantile(intervals: readonly CountedInterval[], q: number): number | null {
  let total = 0;
  const finite: CountedInterval[] = [];
  let below = 0;
  let beyond = 0;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;
  for (const interval of intervals) {
    if (!(interval.count > 0)) continue;
    total += interval.count;
    if (interval.low === Number.NEGATIVE_INFINITY) {
      below += interval.count;
      lowest = Math.min(lowest, interval.high);
    } else if (interval.high === Number.POSITIVE_INFINITY) {
      beyond += interval.count;
      highest = Math.max(highest, interval.low);
    } else finite.push(interval);
  }
  if (total === 0) return null;
  const rank = q * total;
  // An interval without either end says nothing of where.
  const bounded = (value: number): number | null => (Number.isFinite(value) ? value : null);
  if (below > 0 && rank <= below) return bounded(lowest);
  if (finite.length === 0 || (beyond > 0 && rank > total - beyond)) return bounded(beyond > 0 ? highest : lowest);
  const edges = [...new Set(finite.flatMap(({ low, high }) => [low, high]))].sort((a, b) => a - b);
  let seen = below;
  for (let index = 1; index < edges.length; index++) {
    const from = edges[index - 1]!;
    const to = edges[index]!;
    const inside = finite.reduce(
      (sum, interval) => sum + interval.count * (shareBelow(interval, to) - shareBelow(interval, from)),
      0,
    );
    if (inside > 0 && seen + inside >= rank - 1e-9 * total) {
      const share = Math.min(1, Math.max(0, (rank - seen) / inside));
      const geometric =
        from > 0 &&
        finite.every((interval) => interval.geometric || shareBelow(interval, to) === shareBelow(interval, from));
      return geometric ? from * (to / from) ** share : from + (to - from) * share;
    }
    seen += inside;
  }
  return edges.at(-1)!;
}

/** Share of an interval's observations at or below a value. */
function shareBelow({ low, high, geometric }: CountedInterval, value: number): number {
  if (value >= high) return 1;
  if (value <= low) return 0;
  if (geometric && low > 0) return Math.log(value / low) / Math.log(high / low);
  return (value - low) / (high - low);
}

/**
 * An explicit histogram's buckets: bucket i lies in (bounds[i-1], bounds[i]]. The first reaches down to 0 where its bound is
 * above 0, as Prometheus supposes, otherwise without end.
 */
export function explicitIntervals(bounds: readonly number[], counts: readonly number[]): CountedInterval[] {
  return counts.map((count, index) => ({
    low: index === 0 ? (bounds.length > 0 && bounds[0]! > 0 ? 0 : Number.NEGATIVE_INFINITY) : bounds[index - 1]!,
    high: index < bounds.length ? bounds[index]! : Number.POSITIVE_INFINITY,
    count,
    geometric: false,
  }));
}

/**
 * One side of an exponential histogram: bucket i of scale s lies in (b^i, b^(i+1)] with b = 2^(2^-s) (OpenTelemetry data
 * model, "Exponential Buckets"). `sign` -1 mirrors it.
 */
export function exponentialIntervals(
  scale: number,
  counts: ReadonlyMap<number, number>,
  sign: 1 | -1,
): CountedInterval[] {
  const width = 2 ** -scale;
  return [...counts].map(([index, count]) => {
    const near = 2 ** (index * width);
    const far = 2 ** ((index + 1) * width);
    return sign === 1
      ? { low: near, high: far, count, geometric: true }
      : { low: -far, high: -near, count, geometric: false };
  });
}

/** The same counts at a coarser scale: each step down merges two neighbours (index >> 1). */
export function coarsen(counts: ReadonlyMap<number, number>, by: number): Map<number, number> {
  if (by <= 0) return new Map(counts);
  const merged = new Map<number, number>();
  for (const [index, count] of counts) {
    const at = Math.floor(index / 2 ** by);
    merged.set(at, (merged.get(at) ?? 0) + count);
  }
  return merged;
}
