/** Writes protobuf messages (protobuf.dev/programming-guides/encoding) into one growing buffer. Field numbers stay below 16. */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #used = 0;

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  /** A nested message. Its length is not known before its content, so the content is moved when the length takes more than one byte. */
  message(field: number, content: () => void): void {
    this.#tag(field, 2);
    this.#reserve(1);
    const start = ++this.#used;
    content();
    const length = this.#used - start;
    let extra = 0;
    for (let rest = length >>> 7; rest > 0; rest >>>= 7) extra++;
    if (extra > 0) {
      this.#reserve(extra);
      this.#bytes.copyWithin(start + extra, start, this.#used);
      this.#used += extra;
    }
    let at = start - 1;
    let rest = length;
    while (rest > 127) {
      this.#bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.#bytes[at] = rest;
  }

  text(field: number, value: string): void {
    this.#tag(field, 2);
    const length = Buffer.byteLength(value);
    this.#varint(length);
    this.#reserve(length);
    this.#used += this.#bytes.write(value, this.#used);
  }

  bytes(field: number, value: Uint8Array): void {
    this.#tag(field, 2);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#used);
    this.#used += value.length;
  }

  /** int64, uint64, uint32, enum, bool; negative numbers take ten bytes. */
  integer(field: number, value: number): void {
    this.#tag(field, 0);
    if (value >= 0) this.#varint(value);
    else this.#bigVarint(BigInt.asUintN(64, BigInt(value)));
  }

  /** sint32, sint64. */
  signed(field: number, value: number): void {
    this.#tag(field, 0);
    this.#varint(zigzag(value));
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.#double(value);
  }

  fixed64(field: number, value: bigint): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#used = this.#bytes.writeBigUInt64LE(value, this.#used);
  }

  packedIntegers(field: number, values: Iterable<number>): void {
    this.message(field, () => {
      for (const value of values) this.#varint(value);
    });
  }

  packedSigned(field: number, values: Iterable<number>): void {
    this.message(field, () => {
      for (const value of values) this.#varint(zigzag(value));
    });
  }

  packedDoubles(field: number, values: Iterable<number>): void {
    this.message(field, () => {
      for (const value of values) this.#double(value);
    });
  }

  packedFixed64(field: number, values: Iterable<number>): void {
    this.message(field, () => {
      for (const value of values) {
        this.#reserve(8);
        this.#used = this.#bytes.writeBigUInt64LE(BigInt(value), this.#used);
      }
    });
  }

  #double(value: number): void {
    this.#reserve(8);
    this.#used = this.#bytes.writeDoubleLE(value, this.#used);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  /** Up to 2^53. */
  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 127) {
      this.#bytes[this.#used++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#used++] = rest;
  }

  #bigVarint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 127n) {
      this.#bytes[this.#used++] = Number(rest & 127n) | 128;
      rest >>= 7n;
    }
    this.#bytes[this.#used++] = Number(rest);
  }

  #reserve(more: number): void {
    if (this.#used + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#used + more, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#used);
    this.#bytes = larger;
  }
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}
