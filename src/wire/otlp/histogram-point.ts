import { type HistogramPointColumns, MetricType } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import type { ExemplarReader } from "./exemplar.ts";
import { NAN_HIGH, NAN_LOW, readDouble } from "./number.ts";
import { NumberList } from "./number-list.ts";
import type { Packing, Table } from "./table.ts";

const POINT = {
  metric: "u32",
  startTime: "u64",
  time: "u64",
  flags: "u32",
  totalCount: "u64",
  sum: "f64",
  min: "f64",
  max: "f64",
} as const;

/** HistogramDataPoint, with explicit bounds. */
export class HistogramPointReader {
  readonly #decoding: Decoding;
  readonly #points: Table<typeof POINT>;
  readonly #bounds: NumberList<"f64">;
  readonly #buckets: NumberList<"u64">;
  readonly #attributes: AttributeReader;
  readonly #exemplars: ExemplarReader;
  #count = 0;

  constructor(decoding: Decoding, exemplars: ExemplarReader) {
    this.#decoding = decoding;
    this.#points = decoding.table(POINT);
    this.#bounds = new NumberList(decoding, "f64");
    this.#buckets = new NumberList(decoding, "u64");
    this.#attributes = new AttributeReader(decoding);
    this.#exemplars = exemplars;
  }

  begin(): void {
    this.#count = 0;
    this.#bounds.begin();
    this.#buckets.begin();
    this.#attributes.begin();
  }

  get count(): number {
    return this.#count;
  }

  read(start: number, end: number, metric: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const view = source.view;
    const bytes = source.bytes;
    const attributes = this.#attributes;
    const exemplars = this.#exemplars;
    const bounds = this.#bounds;
    const buckets = this.#buckets;
    const row = this.#count;
    const half = row * 2;
    this.#points.reserve(row + 1);
    const rows = this.#points.rows;
    const firstExemplar = exemplars.count;
    const firstBound = bounds.count;
    const firstBucket = buckets.count;
    rows.metric[row] = metric;
    rows.flags[row] = 0;
    clear(rows.startTime, half);
    clear(rows.time, half);
    clear(rows.totalCount, half);
    clearToNaN(rows.sum, half);
    clearToNaN(rows.min, half);
    clearToNaN(rows.max, half);
    let position = start;
    while (position < end) {
      let tag = bytes[position]!;
      if (tag < 0x80 && tag > 7) position++;
      else {
        tag = source.tag(position, end);
        position = source.next;
      }
      switch (tag) {
        case 0x11:
          position = source.copy64(position, end, rows.startTime, half);
          break;
        case 0x19:
          position = source.copy64(position, end, rows.time, half);
          break;
        case 0x21:
          position = source.copy64(position, end, rows.totalCount, half);
          break;
        case 0x29:
          position = source.copy64(position, end, rows.sum, half);
          break;
        case 0x32: {
          const finish = source.length(position, end);
          buckets.readFixed(source.next, finish);
          position = finish;
          break;
        }
        case 0x31:
          position = source.fixed64(position, end);
          buckets.push(view.getUint32(position - 8, true), view.getUint32(position - 4, true));
          break;
        case 0x3a: {
          const finish = source.length(position, end);
          bounds.readFixed(source.next, finish);
          position = finish;
          break;
        }
        case 0x39:
          position = source.fixed64(position, end);
          bounds.push(view.getUint32(position - 8, true), view.getUint32(position - 4, true));
          break;
        case 0x42:
          position = exemplars.read(position, end, MetricType.histogram, row, firstExemplar);
          break;
        case 0x4a:
          position = attributes.read(position, end, 0x4a);
          break;
        case 0x50:
          rows.flags[row] = source.varint32(position, end);
          position = source.next;
          break;
        case 0x59:
          position = source.copy64(position, end, rows.min, half);
          break;
        case 0x61:
          position = source.copy64(position, end, rows.max, half);
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    const boundCount = bounds.count - firstBound;
    const bucketCount = buckets.count - firstBucket;
    const reason =
      bucketCount > decoding.limits.bucketsPerPoint
        ? "too-many-buckets"
        : bucketCount !== boundCount + 1 && (bucketCount !== 0 || boundCount !== 0)
          ? "buckets-mismatched"
          : ascending(bounds.halves, firstBound, bounds.count)
            ? undefined
            : "bounds-unordered";
    if (reason !== undefined) {
      decoding.reject(reason);
      attributes.discard(row);
      exemplars.discard(firstExemplar);
      bounds.discard(firstBound);
      buckets.discard(firstBucket);
      return;
    }
    attributes.close();
    bounds.close(row + 1);
    buckets.close(row + 1);
    this.#count = row + 1;
  }

  add(packing: Packing): void {
    packing.add(this.#points, this.#count);
    this.#bounds.add(packing, this.#count);
    this.#buckets.add(packing, this.#count);
    this.#attributes.add(packing);
  }

  columns(packing: Packing): HistogramPointColumns {
    const bounds = this.#bounds.columns(packing);
    const buckets = this.#buckets.columns(packing);
    return {
      count: this.#count,
      ...packing.of(this.#points),
      attributes: this.#attributes.columns(packing),
      boundOffset: bounds.offset,
      bounds: bounds.values,
      bucketOffset: buckets.offset,
      buckets: buckets.values,
    };
  }
}

export function clear(column: Uint32Array, half: number): void {
  column[half] = 0;
  column[half + 1] = 0;
}

export function clearToNaN(column: Uint32Array, half: number): void {
  column[half] = NAN_LOW;
  column[half + 1] = NAN_HIGH;
}

/** Whether bounds rise strictly; a NaN among them does not. */
function ascending(halves: Uint32Array, first: number, end: number): boolean {
  if (end - first === 1) return !Number.isNaN(readDouble(halves, first));
  for (let index = first + 1; index < end; index++) {
    if (!(readDouble(halves, index - 1) < readDouble(halves, index))) return false;
  }
  return true;
}
