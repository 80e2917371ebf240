import { Bytes } from "./bytes.ts";

/**
 * The template of a log body: what its lines have in common, with the parts that vary replaced by `<*>`.
 *
 *   user 4711 logged in from 10.0.0.1:5432 in 12ms    →  user <*> logged in from <*> in <*>
 *   GET /api/orders/8f14e45f/items?page=2             →  GET /api/orders/<*>/items?page=<*>
 *   {"level":"info","msg":"took 12 ms","id":7}        →  took <*> ms
 *   {"b":1,"a":{"c":2}}                               →  {a,b}
 *
 * One pass over at most SCAN_LIMIT_BYTES of the first line, no backtracking, no regular expressions, no state: the same
 * body always has the same template, also years later and on another machine.
 * - A token is what stands between blanks and punctuation; `/` and `:` separate too, so that only the id in a path goes.
 * - A token varies if it has a digit, an `@` inside, is eight or more hexadecimal letters, or a day or month in a date.
 * - What stands in quotes varies, but not behind `msg=`, `message=`, `event=` and `body=`, where it is the line itself.
 * - Variable tokens with nothing but separators like `:`, `.`, `-`, `,` or a blank between them become one.
 * - Terminal colours and blanks at the ends are left out, several blanks are one. At most TEMPLATE_LIMIT_BYTES, cut
 *   between characters.
 */
export const TEMPLATE_LIMIT_BYTES = 256;
const SCAN_LIMIT_BYTES = 4096;
/** What is written to must be this long: a token is written before it is known whether it stays. */
export const TEMPLATE_BUFFER_BYTES = TEMPLATE_LIMIT_BYTES + SCAN_LIMIT_BYTES + 16;
const JSON_KEY_LIMIT = 64;

/** What a byte is, as bits. */
const WORD = 1;
const DIGIT = 2;
const HEX_LETTER = 4;
const AT = 8;
const SPACE = 16;
const CONTROL = 32;
const QUOTE = 64;
const LINE_END = 128;
const BLANK = SPACE | CONTROL | LINE_END;
/** What needs a closer look when it comes along. */
const SPECIAL = DIGIT | AT | CONTROL | QUOTE | LINE_END;

const TABLE = new Uint8Array(256).fill(WORD);
for (let byte = 0; byte < 32; byte++) TABLE[byte] = CONTROL;
TABLE[127] = 0;
TABLE[32] = SPACE;
TABLE[10] = LINE_END;
for (const char of "!#$%&()*,/:;<=>?[\\]^`{|}~") TABLE[char.charCodeAt(0)] = 0;
TABLE[34] = QUOTE;
TABLE[39] = QUOTE;
for (const char of "0123456789") TABLE[char.charCodeAt(0)] = WORD | DIGIT;
for (const char of "abcdefABCDEF") TABLE[char.charCodeAt(0)] = WORD | HEX_LETTER;
TABLE[64] = WORD | AT;

function isWord(byte: number): boolean {
  return (TABLE[byte]! & WORD) !== 0;
}

/** Between two variable tokens these make no difference. */
const JOINS = new Uint8Array(256);
for (const char of " ,:;/-.+|_") JOINS[char.charCodeAt(0)] = 1;

const ESCAPE = 27;
const MARK = [60, 42, 62];

/** Writes the template of `source[start … start + length)` to `target` (TEMPLATE_BUFFER_BYTES); returns its length. */
export function writeTemplate(source: Bytes, start: number, length: number, target: Bytes): number {
  const { bytes } = source;
  const end = start + Math.min(length, SCAN_LIMIT_BYTES);
  let at = start;
  while (at < end && bytes[at] !== ESCAPE && (TABLE[bytes[at]!]! & BLANK) !== 0) at++;
  if (bytes[at] === 123 && at < end) {
    const written = json.write(source, at, start + length, target);
    if (written >= 0) return written;
  }
  return writeLine(source, at, end, target);
}

/** Without the blank lines and blanks before. */
function writeTrimmed(source: Bytes, start: number, end: number, target: Bytes): number {
  let at = start;
  while (at < end && source.bytes[at] !== ESCAPE && (TABLE[source.bytes[at]!]! & BLANK) !== 0) at++;
  return writeLine(source, at, end, target);
}

/** Of plain text, the first line. */
function writeLine(source: Bytes, start: number, end: number, target: Bytes): number {
  const { bytes, view } = source;
  const { bytes: out, view: outView } = target;
  let written = 0;
  let at = start;
  /** Where the last mark ends in `target`; -1 where there is none to join with. */
  let markEnd = -1;
  /** Up to here no token can be hexadecimal. */
  let plainLetters = start;
  /** The quote characters known not to occur again. */
  let noDouble = false;
  let noSingle = false;
  /** Up to here (behind a closing quote) quotes are ordinary punctuation. */
  let plainQuotes = start;

  while (at < end && written < TEMPLATE_LIMIT_BYTES) {
    let mayBeHex = false;
    if (at + 4 <= end) {
      // Four bytes at once: most are letters, and a branch for each would cost more than all the rest. The word goes over
      // whole; what counts of it is what stands before its first special byte.
      const word = view.getInt32(at, true);
      const special = specialBytes(word);
      outView.setInt32(written, word, true);
      if (special === 0) {
        mayBeHex = (word & 0xd8d8d8d8) === 0x40404040 && at >= plainLetters;
        if (!mayBeHex) {
          written += 4;
          at += 4;
          continue;
        }
      } else {
        const plain = (31 - Math.clz32(special & -special)) >> 3;
        written += plain;
        at += plain;
      }
    }
    const byte = bytes[at]!;
    const bits = TABLE[byte]!;
    if ((bits & SPECIAL) === 0 && !mayBeHex) {
      out[written++] = byte;
      at++;
    } else if ((bits & WORD) !== 0) {
      // A digit, an @ or letters that may be hexadecimal: look at the whole token.
      let from = written;
      while (from > 0 && isWord(out[from - 1]!)) from--;
      let to = at;
      let some = 0;
      let all = HEX_LETTER;
      for (; to < end; to++) {
        const next = TABLE[bytes[to]!]!;
        if ((next & WORD) === 0) {
          // `13:55:36` and the like at one go: what follows would be joined to it anyway.
          if ((some & DIGIT) === 0 || JOINS[bytes[to]!] === 0 || to + 1 === end) break;
          if ((TABLE[bytes[to + 1]!]! & DIGIT) === 0) break;
        }
        some |= next;
        all &= next;
      }
      const size = written - from + to - at;
      const varies =
        (some & DIGIT) !== 0 ||
        ((bits & AT) !== 0 && written > from && to > at + 1 && bytes[to - 1] !== 64) ||
        (all !== 0 && size >= 8 && isHex(out, from, written));
      if (varies) {
        from = dateStart(out, from);
        while (from > 1 && out[from - 1] === 32 && out[from - 2] === 32) from--;
        if (markEnd < 0 || !joinsOnly(out, markEnd, from)) markEnd = mark(out, from);
        written = markEnd;
        at = to;
      } else {
        if (mayBeHex) plainLetters = to;
        out[written++] = byte;
        at++;
      }
    } else if ((bits & LINE_END) !== 0) {
      break;
    } else if ((bits & QUOTE) === 0) {
      if (byte === ESCAPE && at + 1 < end && bytes[at + 1] === 91) at = colourEnd(bytes, at + 2, end);
      else {
        if (written > 0 && out[written - 1] !== 32) out[written++] = 32;
        at++;
      }
    } else {
      out[written++] = byte;
      const from = at++;
      if (from < plainQuotes || (byte === 34 ? noDouble : noSingle) || !opens(bytes, start, from)) continue;
      const close = closing(source, at, end, byte);
      if (close < 0) {
        if (byte === 34) noDouble = true;
        else noSingle = true;
      } else if (namesTheLine(bytes, start, from)) plainQuotes = close + 1;
      else {
        written = mark(out, written);
        out[written++] = byte;
        at = close + 1;
      }
    }
  }
  return finish(out, written);
}

/**
 * Marks the digits, `@`s, quotes and control characters among four bytes by their highest bits (also `#` and `&`; above the
 * first, bytes that are none may be marked). x has a byte below n: (x - n…n) & ~x & 0x80…80 (Anderson, Bit Twiddling Hacks).
 */
function specialBytes(word: number): number {
  const digit = word ^ 0x30303030;
  const sign = word ^ 0x40404040;
  const quote = (word & 0xfafafafa) ^ 0x22222222;
  const bits =
    ((digit - 0x0a0a0a0a) & ~digit) |
    ((sign - 0x01010101) & ~sign) |
    ((quote - 0x01010101) & ~quote) |
    ((word - 0x20202020) & ~word);
  return bits & 0x80808080;
}

/** Cut to the limit, without blanks at the end. */
function finish(target: Uint8Array, written: number): number {
  let length = whole(target, Math.min(written, TEMPLATE_LIMIT_BYTES));
  while (length > 0 && target[length - 1] === 32) length--;
  return length;
}

function isHex(target: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((TABLE[target[i]!]! & HEX_LETTER) === 0) return false;
  return true;
}

/** Behind a terminal's colour sequence (ECMA-48: parameters, then one final byte) whose parameters start at `from`. */
function colourEnd(source: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && source[at]! >= 0x20 && source[at]! < 0x40) at++;
  return at < end && source[at]! >= 0x40 && source[at]! < 0x7f ? at + 1 : at;
}

const CALENDAR = new Set(
  "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec Mon Tue Wed Thu Fri Sat Sun".split(" ").map((word) => triple(word)),
);

function triple(word: string): number {
  return (word.charCodeAt(0) << 16) | (word.charCodeAt(1) << 8) | word.charCodeAt(2);
}

/** Where a date begins that goes on at `from`: days and months right before belong to it (`Fri, 10 Oct 2025`). */
function dateStart(target: Uint8Array, from: number): number {
  let start = from;
  for (;;) {
    let at = start;
    while (at > 0 && start - at < 3 && JOINS[target[at - 1]!] === 1) at--;
    if (at === start || at < 3 || (at > 3 && isWord(target[at - 4]!))) return start;
    const first = target[at - 3]!;
    if (first > 90 || !CALENDAR.has((first << 16) | (target[at - 2]! << 8) | target[at - 1]!)) return start;
    start = at - 3;
  }
}

/** Writes `<*>`; returns the position behind it. */
function mark(target: Uint8Array, position: number): number {
  target[position] = MARK[0]!;
  target[position + 1] = MARK[1]!;
  target[position + 2] = MARK[2]!;
  return position + 3;
}

/** Whether nothing but separators stands there: then two marks are one. */
function joinsOnly(target: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (JOINS[target[i]!] === 0) return false;
  return true;
}

/** A double quote always may open; a single one only where no word goes before it (`can't`). */
function opens(source: Uint8Array, start: number, at: number): boolean {
  return source[at] === 34 || at === start || !isWord(source[at - 1]!);
}

/** Where the quote ends, backslash escapes respected; a single quote only where no word follows. -1 if nowhere. */
function closing({ bytes, view }: Bytes, from: number, end: number, quote: number): number {
  for (let at = from; at < end; at++) {
    while (at + 4 <= end && !hasQuoteOrEscape(view.getInt32(at, true))) at += 4;
    const byte = bytes[at]!;
    if (at === end || byte === 10) return -1;
    if (byte === 92) at++;
    else if (byte === quote && (quote === 34 || at + 1 === end || !isWord(bytes[at + 1]!))) return at;
  }
  return -1;
}

/** Whether one of four bytes is a quote, a backslash or a control character (or `#` or `&`). */
function hasQuoteOrEscape(word: number): boolean {
  const quote = (word & 0xfafafafa) ^ 0x22222222;
  const slash = word ^ 0x5c5c5c5c;
  const bits = ((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash) | ((word - 0x20202020) & ~word);
  return (bits & 0x80808080) !== 0;
}

const LINE_KEYS = ["msg", "message", "event", "body"].map((key) => new TextEncoder().encode(key));

/** Place in LINE_KEYS, LINE_KEYS.length if it is none of them. */
function lineRank(source: Uint8Array, start: number, end: number): number {
  for (let rank = 0; rank < LINE_KEYS.length; rank++) if (equals(source, start, end, LINE_KEYS[rank]!)) return rank;
  return LINE_KEYS.length;
}

/** Whether `msg=` or the like stands right before `at`. */
function namesTheLine(source: Uint8Array, start: number, at: number): boolean {
  if (at - 1 < start || source[at - 1] !== 61) return false;
  let from = at - 1;
  while (from > start && at - from < 10 && isWord(source[from - 1]!)) from--;
  return lineRank(source, from, at - 1) < LINE_KEYS.length;
}

/** Cuts an unfinished UTF-8 sequence off the end. */
function whole(target: Uint8Array, length: number): number {
  let at = length;
  let tail = 0;
  while (at > 0 && tail < 3 && (target[at - 1]! & 0xc0) === 0x80) {
    at--;
    tail++;
  }
  if (at === 0) return length;
  const lead = target[at - 1]!;
  const wanted = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
  return tail < wanted ? at - 1 : length;
}

/** Bodies that are a JSON object: one linear pass over its top level. */
class JsonBody {
  /** Start and end of up to JSON_KEY_LIMIT keys. */
  readonly #keys: { start: number; end: number }[] = [];
  readonly #line = new Bytes(new Uint8Array(SCAN_LIMIT_BYTES));

  /** -1 if this is no JSON object: then it is plain text. */
  write(body: Bytes, start: number, end: number, target: Bytes): number {
    const source = body.bytes;
    const keys = this.#keys;
    keys.length = 0;
    let best = LINE_KEYS.length;
    let bestStart = 0;
    let bestEnd = 0;
    let at = skipBlanks(source, start + 1, end);
    if (source[at] === 125 && at < end) return put(target.bytes, "{}");
    for (;;) {
      if (at >= end || source[at] !== 34) return -1;
      const keyStart = at + 1;
      const keyEnd = stringEnd(body, keyStart, end);
      if (keyEnd < 0) return -1;
      if (keys.length < JSON_KEY_LIMIT) keys.push({ start: keyStart, end: keyEnd });
      at = skipBlanks(source, keyEnd + 1, end);
      if (at >= end || source[at] !== 58) return -1;
      at = skipBlanks(source, at + 1, end);
      if (at < end && source[at] === 34) {
        const valueEnd = stringEnd(body, at + 1, end);
        if (valueEnd < 0) return -1;
        const rank = lineRank(source, keyStart, keyEnd);
        if (rank < best) {
          best = rank;
          bestStart = at + 1;
          bestEnd = valueEnd;
          if (rank === 0) break;
        }
        at = valueEnd + 1;
      } else {
        at = otherEnd(body, at, end);
        if (at < 0) return -1;
      }
      at = skipBlanks(source, at, end);
      if (at >= end) return -1;
      if (source[at] === 125) break;
      if (source[at] !== 44) return -1;
      at = skipBlanks(source, at + 1, end);
    }
    if (best < LINE_KEYS.length) {
      const lineEnd = Math.min(bestEnd, bestStart + SCAN_LIMIT_BYTES);
      let isPlain = true;
      for (let i = bestStart; i < lineEnd; i++) isPlain = isPlain && source[i] !== 92;
      if (isPlain) return writeTrimmed(body, bestStart, lineEnd, target);
      return this.#writeLine(source, bestStart, bestEnd, target);
    }
    return this.#writeShape(source, target.bytes);
  }

  /** The field's text without its escapes, as a line of its own. */
  #writeLine(source: Uint8Array, start: number, end: number, target: Bytes): number {
    const line = this.#line.bytes;
    let length = 0;
    for (let at = start; at < end && length < SCAN_LIMIT_BYTES; at++) {
      let byte = source[at]!;
      if (byte === 92 && at + 1 < end) {
        const escaped = source[at + 1]!;
        if (escaped === 110) byte = 10;
        else if (escaped === 116 || escaped === 114) byte = 32;
        else if (escaped !== 117) byte = escaped;
        if (escaped !== 117) at++;
      }
      line[length++] = byte;
    }
    return writeTrimmed(this.#line, 0, length, target);
  }

  /** `{a,b,c}`: the keys in byte order, those with digits as one mark. */
  #writeShape(source: Uint8Array, target: Uint8Array): number {
    const keys = this.#keys.sort((left, right) => compare(source, left, right));
    let written = 0;
    let marked = false;
    target[written++] = 123;
    for (const { start, end } of keys) {
      const varies = hasDigit(source, start, end);
      if (varies && marked) continue;
      const size = varies ? 3 : end - start;
      if (written + size + 2 > TEMPLATE_LIMIT_BYTES) break;
      if (written > 1) target[written++] = 44;
      if (varies) {
        marked = true;
        written = mark(target, written);
      } else {
        for (let i = start; i < end; i++) target[written++] = source[i]!;
      }
    }
    target[written++] = 125;
    return written;
  }
}

const json = new JsonBody();

function put(target: Uint8Array, text: string): number {
  for (let i = 0; i < text.length; i++) target[i] = text.charCodeAt(i);
  return text.length;
}

function skipBlanks(source: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (source[at] === 32 || source[at] === 9 || source[at] === 10 || source[at] === 13)) at++;
  return at;
}

/** The closing quote of a string whose content starts at `from`; -1 if there is none. */
function stringEnd({ bytes, view }: Bytes, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    while (at + 4 <= end && !hasQuoteOrEscape(view.getInt32(at, true))) at += 4;
    if (at === end) return -1;
    if (bytes[at] === 34) return at;
    if (bytes[at] === 92) at++;
  }
  return -1;
}

/** Behind a value that is no string: brackets are balanced by count, strings inside skipped. -1 where there is none. */
function otherEnd(body: Bytes, from: number, end: number): number {
  const source = body.bytes;
  let depth = 0;
  let at = from;
  while (at < end) {
    const byte = source[at]!;
    if (byte === 34) {
      at = stringEnd(body, at + 1, end);
      if (at < 0) return -1;
    } else if (byte === 123 || byte === 91) depth++;
    else if (byte === 125 || byte === 93) {
      if (depth === 0) return at > from ? at : -1;
      depth--;
    } else if (byte === 44 && depth === 0) return at > from ? at : -1;
    at++;
  }
  return -1;
}

function equals(source: Uint8Array, start: number, end: number, key: Uint8Array): boolean {
  if (end - start !== key.length) return false;
  for (let i = 0; i < key.length; i++) if (source[start + i] !== key[i]) return false;
  return true;
}

function hasDigit(source: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((TABLE[source[i]!]! & DIGIT) !== 0) return true;
  return false;
}

function compare(
  source: Uint8Array,
  left: { start: number; end: number },
  right: { start: number; end: number },
): number {
  const length = Math.min(left.end - left.start, right.end - right.start);
  for (let i = 0; i < length; i++) {
    const difference = source[left.start + i]! - source[right.start + i]!;
    if (difference !== 0) return difference;
  }
  return left.end - left.start - (right.end - right.start);
}
