import { type MetricBatch, MetricType } from "#model/batch.ts";
import type { Decoding } from "./decoding.ts";
import { type EnvelopeReader, type RecordReader, refs } from "./envelope.ts";
import { ExemplarReader } from "./exemplar.ts";
import { ExponentialPointReader } from "./exponential-point.ts";
import { HistogramPointReader } from "./histogram-point.ts";
import { NumberPointReader } from "./number-point.ts";
import { SummaryPointReader } from "./summary-point.ts";
import type { Packing, Table } from "./table.ts";
import { tooLarge } from "./too-large.ts";

const METRIC = {
  resource: "u32",
  scope: "u32",
  nameStart: "u32",
  nameLength: "u32",
  descriptionStart: "u32",
  descriptionLength: "u32",
  unitStart: "u32",
  unitLength: "u32",
  type: "u8",
  temporality: "u8",
  monotonic: "u8",
} as const;

/** Reads data points of one kind. */
interface PointReader {
  read(start: number, end: number, metric: number): void;
}

/** Metric: one row, and its data points into the table of their kind. */
export class MetricReader implements RecordReader {
  readonly #decoding: Decoding;
  readonly #metrics: Table<typeof METRIC>;
  readonly #exemplars: ExemplarReader;
  readonly #numbers: NumberPointReader;
  readonly #histograms: HistogramPointReader;
  readonly #exponentials: ExponentialPointReader;
  readonly #summaries: SummaryPointReader;
  #count = 0;
  #points = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#metrics = decoding.table(METRIC);
    this.#exemplars = new ExemplarReader(decoding);
    this.#numbers = new NumberPointReader(decoding, this.#exemplars);
    this.#histograms = new HistogramPointReader(decoding, this.#exemplars);
    this.#exponentials = new ExponentialPointReader(decoding, this.#exemplars);
    this.#summaries = new SummaryPointReader(decoding);
  }

  begin(): void {
    this.#count = 0;
    this.#points = 0;
    this.#exemplars.begin();
    this.#numbers.begin();
    this.#histograms.begin();
    this.#exponentials.begin();
    this.#summaries.begin();
  }

  read(start: number, end: number, resource: number, scope: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const row = this.#count;
    this.#metrics.reserve(row + 1);
    const rows = this.#metrics.rows;
    let nameStart = 0;
    let nameLength = 0;
    let descriptionStart = 0;
    let descriptionLength = 0;
    let unitStart = 0;
    let unitLength = 0;
    let type = 0;
    let dataStart = 0;
    let dataEnd = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x0a: {
          const finish = source.length(position, end);
          nameStart = decoding.text(source.next, finish, "textBytes");
          nameLength = decoding.length;
          position = finish;
          break;
        }
        case 0x12: {
          const finish = source.length(position, end);
          descriptionStart = decoding.text(source.next, finish, "textBytes");
          descriptionLength = decoding.length;
          position = finish;
          break;
        }
        case 0x1a: {
          const finish = source.length(position, end);
          unitStart = decoding.text(source.next, finish, "textBytes");
          unitLength = decoding.length;
          position = finish;
          break;
        }
        case 0x2a:
        case 0x3a:
        case 0x4a:
        case 0x52:
        case 0x5a:
          dataEnd = source.length(position, end);
          dataStart = source.next;
          position = dataEnd;
          type = DATA[tag]!;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (type === 0) return;
    rows.resource[row] = resource;
    rows.scope[row] = scope;
    rows.nameStart[row] = nameStart;
    rows.nameLength[row] = nameLength;
    rows.descriptionStart[row] = descriptionStart;
    rows.descriptionLength[row] = descriptionLength;
    rows.unitStart[row] = unitStart;
    rows.unitLength[row] = unitLength;
    rows.type[row] = type;
    this.#count = row + 1;
    this.#readData(row, type, nameLength === 0, dataStart, dataEnd);
  }

  /** Gauge, Sum, Histogram, ExponentialHistogram and Summary share their field numbers. */
  #readData(metric: number, type: number, nameless: boolean, start: number, end: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const points = this.#reader(type);
    let temporality = 0;
    let monotonic = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) {
        const finish = source.length(position, end);
        if (++this.#points > decoding.limits.records) throw tooLarge("records", decoding.limits.records);
        if (nameless) decoding.reject("metric-name-missing");
        else points.read(source.next, finish, metric);
        position = finish;
      } else if (tag === 0x10 && type !== MetricType.gauge && type !== MetricType.summary) {
        temporality = source.varint32(position, end);
        position = source.next;
      } else if (tag === 0x18 && type === MetricType.sum) {
        monotonic = source.varint64(position, end) !== 0 || source.high !== 0 ? 1 : 0;
        position = source.next;
      } else position = source.skip(tag, position, end);
    }
    const rows = this.#metrics.rows;
    rows.temporality[metric] = temporality <= 2 ? temporality : 0;
    rows.monotonic[metric] = monotonic;
  }

  #reader(type: number): PointReader {
    switch (type) {
      case MetricType.histogram:
        return this.#histograms;
      case MetricType.exponentialHistogram:
        return this.#exponentials;
      case MetricType.summary:
        return this.#summaries;
      default:
        return this.#numbers;
    }
  }

  get count(): number {
    return this.#numbers.count + this.#histograms.count + this.#exponentials.count + this.#summaries.count;
  }

  add(packing: Packing): void {
    packing.add(this.#metrics, this.#count);
    this.#numbers.add(packing);
    this.#histograms.add(packing);
    this.#exponentials.add(packing);
    this.#summaries.add(packing);
    this.#exemplars.add(packing);
  }

  batch(packing: Packing, envelope: EnvelopeReader, body: Uint8Array): MetricBatch {
    const metrics = packing.of(this.#metrics);
    const keys = packing.of(this.#decoding.keys.table);
    return {
      signal: "metrics",
      body,
      keys: { count: this.#decoding.keys.count, ...keys },
      resources: envelope.resources(packing),
      scopes: envelope.scopes(packing),
      count: this.count,
      metrics: {
        count: this.#count,
        resource: metrics.resource,
        scope: metrics.scope,
        name: refs(metrics.nameStart, metrics.nameLength),
        description: refs(metrics.descriptionStart, metrics.descriptionLength),
        unit: refs(metrics.unitStart, metrics.unitLength),
        type: metrics.type,
        temporality: metrics.temporality,
        monotonic: metrics.monotonic,
      },
      numbers: this.#numbers.columns(packing),
      histograms: this.#histograms.columns(packing),
      exponentials: this.#exponentials.columns(packing),
      summaries: this.#summaries.columns(packing),
      exemplars: this.#exemplars.columns(packing),
    };
  }
}

const DATA: Readonly<Record<number, number>> = {
  42: MetricType.gauge,
  58: MetricType.sum,
  74: MetricType.histogram,
  82: MetricType.exponentialHistogram,
  90: MetricType.summary,
};
