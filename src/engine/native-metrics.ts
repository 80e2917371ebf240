import type { MetricBatch } from "#model/batch.ts";
import type { Bytes } from "#pipeline/bytes.ts";
import { SeriesHasher } from "#pipeline/series-id.ts";
import type { SeriesSeen } from "#pipeline/series-seen.ts";
import {
  clampTimes,
  halvesOf,
  type OutsideCounts,
  type PlacedRows,
  placePoints,
  type TimeWindow,
} from "#pipeline/time-window.ts";
import { type HistogramRange, type PointRange, pointsOfKind, type SeriesRange } from "./native-points.ts";
import { SeriesCollector, type SeriesRowRange } from "./native-series.ts";

/** A metric load's rows, sorted into the four blocks they go to. */
export interface MetricRows {
  readonly points: PointRange[];
  readonly histograms: HistogramRange[];
  readonly exemplars: SeriesRange[];
  readonly series: SeriesRowRange[];
}

export interface MetricSource {
  readonly batch: MetricBatch;
  readonly body: Bytes;
  readonly tenant: Bytes;
  readonly window: TimeWindow;
  readonly receivedUnixNano: bigint;
  readonly counts: OutsideCounts;
}

interface PlacedPoints extends PlacedRows {
  readonly metric: Uint32Array;
  readonly ids: Uint32Array;
}

/** Identifies every point, places it in time, and collects the series that are new. */
export function arrangeMetrics(sources: readonly MetricSource[], seen: SeriesSeen): MetricRows {
  const rows: MetricRows = { points: [], histograms: [], exemplars: [], series: [] };
  const collector = new SeriesCollector(seen);
  for (const source of sources) {
    const { batch, body, tenant } = source;
    const { numbers, histograms, exponentials, summaries } = batch;
    const hasher = new SeriesHasher(batch);
    const placed = new Map<object, PlacedPoints>();
    collector.startBatch(batch, body, tenant);
    for (const points of [numbers, histograms, exponentials, summaries]) {
      const { metric } = points;
      const ids = hasher.ids(points);
      const { times, runs } = placePoints(points, source.window, source.receivedUnixNano, source.counts);
      placed.set(points, { metric, ids, times, runs });
      for (let run = 0; run < runs.length; run += 2) {
        const from = runs[run]!;
        const to = runs[run + 1]!;
        collector.add(points, ids, times, from, to);
        const range = { batch, body, tenant, metric, ids, times, from, to };
        if (points === numbers) rows.points.push({ ...range, points: numbers });
        else
          rows.histograms.push({
            ...range,
            points: points as HistogramRange["points"],
            explicit: points === histograms ? histograms : undefined,
            exponential: points === exponentials ? exponentials : undefined,
            summary: points === summaries ? summaries : undefined,
          });
      }
    }
    rows.exemplars.push(...exemplarRanges(source, placed));
  }
  rows.series.push(...collector.finish());
  return rows;
}

/** The exemplars whose points were kept, each with the series of its point. */
function exemplarRanges(source: MetricSource, placed: ReadonlyMap<object, PlacedPoints>): SeriesRange[] {
  const { batch, body, tenant } = source;
  const { count, pointKind, point, time } = batch.exemplars;
  if (count === 0) return [];
  const metric = new Uint32Array(count);
  const ids = new Uint32Array(count * 2);
  const times = clampTimes(halvesOf(time), count, source.window, source.receivedUnixNano);
  const kept = new Map([...placed].map(([points, { runs }]) => [points, keptRows(runs, points as { count: number })]));
  const ranges: SeriesRange[] = [];
  let from = 0;
  for (let exemplar = 0; exemplar <= count; exemplar++) {
    if (exemplar < count) {
      const points = pointsOfKind(batch, pointKind[exemplar]!);
      const row = point[exemplar]!;
      const of = placed.get(points)!;
      metric[exemplar] = of.metric[row]!;
      ids[exemplar * 2] = of.ids[row * 2]!;
      ids[exemplar * 2 + 1] = of.ids[row * 2 + 1]!;
      const rows = kept.get(points);
      if (rows === undefined || rows[row] === 1) continue;
    }
    if (exemplar > from) ranges.push({ batch, body, tenant, metric, ids, times, from, to: exemplar });
    from = exemplar + 1;
  }
  return ranges;
}

/** A mark per row, or undefined if all are kept. */
function keptRows(runs: readonly number[], { count }: { readonly count: number }): Uint8Array | undefined {
  if (count === 0 || (runs.length === 2 && runs[1]! - runs[0]! === count)) return undefined;
  const rows = new Uint8Array(count);
  for (let run = 0; run < runs.length; run += 2) rows.fill(1, runs[run]!, runs[run + 1]!);
  return rows;
}
