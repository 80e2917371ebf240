import { type Buckets, HISTOGRAM_RELATIVE_ERROR, LogHistogram } from "./log-histogram.ts";

/**
 * The values of a trend: all of them while there are few, then counted in a LogHistogram. Which it is shows in
 * `relativeError`: 0 means that quantiles are k6's to the last bit.
 */
export class Distribution {
  #values: Float64Array | undefined = new Float64Array(8);
  #used = 0;
  #sorted = true;
  #histogram: LogHistogram | undefined;
  readonly #maxExact: number;

  /** Keeps up to `maxExact` values as they are. */
  constructor(maxExact: number) {
    this.#maxExact = maxExact;
  }

  get count(): number {
    return this.#used + (this.#histogram?.count ?? 0);
  }

  get relativeError(): number {
    return this.#histogram === undefined ? 0 : HISTOGRAM_RELATIVE_ERROR;
  }

  /** The values in no particular order, as long as all are known. */
  get values(): Float64Array | undefined {
    return this.#values?.subarray(0, this.#used);
  }

  add(value: number): void {
    if (this.#values === undefined) {
      this.#histogram!.add(value);
      return;
    }
    this.#reserve(1);
    if (this.#values === undefined) this.#histogram!.add(value);
    else {
      this.#values[this.#used++] = value;
      this.#sorted = false;
    }
  }

  addValues(values: Float64Array): void {
    this.#reserve(values.length);
    if (this.#values === undefined) for (const value of values) this.#histogram!.add(value);
    else {
      this.#values.set(values, this.#used);
      this.#used += values.length;
      this.#sorted = false;
    }
  }

  addBuckets(positive: Buckets, zeros: number, negative: Buckets): void {
    this.giveUpValues();
    this.#histogram!.merge(positive, zeros, negative);
  }

  addAll(other: Distribution): void {
    if (other.#values !== undefined) this.addValues(other.#values.subarray(0, other.#used));
    if (other.#histogram !== undefined)
      this.addBuckets(other.#histogram.positive, other.#histogram.zeros, other.#histogram.negative);
  }

  /** Gives up the exact values. */
  giveUpValues(): void {
    if (this.#values === undefined) return;
    this.#histogram = new LogHistogram();
    for (const value of this.#values.subarray(0, this.#used)) this.#histogram.add(value);
    this.#values = undefined;
    this.#used = 0;
  }

  /** The same values as buckets; this distribution stays what it is. */
  histogram(): LogHistogram {
    if (this.#histogram !== undefined) return this.#histogram;
    const histogram = new LogHistogram();
    for (const value of this.values!) histogram.add(value);
    return histogram;
  }

  /**
   * k6's percentile, p from 0 to 1: linear interpolation between the two values around place p·(n-1) of the sorted ones; 0 of
   * nothing. From buckets both neighbours are within the relative error, hence (for values of one sign) so is what lies
   * between them.
   */
  quantile(p: number): number {
    const count = this.count;
    if (count === 0) return 0;
    const place = p * (count - 1);
    const below = this.#at(Math.floor(place));
    const above = this.#at(Math.ceil(place));
    return below + (above - below) * (place - Math.floor(place));
  }

  #at(rank: number): number {
    if (this.#values === undefined) return this.#histogram!.at(rank);
    if (!this.#sorted) {
      this.#values.subarray(0, this.#used).sort();
      this.#sorted = true;
    }
    return this.#values[rank]!;
  }

  #reserve(more: number): void {
    if (this.#values === undefined) return;
    const needed = this.#used + more;
    if (needed > this.#maxExact) {
      this.giveUpValues();
      return;
    }
    if (needed <= this.#values.length) return;
    const larger = new Float64Array(Math.min(this.#maxExact, Math.max(needed, this.#values.length * 2)));
    larger.set(this.#values.subarray(0, this.#used));
    this.#values = larger;
  }
}
