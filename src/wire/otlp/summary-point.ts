import type { SummaryPointColumns } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import { clear } from "./histogram-point.ts";
import { NumberList } from "./number-list.ts";
import type { Packing, Table } from "./table.ts";

const POINT = { metric: "u32", startTime: "u64", time: "u64", flags: "u32", totalCount: "u64", sum: "f64" } as const;

/** SummaryDataPoint, the old kind with ready-made quantiles. */
export class SummaryPointReader {
  readonly #decoding: Decoding;
  readonly #points: Table<typeof POINT>;
  readonly #quantiles: NumberList<"f64">;
  readonly #values: NumberList<"f64">;
  readonly #attributes: AttributeReader;
  #count = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#points = decoding.table(POINT);
    this.#quantiles = new NumberList(decoding, "f64");
    this.#values = new NumberList(decoding, "f64");
    this.#attributes = new AttributeReader(decoding);
  }

  begin(): void {
    this.#count = 0;
    this.#quantiles.begin();
    this.#values.begin();
    this.#attributes.begin();
  }

  get count(): number {
    return this.#count;
  }

  read(start: number, end: number, metric: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const row = this.#count;
    const half = row * 2;
    this.#points.reserve(row + 1);
    const rows = this.#points.rows;
    const first = this.#quantiles.count;
    rows.metric[row] = metric;
    rows.flags[row] = 0;
    clear(rows.startTime, half);
    clear(rows.time, half);
    clear(rows.totalCount, half);
    clear(rows.sum, half);
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
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
          this.#readQuantile(source.next, finish);
          position = finish;
          break;
        }
        case 0x3a:
          position = this.#attributes.read(position, end, 0x3a);
          break;
        case 0x40:
          rows.flags[row] = source.varint32(position, end);
          position = source.next;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (this.#quantiles.count - first > decoding.limits.bucketsPerPoint) {
      decoding.reject("too-many-buckets");
      this.#attributes.discard(row);
      this.#quantiles.discard(first);
      this.#values.discard(first);
      return;
    }
    this.#attributes.close();
    this.#quantiles.close(row + 1);
    this.#values.close(row + 1);
    this.#count = row + 1;
  }

  #readQuantile(start: number, end: number): void {
    const source = this.#decoding.source;
    const row = this.#quantiles.count;
    this.#quantiles.push(0, 0);
    this.#values.push(0, 0);
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x09) position = source.copy64(position, end, this.#quantiles.halves, row * 2);
      else if (tag === 0x11) position = source.copy64(position, end, this.#values.halves, row * 2);
      else position = source.skip(tag, position, end);
    }
  }

  add(packing: Packing): void {
    packing.add(this.#points, this.#count);
    this.#quantiles.add(packing, this.#count);
    this.#values.add(packing, this.#count);
    this.#attributes.add(packing);
  }

  columns(packing: Packing): SummaryPointColumns {
    const quantiles = this.#quantiles.columns(packing);
    return {
      count: this.#count,
      ...packing.of(this.#points),
      attributes: this.#attributes.columns(packing),
      quantileOffset: quantiles.offset,
      quantile: quantiles.values,
      quantileValue: this.#values.columns(packing).values,
    };
  }
}
