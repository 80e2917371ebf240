import type { Signal } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { DecimalReader } from "./decimal.ts";
import { findName, type Name, type Names, namesOf } from "./json-name.ts";
import { type Field, type Message, REQUESTS } from "./schema.ts";
import { tooLarge } from "./too-large.ts";
import { Writer } from "./writer.ts";

/** In place of an element's index: the field is no list, or the object has no field yet. */
const NO_ELEMENT = -1;
const NO_FIELD = -2;

/** Objects and arrays within each other; OTLP's own levels need 12. */
const MAX_DEPTH = 128;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** 1 for bytes that stand for themselves in a JSON string. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);

/** Values of hexadecimal digits and base64 characters; 255 for others. */
const HEX = new Uint8Array(256).fill(255);
const BASE64 = new Uint8Array(256).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEX["0123456789abcdef".charCodeAt(digit)] = digit;
  HEX["0123456789ABCDEF".charCodeAt(digit)] = digit;
}
[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].forEach((character, value) => {
  BASE64[character.charCodeAt(0)] = value;
});
BASE64["-".charCodeAt(0)] = 62;
BASE64["_".charCodeAt(0)] = 63;

/** The words of `{"key":"`, `","value":{"`, `stringValue":"` and `intValue":`, big-endian. */
const word = (text: string, at: number): number => Buffer.from(text).readInt32BE(at);
const KEY_1 = word('{"key":"', 0);
const KEY_2 = word('{"key":"', 4);
const VALUE_1 = word('","value":{"', 0);
const VALUE_2 = word('","value":{"', 4);
const VALUE_3 = word('","value":{"', 8);
const STRING_1 = word('stringValue":"', 0);
const STRING_2 = word('stringValue":"', 4);
const STRING_3 = word('stringValue":"', 8);
const STRING_4 = Buffer.from(':"').readInt16BE();
const INT_1 = word('intValue":', 0);
const INT_2 = word('intValue":', 4);
const INT_3 = Buffer.from('":').readInt16BE();

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);

/** Reads JSON and writes protobuf; see otlp-json.ts for what it takes. */
export class Transcoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #out = new Writer(64 * 1024);
  readonly #decimal = new DecimalReader();
  /** By depth: the field we are in, and the element of a list. Levels below the current depth mean nothing. */
  readonly #path: Field[] = [];
  readonly #index: number[] = [];
  #depth = 0;

  get scratchBytes(): number {
    return this.#out.bytes.length;
  }

  run(signal: Signal, json: Uint8Array, limitBytes: number): Uint8Array {
    this.#open(json);
    this.#out.begin(limitBytes, () => tooLarge("decompressedBytes", limitBytes));
    this.#depth = 0;
    const hasMark = json[0] === 0xef && json[1] === 0xbb && json[2] === 0xbf;
    this.#at = this.#space(hasMark ? 3 : 0);
    if (json[this.#at] !== OPEN_OBJECT) this.#fail(this.#at, "an object is expected");
    this.#object(REQUESTS[signal]);
    this.#at = this.#space(this.#at);
    if (this.#at < json.length) this.#fail(this.#at, "nothing may follow the request");
    this.#open(new Uint8Array(0));
    return this.#out.bytes.slice(0, this.#out.length);
  }

  #open(json: Uint8Array): void {
    this.#bytes = new Uint8Array(json.buffer, json.byteOffset, json.byteLength);
    this.#view = new DataView(json.buffer, json.byteOffset, json.byteLength);
  }

  /** Position of the next byte that does not stand for itself in a string, four bytes at a time. */
  #plain(start: number): number {
    const view = this.#view;
    const last = this.#bytes.length - 4;
    let at = start;
    for (; at <= last; at += 4) {
      const word = view.getInt32(at, true);
      const quote = word ^ 0x2222_2222;
      const backslash = word ^ 0x5c5c_5c5c;
      // A byte's high bit is set where it was below 0x20, a quote, or a backslash (and perhaps in bytes after such a one).
      const low = (word - 0x2020_2020) & ~word;
      const zero = ((quote - 0x0101_0101) & ~quote) | ((backslash - 0x0101_0101) & ~backslash);
      if (((low | zero) & 0x8080_8080) !== 0) break;
    }
    const bytes = this.#bytes;
    while (PLAIN[bytes[at]!] === 1) at++;
    return at;
  }

  /** Position of the next byte that is no white space. */
  #space(position: number): number {
    const bytes = this.#bytes;
    let at = position;
    for (;;) {
      const byte = bytes[at];
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return at;
      at++;
    }
  }

  /** An object that is a message; `#at` is at its brace, and behind it afterwards. Writes its fields. */
  #object(message: Message): void {
    const bytes = this.#bytes;
    const known = namesOf(message);
    const depth = this.#depth++;
    if (depth >= MAX_DEPTH) this.#fail(this.#at, `nested deeper than ${MAX_DEPTH} levels`);
    this.#index[depth] = NO_FIELD;
    let at = this.#space(this.#at + 1);
    let previous: Name | undefined;
    let guess = known.first;
    if (bytes[at] === CLOSE_OBJECT) at++;
    else {
      for (;;) {
        if (bytes[at] !== QUOTE) this.#fail(at, "a field name is expected");
        const name = this.#name(known, guess, at + 1);
        at = this.#at;
        if (bytes[at] !== COLON) at = this.#space(at);
        if (bytes[at] !== COLON) this.#fail(at, "a colon is expected");
        at++;
        if (bytes[at]! <= 0x20) at = this.#space(at);
        this.#at = at;
        if (name === undefined) this.#skip();
        else {
          this.#path[depth] = name.field;
          this.#index[depth] = NO_ELEMENT;
          this.#value(name.field, depth);
          if (previous === undefined) known.first = name;
          else previous.next = name;
          previous = name;
          guess = name.next;
        }
        at = this.#at;
        if (bytes[at]! <= 0x20) at = this.#space(at);
        const byte = bytes[at++];
        if (byte === CLOSE_OBJECT) break;
        if (byte !== COMMA) this.#fail(at - 1, "a comma or a closing brace is expected");
        if (bytes[at]! <= 0x20) at = this.#space(at);
      }
    }
    this.#at = at;
    this.#depth = depth;
  }

  /** The field whose name begins at `start`, undefined for one we do not know; leaves `#at` behind the closing quote. */
  #name(known: Names, guess: Name | undefined, start: number): Name | undefined {
    const bytes = this.#bytes;
    if (guess !== undefined && start + guess.bytes.length <= bytes.length) {
      // All names have three letters or more, so with their quote there is at least one word.
      const view = this.#view;
      const expected = guess.view;
      const last = guess.bytes.length - 4;
      let index = 0;
      while (index < last && view.getInt32(start + index) === expected.getInt32(index)) index += 4;
      if (index >= last && view.getInt32(start + last) === expected.getInt32(last)) {
        this.#at = start + last + 4;
        return guess;
      }
    }
    const end = this.#plain(start);
    if (bytes[end] !== QUOTE) return this.#unusualName(known, start);
    this.#at = end + 1;
    return findName(known, bytes, start, end);
  }

  /** A name with escapes in it. */
  #unusualName(known: Names, start: number): Name | undefined {
    const out = this.#out;
    const begin = out.length;
    this.#at = start;
    this.#escaped();
    const end = out.length;
    out.length = begin;
    return findName(known, out.bytes, begin, end);
  }

  #value(field: Field, depth: number): void {
    const bytes = this.#bytes;
    if (bytes[this.#at] === 0x6e) {
      this.#literal("null");
      return;
    }
    if (!field.isRepeated) {
      this.#single(field);
      return;
    }
    if (bytes[this.#at] !== OPEN_ARRAY) this.#fail(this.#at, "an array is expected");
    const out = this.#out;
    let packed = 0;
    if (field.isPacked) {
      out.varint(field.tag);
      packed = out.open();
    }
    let at = this.#space(this.#at + 1);
    if (bytes[at] === CLOSE_ARRAY) at++;
    else {
      for (let index = 0; ; index++) {
        this.#index[depth] = index;
        this.#at = at;
        if (field.isPacked) this.#number(field);
        else if (field.message?.name === "KeyValue" && this.#attribute(field.tag)) {
          // Done: it had the common form.
        } else if (bytes[at] === 0x6e) {
          // proto3 knows no null in a list; an empty element keeps the others in their places.
          this.#literal("null");
          out.varint(field.tag);
          out.byte(0);
        } else this.#single(field);
        at = this.#at;
        if (bytes[at]! <= 0x20) at = this.#space(at);
        const byte = bytes[at++];
        if (byte === CLOSE_ARRAY) break;
        if (byte !== COMMA) this.#fail(at - 1, "a comma or a closing bracket is expected");
        if (bytes[at]! <= 0x20) at = this.#space(at);
      }
    }
    this.#at = at;
    if (field.isPacked) out.close(packed);
  }

  /**
   * An attribute as SDKs print it, `{"key":"…","value":{"stringValue":"…"}}` or with a small intValue, without white space or
   * escapes and short enough that every length is one byte. Attributes are most of a body, so this is where the time goes.
   * False, with nothing written, for all others.
   */
  #attribute(tag: number): boolean {
    const bytes = this.#bytes;
    const view = this.#view;
    const at = this.#at;
    if (at + 8 > bytes.length || view.getInt32(at) !== KEY_1 || view.getInt32(at + 4) !== KEY_2) return false;
    const keyStart = at + 8;
    const keyEnd = this.#plain(keyStart);
    const keyLength = keyEnd - keyStart;
    const value = keyEnd + 12;
    if (value + 18 > bytes.length || view.getInt32(keyEnd) !== VALUE_1) return false;
    if (view.getInt32(keyEnd + 4) !== VALUE_2 || view.getInt32(keyEnd + 8) !== VALUE_3) return false;
    const out = this.#out;
    if (view.getInt32(value) === STRING_1) {
      const isString = view.getInt32(value + 4) === STRING_2 && view.getInt32(value + 8) === STRING_3;
      if (!isString || view.getInt16(value + 12) !== STRING_4) return false;
      const start = value + 14;
      const end = this.#plain(start);
      const length = end - start;
      if (keyLength + length > 121 || bytes[end] !== QUOTE) return false;
      if (bytes[end + 1] !== CLOSE_OBJECT || bytes[end + 2] !== CLOSE_OBJECT) return false;
      out.attributeHead(tag, view, keyStart, keyLength, length + 2);
      out.byte(0x0a);
      out.byte(length);
      out.copy(view, start, length);
      this.#at = end + 3;
      return true;
    }
    if (view.getInt32(value) !== INT_1 || view.getInt32(value + 4) !== INT_2 || view.getInt16(value + 8) !== INT_3) {
      return false;
    }
    let end = value + 10;
    const isQuoted = bytes[end] === QUOTE;
    if (isQuoted) end++;
    const first = end;
    let number = 0;
    for (; end < first + 9; end++) {
      const digit = bytes[end]! - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      number = number * 10 + digit;
    }
    if (end === first || keyLength > 110) return false;
    if (isQuoted && bytes[end++] !== QUOTE) return false;
    if (bytes[end] !== CLOSE_OBJECT || bytes[end + 1] !== CLOSE_OBJECT) return false;
    out.attributeHead(tag, view, keyStart, keyLength, 1 + widthOf(number));
    out.byte(0x18);
    out.varint(number);
    this.#at = end + 2;
    return true;
  }

  /** One value with its tag. */
  #single(field: Field): void {
    const out = this.#out;
    switch (field.kind) {
      case "message": {
        if (this.#bytes[this.#at] !== OPEN_OBJECT) this.#fail(this.#at, "an object is expected");
        const message = field.message!;
        out.varint(field.tag);
        const start = out.open(message.lengthRoom);
        this.#object(message);
        out.close(start, message.lengthRoom);
        return;
      }
      case "string":
        out.varint(field.tag);
        this.#string();
        return;
      case "id":
        out.varint(field.tag);
        this.#id();
        return;
      case "bytes":
        out.varint(field.tag);
        this.#base64();
        return;
      case "bool": {
        const isTrue = this.#bytes[this.#at] === 0x74;
        this.#literal(isTrue ? "true" : "false");
        out.varint(field.tag);
        out.byte(isTrue ? 1 : 0);
        return;
      }
      default:
        out.varint(field.tag);
        this.#number(field);
    }
  }

  /** A string, written with its length. */
  #string(): void {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    if (bytes[this.#at] !== QUOTE) this.#fail(this.#at, "a string is expected");
    const end = this.#plain(start);
    const out = this.#out;
    if (bytes[end] === QUOTE) {
      const length = end - start;
      out.varint(length);
      out.copy(this.#view, start, length);
      this.#at = end + 1;
      return;
    }
    const mark = out.open();
    this.#at = start;
    this.#escaped();
    out.close(mark);
  }

  /** The rest of a string from `#at` on, its escapes undone; leaves `#at` behind the closing quote. */
  #escaped(): void {
    const bytes = this.#bytes;
    const out = this.#out;
    let at = this.#at;
    for (;;) {
      const end = this.#plain(at);
      out.copy(this.#view, at, end - at);
      at = end;
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return;
      }
      if (byte !== BACKSLASH) {
        this.#fail(at, byte === undefined ? "a string is not closed" : "a control character must be escaped");
      }
      const letter = bytes[at + 1];
      if (letter === 0x75) {
        let code = this.#hex4(at + 2);
        at += 6;
        if (code >= 0xd800 && code <= 0xdfff) {
          const low = code < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === 0x75 ? this.#hex4(at + 2) : 0;
          if (low >= 0xdc00 && low <= 0xdfff) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
          } else code = 0xfffd;
        }
        out.character(code);
      } else {
        const plain = letter === undefined ? -1 : '"\\/bfnrt'.indexOf(String.fromCharCode(letter));
        if (plain < 0) this.#fail(at, "an escape is not known");
        out.byte('"\\/\b\f\n\r\t'.charCodeAt(plain));
        at += 2;
      }
    }
  }

  #hex4(start: number): number {
    const bytes = this.#bytes;
    let code = 0;
    for (let index = start; index < start + 4; index++) {
      const digit = index < bytes.length ? HEX[bytes[index]!]! : 255;
      if (digit > 15) this.#fail(index, "four hexadecimal digits are expected");
      code = code * 16 + digit;
    }
    return code;
  }

  /** The position behind a string that holds no escape, which `#at` points to; fails where it is something else. */
  #plainEnd(what: string): number {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) this.#fail(this.#at, `${what} is expected`);
    const end = this.#plain(this.#at + 1);
    if (bytes[end] !== QUOTE) this.#fail(end, `${what} is expected`);
    return end;
  }

  #id(): void {
    const bytes = this.#bytes;
    const out = this.#out;
    const start = this.#at + 1;
    const end = this.#plainEnd("a hexadecimal id");
    const length = (end - start) >>> 1;
    out.varint(length);
    out.reserve(length);
    const target = out.bytes;
    const begin = out.length;
    let bits = 0;
    for (let index = 0; index < length; index++) {
      const high = HEX[bytes[start + index * 2]!]!;
      const low = HEX[bytes[start + index * 2 + 1]!]!;
      bits |= high | low;
      target[begin + index] = (high << 4) | low;
    }
    out.length = begin + length;
    if (bits > 15 || ((end - start) & 1) === 1) {
      // No hexadecimal: one byte is no valid id of any kind, and that is for the reader to say.
      out.length = begin - widthOf(length);
      out.byte(1);
      out.byte(0);
    }
    this.#at = end + 1;
  }

  #base64(): void {
    const bytes = this.#bytes;
    const out = this.#out;
    const start = this.#at + 1;
    const quote = this.#plainEnd("base64 text");
    let end = quote;
    while (end > start && bytes[end - 1] === 0x3d) end--;
    const mark = out.open();
    out.reserve(end - start);
    let bits = 0;
    let held = 0;
    for (let index = start; index < end; index++) {
      const value = BASE64[bytes[index]!]!;
      if (value === 255) this.#fail(index, "a character is not base64");
      bits = ((bits << 6) | value) & 0xffffff;
      held += 6;
      if (held >= 8) {
        held -= 8;
        out.byte((bits >>> held) & 0xff);
      }
    }
    if ((end - start) % 4 === 1) this.#fail(quote, "base64 text ends too early");
    out.close(mark);
    this.#at = quote + 1;
  }

  /** A number of any kind, bare or in quotes, without its tag. */
  #number(field: Field): void {
    const bytes = this.#bytes;
    const isQuoted = bytes[this.#at] === QUOTE;
    const start = isQuoted ? this.#at + 1 : this.#at;
    let end = start;
    if (isQuoted) end = this.#plainEnd("a number");
    else while (end < bytes.length && isNumeric(bytes[end]!)) end++;
    this.#at = isQuoted ? end + 1 : end;
    if (field.kind === "double") {
      this.#double(start, end, isQuoted);
      return;
    }
    const decimal = this.#decimal;
    if (field.kind === "enum" && isQuoted) {
      const number = field.names!.get(String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 64))));
      if (number !== undefined) {
        this.#out.varint(number);
        return;
      }
      // A name that a newer version of OTLP brought: as unknown as an unknown number.
      if (HEX[bytes[start]!]! > 9 && bytes[start] !== 0x2d) {
        this.#out.byte(0);
        return;
      }
    }
    if (!decimal.read(bytes, start, end)) this.#fail(start, "a whole number of at most 64 bits is expected");
    this.#integer(field, start);
  }

  #integer(field: Field, start: number): void {
    const { low, high, isNegative } = this.#decimal;
    const isZero = low === 0 && high === 0;
    const out = this.#out;
    switch (field.kind) {
      case "fixed64":
      case "uint64":
        if (isNegative && !isZero) this.#fail(start, "a number must not be negative");
        if (field.kind === "fixed64") out.fixed64(low, high);
        else out.varint64(low, high);
        return;
      case "sfixed64":
      case "int64": {
        const isTooLarge = high > 0x8000_0000 || (high === 0x8000_0000 && (low !== 0 || !isNegative));
        if (isTooLarge) this.#fail(start, "a number needs more than 64 bits");
        const lower = isNegative ? -low >>> 0 : low;
        const upper = isNegative ? (~high + (low === 0 ? 1 : 0)) >>> 0 : high;
        if (field.kind === "sfixed64") out.fixed64(lower, upper);
        else out.varint64(lower, upper);
        return;
      }
      case "sint32":
      case "enum": {
        if (high !== 0 || low > (isNegative ? 0x8000_0000 : 0x7fff_ffff)) {
          this.#fail(start, "a number needs more than 32 bits");
        }
        const value = isNegative ? -low | 0 : low;
        if (field.kind === "sint32") out.varint((value << 1) ^ (value >> 31));
        else out.varint64(value, value < 0 ? -1 : 0);
        return;
      }
      default:
        if (high !== 0) this.#fail(start, "a number needs more than 32 bits");
        if (isNegative && !isZero) this.#fail(start, "a number must not be negative");
        if (field.kind === "fixed32") out.fixed32(low);
        else out.varint(low);
    }
  }

  #double(start: number, end: number, isQuoted: boolean): void {
    const bytes = this.#bytes;
    // Up to 15 digits and 22 places are one exact division (Clinger, 1990): the nearest double by construction.
    let position = bytes[start] === 0x2d ? start + 1 : start;
    const first = position;
    let digits = 0;
    let point = -1;
    let isSimple = end - position <= 16 && position < end;
    for (; isSimple && position < end; position++) {
      const byte = bytes[position]!;
      if (byte === 0x2e && point < 0) point = position;
      else if (byte >= 0x30 && byte <= 0x39) digits = digits * 10 + (byte - 0x30);
      else isSimple = false;
    }
    const leadsWithZero = bytes[first] === 0x30 && end - first > 1 && point !== first + 1;
    if (isSimple && !leadsWithZero && point !== first && point !== end - 1 && (point >= 0 || end - first <= 15)) {
      const value = point < 0 ? digits : digits / POWERS[end - point - 1]!;
      this.#out.double(bytes[start] === 0x2d ? -value : value);
      return;
    }
    const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 1024)));
    if (isQuoted && (text === "NaN" || text === "Infinity" || text === "-Infinity")) {
      this.#out.double(Number(text));
      return;
    }
    if (end - start > 1024 || !/^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)) {
      this.#fail(start, "a number is expected");
    }
    this.#out.double(Number(text));
  }

  #literal(text: "null" | "true" | "false"): void {
    for (let index = 0; index < text.length; index++) {
      if (this.#bytes[this.#at + index] !== text.charCodeAt(index)) {
        this.#fail(this.#at, text === "null" ? "null is expected" : "true or false is expected");
      }
    }
    this.#at += text.length;
  }

  /** Steps over a value of any kind, which still must be JSON. */
  #skip(): void {
    const bytes = this.#bytes;
    /** One bit a level: 1 for an object. */
    const isObject: boolean[] = [];
    for (;;) {
      this.#at = this.#space(this.#at);
      const byte = bytes[this.#at];
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (this.#depth + isObject.length >= MAX_DEPTH) this.#fail(this.#at, `nested deeper than ${MAX_DEPTH} levels`);
        const at = this.#space(this.#at + 1);
        if (bytes[at] !== (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          isObject.push(byte === OPEN_OBJECT);
          this.#at = at;
          if (byte === OPEN_OBJECT) this.#skipName();
          continue;
        }
        this.#at = at + 1;
      } else this.#skipScalar();
      for (;;) {
        const inside = isObject.at(-1);
        if (inside === undefined) return;
        this.#at = this.#space(this.#at);
        const follows = bytes[this.#at++];
        if (follows === COMMA) {
          this.#at = this.#space(this.#at);
          if (inside) this.#skipName();
          break;
        }
        if (follows !== (inside ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          this.#fail(this.#at - 1, "a comma or a closing bracket is expected");
        }
        isObject.pop();
      }
    }
  }

  #skipName(): void {
    if (this.#bytes[this.#at] !== QUOTE) this.#fail(this.#at, "a field name is expected");
    this.#skipScalar();
    this.#at = this.#space(this.#at);
    if (this.#bytes[this.#at] !== COLON) this.#fail(this.#at, "a colon is expected");
    this.#at++;
  }

  #skipScalar(): void {
    const bytes = this.#bytes;
    const byte = bytes[this.#at];
    if (byte === QUOTE) {
      const out = this.#out;
      const begin = out.length;
      this.#at++;
      this.#escaped();
      out.length = begin;
    } else if (byte === 0x6e) this.#literal("null");
    else if (byte === 0x74) this.#literal("true");
    else if (byte === 0x66) this.#literal("false");
    else {
      const start = this.#at;
      while (this.#at < bytes.length && isNumeric(bytes[this.#at]!)) this.#at++;
      const out = this.#out;
      const begin = out.length;
      this.#double(start, this.#at, false);
      out.length = begin;
    }
  }

  #fail(byte: number, reason: string): never {
    const path = this.#path
      .slice(0, this.#depth)
      .filter((_, level) => this.#index[level] !== NO_FIELD)
      .map((field, level) => (this.#index[level]! >= 0 ? `${field.jsonName}[${this.#index[level]}]` : field.jsonName))
      .join(".");
    const position = Math.min(byte, this.#bytes.length);
    throw new Failure("bad-payload", `${path === "" ? "" : `${path}: `}${reason} (byte ${position} of the JSON text)`);
  }
}

function isNumeric(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e || byte === 0x65 || byte === 0x45
  );
}

/** Bytes that a length takes as a varint. */
function widthOf(length: number): number {
  let width = 1;
  for (let rest = length; rest > 0x7f; rest >>>= 7) width++;
  return width;
}
