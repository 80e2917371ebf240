/**
 * Writes protobuf front to back into one growing array. A message's length stands before its content and is not known while
 * that is written: `open` leaves room for it, `close` fills it in. Lengths that need more room than was left move the
 * content; lengths that need less are written in the long form of a varint, which every reader takes.
 */
export class Writer {
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  #limitBytes = 0x7fff_ffff;
  /** Bytes that can be written without asking: the smaller of the limit and the array. */
  #room = 0;
  #whenFull: () => Error = outOfRoom;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
    this.#room = capacity;
  }

  /** Starts over in the same memory; past `limitBytes` the error of `whenFull` is thrown. */
  begin(limitBytes: number, whenFull: () => Error): void {
    this.length = 0;
    this.#limitBytes = limitBytes;
    this.#room = Math.min(this.bytes.length, limitBytes);
    this.#whenFull = whenFull;
  }

  /** Makes room for so many bytes more. */
  reserve(more: number): void {
    if (this.length + more > this.#room) this.#grow(this.length + more);
  }

  #grow(needed: number): void {
    if (needed > this.#limitBytes) throw this.#whenFull();
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(Math.max(needed, this.bytes.length * 2), 0x7fff_ffff));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    this.#room = Math.min(this.bytes.length, this.#limitBytes);
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** A varint of at most 32 bits. */
  varint(value: number): void {
    this.reserve(5);
    if (value >= 0 && value < 0x80) {
      this.bytes[this.length++] = value;
      return;
    }
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.bytes[this.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.length++] = rest;
  }

  /** A varint of 64 bits, from its halves. */
  varint64(low: number, high: number): void {
    this.reserve(10);
    let lower = low >>> 0;
    let upper = high >>> 0;
    while (upper !== 0 || lower > 0x7f) {
      this.bytes[this.length++] = (lower & 0x7f) | 0x80;
      lower = ((lower >>> 7) | (upper << 25)) >>> 0;
      upper >>>= 7;
    }
    this.bytes[this.length++] = lower;
  }

  fixed32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  fixed64(low: number, high: number): void {
    this.reserve(8);
    this.view.setUint32(this.length, low, true);
    this.view.setUint32(this.length + 4, high, true);
    this.length += 8;
  }

  double(value: number): void {
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** The bytes from `start` to `start + length` of what `from` shows, which are few as a rule: four at a time. */
  copy(from: DataView, start: number, length: number): void {
    this.reserve(length);
    const view = this.view;
    const to = this.length;
    if (length < 4) {
      for (let index = 0; index < length; index++) view.setInt8(to + index, from.getInt8(start + index));
    } else if (length < 64) {
      const last = length - 4;
      for (let index = 0; index < last; index += 4) view.setInt32(to + index, from.getInt32(start + index));
      // The last word overlaps the one before it.
      view.setInt32(to + last, from.getInt32(start + last));
    } else this.bytes.set(new Uint8Array(from.buffer, from.byteOffset + start, length), to);
    this.length = to + length;
  }

  /** All of a KeyValue before the `valueLength` bytes of its AnyValue; every length in it must be below 128. */
  attributeHead(tag: number, from: DataView, keyStart: number, keyLength: number, valueLength: number): void {
    this.reserve(keyLength + 8);
    this.bytes[this.length++] = tag;
    this.bytes[this.length++] = keyLength + valueLength + 4;
    this.bytes[this.length++] = 0x0a;
    this.bytes[this.length++] = keyLength;
    this.copy(from, keyStart, keyLength);
    this.bytes[this.length++] = 0x12;
    this.bytes[this.length++] = valueLength;
  }

  /** A Unicode code point as UTF-8. */
  character(code: number): void {
    if (code < 0x80) this.byte(code);
    else if (code < 0x800) {
      this.byte(0xc0 | (code >> 6));
      this.byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      this.byte(0xe0 | (code >> 12));
      this.byte(0x80 | ((code >> 6) & 0x3f));
      this.byte(0x80 | (code & 0x3f));
    } else {
      this.byte(0xf0 | (code >> 18));
      this.byte(0x80 | ((code >> 12) & 0x3f));
      this.byte(0x80 | ((code >> 6) & 0x3f));
      this.byte(0x80 | (code & 0x3f));
    }
  }

  /** Begins a message, leaving `room` bytes for its length; returns what `close` wants. */
  open(room = 1): number {
    this.reserve(room);
    this.length += room;
    return this.length;
  }

  close(start: number, room = 1): void {
    const length = this.length - start;
    let needed = 1;
    for (let rest = length; rest > 0x7f; rest >>>= 7) needed++;
    if (needed > room) {
      this.reserve(needed - room);
      this.bytes.copyWithin(start + needed - room, start, this.length);
      this.length += needed - room;
    }
    const width = Math.max(needed, room);
    let rest = length;
    for (let index = start - room; index < start - room + width - 1; index++) {
      this.bytes[index] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[start - room + width - 1] = rest;
  }

  /** What was written, without a copy. */
  finish(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}

function outOfRoom(): Error {
  return new Error("a protobuf message cannot be longer than 2 GiB");
}
