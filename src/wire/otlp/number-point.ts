import { MetricType, type NumberPointColumns } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import type { ExemplarReader } from "./exemplar.ts";
import { NAN_HIGH, NAN_LOW, NO_RECORDED_VALUE, setInteger } from "./number.ts";
import type { Packing, Table } from "./table.ts";

const POINT = { metric: "u32", startTime: "u64", time: "u64", flags: "u32", value: "f64" } as const;

/** NumberDataPoint, of gauges and sums. */
export class NumberPointReader {
  readonly #decoding: Decoding;
  readonly #points: Table<typeof POINT>;
  readonly #attributes: AttributeReader;
  readonly #exemplars: ExemplarReader;
  #count = 0;

  constructor(decoding: Decoding, exemplars: ExemplarReader) {
    this.#decoding = decoding;
    this.#points = decoding.table(POINT);
    this.#attributes = new AttributeReader(decoding);
    this.#exemplars = exemplars;
  }

  begin(): void {
    this.#count = 0;
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
    const row = this.#count;
    this.#points.reserve(row + 1);
    const rows = this.#points.rows;
    const firstExemplar = exemplars.count;
    let startLow = 0;
    let startHigh = 0;
    let timeLow = 0;
    let timeHigh = 0;
    let flags = 0;
    let hasValue = false;
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
          position = source.fixed64(position, end);
          startLow = view.getUint32(position - 8, true);
          startHigh = view.getUint32(position - 4, true);
          break;
        case 0x19:
          position = source.fixed64(position, end);
          timeLow = view.getUint32(position - 8, true);
          timeHigh = view.getUint32(position - 4, true);
          break;
        case 0x21:
          position = source.fixed64(position, end);
          rows.value[row * 2] = view.getUint32(position - 8, true);
          rows.value[row * 2 + 1] = view.getUint32(position - 4, true);
          hasValue = true;
          break;
        case 0x2a:
          position = exemplars.read(position, end, MetricType.gauge, row, firstExemplar);
          break;
        case 0x31:
          position = source.fixed64(position, end);
          setInteger(rows.value, row, view.getUint32(position - 8, true), view.getUint32(position - 4, true));
          hasValue = true;
          break;
        case 0x3a:
          position = attributes.read(position, end, 0x3a);
          break;
        case 0x40:
          flags = source.varint32(position, end);
          position = source.next;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (!hasValue || (flags & NO_RECORDED_VALUE) !== 0) {
      if ((flags & NO_RECORDED_VALUE) === 0) {
        decoding.reject("value-missing");
        attributes.discard(row);
        exemplars.discard(firstExemplar);
        return;
      }
      rows.value[row * 2] = NAN_LOW;
      rows.value[row * 2 + 1] = NAN_HIGH;
    }
    rows.metric[row] = metric;
    rows.startTime[row * 2] = startLow;
    rows.startTime[row * 2 + 1] = startHigh;
    rows.time[row * 2] = timeLow;
    rows.time[row * 2 + 1] = timeHigh;
    rows.flags[row] = flags;
    attributes.close();
    this.#count = row + 1;
  }

  add(packing: Packing): void {
    packing.add(this.#points, this.#count);
    this.#attributes.add(packing);
  }

  columns(packing: Packing): NumberPointColumns {
    return { count: this.#count, ...packing.of(this.#points), attributes: this.#attributes.columns(packing) };
  }
}
