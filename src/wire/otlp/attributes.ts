import { type AttributeColumns, AttributeType } from "#model/batch.ts";
import type { Decoding } from "./decoding.ts";
import type { Packing, Table } from "./table.ts";
import { isText } from "./utf8.ts";
import { ValueReader } from "./value.ts";

/** Room for so many keys at first, and the most that is kept for the next batch. */
const FEW_KEYS = 64;
const KEEP_KEYS = 4096;

/**
 * Reads the attributes of one kind of owner (spans, or events, …) into entity-attribute-value columns.
 *
 * Senders write the same keys in the same order for record after record, so a key is first compared with the one that
 * followed its predecessor last time; only where that fails is it hashed. (By predecessor and not by place: an attribute that
 * some records lack then costs one hash, not one for each attribute after it.) Owners are closed in order with `close`;
 * `discard` takes back those of a record that turned out to be invalid.
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
  /** By key plus one, 0 before the first of an owner: the key that followed it last, plus one; 0 where that is not known. */
  #next = new Uint32Array(FEW_KEYS + 1);
  /** By key: where `0a KEYLENGTH key 12` stands in the body, and how long that is; 0 where the key has no such place. */
  #from = new Uint32Array(FEW_KEYS);
  #prefix = new Uint32Array(FEW_KEYS);
  /** By key: number of the owner that had it last, counted from 1 over the whole batch. */
  #owner = new Uint32Array(FEW_KEYS);
  /** Key before the one to be read, plus one. */
  #after = 0;
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
    if (this.#owner.length > KEEP_KEYS) {
      this.#owner = new Uint32Array(FEW_KEYS);
      this.#prefix = new Uint32Array(FEW_KEYS);
      this.#from = new Uint32Array(FEW_KEYS);
      this.#next = new Uint32Array(FEW_KEYS + 1);
    } else {
      this.#owner.fill(0);
      this.#prefix.fill(0);
      this.#next.fill(0);
    }
    this.#after = 0;
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
    this.#after = 0;
    this.#serial++;
  }

  /** Takes back the owners from `owners` on and the attributes of the open one. */
  discard(owners: number): void {
    this.owners = owners;
    this.count = this.offsets.rows.offset[owners]!;
    this.#first = this.count;
    this.dropped = 0;
    this.#after = 0;
    this.#serial++;
  }

  /**
   * Reads KeyValues: the one whose length stands at `position`, and those that follow it under the same one-byte tag.
   * Returns the position after them.
   *
   * Handled here is the form that practically every attribute has: `0a KEYLENGTH key 12 VALUELENGTH value`, all lengths below
   * 128. A key is compared together with all that surrounds it, four bytes at a time.
   */
  read(position: number, end: number, tag: number): number {
    const { bytes, view } = this.#decoding.source;
    const { rows, capacity } = this.entries;
    const serial = this.#serial;
    const valueBytes = this.#valueBytes;
    // Entries that may still be written here: below the limit of the owner, and what there is room for.
    const most = Math.min(this.#first + this.#limit, capacity);
    let at = position;
    for (;;) {
      if (at >= end) return this.#readAny(at, end);
      const start = at + 1;
      const finish = start + bytes[at]!;
      const count = this.count;
      let done = false;
      if (count < most && finish <= end && finish - start < 0x80) {
        const after = this.#after;
        let key = this.#next[after]! - 1;
        if (key < 0 || !this.#isKey(key, start, finish)) key = this.#learn(after, start, finish);
        if (key >= 0 && this.#owner[key] !== serial) {
          const content = start + this.#prefix[key]! + 1;
          if (content < finish && content + bytes[content - 1]! === finish) {
            // By what the value begins with and how many bytes it has.
            const type = bytes[content]!;
            const value = content + 1;
            const size = finish - value;
            if (type === 0x0a) {
              if (
                size > 0 &&
                bytes[value] === size - 1 &&
                size <= valueBytes &&
                isText(bytes, view, value + 1, finish)
              ) {
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
              } else if (size > 1 && size < 5 && bytes[finish - 1]! < 0x80) {
                // Up to 28 bits; a byte below 0x80 before the last would end the number too early.
                let low = bytes[finish - 1]!;
                let more = 0x80;
                for (let index = finish - 2; index >= value; index--) {
                  more &= bytes[index]!;
                  low = (low << 7) | (bytes[index]! & 0x7f);
                }
                if (more !== 0) {
                  rows.type[count] = AttributeType.int;
                  rows.low[count] = low;
                  rows.high[count] = 0;
                  done = true;
                }
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
              this.#owner[key] = serial;
              this.#after = key + 1;
              rows.key[count] = key;
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

  /** Whether the KeyValue from `start` to `finish` begins with the key, as it was written where it was learnt. */
  #isKey(key: number, start: number, finish: number): boolean {
    const prefix = this.#prefix[key]!;
    if (prefix === 0 || start + prefix >= finish) return false;
    const view = this.#decoding.source.view;
    const shift = this.#from[key]! - start;
    const last = start + prefix - 4;
    let index = start;
    while (index < last && view.getInt32(index, true) === view.getInt32(index + shift, true)) index += 4;
    return index >= last && view.getInt32(last, true) === view.getInt32(last + shift, true);
  }

  /** The key of a KeyValue of the common form, remembered as what follows `after`; -1 for any other form. */
  #learn(after: number, start: number, finish: number): number {
    const bytes = this.#decoding.source.bytes;
    if (finish - start < 6 || bytes[start] !== 0x0a) return -1;
    const length = bytes[start + 1]!;
    const keyEnd = start + 2 + length;
    if (length === 0 || length > 0x7f || length > this.#keyBytes || keyEnd + 1 >= finish || bytes[keyEnd] !== 0x12)
      return -1;
    const key = this.#decoding.keys.intern(start + 2, length);
    if (key < 0) return -1;
    if (key >= this.#owner.length) this.#growKeys(key);
    this.#next[after] = key + 1;
    this.#from[key] = start;
    this.#prefix[key] = length + 3;
    return key;
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
    if (key >= this.#owner.length) this.#growKeys(key);
    this.#next[this.#after] = key + 1;
    this.#after = key + 1;
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

  #drop(limit: "attributes" | "keyBytes" | "keysPerBatch"): void {
    this.dropped++;
    this.#decoding.cut(limit);
  }

  #growKeys(key: number): void {
    const length = Math.max(key + 1, this.#owner.length * 2);
    this.#owner = longer(this.#owner, length);
    this.#from = longer(this.#from, length);
    this.#prefix = longer(this.#prefix, length);
    this.#next = longer(this.#next, length + 1);
  }

  add(packing: Packing): void {
    packing.add(this.offsets, this.owners + 1).add(this.entries, this.count);
  }

  columns(packing: Packing): AttributeColumns {
    return { offset: packing.of(this.offsets).offset, count: this.count, ...packing.of(this.entries) };
  }
}

function longer(column: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(length);
  grown.set(column);
  return grown;
}
