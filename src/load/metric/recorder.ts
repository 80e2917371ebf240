import type { Metric, Samples } from "../samples.ts";
import { METRIC } from "./built-in.ts";
import type { Exemplar, RawSamples, SampleFrame, SeriesColumns, TagSetDescription } from "./frame.ts";
import { LogHistogram } from "./log-histogram.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import { OVERFLOW_SET, OVERFLOW_VALUE } from "./tag-set-table.ts";

export interface RecorderOptions {
  /** Different for every generator of a run. */
  readonly generator: number;
  /** Frames carry every sample as well. */
  readonly raw: boolean;
  readonly limits?: Partial<RecorderLimits>;
}

export interface RecorderLimits {
  /** Metrics times tag sets. Past it `url` and `name` are folded, past 1.25 times it the whole tag set is. */
  readonly maxSeries: number;
  /** Trend samples of a metric that are sent as they are … */
  readonly maxExactPerMetric: number;
  /** … and of a single series, even when its metric has more. */
  readonly maxExactPerSeries: number;
  /** Raw samples kept between two drains. */
  readonly maxRawSamples: number;
  /** Exemplars of an interval. */
  readonly maxExemplars: number;
}

export const RECORDER_LIMITS: RecorderLimits = {
  maxSeries: 20_000,
  maxExactPerMetric: 100_000,
  maxExactPerSeries: 500,
  maxRawSamples: 4_000_000,
  maxExemplars: 16,
};

const COUNTER = 0;
const GAUGE = 1;
const RATE = 2;
const TREND = 3;
const KIND = { counter: COUNTER, gauge: GAUGE, rate: RATE, trend: TREND } as const;

/**
 * Adds samples up in typed arrays, a place for each series, and hands out what came together since the last time as a
 * SampleFrame. A sample costs two array lookups and a few additions, and no object.
 *
 * A trend's values are kept as they are until their metric has more than `maxExactPerMetric` of them over all series; from
 * then on series with more than `maxExactPerSeries` are counted in histograms.
 */
export class Recorder implements Samples {
  readonly #registry: MetricRegistry;
  readonly #options: RecorderOptions;
  readonly #limits: RecorderLimits;
  /** By tag set, then by metric: place of the series plus 1; negative where the series stands for this one, which was one too many. */
  readonly #places: (Int32Array | undefined)[] = [];
  #seriesCount = 0;
  #metric = new Int32Array(64);
  #tags = new Int32Array(64);
  #kind = new Uint8Array(64);
  #count = new Float64Array(64);
  #sum = new Float64Array(64);
  #min = new Float64Array(64);
  #max = new Float64Array(64);
  #last = new Float64Array(64);
  #lastUnixMs = new Float64Array(64);
  /** Over the whole run. */
  #everSeries = new Float64Array(64);
  #everMetric = new Float64Array(64);
  readonly #values: (ValueList | undefined)[] = [];
  readonly #histograms: (LogHistogram | undefined)[] = [];
  #touched = new Int32Array(64);
  #touchedCount = 0;
  readonly #describedTags = new Set<number>([0]);
  #describedMetrics = 0;
  #folded = 0;
  #exemplars: Exemplar[] = [];
  #raw: RawLog | undefined;
  #fromUnixMs: number;

  constructor(registry: MetricRegistry, options: RecorderOptions, nowUnixMs: number) {
    this.#registry = registry;
    this.#options = options;
    this.#limits = { ...RECORDER_LIMITS, ...options.limits };
    this.#raw = options.raw ? new RawLog() : undefined;
    this.#fromUnixMs = nowUnixMs;
  }

  add(metric: number, tags: number, value: number, unixMs: number, traceId?: string): void {
    const known = this.#places[tags]?.[metric];
    const at = known !== undefined && known > 0 ? known - 1 : this.#open(metric, tags, known);
    const count = this.#count[at]!;
    if (count === 0) this.#touch(at);
    const kind = this.#kind[at]!;
    this.#count[at] = count + 1;
    if (kind === RATE) {
      if (value !== 0) this.#sum[at]! += 1;
    } else {
      this.#sum[at]! += value;
      if (count === 0 || value < this.#min[at]!) this.#min[at] = value;
      if (count === 0 || value > this.#max[at]!) this.#max[at] = value;
      if (kind === TREND) this.#keep(at, metric, value);
      else if (kind === GAUGE) {
        this.#last[at] = value;
        this.#lastUnixMs[at] = unixMs;
      }
    }
    if (traceId !== undefined && metric === METRIC.http_req_duration)
      this.#exemplify(metric, this.#tags[at]!, value, unixMs, traceId);
    if (this.#raw !== undefined) this.#raw.add(metric, tags, value, unixMs, this.#limits.maxRawSamples);
  }

  /** Takes what was recorded since the last call. */
  drain(nowUnixMs: number): SampleFrame {
    const raw = this.#raw?.take();
    const series = this.#columns();
    const metrics = this.#newMetrics();
    const tagSets = this.#newTagSets(series, raw);
    const frame: SampleFrame = {
      generator: this.#options.generator,
      fromUnixMs: this.#fromUnixMs,
      toUnixMs: nowUnixMs,
      metrics,
      tagSets,
      folded: this.#folded,
      series,
      exemplars: this.#exemplars,
      raw,
    };
    this.#fromUnixMs = nowUnixMs;
    this.#folded = 0;
    this.#exemplars = [];
    this.#reset();
    return frame;
  }

  #keep(at: number, metric: number, value: number): void {
    const ofSeries = this.#everSeries[at]! + 1;
    const ofMetric = this.#everMetric[metric]! + 1;
    this.#everSeries[at] = ofSeries;
    this.#everMetric[metric] = ofMetric;
    const exact = ofMetric <= this.#limits.maxExactPerMetric || ofSeries <= this.#limits.maxExactPerSeries;
    if (exact) {
      let values = this.#values[at];
      if (values === undefined) this.#values[at] = values = new ValueList();
      values.push(value);
    } else {
      let histogram = this.#histograms[at];
      if (histogram === undefined) {
        this.#histograms[at] = histogram = new LogHistogram();
      }
      histogram.add(value);
    }
  }

  #touch(at: number): void {
    if (this.#touchedCount === this.#touched.length) this.#touched = grown(this.#touched, Int32Array);
    this.#touched[this.#touchedCount++] = at;
  }

  /** Keeps the trace of a sample if it is among the slowest of the interval. */
  #exemplify(metric: number, tags: number, value: number, unixMs: number, traceId: string): void {
    const kept = this.#exemplars;
    if (kept.length >= this.#limits.maxExemplars) {
      let least = 0;
      for (let index = 1; index < kept.length; index++) if (kept[index]!.value < kept[least]!.value) least = index;
      if (kept[least]!.value >= value) return;
      kept.splice(least, 1);
    }
    kept.push({ metric, tags, value, unixMs, traceId });
  }

  /** A series that was not there, or the one that stands for it when there are too many. */
  #open(metric: number, tags: number, known: number | undefined): number {
    if (known !== undefined && known < 0) {
      this.#folded++;
      return -known - 1;
    }
    const { maxSeries } = this.#limits;
    if (this.#seriesCount < maxSeries || tags === OVERFLOW_SET) return this.#make(metric, tags);
    this.#folded++;
    const at = this.#standIn(metric, tags);
    this.#placesOf(tags, metric)[metric] = -at - 1;
    return at;
  }

  #standIn(metric: number, tags: number): number {
    const { maxSeries } = this.#limits;
    const sets = this.#registry.tags;
    let folded = tags;
    for (const key of ["url", "name"])
      if (sets.get(folded, key) !== undefined) folded = sets.with(folded, key, OVERFLOW_VALUE);
    const known = this.#places[folded]?.[metric];
    if (known !== undefined && known > 0) return known - 1;
    if (folded !== tags && this.#seriesCount < maxSeries * 1.25) return this.#make(metric, folded);
    const overflow = this.#places[OVERFLOW_SET]?.[metric];
    return overflow !== undefined && overflow > 0 ? overflow - 1 : this.#make(metric, OVERFLOW_SET);
  }

  #make(metric: number, tags: number): number {
    const at = this.#seriesCount++;
    if (at === this.#metric.length) this.#grow();
    this.#metric[at] = metric;
    this.#tags[at] = tags;
    this.#kind[at] = KIND[this.#registry.get(metric).type];
    while (metric >= this.#everMetric.length) this.#everMetric = grown(this.#everMetric, Float64Array);
    this.#placesOf(tags, metric)[metric] = at + 1;
    return at;
  }

  #placesOf(tags: number, metric: number): Int32Array {
    let places = this.#places[tags];
    if (places === undefined || metric >= places.length) {
      const wider = new Int32Array(Math.max(32, metric + 8));
      if (places !== undefined) wider.set(places);
      // Arrays with holes are slow: fill up to the set.
      while (this.#places.length <= tags) this.#places.push(undefined);
      this.#places[tags] = places = wider;
    }
    return places;
  }

  #grow(): void {
    this.#metric = grown(this.#metric, Int32Array);
    this.#tags = grown(this.#tags, Int32Array);
    this.#kind = grown(this.#kind, Uint8Array);
    this.#count = grown(this.#count, Float64Array);
    this.#sum = grown(this.#sum, Float64Array);
    this.#min = grown(this.#min, Float64Array);
    this.#max = grown(this.#max, Float64Array);
    this.#last = grown(this.#last, Float64Array);
    this.#lastUnixMs = grown(this.#lastUnixMs, Float64Array);
    this.#everSeries = grown(this.#everSeries, Float64Array);
  }

  #reset(): void {
    for (let index = 0; index < this.#touchedCount; index++) {
      const at = this.#touched[index]!;
      this.#count[at] = 0;
      this.#sum[at] = 0;
      this.#values[at]?.clear();
      this.#histograms[at]?.clear();
      // A series that is counted now has no more use for its list.
      if (this.#histograms[at] !== undefined) this.#values[at] = undefined;
    }
    this.#touchedCount = 0;
  }

  #columns(): SeriesColumns {
    const length = this.#touchedCount;
    const places = this.#touched.subarray(0, length);
    const pick = (from: Float64Array): Float64Array<ArrayBuffer> => Float64Array.from(places, (at) => from[at]!);
    const pickInt = (from: Int32Array): Int32Array<ArrayBuffer> => Int32Array.from(places, (at) => from[at]!);
    const values = Array.from(places, (at) => this.#values[at]?.view() ?? NO_VALUES);
    const histograms = Array.from(places, (at) => this.#histograms[at]);
    const positive = histograms.map((histogram) => histogram?.positive);
    const negative = histograms.map((histogram) => histogram?.negative);
    const counts = (lanes: typeof positive): Uint32Array[] => lanes.map((lane) => lane?.counts ?? NO_COUNTS);
    const low = (lanes: typeof positive): Int32Array<ArrayBuffer> => Int32Array.from(lanes, (lane) => lane?.low ?? 0);
    return {
      length,
      metric: pickInt(this.#metric),
      tags: pickInt(this.#tags),
      count: pick(this.#count),
      sum: pick(this.#sum),
      min: pick(this.#min),
      max: pick(this.#max),
      last: pick(this.#last),
      lastUnixMs: pick(this.#lastUnixMs),
      valuesEnd: ends(values),
      values: joined(values, Float64Array),
      zeros: Uint32Array.from(histograms, (histogram) => histogram?.zeros ?? 0),
      positiveLow: low(positive),
      positiveEnd: ends(counts(positive)),
      positive: joined(counts(positive), Uint32Array),
      negativeLow: low(negative),
      negativeEnd: ends(counts(negative)),
      negative: joined(counts(negative), Uint32Array),
    };
  }

  #newMetrics(): readonly Metric[] {
    const all = this.#registry.all();
    const fresh = all.slice(this.#describedMetrics);
    this.#describedMetrics = all.length;
    return fresh;
  }

  #newTagSets(series: SeriesColumns, raw: RawSamples | undefined): readonly TagSetDescription[] {
    const fresh: TagSetDescription[] = [];
    const describe = (id: number): void => {
      if (this.#describedTags.has(id)) return;
      this.#describedTags.add(id);
      fresh.push({ id, entries: this.#registry.tags.entries(id) });
    };
    for (const id of series.tags) describe(id);
    if (raw !== undefined) for (const id of raw.tags) describe(id);
    return fresh;
  }
}

const NO_VALUES = new Float64Array(0);
const NO_COUNTS = new Uint32Array(0);

class ValueList {
  #values = new Float64Array(8);
  #used = 0;

  push(value: number): void {
    if (this.#used === this.#values.length) this.#values = grown(this.#values, Float64Array);
    this.#values[this.#used++] = value;
  }

  view(): Float64Array {
    return this.#values.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }
}

class RawLog {
  #metric = new Int32Array(1024);
  #tags = new Int32Array(1024);
  #value = new Float64Array(1024);
  #unixMs = new Float64Array(1024);
  #used = 0;
  #dropped = 0;

  add(metric: number, tags: number, value: number, unixMs: number, max: number): void {
    if (this.#used === this.#metric.length) {
      if (this.#used >= max) {
        this.#dropped++;
        return;
      }
      this.#metric = grown(this.#metric, Int32Array);
      this.#tags = grown(this.#tags, Int32Array);
      this.#value = grown(this.#value, Float64Array);
      this.#unixMs = grown(this.#unixMs, Float64Array);
    }
    const at = this.#used++;
    this.#metric[at] = metric;
    this.#tags[at] = tags;
    this.#value[at] = value;
    this.#unixMs[at] = unixMs;
  }

  take(): RawSamples {
    const raw: RawSamples = {
      length: this.#used,
      metric: this.#metric.slice(0, this.#used),
      tags: this.#tags.slice(0, this.#used),
      value: this.#value.slice(0, this.#used),
      unixMs: this.#unixMs.slice(0, this.#used),
      dropped: this.#dropped,
    };
    this.#used = 0;
    this.#dropped = 0;
    return raw;
  }
}

interface TypedArray {
  readonly length: number;
  set(from: ArrayLike<number>, offset?: number): void;
}

function grown<T extends TypedArray>(array: T & ArrayLike<number>, make: new (length: number) => T): T {
  const larger = new make(array.length * 2);
  larger.set(array);
  return larger;
}

function joined<T extends TypedArray>(parts: readonly ArrayLike<number>[], make: new (length: number) => T): T {
  const whole = new make(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function ends(parts: readonly ArrayLike<number>[]): Uint32Array<ArrayBuffer> {
  let end = 0;
  return Uint32Array.from(parts, (part) => (end += part.length));
}
