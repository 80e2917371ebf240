import { AttributeType } from "#model/batch.ts";
import type { Decoding } from "./decoding.ts";
import { isText, repaired } from "./utf8.ts";

/** Walking a value takes the stack's room for each level, whatever the setting allows. */
const MAX_NESTING = 100;

/** One AnyValue at a time, as AttributeColumns keeps it: type, low, high. */
export class ValueReader {
  type = 0;
  low = 0;
  high = 0;
  readonly #decoding: Decoding;
  readonly #nesting: number;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#nesting = Math.min(decoding.limits.nesting, MAX_NESTING);
  }

  /** Reads the AnyValue that stands from `start` to `end`; the last field wins, as in any oneof. */
  read(start: number, end: number, limit: "textBytes" | "valueBytes"): void {
    const source = this.#decoding.source;
    let from = 0;
    let to = 0;
    this.type = AttributeType.empty;
    this.low = 0;
    this.high = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x0a:
        case 0x2a:
        case 0x32:
        case 0x3a:
          to = source.length(position, end);
          from = source.next;
          position = to;
          this.type =
            tag === 0x0a
              ? AttributeType.string
              : tag === 0x2a
                ? AttributeType.array
                : tag === 0x32
                  ? AttributeType.map
                  : AttributeType.bytes;
          break;
        case 0x10:
          this.low = source.varint64(position, end) !== 0 || source.high !== 0 ? 1 : 0;
          this.high = 0;
          position = source.next;
          this.type = AttributeType.bool;
          break;
        case 0x18:
          this.low = source.varint64(position, end);
          this.high = source.high;
          position = source.next;
          this.type = AttributeType.int;
          break;
        case 0x21:
          to = source.fixed64(position, end);
          this.low = source.view.getUint32(position, true);
          this.high = source.view.getUint32(position + 4, true);
          position = to;
          this.type = AttributeType.double;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    if (this.type === AttributeType.string) {
      this.low = this.#decoding.text(from, to, limit);
      this.high = this.#decoding.length;
    } else if (this.type === AttributeType.bytes) {
      const limitBytes = this.#decoding.limits[limit];
      if (to - from > limitBytes) this.#decoding.cut(limit);
      this.low = from;
      this.high = Math.min(to - from, limitBytes);
    } else if (this.type === AttributeType.array || this.type === AttributeType.map) {
      this.#settleNested(from, to, limit);
    }
  }

  /** Arrays and maps are checked to their leaves, so that whoever walks them later may trust every length in them. */
  #settleNested(start: number, end: number, limit: "textBytes" | "valueBytes"): void {
    const decoding = this.#decoding;
    const limitBytes = decoding.limits[limit];
    this.low = start;
    this.high = end - start;
    const sound =
      this.type === AttributeType.array ? this.#arrayIsSound(start, end, 1) : this.#mapIsSound(start, end, 1);
    if (sound && end - start <= limitBytes) return;
    let bytes = decoding.source.bytes.subarray(start, end);
    if (!sound) {
      bytes = this.type === AttributeType.array ? this.#mendedArray(start, end, 1) : this.#mendedMap(start, end, 1);
      this.low = decoding.append(bytes);
    }
    this.high = bytes.length;
    if (bytes.length > limitBytes) {
      decoding.cut(limit);
      this.high = lastElementBefore(bytes, limitBytes);
    }
  }

  /** False where a string is no UTF-8 or nesting is too deep; throws where the encoding is broken. */
  #valueIsSound(start: number, end: number, depth: number): boolean {
    const source = this.#decoding.source;
    let sound = true;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a || tag === 0x2a || tag === 0x32) {
        const to = source.length(position, end);
        const from = source.next;
        if (tag === 0x0a) sound = this.#textIsSound(from, to) && sound;
        else if (depth >= this.#nesting) sound = false;
        else if (tag === 0x2a) sound = this.#arrayIsSound(from, to, depth + 1) && sound;
        else sound = this.#mapIsSound(from, to, depth + 1) && sound;
        position = to;
      } else position = source.skip(tag, position, end);
    }
    return sound;
  }

  #arrayIsSound(start: number, end: number, depth: number): boolean {
    const source = this.#decoding.source;
    let sound = true;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) {
        const to = source.length(position, end);
        sound = this.#valueIsSound(source.next, to, depth) && sound;
        position = to;
      } else position = source.skip(tag, position, end);
    }
    return sound;
  }

  #mapIsSound(start: number, end: number, depth: number): boolean {
    const source = this.#decoding.source;
    let sound = true;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) {
        const to = source.length(position, end);
        let inner = source.next;
        while (inner < to) {
          const field = source.tag(inner, to);
          inner = source.next;
          if (field === 0x0a || field === 0x12) {
            const finish = source.length(inner, to);
            if (field === 0x0a) sound = this.#textIsSound(source.next, finish) && sound;
            else sound = this.#valueIsSound(source.next, finish, depth) && sound;
            inner = finish;
          } else inner = source.skip(field, inner, to);
        }
        position = to;
      } else position = source.skip(tag, position, end);
    }
    return sound;
  }

  #textIsSound(start: number, end: number): boolean {
    const { view, bytes } = this.#decoding.source;
    return isText(bytes, view, start, end);
  }

  #mendedValue(start: number, end: number, depth: number): Uint8Array {
    const source = this.#decoding.source;
    const parts: Uint8Array[] = [];
    let position = start;
    while (position < end) {
      const begin = position;
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a || tag === 0x2a || tag === 0x32) {
        const to = source.length(position, end);
        const from = source.next;
        position = to;
        if (tag === 0x0a) parts.push(...field(tag, repaired(source.bytes.subarray(from, to))));
        else if (depth >= this.#nesting) {
          parts.length = 0;
          this.#decoding.cut("nesting");
        } else if (tag === 0x2a) parts.push(...field(tag, this.#mendedArray(from, to, depth + 1)));
        else parts.push(...field(tag, this.#mendedMap(from, to, depth + 1)));
      } else {
        position = source.skip(tag, position, end);
        parts.push(source.bytes.subarray(begin, position));
      }
    }
    return joined(parts);
  }

  #mendedArray(start: number, end: number, depth: number): Uint8Array {
    const source = this.#decoding.source;
    const parts: Uint8Array[] = [];
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) {
        const to = source.length(position, end);
        parts.push(...field(tag, this.#mendedValue(source.next, to, depth)));
        position = to;
      } else position = source.skip(tag, position, end);
    }
    return joined(parts);
  }

  #mendedMap(start: number, end: number, depth: number): Uint8Array {
    const source = this.#decoding.source;
    const entries: Uint8Array[] = [];
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag !== 0x0a) {
        position = source.skip(tag, position, end);
        continue;
      }
      const to = source.length(position, end);
      const entry: Uint8Array[] = [];
      let inner = source.next;
      while (inner < to) {
        const key = source.tag(inner, to);
        inner = source.next;
        if (key === 0x0a || key === 0x12) {
          const finish = source.length(inner, to);
          const from = source.next;
          if (key === 0x0a) entry.push(...field(key, repaired(source.bytes.subarray(from, finish))));
          else entry.push(...field(key, this.#mendedValue(from, finish, depth)));
          inner = finish;
        } else inner = source.skip(key, inner, to);
      }
      entries.push(...field(tag, joined(entry)));
      position = to;
    }
    return joined(entries);
  }
}

/** Tag and length, then the payload. */
function field(tag: number, payload: Uint8Array): [Uint8Array, Uint8Array] {
  const head = [tag];
  let length = payload.length;
  while (length > 0x7f) {
    head.push((length & 0x7f) | 0x80);
    length >>>= 7;
  }
  head.push(length);
  return [Uint8Array.from(head), payload];
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** An array or map is a row of fields, so any prefix that ends between two of them is an array or map again. */
function lastElementBefore(bytes: Uint8Array, limit: number): number {
  let border = 0;
  let position = 0;
  while (position < bytes.length) {
    let shift = 0;
    let length = 0;
    const tag = bytes[position++]!;
    if (tag !== 0x0a) return border;
    for (;;) {
      const byte = bytes[position++]!;
      length += (byte & 0x7f) * 2 ** shift;
      shift += 7;
      if (byte < 0x80) break;
    }
    position += length;
    if (position > limit || Number.isNaN(position)) return border;
    border = position;
  }
  return border;
}
