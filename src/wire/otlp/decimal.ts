/**
 * Whole numbers in decimal text to 64 bits, exactly and without a BigInt in the common case. Also takes 1.0, 1.5e3 and
 * -0, as proto3's JSON mapping does, as long as the value is whole.
 */
export class DecimalReader {
  /** The magnitude, in two halves. */
  low = 0;
  high = 0;
  isNegative = false;

  /** Reads the text from `start` to `end`; false where it is no whole number or its magnitude needs more than 64 bits. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    let position = start;
    this.low = 0;
    this.high = 0;
    this.isNegative = bytes[position] === 0x2d;
    if (this.isNegative) position++;
    if (position >= end) return false;
    while (position < end) {
      // Nine digits at a time stay below 2^30.
      const stop = Math.min(end, position + 9);
      let group = 0;
      let scale = 1;
      for (; position < stop; position++) {
        const digit = bytes[position]! - 0x30;
        if (digit < 0 || digit > 9) return this.#readUnusual(bytes, start, end);
        group = group * 10 + digit;
        scale *= 10;
      }
      if (!this.#append(scale, group)) return false;
    }
    return true;
  }

  /** magnitude = magnitude × scale + group, in pieces of 16 and 32 bits so that every product is exact. */
  #append(scale: number, group: number): boolean {
    const first = (this.low & 0xffff) * scale + group;
    const second = (this.low >>> 16) * scale + Math.floor(first / 0x10000);
    const high = this.high * scale + Math.floor(second / 0x10000);
    if (high > 0xffff_ffff) return false;
    this.low = (((second & 0xffff) << 16) | (first & 0xffff)) >>> 0;
    this.high = high;
    return true;
  }

  #readUnusual(bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start > 64) return false;
    const text = String.fromCharCode(...bytes.subarray(start, end));
    const parts = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text);
    if (parts === null) return false;
    const fraction = parts[2] ?? "";
    const exponent = Number(parts[3] ?? 0) - fraction.length;
    let digits = BigInt(parts[1]! + fraction);
    if (exponent > 0) {
      if (exponent > 20 && digits !== 0n) return false;
      if (digits !== 0n) digits *= 10n ** BigInt(exponent);
    } else if (exponent < 0) {
      const divisor = 10n ** BigInt(-exponent);
      if (digits % divisor !== 0n) return false;
      digits /= divisor;
    }
    if (digits > 0xffff_ffff_ffff_ffffn) return false;
    this.low = Number(digits & 0xffff_ffffn);
    this.high = Number(digits >> 32n);
    return true;
  }
}
