/**
 * The protobuf wire format (protobuf.dev/programming-guides/encoding): tags, varints, lengths, skipping.
 *
 * A reader keeps its position in a local variable and asks here only for what is rare: a varint of several bytes, a length,
 * an unknown field. Where a method has two results it returns one and leaves the position after it in `next`.
 * Every method stays below `end`, which is never above the length of the bytes, so nothing reads outside of them.
 */
export class WireError extends Error {
  /** Where in the (decompressed) body the trouble is. */
  readonly byte: number;

  constructor(byte: number, reason: string) {
    super(reason);
    this.byte = byte;
  }
}

export const WireType = { varint: 0, fixed64: 1, length: 2, groupStart: 3, groupEnd: 4, fixed32: 5 } as const;

const EMPTY = new Uint8Array(0);

export class Source {
  bytes: Uint8Array = EMPTY;
  view: DataView = new DataView(EMPTY.buffer);
  /** Position after what was read last. */
  next = 0;
  /** High half of the varint that `varint64` read last. */
  high = 0;

  open(bytes: Uint8Array): void {
    // Always a plain Uint8Array, never a Buffer: compiled code then sees one kind of array.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  close(): void {
    this.open(EMPTY);
  }

  /** The low half of a varint as an unsigned number, the high half in `high`. */
  varint64(start: number, end: number): number {
    const bytes = this.bytes;
    let low = 0;
    let high = 0;
    for (let shift = 0, position = start; shift < 70; shift += 7) {
      if (position >= end) throw new WireError(start, "a varint runs past the end of its message");
      const byte = bytes[position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.next = position;
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new WireError(start, "a varint is longer than 10 bytes");
  }

  /** A varint cut to 32 bits, as protobuf reads uint32, int32 and enums. */
  varint32(position: number, end: number): number {
    if (position < end) {
      const byte = this.bytes[position]!;
      if (byte < 0x80) {
        this.next = position + 1;
        return byte;
      }
    }
    return this.varint64(position, end);
  }

  /** The tag at `position`: field number times 8 plus wire type. */
  tag(position: number, end: number): number {
    const tag = this.varint64(position, end);
    if (this.high !== 0 || tag < 8) throw new WireError(position, "a field number is outside of 1 to 536870911");
    return tag;
  }

  /** Reads a length: returns where what it measures ends, and leaves in `next` where that starts. */
  length(position: number, end: number): number {
    const length = this.varint32(position, end);
    const finish = this.next + length;
    // `high` is of this varint only if it has several bytes.
    const isHuge = this.next > position + 1 && this.high !== 0;
    if (finish > end || isHuge) {
      throw new WireError(
        position,
        `a length of ${isHuge ? "over 4 GiB" : `${length} bytes`} runs past the end of its message`,
      );
    }
    return finish;
  }

  /** Position after the field that follows `tag`; refuses groups, which OTLP never had, and what is no wire type. */
  skip(tag: number, position: number, end: number): number {
    let finish = position;
    switch (tag & 7) {
      case WireType.varint:
        this.varint64(position, end);
        return this.next;
      case WireType.fixed64:
        finish = position + 8;
        break;
      case WireType.length:
        return this.length(position, end);
      case WireType.fixed32:
        finish = position + 4;
        break;
      default:
        throw new WireError(position, `wire type ${tag & 7} is not allowed`);
    }
    if (finish > end) throw new WireError(position, "a number runs past the end of its message");
    return finish;
  }

  /** Checks that 8 bytes are left and returns the position after them. */
  fixed64(position: number, end: number): number {
    const finish = position + 8;
    if (finish > end) throw new WireError(position, "a 64-bit number runs past the end of its message");
    return finish;
  }

  /** Checks that 4 bytes are left and returns the position after them. */
  fixed32(position: number, end: number): number {
    const finish = position + 4;
    if (finish > end) throw new WireError(position, "a 32-bit number runs past the end of its message");
    return finish;
  }

  /** Copies 64 bits to `column[half]` and `column[half + 1]`; returns the position after them. */
  copy64(position: number, end: number, column: Uint32Array, half: number): number {
    const finish = position + 8;
    if (finish > end) throw new WireError(position, "a 64-bit number runs past the end of its message");
    column[half] = this.view.getUint32(position, true);
    column[half + 1] = this.view.getUint32(position + 4, true);
    return finish;
  }
}
