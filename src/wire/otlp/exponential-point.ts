import { type ExponentialPointColumns, MetricType } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import type { ExemplarReader } from "./exemplar.ts";
import { clear, clearToNaN } from "./histogram-point.ts";
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
  scale: "i32",
  zeroCount: "u64",
  zeroThreshold: "f64",
  positiveStart: "i32",
  negativeStart: "i32",
} as const;

/** ExponentialHistogramDataPoint. */
export class ExponentialPointReader {
  readonly #decoding: Decoding;
  readonly #points: Table<typeof POINT>;
  readonly #positive: NumberList<"u64">;
  readonly #negative: NumberList<"u64">;
  readonly #attributes: AttributeReader;
  readonly #exemplars: ExemplarReader;
  #count = 0;

  constructor(decoding: Decoding, exemplars: ExemplarReader) {
    this.#decoding = decoding;
    this.#points = decoding.table(POINT);
    this.#positive = new NumberList(decoding, "u64");
    this.#negative = new NumberList(decoding, "u64");
    this.#attributes = new AttributeReader(decoding);
    this.#exemplars = exemplars;
  }

  begin(): void {
    this.#count = 0;
    this.#positive.begin();
    this.#negative.begin();
    this.#attributes.begin();
  }

  get count(): number {
    return this.#count;
  }

  read(start: number, end: number, metric: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const attributes = this.#attributes;
    const exemplars = this.#exemplars;
    const positive = this.#positive;
    const negative = this.#negative;
    const row = this.#count;
    const half = row * 2;
    this.#points.reserve(row + 1);
    const rows = this.#points.rows;
    const firstExemplar = exemplars.count;
    const firstPositive = positive.count;
    const firstNegative = negative.count;
    rows.metric[row] = metric;
    rows.flags[row] = 0;
    rows.scale[row] = 0;
    rows.positiveStart[row] = 0;
    rows.negativeStart[row] = 0;
    clear(rows.startTime, half);
    clear(rows.time, half);
    clear(rows.totalCount, half);
    clear(rows.zeroCount, half);
    clear(rows.zeroThreshold, half);
    clearToNaN(rows.sum, half);
    clearToNaN(rows.min, half);
    clearToNaN(rows.max, half);
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x0a:
          position = attributes.read(position, end, 0x0a);
          break;
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
        case 0x30:
          rows.scale[row] = zigzag(source.varint32(position, end));
          position = source.next;
          break;
        case 0x39:
          position = source.copy64(position, end, rows.zeroCount, half);
          break;
        case 0x42:
        case 0x4a: {
          const finish = source.length(position, end);
          const column = tag === 0x42 ? rows.positiveStart : rows.negativeStart;
          this.#readBuckets(source.next, finish, tag === 0x42 ? positive : negative, column, row);
          position = finish;
          break;
        }
        case 0x50:
          rows.flags[row] = source.varint32(position, end);
          position = source.next;
          break;
        case 0x5a:
          position = exemplars.read(position, end, MetricType.exponentialHistogram, row, firstExemplar);
          break;
        case 0x61:
          position = source.copy64(position, end, rows.min, half);
          break;
        case 0x69:
          position = source.copy64(position, end, rows.max, half);
          break;
        case 0x71:
          position = source.copy64(position, end, rows.zeroThreshold, half);
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (positive.count - firstPositive + negative.count - firstNegative > decoding.limits.bucketsPerPoint) {
      decoding.reject("too-many-buckets");
      attributes.discard(row);
      exemplars.discard(firstExemplar);
      positive.discard(firstPositive);
      negative.discard(firstNegative);
      return;
    }
    attributes.close();
    positive.close(row + 1);
    negative.close(row + 1);
    this.#count = row + 1;
  }

  #readBuckets(start: number, end: number, list: NumberList<"u64">, offsets: Int32Array, row: number): void {
    const source = this.#decoding.source;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x08:
          offsets[row] = zigzag(source.varint32(position, end));
          position = source.next;
          break;
        case 0x10: {
          const low = source.varint64(position, end);
          list.push(low, source.high);
          position = source.next;
          break;
        }
        case 0x12: {
          const finish = source.length(position, end);
          list.readVarints(source.next, finish);
          position = finish;
          break;
        }
        default:
          position = source.skip(tag, position, end);
      }
    }
  }

  add(packing: Packing): void {
    packing.add(this.#points, this.#count);
    this.#positive.add(packing, this.#count);
    this.#negative.add(packing, this.#count);
    this.#attributes.add(packing);
  }

  columns(packing: Packing): ExponentialPointColumns {
    const positive = this.#positive.columns(packing);
    const negative = this.#negative.columns(packing);
    return {
      count: this.#count,
      ...packing.of(this.#points),
      attributes: this.#attributes.columns(packing),
      positiveOffset: positive.offset,
      positiveBuckets: positive.values,
      negativeOffset: negative.offset,
      negativeBuckets: negative.values,
    };
  }
}

/** sint32: 0, 1, 2, 3 … stand for 0, -1, 1, -2 … */
function zigzag(value: number): number {
  return (value >>> 1) ^ -(value & 1);
}
