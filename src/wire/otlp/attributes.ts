import { type AttributeColumns, AttributeType } from "#model/batch.ts";
import type { Decoding } from "./decoding.ts";
import { type Packing, Table } from "./table.ts";
import { isAscii } from "./utf8.ts";
import { ValueReader } from "./value.ts";

/** Positions for which the key seen last is remembered. */
const PREDICTED = 64;

/**
 * Reads the attributes of one kind of owner (spans, or events, …) into entity-attribute-value columns.
 *
 * Senders write the same keys in the same order for record after record, so each position first compares its key with the
 * one seen there last; only where that fails is the key hashed. Owners are closed in order with `close`; `discard` takes back
 * those of a record that turned out to be invalid.
 */
export class AttributeReader {
  readonly offsets: Table<{ offset: "u32" }>;
  readonly entries: Table<{ key: "u32"; type: "u8"; low: "u32"; high: "u32" }>;
  owners = 0;
  count = 0;
  /** Attributes of the open owner that were left out: over the limit, or a key seen before. */
  dropped = 0;
  /** First entry of the open owner. */
  #first = 0;
  readonly #decoding: Decoding;
  readonly #value: ValueReader;
  readonly #predicted = new Int32Array(PREDICTED);
  /** By key: number of the owner that had it last, counted from 1 over the whole batch. */
  #owner = new Uint32Array(64);
  #serial = 1;
  #limit = 0;
  #keyBytes = 0;
  #valueBytes = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#value = new ValueReader(decoding);
    this.offsets = new Table({ offset: "u32" }, decoding.limits.columnBytes);
    this.entries = new Table({ key: "u32", type: "u8", low: "u32", high: "u32" }, decoding.limits.columnBytes);
  }

  begin(): void {
    this.owners = 0;
    this.count = 0;
    this.dropped = 0;
    this.#first = 0;
    this.#serial = 1;
    this.#predicted.fill(-1);
    if (this.#owner.length > 4096) this.#owner = new Uint32Array(64);
    else this.#owner.fill(0);
    this.offsets.rows.offset[0] = 0;
    this.#limit = this.#decoding.limits.attributes;
    this.#keyBytes = this.#decoding.limits.keyBytes;
    this.#valueBytes = this.#decoding.limits.valueBytes;
  }

  /** Ends the open owner; the next one begins. */
  close(): void {
    const owners = this.owners + 1;
    if (owners >= this.offsets.capacity) this.offsets.reserve(owners + 1);
    this.offsets.rows.offset[owners] = this.count;
    this.owners = owners;
    this.#first = this.count;
    this.dropped = 0;
    this.#serial++;
  }

  /** Takes back the owners from `owners` on and the attributes of the open one. */
  discard(owners: number): void {
    this.owners = owners;
    this.count = this.offsets.rows.offset[owners]!;
    this.#first = this.count;
    this.dropped = 0;
    this.#serial++;
  }

  /** Reads the KeyValue whose length stands at `position`; returns the position after it. */
  read(position: number, end: number): number {
    const source = this.#decoding.source;
    const bytes = source.bytes;
    // The form that practically every attribute has, all lengths below 128: 0a KEYLENGTH key 12 VALUELENGTH value.
    if (end - position > 5) {
      const start = position + 1;
      const finish = start + bytes[position]!;
      if (finish <= end && bytes[position]! > 5 && bytes[position]! < 0x80 && bytes[start] === 0x0a) {
        const keyStart = start + 2;
        const keyLength = bytes[start + 1]!;
        const value = keyStart + keyLength;
        if (value + 2 < finish && bytes[value] === 0x12 && value + 2 + bytes[value + 1]! === finish) {
          const slot = this.count - this.#first;
          let key = slot < PREDICTED ? this.#predicted[slot]! : -1;
          const keys = this.#decoding.keys;
          if (key < 0 || !keys.is(key, keyStart, keyLength)) {
            if (keyLength > this.#keyBytes) return this.#readAny(position, end);
            key = keys.intern(keyStart, keyLength);
            if (key >= this.#owner.length) this.#growOwner(key);
            if (slot < PREDICTED) this.#predicted[slot] = key;
          }
          if (this.#owner[key] === this.#serial || slot >= this.#limit) return this.#readAny(position, end);
          const count = this.count;
          const at = value + 2;
          const entries = this.entries;
          if (count === entries.capacity) entries.reserve(count + 1);
          const rows = entries.rows;
          const tag = bytes[at]!;
          if (tag === 0x0a) {
            const length = finish - at - 2;
            if (bytes[at + 1] === length && length <= this.#valueBytes && isAscii(source.view, at + 2, finish)) {
              this.#owner[key] = this.#serial;
              rows.key[count] = key;
              rows.type[count] = AttributeType.string;
              rows.low[count] = at + 2;
              rows.high[count] = length;
              this.count = count + 1;
              return finish;
            }
          } else if (tag === 0x18) {
            const byte = bytes[at + 1]!;
            if (at + 2 === finish ? byte < 0x80 : at + 3 === finish && byte > 0x7f && bytes[at + 2]! < 0x80) {
              this.#owner[key] = this.#serial;
              rows.key[count] = key;
              rows.type[count] = AttributeType.int;
              rows.low[count] = at + 2 === finish ? byte : (byte & 0x7f) | (bytes[at + 2]! << 7);
              rows.high[count] = 0;
              this.count = count + 1;
              return finish;
            }
          } else if (tag === 0x21) {
            if (at + 9 === finish) {
              this.#owner[key] = this.#serial;
              rows.key[count] = key;
              rows.type[count] = AttributeType.double;
              rows.low[count] = source.view.getUint32(at + 1, true);
              rows.high[count] = source.view.getUint32(at + 5, true);
              this.count = count + 1;
              return finish;
            }
          }
        }
      }
    }
    return this.#readAny(position, end);
  }

  /** Any valid encoding of a KeyValue: fields in any order, repeated, unknown, of any length. */
  #readAny(start: number, end: number): number {
    const { source, keys, limits } = this.#decoding;
    const finish = source.length(start, end);
    let position = source.next;
    let keyStart = position;
    let keyEnd = position;
    let valueStart = position;
    let valueEnd = position;
    while (position < finish) {
      const tag = source.tag(position, finish);
      position = source.next;
      if (tag === 0x0a) {
        keyEnd = source.length(position, finish);
        keyStart = source.next;
        position = keyEnd;
      } else if (tag === 0x12) {
        valueEnd = source.length(position, finish);
        valueStart = source.next;
        position = valueEnd;
      } else position = source.skip(tag, position, finish);
    }
    const slot = this.count - this.#first;
    if (keyEnd - keyStart > limits.keyBytes) {
      this.#drop("keyBytes");
      return finish;
    }
    if (slot >= limits.attributes) {
      this.#drop("attributes");
      return finish;
    }
    const key = keys.intern(keyStart, keyEnd - keyStart);
    if (key >= this.#owner.length) this.#growOwner(key);
    if (slot < PREDICTED) this.#predicted[slot] = key;
    if (this.#owner[key] === this.#serial) {
      this.dropped++;
      return finish;
    }
    this.#owner[key] = this.#serial;
    const value = this.#value;
    value.read(valueStart, valueEnd, "valueBytes");
    const count = this.count;
    this.entries.reserve(count + 1);
    const rows = this.entries.rows;
    rows.key[count] = key;
    rows.type[count] = value.type;
    rows.low[count] = value.low;
    rows.high[count] = value.high;
    this.count = count + 1;
    return finish;
  }

  #drop(limit: "attributes" | "keyBytes"): void {
    this.dropped++;
    this.#decoding.cut(limit);
  }

  #growOwner(key: number): void {
    const grown = new Uint32Array(Math.max(key + 1, this.#owner.length * 2));
    grown.set(this.#owner);
    this.#owner = grown;
  }

  add(packing: Packing): void {
    packing.add(this.offsets, this.owners + 1).add(this.entries, this.count);
  }

  columns(packing: Packing): AttributeColumns {
    return { offset: packing.of(this.offsets).offset, count: this.count, ...packing.of(this.entries) };
  }
}
