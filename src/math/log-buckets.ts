/**
 * Counts in log-scale buckets: bucket b counts values from 2^(b/8) up to (not including) 2^((b+1)/8), as the recipe of
 * `span_stats` fills them. Eight buckets to a doubling make each 9.05% wide.
 */
export type LogBuckets = ReadonlyMap<number, number>;

const BUCKETS_PER_DOUBLING = 8;

/** A quantile read from the buckets is at most this far from the true one, as a share of it: half a bucket on the log scale. */
export const LOG_BUCKET_RELATIVE_ERROR = 2 ** (1 / (2 * BUCKETS_PER_DOUBLING)) - 1;

export function logBucketOf(value: number): number {
  return Math.floor(BUCKETS_PER_DOUBLING * Math.log2(Math.max(value, 1)));
}

/** Least value of a bucket. */
export function logBucketLow(bucket: number): number {
  return 2 ** (bucket / BUCKETS_PER_DOUBLING);
}

/** Reads what the engine answers for a map: keys are text. */
export function logBucketsOf(map: Readonly<Record<string, number | string>>): Map<number, number> {
  const buckets = new Map<number, number>();
  for (const bucket in map) buckets.set(Number(bucket), Number(map[bucket]));
  return buckets;
}

export function mergeLogBuckets(into: Map<number, number>, from: LogBuckets): void {
  for (const [bucket, count] of from) into.set(bucket, (into.get(bucket) ?? 0) + count);
}

export function logBucketCount(buckets: LogBuckets): number {
  let total = 0;
  for (const count of buckets.values()) total += count;
  return total;
}

/**
 * The q-quantile (0 to 1; the smallest value with at least q of all at or below it), as the geometric middle of its bucket;
 * null of nothing. Error: LOG_BUCKET_RELATIVE_ERROR. The method of DDSketch (Masson et al., VLDB 2019) with γ = 2^(1/8).
 */
export function logBucketQuantile(buckets: LogBuckets, q: number): number | null {
  const total = logBucketCount(buckets);
  if (total === 0) return null;
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const bucket of [...buckets.keys()].sort((a, b) => a - b)) {
    seen += buckets.get(bucket)!;
    if (seen >= rank) return logBucketLow(bucket + 0.5);
  }
  return null;
}

/**
 * How far apart two distributions are: the area between their cumulative shares, in doublings (the first Wasserstein distance
 * of log2 of the values). Positive direction is not told; 1 means that on average values differ by a factor of two.
 */
export function logBucketDistance(a: LogBuckets, b: LogBuckets): number {
  const totalA = logBucketCount(a);
  const totalB = logBucketCount(b);
  if (totalA === 0 || totalB === 0) return 0;
  const keys = [...new Set([...a.keys(), ...b.keys()])].sort((x, y) => x - y);
  let distance = 0;
  let shareA = 0;
  let shareB = 0;
  for (const [index, key] of keys.entries()) {
    shareA += (a.get(key) ?? 0) / totalA;
    shareB += (b.get(key) ?? 0) / totalB;
    const next = keys[index + 1];
    if (next !== undefined) distance += (Math.abs(shareA - shareB) * (next - key)) / BUCKETS_PER_DOUBLING;
  }
  return distance;
}
