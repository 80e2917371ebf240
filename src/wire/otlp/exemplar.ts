import { ABSENT, type ExemplarColumns } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import { idIsZero } from "./id.ts";
import { setInteger } from "./number.ts";
import type { Packing, Table } from "./table.ts";

const EXEMPLAR = { pointKind: "u8", point: "u32", time: "u64", value: "f64", traceId: "u32", spanId: "u32" } as const;

/** Exemplars of points of every kind. One without a value says nothing and is left out. */
export class ExemplarReader {
  count = 0;
  readonly #decoding: Decoding;
  readonly #table: Table<typeof EXEMPLAR>;
  readonly #attributes: AttributeReader;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#table = decoding.table(EXEMPLAR);
    this.#attributes = new AttributeReader(decoding);
  }

  begin(): void {
    this.count = 0;
    this.#attributes.begin();
  }

  /** Takes back the exemplars from `first` on. */
  discard(first: number): void {
    if (this.count === first) return;
    this.count = first;
    this.#attributes.discard(first);
  }

  /** Reads the Exemplar whose length stands at `position`; `first` is the first of the same point. */
  read(position: number, end: number, pointKind: number, point: number, first: number): number {
    const source = this.#decoding.source;
    const finish = source.length(position, end);
    if (this.count - first >= this.#decoding.limits.exemplarsPerPoint) this.#decoding.cut("exemplarsPerPoint");
    else this.#read(source.next, finish, pointKind, point);
    return finish;
  }

  #read(start: number, end: number, pointKind: number, point: number): void {
    const source = this.#decoding.source;
    const view = source.view;
    const attributes = this.#attributes;
    const row = this.count;
    this.#table.reserve(row + 1);
    const rows = this.#table.rows;
    let low = 0;
    let high = 0;
    let traceId: number = ABSENT;
    let spanId: number = ABSENT;
    let hasValue = false;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x11:
          position = source.fixed64(position, end);
          low = view.getUint32(position - 8, true);
          high = view.getUint32(position - 4, true);
          break;
        case 0x19:
          position = source.fixed64(position, end);
          rows.value[row * 2] = view.getUint32(position - 8, true);
          rows.value[row * 2 + 1] = view.getUint32(position - 4, true);
          hasValue = true;
          break;
        case 0x22: {
          const finish = source.length(position, end);
          spanId = finish - source.next === 8 && !idIsZero(view, source.next, 8) ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x2a: {
          const finish = source.length(position, end);
          traceId = finish - source.next === 16 && !idIsZero(view, source.next, 16) ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x31:
          position = source.fixed64(position, end);
          setInteger(rows.value, row, view.getUint32(position - 8, true), view.getUint32(position - 4, true));
          hasValue = true;
          break;
        case 0x3a:
          position = attributes.read(position, end, 0x3a);
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (!hasValue) {
      attributes.discard(row);
      return;
    }
    rows.pointKind[row] = pointKind;
    rows.point[row] = point;
    rows.time[row * 2] = low;
    rows.time[row * 2 + 1] = high;
    rows.traceId[row] = traceId;
    rows.spanId[row] = spanId;
    attributes.close();
    this.count = row + 1;
  }

  add(packing: Packing): void {
    packing.add(this.#table, this.count);
    this.#attributes.add(packing);
  }

  columns(packing: Packing): ExemplarColumns {
    return { count: this.count, ...packing.of(this.#table), attributes: this.#attributes.columns(packing) };
  }
}
