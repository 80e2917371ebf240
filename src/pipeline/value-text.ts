import { AttributeType } from "#model/batch.ts";
import type { ByteText } from "./byte-text.ts";

/**
 * Attribute values and log bodies as text: a string is itself, everything else its JSON text.
 *
 * - int: decimal, exact over all 64 bits; double: the shortest text that reads back the same (as ECMAScript prints it, but
 *   "-0"); NaN, Infinity and -Infinity are those words, quoted inside arrays and maps, where JSON has no number for them.
 * - bytes: base64; bool: true, false; no value: '' (null inside arrays and maps).
 * - array, map: JSON printed straight from the encoded ArrayValue or KeyValueList (OTLP common.proto), keys in the sender's
 *   order, strings escaped as RFC 8259 asks and no further.
 *
 * The reader has bounded nesting and checked the encoding. What is printed here still never reads outside its range: a
 * value that does not parse prints as null.
 */
const BASE64 = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const HEX = new TextEncoder().encode("0123456789abcdef");
const BOOLS = new TextEncoder().encode("falsetrue ");
const DEPTH_LIMIT = 128;

/** Appends the text of a value stored as AttributeColumns stores it. */
export function printValue(out: ByteText, body: Uint8Array, type: number, low: number, high: number): void {
  switch (type) {
    case AttributeType.string:
      out.copy(body, low, low + high);
      return;
    case AttributeType.bytes:
      printBase64(out, body, low, low + high);
      return;
    case AttributeType.array:
      new Printer(out, body).array(low, low + high, 0);
      return;
    case AttributeType.map:
      new Printer(out, body).map(low, low + high, 0);
      return;
    default:
      out.reserve(NUMBER_BYTES);
      out.length = printScalar(out.bytes, out.length, type, low, high);
  }
}

/** The text of a value without bytes in the body (nothing, bool, int, double): at most NUMBER_BYTES. */
export function printScalar(target: Uint8Array, position: number, type: number, low: number, high: number): number {
  if (type === AttributeType.int) return printInt(target, position, low, high);
  if (type === AttributeType.double) return printDouble(target, position, low, high);
  if (type !== AttributeType.bool) return position;
  // Both written in full, as nobody can foresee which it will be.
  const isTrue = low === 0 ? 0 : 1;
  for (let i = 0; i < 5; i++) target[position + i] = BOOLS[isTrue * 5 + i]!;
  return position + 5 - isTrue;
}

/** Decimal text of a 64-bit two's complement number, at most 20 bytes; returns the position behind it. */
export function printInt(target: Uint8Array, position: number, low: number, high: number): number {
  let at = position;
  let lower = low >>> 0;
  let upper = high >>> 0;
  if (upper > 0x7fff_ffff) {
    target[at++] = 45;
    upper = ~upper >>> 0;
    lower = ~lower + 1;
    lower >>>= 0;
    if (lower === 0) upper = (upper + 1) >>> 0;
  }
  if (upper === 0) return printUint32(target, at, lower);
  if (upper < 0x20_0000) return printSafe(target, at, upper * 0x1_0000_0000 + lower);
  const text = ((BigInt(upper) << 32n) | BigInt(lower)).toString();
  for (let i = 0; i < text.length; i++) target[at++] = text.charCodeAt(i);
  return at;
}

/** The four digits of each number below 10,000. */
const FOUR_DIGITS = Uint8Array.from(
  { length: 40_000 },
  (_, i) => 48 + (Math.floor((i >> 2) / 10 ** (3 - (i & 3))) % 10),
);

function printUint32(target: Uint8Array, position: number, value: number): number {
  if (value < 10_000) return putFirst(target, position, value);
  if (value < 100_000_000) {
    const upper = (value / 10_000) >>> 0;
    const at = putFirst(target, position, upper);
    putFour(target, at, value - upper * 10_000);
    return at + 4;
  }
  const upper = (value / 100_000_000) >>> 0;
  const at = putFirst(target, position, upper);
  const lower = (value - upper * 100_000_000) >>> 0;
  const middle = (lower / 10_000) >>> 0;
  putFour(target, at, middle);
  putFour(target, at + 4, lower - middle * 10_000);
  return at + 8;
}

/** Below 10,000, without zeros in front. */
function putFirst(target: Uint8Array, position: number, value: number): number {
  const digits = value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  let from = value * 4 + 4 - digits;
  let at = position;
  for (const end = position + digits; at < end; at++) target[at] = FOUR_DIGITS[from++]!;
  return at;
}

/** Below 10,000, with zeros in front. */
function putFour(target: Uint8Array, position: number, value: number): void {
  const from = value * 4;
  target[position] = FOUR_DIGITS[from]!;
  target[position + 1] = FOUR_DIGITS[from + 1]!;
  target[position + 2] = FOUR_DIGITS[from + 2]!;
  target[position + 3] = FOUR_DIGITS[from + 3]!;
}

/** Of whole numbers below 2^53. */
function printSafe(target: Uint8Array, position: number, value: number): number {
  if (value < 0x1_0000_0000) return printUint32(target, position, value >>> 0);
  const upper = Math.floor(value / 1e8);
  const at = printUint32(target, position, upper);
  const lower = (value - upper * 1e8) >>> 0;
  const middle = (lower / 10_000) >>> 0;
  putFour(target, at, middle);
  putFour(target, at + 4, lower - middle * 10_000);
  return at + 8;
}

/** The most bytes `printInt` and `printDouble` write. */
export const NUMBER_BYTES = 26;

const halves = new Uint32Array(2);
const double = new Float64Array(halves.buffer);

/** The shortest text that reads back as the same double, at most NUMBER_BYTES; returns the position behind it. */
export function printDouble(target: Uint8Array, position: number, low: number, high: number): number {
  halves[0] = low;
  halves[1] = high;
  const value = double[0]!;
  let at = position;
  const size = value < 0 ? -value : value;
  if (size >= 1e-6 && size < 1e9) {
    // At most 15 digits, so if they divide back to the same double they are the shortest text of it, but for zeros at the end.
    const millionths = Math.floor(size * 1e6 + 0.5);
    if (millionths / 1e6 === size) {
      if (value < 0) target[at++] = 45;
      const whole = Math.floor(size) >>> 0;
      at = printUint32(target, at, whole);
      let rest = (millionths - whole * 1e6) >>> 0;
      if (rest === 0) return at;
      target[at++] = 46;
      // Two digits more than there are millionths, so that they are two fours; the zeros come off again.
      rest *= 100;
      const upper = (rest / 10_000) >>> 0;
      putFour(target, at, upper);
      putFour(target, at + 4, rest - upper * 10_000);
      at += 8;
      while (target[at - 1] === 48) at--;
      return at;
    }
  }
  const text = value === 0 && high !== 0 ? "-0" : String(value);
  for (let i = 0; i < text.length; i++) target[at++] = text.charCodeAt(i);
  return at;
}

function printBase64(out: ByteText, body: Uint8Array, start: number, end: number): void {
  out.reserve(Math.ceil((end - start) / 3) * 4);
  const target = out.bytes;
  let at = out.length;
  let i = start;
  for (; i + 2 < end; i += 3) {
    const bits = (body[i]! << 16) | (body[i + 1]! << 8) | body[i + 2]!;
    target[at++] = BASE64[bits >> 18]!;
    target[at++] = BASE64[(bits >> 12) & 63]!;
    target[at++] = BASE64[(bits >> 6) & 63]!;
    target[at++] = BASE64[bits & 63]!;
  }
  if (i < end) {
    const bits = (body[i]! << 16) | (i + 1 < end ? body[i + 1]! << 8 : 0);
    target[at++] = BASE64[bits >> 18]!;
    target[at++] = BASE64[(bits >> 12) & 63]!;
    target[at++] = i + 1 < end ? BASE64[(bits >> 6) & 63]! : 61;
    target[at++] = 61;
  }
  out.length = at;
}

/** Reads protobuf just enough to print it; `#at` never passes the end it was given. */
class Printer {
  readonly #out: ByteText;
  readonly #body: Uint8Array;
  #at = 0;
  /** The last varint or fixed64 read, and the range of the last length-delimited field. */
  #low = 0;
  #high = 0;
  #start = 0;
  #end = 0;

  constructor(out: ByteText, body: Uint8Array) {
    this.#out = out;
    this.#body = body;
  }

  /** ArrayValue { repeated AnyValue values = 1 } */
  array(start: number, end: number, depth: number): void {
    const out = this.#out;
    out.byte(91);
    let first = true;
    this.#at = start;
    for (;;) {
      const tag = this.#field(end);
      if (tag < 0) break;
      if (tag !== 10) continue;
      const next = this.#at;
      if (!first) out.byte(44);
      first = false;
      this.#value(this.#start, this.#end, depth + 1);
      this.#at = next;
    }
    out.byte(93);
  }

  /** KeyValueList { repeated KeyValue values = 1 }, KeyValue { string key = 1; AnyValue value = 2 } */
  map(start: number, end: number, depth: number): void {
    const out = this.#out;
    out.byte(123);
    let first = true;
    this.#at = start;
    for (;;) {
      const tag = this.#field(end);
      if (tag < 0) break;
      if (tag !== 10) continue;
      const next = this.#at;
      if (!first) out.byte(44);
      first = false;
      this.#entry(this.#start, this.#end, depth + 1);
      this.#at = next;
    }
    out.byte(125);
  }

  #entry(start: number, end: number, depth: number): void {
    let keyStart = 0;
    let keyEnd = 0;
    let valueStart = 0;
    let valueEnd = 0;
    this.#at = start;
    for (;;) {
      const tag = this.#field(end);
      if (tag < 0) break;
      if (tag === 10) {
        keyStart = this.#start;
        keyEnd = this.#end;
      } else if (tag === 18) {
        valueStart = this.#start;
        valueEnd = this.#end;
      }
    }
    printJsonString(this.#out, this.#body, keyStart, keyEnd);
    this.#out.byte(58);
    this.#value(valueStart, valueEnd, depth);
  }

  /** AnyValue: a oneof, so the last field present is the value. */
  #value(start: number, end: number, depth: number): void {
    const out = this.#out;
    let tag = 0;
    let low = 0;
    let high = 0;
    let from = 0;
    let to = 0;
    this.#at = start;
    for (;;) {
      const field = this.#field(end);
      if (field < 0) break;
      if (field !== 10 && field !== 16 && field !== 24 && field !== 33 && field !== 42 && field !== 50 && field !== 58)
        continue;
      tag = field;
      low = this.#low;
      high = this.#high;
      from = this.#start;
      to = this.#end;
    }
    if (depth > DEPTH_LIMIT) tag = 0;
    switch (tag) {
      case 10:
        printJsonString(out, this.#body, from, to);
        return;
      case 16:
        out.ascii(low === 0 && high === 0 ? "false" : "true");
        return;
      case 24:
        out.reserve(20);
        out.length = printInt(out.bytes, out.length, low, high);
        return;
      case 33: {
        const finite = (high & 0x7ff0_0000) !== 0x7ff0_0000;
        out.reserve(NUMBER_BYTES + 2);
        if (!finite) out.byte(34);
        out.length = printDouble(out.bytes, out.length, low, high);
        if (!finite) out.byte(34);
        return;
      }
      case 42:
        this.array(from, to, depth);
        return;
      case 50:
        this.map(from, to, depth);
        return;
      case 58:
        out.byte(34);
        printBase64(out, this.#body, from, to);
        out.byte(34);
        return;
      default:
        out.ascii("null");
    }
  }

  /** Reads one field up to `end`; returns its tag, or -1 at the end or where the bytes make no sense. */
  #field(end: number): number {
    if (!this.#varint(end)) return -1;
    const tag = this.#low;
    switch (tag & 7) {
      case 0:
        return this.#varint(end) ? tag : -1;
      case 1:
        if (this.#at + 8 > end) return -1;
        this.#low = this.#uint32(this.#at);
        this.#high = this.#uint32(this.#at + 4);
        this.#at += 8;
        return tag;
      case 2: {
        if (!this.#varint(end) || this.#high !== 0 || this.#low > end - this.#at) return -1;
        this.#start = this.#at;
        this.#end = this.#at + this.#low;
        this.#at = this.#end;
        return tag;
      }
      case 5:
        if (this.#at + 4 > end) return -1;
        this.#at += 4;
        return tag;
      default:
        return -1;
    }
  }

  #varint(end: number): boolean {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#at >= end) return false;
      const byte = this.#body[this.#at++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 128) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return true;
      }
    }
    return false;
  }

  #uint32(at: number): number {
    const body = this.#body;
    return (body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16) | (body[at + 3]! << 24)) >>> 0;
  }
}

/** Appends bytes of UTF-8 as a JSON string, quotes included. */
export function printJsonString(out: ByteText, body: Uint8Array, start: number, end: number): void {
  out.reserve(end - start + 2);
  out.byte(34);
  let clean = start;
  for (let i = start; i < end; i++) {
    const byte = body[i]!;
    if (byte >= 32 && byte !== 34 && byte !== 92) continue;
    out.copy(body, clean, i);
    clean = i + 1;
    out.byte(92);
    if (byte === 34 || byte === 92) out.byte(byte);
    else if (byte === 10) out.byte(110);
    else if (byte === 13) out.byte(114);
    else if (byte === 9) out.byte(116);
    else {
      out.ascii("u00");
      out.byte(HEX[byte >> 4]!);
      out.byte(HEX[byte & 15]!);
    }
  }
  out.copy(body, clean, end);
  out.byte(34);
}
