import type { Metric } from "../samples.ts";
import type { Exemplar, SampleFrame, SeriesColumns } from "./frame.ts";
import { NO_BUCKETS } from "./log-histogram.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { Sink } from "./sink.ts";

/** Samples of a metric, of a submetric, or of a summary's part are exact up to so many; then within HISTOGRAM_RELATIVE_ERROR. */
export const MAX_EXACT_SAMPLES = 100_000;
/** A single series is exact at least up to so many. */
const MAX_EXACT_SERIES_SAMPLES = 500;
const MAX_EXEMPLARS = 64;

/** One metric with one tag set, over the whole run. */
export interface Series {
  readonly metric: Metric;
  /** In `Totals.registry.tags`. */
  readonly tags: number;
  readonly sink: Sink;
}

/** A metric's samples that carry certain tags, added up as they come: what a threshold or a part of the summary looks at. */
export interface View {
  readonly metric: Metric;
  /** Tags that a sample must have; an empty value: must not have. Nothing: all samples. */
  readonly filter: readonly (readonly [key: string, value: string])[];
  readonly sink: Sink;
}

/** A frame whose metrics and tag sets are named by the numbers of `Totals.registry`. */
export interface MergedFrame extends Omit<SampleFrame, "metrics" | "tagSets"> {}

interface Generator {
  readonly metrics: Map<number, number>;
  readonly tags: Map<number, number>;
}

/** What all generators of a run recorded, added up. */
export class Totals {
  /** Numbers of the run as a whole; scripts' metrics may be defined here before the first frame. */
  readonly registry: MetricRegistry;
  readonly #generators = new Map<number, Generator>();
  readonly #series = new Map<number, Series & { readonly views: View[] }>();
  readonly #whole = new Map<number, View>();
  readonly #views: View[] = [];
  #exemplars: Exemplar[] = [];
  #folded = 0;
  #rawDropped = 0;

  constructor(registry: MetricRegistry = new MetricRegistry()) {
    this.registry = registry;
  }

  /** Samples whose tags were folded because there were too many tag sets: metrics as a whole are right, submetrics lack them. */
  get foldedSamples(): number {
    return this.#folded;
  }

  get droppedRawSamples(): number {
    return this.#rawDropped;
  }

  /** The slowest requests of the run by their trace, slowest first. */
  get exemplars(): readonly Exemplar[] {
    return this.#exemplars;
  }

  /** In the order of their first sample. */
  series(): IterableIterator<Series> {
    return this.#series.values();
  }

  find(metricId: number, tags: number): Series | undefined {
    return this.#series.get(seriesKey(metricId, tags));
  }

  /** All samples of a metric; undefined before the first. */
  whole(metric: Metric): Sink | undefined {
    return this.#whole.get(metric.id)?.sink;
  }

  /** Opens a view, or finds the one with the same filter. Views are cheap to read and cost a little in each merge. */
  view(metric: Metric, filter: View["filter"]): View {
    const sorted = [...filter].sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify(sorted);
    const known = this.#views.find((view) => view.metric.id === metric.id && JSON.stringify(view.filter) === key);
    if (known !== undefined) return known;
    const view: View = { metric, filter: sorted, sink: new Sink(metric.type, MAX_EXACT_SAMPLES) };
    this.#views.push(view);
    for (const series of this.#series.values())
      if (series.metric.id === metric.id && this.registry.tags.matches(series.tags, sorted)) {
        view.sink.addAll(series.sink);
        series.views.push(view);
      }
    return view;
  }

  /**
   * Adds a frame; frames of one generator in their order. Answers the same frame with the numbers of `registry` (its columns
   * are changed in place), for outputs.
   */
  merge(frame: SampleFrame): MergedFrame {
    const generator = this.#generator(frame);
    const { metrics, tagSets, ...rest } = frame;
    renumber(frame.series.metric, generator.metrics);
    renumber(frame.series.tags, generator.tags);
    if (frame.raw !== undefined) {
      renumber(frame.raw.metric, generator.metrics);
      renumber(frame.raw.tags, generator.tags);
    }
    const exemplars = frame.exemplars.map((exemplar) => ({
      ...exemplar,
      metric: generator.metrics.get(exemplar.metric)!,
      tags: generator.tags.get(exemplar.tags)!,
    }));
    for (let at = 0; at < frame.series.length; at++) this.#addSeries(frame.series, at);
    this.#folded += frame.folded;
    this.#rawDropped += frame.raw?.dropped ?? 0;
    if (exemplars.length > 0)
      this.#exemplars = [...this.#exemplars, ...exemplars].sort((a, b) => b.value - a.value).slice(0, MAX_EXEMPLARS);
    return { ...rest, exemplars };
  }

  #addSeries(columns: SeriesColumns, at: number): void {
    const series = this.#seriesOf(columns.metric[at]!, columns.tags[at]!);
    addColumn(series.sink, columns, at);
    for (const view of series.views) addColumn(view.sink, columns, at);
    // The metric as a whole is exact still; its larger series need not be twice in memory.
    if (
      series.sink.distribution !== undefined &&
      series.sink.count > MAX_EXACT_SERIES_SAMPLES &&
      series.views[0]!.sink.distribution!.relativeError > 0
    )
      series.sink.distribution.giveUpValues();
  }

  #seriesOf(metricId: number, tags: number): Series & { readonly views: View[] } {
    const key = seriesKey(metricId, tags);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const metric = this.registry.get(metricId);
    let whole = this.#whole.get(metricId);
    if (whole === undefined) {
      whole = { metric, filter: [], sink: new Sink(metric.type, MAX_EXACT_SAMPLES) };
      this.#whole.set(metricId, whole);
    }
    const views = this.#views.filter(
      (view) => view.metric.id === metricId && this.registry.tags.matches(tags, view.filter),
    );
    const series = { metric, tags, sink: new Sink(metric.type, MAX_EXACT_SAMPLES), views: [whole, ...views] };
    this.#series.set(key, series);
    return series;
  }

  #generator(frame: SampleFrame): Generator {
    let generator = this.#generators.get(frame.generator);
    if (generator === undefined) {
      generator = { metrics: new Map(), tags: new Map([[0, 0]]) };
      this.#generators.set(frame.generator, generator);
    }
    for (const { id, name, type, contains } of frame.metrics)
      generator.metrics.set(id, this.registry.define(name, type, contains).id);
    for (const { id, entries } of frame.tagSets) generator.tags.set(id, this.registry.tags.of(entries));
    return generator;
  }
}

/** One number for a metric and a tag set, whose numbers stay below 65536 and 2^37. */
export function seriesKey(metricId: number, tags: number): number {
  return tags * 65536 + metricId;
}

function renumber(column: Int32Array, numbers: ReadonlyMap<number, number>): void {
  for (let at = 0; at < column.length; at++) {
    const number = numbers.get(column[at]!);
    if (number === undefined) throw new Error(`a frame uses number ${column[at]} that no frame before it describes`);
    column[at] = number;
  }
}

/** Adds one place of a frame's columns to a sink. */
export function addColumn(sink: Sink, columns: SeriesColumns, at: number): void {
  sink.addSums(
    columns.count[at]!,
    columns.sum[at]!,
    columns.min[at]!,
    columns.max[at]!,
    columns.last[at]!,
    columns.lastUnixMs[at]!,
  );
  const { distribution } = sink;
  if (distribution === undefined) return;
  const values = slice(columns.values, columns.valuesEnd, at);
  if (values.length > 0) distribution.addValues(values);
  if (columns.count[at]! === values.length) return;
  const positive = slice(columns.positive, columns.positiveEnd, at);
  const negative = slice(columns.negative, columns.negativeEnd, at);
  distribution.addBuckets(
    { low: columns.positiveLow[at]!, counts: positive },
    columns.zeros[at]!,
    negative.length === 0 ? NO_BUCKETS : { low: columns.negativeLow[at]!, counts: negative },
  );
}

function slice<T extends { subarray(from: number, to: number): T }>(all: T, end: Uint32Array, at: number): T {
  return all.subarray(at === 0 ? 0 : end[at - 1]!, end[at]!);
}
