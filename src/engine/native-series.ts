import type { AttributeColumns, MetricBatch } from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { FingerprintTable } from "#pipeline/fingerprint-table.ts";
import { SeriesHasher } from "#pipeline/series-id.ts";
import type { SeriesSeen } from "#pipeline/series-seen.ts";
import type { TimeHalves } from "#pipeline/time-window.ts";
import { version, writeAttributes } from "./native-columns.ts";
import { OriginColumns, type OriginRange, writeOwnerRefs } from "./native-origin.ts";
import type { NativeWriter } from "./native-writer.ts";

/**
 * The series rows of a load: one for each (tenant, series, UTC hour) that its points belong to and that this process has not
 * staged before, with the first and last time of those points. An hour never spans two days, so a row has one partition.
 */
const HOUR_NANO = 3_600_000_000_000n;

/** Where a new series was first met, and the times of its points in this load. */
interface NewSeries {
  readonly attributes: AttributeColumns;
  readonly point: number;
  readonly metric: number;
  readonly idLow: number;
  readonly idHigh: number;
  firstLow: number;
  firstHigh: number;
  lastLow: number;
  lastHigh: number;
}

interface NewSeriesOfBatch {
  readonly batch: MetricBatch;
  readonly body: Bytes;
  readonly tenant: Bytes;
  readonly series: NewSeries[];
}

export class SeriesCollector {
  readonly #seen: SeriesSeen;
  readonly #fresh = new FingerprintTable();
  readonly #rows: NewSeries[] = [];
  readonly #batches: NewSeriesOfBatch[] = [];
  readonly #fingerprints: number[] = [];
  /** The hour met last (from … to - 1), and the fingerprint of tenant and hour. */
  #fromLow = 1;
  #fromHigh = 0;
  #toLow = 0;
  #toHigh = 0;
  #mask1 = 0;
  #mask2 = 0;
  #tenant = new Bytes(new Uint8Array(0));

  constructor(seen: SeriesSeen) {
    this.#seen = seen;
  }

  startBatch(batch: MetricBatch, body: Bytes, tenant: Bytes): void {
    this.#batches.push({ batch, body, tenant, series: [] });
    this.#tenant = tenant;
    this.#fromLow = 1;
    this.#fromHigh = 0;
    this.#toLow = 0;
    this.#toHigh = 0;
  }

  /** Points `from … to - 1` of the current batch, with their ids and accepted times. */
  add(
    points: { readonly metric: Uint32Array; readonly attributes: AttributeColumns },
    ids: Uint32Array,
    times: TimeHalves,
    from: number,
    to: number,
  ): void {
    const seen = this.#seen;
    const fresh = this.#fresh;
    const { series } = this.#batches.at(-1)!;
    for (let point = from; point < to; point++) {
      const timeLow = times[point * 2]!;
      const timeHigh = times[point * 2 + 1]!;
      this.#enterHour(timeLow, timeHigh);
      const idLow = ids[point * 2]!;
      const idHigh = ids[point * 2 + 1]!;
      const low = (idLow ^ this.#mask1) >>> 0;
      const high = (idHigh ^ this.#mask2) >>> 0;
      if (seen.has(low, high)) continue;
      const number = fresh.find(low, high);
      if (number >= 0) {
        extend(this.#rows[number]!, timeLow, timeHigh);
        continue;
      }
      const row = {
        attributes: points.attributes,
        point,
        metric: points.metric[point]!,
        idLow,
        idHigh,
        firstLow: timeLow,
        firstHigh: timeHigh,
        lastLow: timeLow,
        lastHigh: timeHigh,
      };
      fresh.add(low, high);
      this.#fingerprints.push(low, high);
      this.#rows.push(row);
      series.push(row);
    }
  }

  /** The rows to stage. From now on they count as seen. */
  finish(): SeriesRowRange[] {
    for (let i = 0; i < this.#fingerprints.length; i += 2)
      this.#seen.add(this.#fingerprints[i]!, this.#fingerprints[i + 1]!);
    return this.#batches.filter(({ series }) => series.length > 0).map(gather);
  }

  #enterHour(low: number, high: number): void {
    if (
      (high > this.#fromHigh || (high === this.#fromHigh && low >= this.#fromLow)) &&
      (high < this.#toHigh || (high === this.#toHigh && low < this.#toLow))
    )
      return;
    const hour = ((BigInt(high) << 32n) | BigInt(low)) / HOUR_NANO;
    const from = hour * HOUR_NANO;
    const to = from + HOUR_NANO;
    this.#fromLow = Number(from & 0xffff_ffffn);
    this.#fromHigh = Number(from >> 32n);
    this.#toLow = Number(to & 0xffff_ffffn);
    this.#toHigh = Number(to >> 32n);
    const { low: mask1, high: mask2 } = SeriesHasher.fingerprint(this.#tenant, Number(hour));
    this.#mask1 = mask1;
    this.#mask2 = mask2;
  }
}

function extend(row: NewSeries, low: number, high: number): void {
  if (high < row.firstHigh || (high === row.firstHigh && low < row.firstLow)) {
    row.firstLow = low;
    row.firstHigh = high;
  } else if (high > row.lastHigh || (high === row.lastHigh && low > row.lastLow)) {
    row.lastLow = low;
    row.lastHigh = high;
  }
}

/** Series rows of one batch, their columns gathered from its points. */
export interface SeriesRowRange extends OriginRange<MetricBatch> {
  readonly metric: Uint32Array;
  readonly ids: Uint32Array;
  /** Of the first points: what the row's partition goes by. */
  readonly times: TimeHalves;
  readonly lastTimes: TimeHalves;
  readonly attributes: AttributeColumns;
}

function gather({ batch, body, tenant, series }: NewSeriesOfBatch): SeriesRowRange {
  const count = series.length;
  const metric = new Uint32Array(count);
  const ids = new Uint32Array(count * 2);
  const times = new Uint32Array(count * 2);
  const lastTimes = new Uint32Array(count * 2);
  const offset = new Uint32Array(count + 1);
  series.forEach((row, i) => {
    metric[i] = row.metric;
    ids[i * 2] = row.idLow;
    ids[i * 2 + 1] = row.idHigh;
    times[i * 2] = row.firstLow;
    times[i * 2 + 1] = row.firstHigh;
    lastTimes[i * 2] = row.lastLow;
    lastTimes[i * 2 + 1] = row.lastHigh;
    offset[i + 1] = offset[i]! + row.attributes.offset[row.point + 1]! - row.attributes.offset[row.point]!;
  });
  const entries = offset[count]!;
  const attributes = {
    offset,
    count: entries,
    key: new Uint32Array(entries),
    type: new Uint8Array(entries),
    low: new Uint32Array(entries),
    high: new Uint32Array(entries),
  };
  series.forEach((row, i) => {
    const source = row.attributes;
    let entry = source.offset[row.point]!;
    for (let target = offset[i]!; target < offset[i + 1]!; target++, entry++) {
      attributes.key[target] = source.key[entry]!;
      attributes.type[target] = source.type[entry]!;
      attributes.low[target] = source.low[entry]!;
      attributes.high[target] = source.high[entry]!;
    }
  });
  const { resource, scope } = batch.metrics;
  return {
    batch,
    body,
    tenant,
    from: 0,
    to: count,
    metric,
    ids,
    times,
    lastTimes,
    attributes,
    resource: Uint32Array.from(metric, (owner) => resource[owner]!),
    scope: Uint32Array.from(metric, (owner) => scope[owner]!),
  };
}

/** The columns of STAGED_SERIES by name. */
export class SeriesRowColumns extends OriginColumns<SeriesRowRange> {
  override write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    const metricOf = ({ metric }: SeriesRowRange) => metric;
    switch (name) {
      case "series_id":
        for (const { ids, from, to } of ranges) out.numbers(ids, from * 2, to * 2);
        return true;
      case "metric_name":
        writeOwnerRefs(out, memory, ranges, metricOf, ({ batch }) => batch.metrics.name);
        return true;
      case "metric_type":
        this.#writeBytes(out, ({ batch }) => batch.metrics.type);
        return true;
      case "temporality":
        this.#writeBytes(out, ({ batch }) => batch.metrics.temporality);
        return true;
      case "is_monotonic":
        this.#writeBytes(out, ({ batch }) => batch.metrics.monotonic);
        return true;
      case "unit":
        writeOwnerRefs(out, memory, ranges, metricOf, ({ batch }) => batch.metrics.unit);
        return true;
      case "description":
        for (const { batch, body, metric, from, to } of ranges) {
          const { start, length } = batch.metrics.description;
          for (let row = from; row < to; row++) out.string(body, start[metric[row]!]!, length[metric[row]!]!);
        }
        return true;
      case "attributes":
        version(out);
        writeAttributes(out, memory, ranges, ({ attributes }) => attributes);
        return true;
      case "first_time":
        for (const { times, from, to } of ranges) out.numbers(times, from * 2, to * 2);
        return true;
      case "last_time":
        for (const { lastTimes, from, to } of ranges) out.numbers(lastTimes, from * 2, to * 2);
        return true;
      default:
        return super.write(name, out);
    }
  }

  /** A one-byte column of the metric table, by row. */
  #writeBytes(out: NativeWriter, columnOf: (range: SeriesRowRange) => Uint8Array): void {
    for (const range of this.ranges) {
      const column = columnOf(range);
      out.raw(Uint8Array.from(range.metric.subarray(range.from, range.to), (owner) => column[owner]!));
    }
  }
}
