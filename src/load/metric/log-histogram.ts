/**
 * Counts of values in buckets of equal width on the log scale, as an OpenTelemetry exponential histogram of scale 6 has
 * them: bucket i holds (2^(i/64), 2^((i+1)/64)], so each is 1.09% wide and the middle of one is at most 0.55% from any value
 * in it. Zero is counted on its own, negative values are mirrored. Values nearer to zero than 2^-30 or beyond 2^50 go to the
 * outermost buckets (a nanosecond and 35,000 years, in milliseconds).
 */
export const HISTOGRAM_SCALE = 6;
const PER_DOUBLING = 2 ** HISTOGRAM_SCALE;
const BASE = 2 ** (1 / PER_DOUBLING);
const LOWEST = -30 * PER_DOUBLING;
const HIGHEST = 50 * PER_DOUBLING - 1;

/** How far a value read from a bucket is from the true one at most, as a share of the true one. */
export const HISTOGRAM_RELATIVE_ERROR = (BASE - 1) / (BASE + 1);

/** Bucket `low + i` has counts[i]; beyond them nothing. */
export interface Buckets {
  readonly low: number;
  readonly counts: Uint32Array;
}

export const NO_BUCKETS: Buckets = { low: 0, counts: new Uint32Array(0) };

export function histogramBucketOf(magnitude: number): number {
  const bucket = Math.ceil(Math.log2(magnitude) * PER_DOUBLING) - 1;
  return Math.max(LOWEST, Math.min(bucket, HIGHEST));
}

/** The value with the least relative error to both ends of its bucket: their harmonic mean. */
export function histogramBucketValue(bucket: number): number {
  const low = 2 ** (bucket / PER_DOUBLING);
  return (2 * low * BASE) / (1 + BASE);
}

/** One side of zero. The counts lie dense from `low` on and the array grows to both sides. */
class Lane implements Buckets {
  low = 0;
  counts = new Uint32Array(0);

  add(bucket: number, count: number): void {
    const at = bucket - this.low;
    if (at >= 0 && at < this.counts.length) this.counts[at]! += count;
    else this.#widen(bucket, count);
  }

  #widen(bucket: number, count: number): void {
    if (this.counts.length === 0) {
      this.low = bucket - 16;
      this.counts = new Uint32Array(32);
    }
    const length = this.counts.length;
    const from = Math.min(this.low, bucket - (bucket < this.low ? length >> 1 : 0));
    const to = Math.max(this.low + length, bucket + 1 + (bucket >= this.low + length ? length >> 1 : 0));
    if (from !== this.low || to !== this.low + length) {
      const wider = new Uint32Array(to - from);
      wider.set(this.counts, this.low - from);
      this.counts = wider;
      this.low = from;
    }
    this.counts[bucket - this.low]! += count;
  }
}

export class LogHistogram {
  readonly #positive = new Lane();
  readonly #negative = new Lane();
  #zeros = 0;
  #total = 0;

  get count(): number {
    return this.#total;
  }

  get zeros(): number {
    return this.#zeros;
  }

  get positive(): Buckets {
    return trimmed(this.#positive);
  }

  get negative(): Buckets {
    return trimmed(this.#negative);
  }

  add(value: number): void {
    this.#total++;
    if (value > 0) this.#positive.add(histogramBucketOf(value), 1);
    else if (value < 0) this.#negative.add(histogramBucketOf(-value), 1);
    else this.#zeros++;
  }

  merge(positive: Buckets, zeros: number, negative: Buckets): void {
    this.#zeros += zeros;
    this.#total += zeros + pour(positive, this.#positive) + pour(negative, this.#negative);
  }

  mergeFrom(other: LogHistogram): void {
    this.merge(other.#positive, other.#zeros, other.#negative);
  }

  clear(): void {
    this.#positive.counts.fill(0);
    this.#negative.counts.fill(0);
    this.#zeros = 0;
    this.#total = 0;
  }

  /** The value at 0-based place `rank` of all values in ascending order, within HISTOGRAM_RELATIVE_ERROR. */
  at(rank: number): number {
    let left = Math.min(Math.max(rank, 0), this.#total - 1);
    for (let index = this.#negative.counts.length - 1; index >= 0; index--) {
      left -= this.#negative.counts[index]!;
      if (left < 0) return -histogramBucketValue(this.#negative.low + index);
    }
    left -= this.#zeros;
    if (left < 0) return 0;
    for (let index = 0; index < this.#positive.counts.length; index++) {
      left -= this.#positive.counts[index]!;
      if (left < 0) return histogramBucketValue(this.#positive.low + index);
    }
    return 0;
  }
}

function pour(from: Buckets, into: Lane): number {
  let total = 0;
  for (let index = 0; index < from.counts.length; index++) {
    const count = from.counts[index]!;
    if (count === 0) continue;
    total += count;
    into.add(from.low + index, count);
  }
  return total;
}

/** A view without the empty buckets at either end. */
function trimmed({ low, counts }: Buckets): Buckets {
  let first = 0;
  let end = counts.length;
  while (end > first && counts[end - 1] === 0) end--;
  while (first < end && counts[first] === 0) first++;
  return first === end ? NO_BUCKETS : { low: low + first, counts: counts.subarray(first, end) };
}
