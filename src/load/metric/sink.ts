import type { MetricType } from "../samples.ts";
import { Distribution } from "./distribution.ts";

/** What samples of one metric (and tag set, or filter) add up to. */
export class Sink {
  readonly type: MetricType;
  /** Samples. */
  count = 0;
  /** Of the values; of a rate: how many were not zero. */
  sum = 0;
  min = 0;
  max = 0;
  /** The newest value, for gauges. */
  last = 0;
  lastUnixMs = 0;
  /** Of a trend. */
  readonly distribution: Distribution | undefined;

  constructor(type: MetricType, maxExact: number) {
    this.type = type;
    this.distribution = type === "trend" ? new Distribution(maxExact) : undefined;
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Adds counts, sums and extremes; a trend's values go to `distribution` besides. */
  addSums(count: number, sum: number, min: number, max: number, last: number, lastUnixMs: number): void {
    if (count === 0) return;
    if (this.count === 0 || min < this.min) this.min = min;
    if (this.count === 0 || max > this.max) this.max = max;
    if (this.count === 0 || lastUnixMs >= this.lastUnixMs) {
      this.last = last;
      this.lastUnixMs = lastUnixMs;
    }
    this.count += count;
    this.sum += sum;
  }

  addAll(other: Sink): void {
    this.addSums(other.count, other.sum, other.min, other.max, other.last, other.lastUnixMs);
    if (other.distribution !== undefined) this.distribution?.addAll(other.distribution);
  }

  get average(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }

  /** k6's p(100·q); never outside what was seen. */
  quantile(q: number): number {
    if (this.distribution === undefined || this.count === 0) return 0;
    return Math.min(this.max, Math.max(this.min, this.distribution.quantile(q)));
  }
}
