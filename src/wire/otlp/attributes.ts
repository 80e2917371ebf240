import { type AttributeColumns, AttributeType } from "#model/batch.ts";
import type { Decoding } from "./decoding.ts";
import type { Packing, Table } from "./table.ts";
import { isAscii } from "./utf8.ts";
import { ValueReader } from "./value.ts";

/** Places for which the key seen last is remembered, a power of two; later ones share. */
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
  /** By place: the key seen there last, where `0a KEYLENGTH key 12` stood in the body, and how long that is (0: unknown). */
  readonly #predicted = new Uint32Array(PREDICTED);
  readonly #from = new Uint32Array(PREDICTED);
  readonly #prefix = new Uint32Array(PREDICTED);
  /** By key: number of the owner that had it last, counted from 1 over the whole batch. */
  #owner = new Uint32Array(64);
  #serial = 1;
  #limit = 0;
  #keyBytes = 0;
  #valueBytes = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#value = new ValueReader(decoding);
    this.offsets = decoding.table({ offset: "u32" });
    this.entries = decoding.table({ key: "u32", type: "u8", low: "u32", high: "u32" });
  }

  begin(): void {
    this.owners = 0;
    this.count = 0;
    this.dropped = 0;
    this.#first = 0;
    this.#serial = 1;
    this.#prefix.fill(0);
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

  /**
   * Reads KeyValues: the one whose length stands at `position`, and those that follow it under the same one-byte tag.
   * Returns the position after them.
   *
   * Handled here is the form that practically every attribute has: `0a KEYLENGTH key 12 VALUELENGTH value`, lengths below
   * 128, the key that stood in this place before (compared with all that surrounds it, four bytes at a time).
   */
  read(position: number, end: number, tag: number): number {
    const { bytes, view } = this.#decoding.source;
    const rows = this.entries.rows;
    const owner = this.#owner;
    const serial = this.#serial;
    const limit = this.#limit;
    const valueBytes = this.#valueBytes;
    const first = this.#first;
    let at = position;
    for (;;) {
      if (at >= end) return this.#readAny(at, end);
      const start = at + 1;
      const finish = start + bytes[at]!;
      const count = this.count;
      const slot = count - first;
      let done = false;
      if (slot < limit && finish <= end && finish - start < 0x80) {
        const prefix = this.#prefix[slot & (PREDICTED - 1)]!;
        const content = start + prefix + 1;
        if (prefix !== 0 && content < finish && content + bytes[content - 1]! === finish) {
          const key = this.#predicted[slot & (PREDICTED - 1)]!;
          if (owner[key] !== serial && count < this.entries.capacity) {
            const shift = this.#from[slot & (PREDICTED - 1)]! - start;
            const last = start + prefix - 4;
            let index = start;
            while (index < last && view.getInt32(index, true) === view.getInt32(index + shift, true)) index += 4;
            if (index >= last && view.getInt32(last, true) === view.getInt32(last + shift, true)) {
              // By what the value begins with and how many bytes it has.
              const type = bytes[content]!;
              const value = content + 1;
              const size = finish - value;
              if (type === 0x0a) {
                if (size > 0 && bytes[value] === size - 1 && size <= valueBytes && isAscii(view, value + 1, finish)) {
                  rows.type[count] = AttributeType.string;
                  rows.low[count] = value + 1;
                  rows.high[count] = size - 1;
                  done = true;
                }
              } else if (type === 0x18) {
                if (size === 1 && bytes[value]! < 0x80) {
                  rows.type[count] = AttributeType.int;
                  rows.low[count] = bytes[value]!;
                  rows.high[count] = 0;
                  done = true;
                } else if (size === 2 && bytes[value]! > 0x7f && bytes[value + 1]! < 0x80) {
                  rows.type[count] = AttributeType.int;
                  rows.low[count] = (bytes[value]! & 0x7f) | (bytes[value + 1]! << 7);
                  rows.high[count] = 0;
                  done = true;
                }
              } else if (type === 0x21) {
                if (size === 8) {
                  rows.type[count] = AttributeType.double;
                  rows.low[count] = view.getUint32(value, true);
                  rows.high[count] = view.getUint32(value + 4, true);
                  done = true;
                }
              } else if (type === 0x10 && size === 1 && bytes[value]! < 2) {
                rows.type[count] = AttributeType.bool;
                rows.low[count] = bytes[value]!;
                rows.high[count] = 0;
                done = true;
              }
              if (done) {
                owner[key] = serial;
                rows.key[count] = key;
              }
            }
          }
        }
      }
      if (!done) return this.#readAny(at, end);
      this.count = count + 1;
      if (finish >= end || bytes[finish] !== tag) return finish;
      at = finish + 1;
    }
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
    if (key < 0) {
      this.#drop("keysPerBatch");
      return finish;
    }
    if (key >= this.#owner.length) this.#growOwner(key);
    this.#predict(slot, key, keyStart, keyEnd, valueStart);
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

  /** Remembers the key seen at a place, if what surrounds it has the common form. */
  #predict(slot: number, key: number, keyStart: number, keyEnd: number, valueStart: number): void {
    const place = slot & (PREDICTED - 1);
    const length = keyEnd - keyStart;
    // 0a KEYLENGTH key 12, then VALUELENGTH in one byte: the value begins two bytes after the key.
    const bytes = this.#decoding.source.bytes;
    const isCommon =
      length > 0 &&
      length < 0x80 &&
      valueStart === keyEnd + 2 &&
      bytes[keyStart - 2] === 0x0a &&
      bytes[keyStart - 1] === length &&
      bytes[keyEnd] === 0x12;
    this.#predicted[place] = key;
    this.#from[place] = keyStart - 2;
    this.#prefix[place] = isCommon ? length + 3 : 0;
  }

  #drop(limit: "attributes" | "keyBytes" | "keysPerBatch"): void {
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
