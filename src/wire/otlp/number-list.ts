import type { Decoding } from "./decoding.ts";
import { WireError } from "./source.ts";
import type { PackedRows, Packing, Table } from "./table.ts";

/**
 * Lists of 64-bit numbers, one list per data point, packed or not (a reader must take both). Owners are closed in order;
 * the bits of a double stay as they are, so a NaN keeps its meaning.
 */
export class NumberList<K extends "u64" | "f64"> {
  count = 0;
  readonly #offsets: Table<{ offset: "u32" }>;
  readonly #values: Table<{ value: K }>;
  readonly #decoding: Decoding;

  constructor(decoding: Decoding, kind: K) {
    this.#decoding = decoding;
    this.#offsets = decoding.table({ offset: "u32" });
    this.#values = decoding.table({ value: kind });
  }

  begin(): void {
    this.count = 0;
    this.#offsets.rows.offset[0] = 0;
  }

  /** The two halves of each value. */
  get halves(): Uint32Array {
    return this.#values.rows.value as Uint32Array;
  }

  close(owners: number): void {
    this.#offsets.reserve(owners + 1);
    this.#offsets.rows.offset[owners] = this.count;
  }

  discard(first: number): void {
    this.count = first;
  }

  /** A packed list of fixed64 or double: `start` to `end` is its payload. */
  readFixed(start: number, end: number): void {
    if ((end - start) % 8 !== 0) throw new WireError(start, "a packed list of 64-bit numbers ends within a number");
    const view = this.#decoding.source.view;
    const count = this.count;
    const added = (end - start) / 8;
    this.#values.reserve(count + added);
    const halves = this.halves;
    for (let half = count * 2, position = start; position < end; position += 4) {
      halves[half++] = view.getUint32(position, true);
    }
    this.count = count + added;
  }

  /** A packed list of varints: `start` to `end` is its payload. */
  readVarints(start: number, end: number): void {
    const source = this.#decoding.source;
    const bytes = source.bytes;
    this.#values.reserve(this.count + (end - start));
    const halves = this.halves;
    let half = this.count * 2;
    let position = start;
    while (position < end) {
      const byte = bytes[position]!;
      if (byte < 0x80) {
        halves[half] = byte;
        halves[half + 1] = 0;
        position++;
      } else {
        halves[half] = source.varint64(position, end);
        halves[half + 1] = source.high;
        position = source.next;
      }
      half += 2;
    }
    this.count = half / 2;
  }

  push(low: number, high: number): void {
    const count = this.count;
    this.#values.reserve(count + 1);
    const halves = this.halves;
    halves[count * 2] = low;
    halves[count * 2 + 1] = high;
    this.count = count + 1;
  }

  add(packing: Packing, owners: number): void {
    packing.add(this.#offsets, owners + 1).add(this.#values, this.count);
  }

  columns(packing: Packing): { readonly offset: Uint32Array; readonly values: PackedRows<{ value: K }>["value"] } {
    return { offset: packing.of(this.#offsets).offset, values: packing.of(this.#values).value };
  }
}
