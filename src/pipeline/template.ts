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

const WORD = 0;
/** Ends a token. */
const PUNCTUATION = 1;
const BLANK = 2;
const QUOTE = 3;
const LINE_END = 4;

/** What a byte is: one of the above in the lower three bits, and what it makes of the token it is in. */
const KIND_BITS = 7;
const DIGIT = 8;
const HEX_LETTER = 16;
const AT = 32;
const OTHER = 64;

const TABLE = new Uint8Array(256).fill(WORD | OTHER);
for (let byte = 0; byte < 32; byte++) TABLE[byte] = BLANK;
TABLE[32] = BLANK;
TABLE[127] = BLANK;
TABLE[10] = LINE_END;
for (const char of "!#$%&()*,/:;<=>?[\\]^`{|}~") TABLE[char.charCodeAt(0)] = PUNCTUATION;
TABLE[34] = QUOTE;
TABLE[39] = QUOTE;
for (const char of "0123456789") TABLE[char.charCodeAt(0)] = WORD | DIGIT;
for (const char of "abcdefABCDEF") TABLE[char.charCodeAt(0)] = WORD | HEX_LETTER;
TABLE[64] = WORD | AT;

function kindOf(byte: number): number {
  return TABLE[byte]! & KIND_BITS;
}

/** Between two variable tokens these make no difference. */
const JOINS = new Uint8Array(256);
for (const char of " ,:;/-.+|_") JOINS[char.charCodeAt(0)] = 1;

const ESCAPE = 27;
const MARK = [60, 42, 62];

/** Writes the template of `source[start … start + length)` to `target` (TEMPLATE_BUFFER_BYTES); returns its length. */
export function writeTemplate(source: Uint8Array, start: number, length: number, target: Uint8Array): number {
  const end = start + Math.min(length, SCAN_LIMIT_BYTES);
  let at = start;
  while (at < end && source[at] !== ESCAPE && (kindOf(source[at]!) === BLANK || source[at] === 10)) at++;
  if (source[at] === 123 && at < end) {
    const written = json.write(source, at, start + length, target);
    if (written >= 0) return written;
  }
  return writeLine(source, at, end, target);
}

/** Of plain text, the first line. */
function writeLine(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let written = 0;
  let at = start;
  /** Where the last mark ends in `target`, if only joining bytes were written since; -1 otherwise. */
  let markEnd = -1;
  /** The quote characters known not to occur again. */
  let noDouble = false;
  let noSingle = false;
  /** Up to here (a closing quote) quotes are ordinary punctuation. */
  let plainUntil = -1;

  while (at < end && written < TEMPLATE_LIMIT_BYTES) {
    let byte = source[at]!;
    let bits = TABLE[byte]!;
    const kind = bits & KIND_BITS;
    if (kind === WORD) {
      const from = at;
      const before = written;
      let traits = 0;
      do {
        target[written++] = byte;
        traits |= bits;
        if (++at === end) break;
        byte = source[at]!;
        bits = TABLE[byte]!;
      } while ((bits & KIND_BITS) === WORD);
      if (
        (traits & DIGIT) !== 0 ||
        (traits === HEX_LETTER && at - from >= 8) ||
        ((traits & AT) !== 0 && source[from] !== 64 && source[at - 1] !== 64) ||
        (at - from === 3 && isInDate(source, from, end))
      ) {
        written = mark(target, before, markEnd);
        markEnd = written;
      } else if (markEnd >= 0 && !joinsOnly(source, from, at)) markEnd = -1;
      continue;
    }
    if (kind === LINE_END) break;
    if (kind === BLANK) {
      at = byte === ESCAPE && at + 1 < end && source[at + 1] === 91 ? colourEnd(source, at + 2, end) : at + 1;
      if (written > 0 && target[written - 1] !== 32) target[written++] = 32;
      continue;
    }
    if (kind === QUOTE) {
      const double = byte === 34;
      if (at > plainUntil && !(double ? noDouble : noSingle) && opens(source, start, at, double)) {
        const close = closing(source, at + 1, end, byte);
        if (close < 0) {
          if (double) noDouble = true;
          else noSingle = true;
        } else if (namesTheLine(source, start, at)) {
          plainUntil = close;
        } else {
          target[written++] = byte;
          written = mark(target, written, -1);
          target[written++] = byte;
          markEnd = -1;
          at = close + 1;
          continue;
        }
      }
    }
    target[written++] = byte;
    if (JOINS[byte] === 0) markEnd = -1;
    at++;
  }
  written = whole(target, Math.min(written, TEMPLATE_LIMIT_BYTES));
  while (written > 0 && target[written - 1] === 32) written--;
  return written;
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

function isCalendarWord(source: Uint8Array, at: number): boolean {
  const first = source[at]!;
  return first > 64 && first < 91 && CALENDAR.has((first << 16) | (source[at + 1]! << 8) | source[at + 2]!);
}

/** Whether the three letters at `from` are a day or month with the rest of a date right behind. */
function isInDate(source: Uint8Array, from: number, end: number): boolean {
  if (!isCalendarWord(source, from)) return false;
  let at = from + 3;
  while (at < end && at < from + 6 && JOINS[source[at]!] === 1) at++;
  if (at >= end || at === from + 3) return false;
  return TABLE[source[at]!] === (WORD | DIGIT) || (at + 3 <= end && isCalendarWord(source, at));
}

/** Writes `<*>`, or takes back to the mark before if only joining bytes stand between. */
function mark(target: Uint8Array, written: number, markEnd: number): number {
  if (markEnd >= 0) return markEnd;
  target[written] = MARK[0]!;
  target[written + 1] = MARK[1]!;
  target[written + 2] = MARK[2]!;
  return written + 3;
}

function joinsOnly(source: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (JOINS[source[i]!] === 0) return false;
  return true;
}

/** A double quote always may open; a single one only where no word goes before it (`can't`). */
function opens(source: Uint8Array, start: number, at: number, double: boolean): boolean {
  return double || at === start || kindOf(source[at - 1]!) !== WORD;
}

/** Where the quote ends, backslash escapes respected; a single quote only where no word follows. -1 if nowhere. */
function closing(source: Uint8Array, from: number, end: number, quote: number): number {
  for (let at = from; at < end; at++) {
    const byte = source[at]!;
    if (byte === 92) at++;
    else if (byte === 10) return -1;
    else if (byte === quote && (quote === 34 || at + 1 === end || kindOf(source[at + 1]!) !== WORD)) return at;
  }
  return -1;
}

const LINE_KEYS = ["msg", "message", "event", "body"].map((key) => new TextEncoder().encode(key));

/** Whether `msg=` or the like stands right before `at`. */
function namesTheLine(source: Uint8Array, start: number, at: number): boolean {
  if (at - 1 < start || source[at - 1] !== 61) return false;
  return LINE_KEYS.some((key) => {
    const from = at - 1 - key.length;
    if (from < start || (from > start && kindOf(source[from - 1]!) === WORD)) return false;
    return key.every((byte, i) => source[from + i] === byte);
  });
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
  readonly #line = new Uint8Array(SCAN_LIMIT_BYTES);

  /** -1 if this is no JSON object: then it is plain text. */
  write(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
    const keys = this.#keys;
    keys.length = 0;
    let best = LINE_KEYS.length;
    let bestStart = 0;
    let bestEnd = 0;
    let at = skipBlanks(source, start + 1, end);
    if (source[at] === 125 && at < end) return put(target, "{}");
    for (;;) {
      if (at >= end || source[at] !== 34) return -1;
      const keyStart = at + 1;
      const keyEnd = stringEnd(source, keyStart, end);
      if (keyEnd < 0) return -1;
      if (keys.length < JSON_KEY_LIMIT) keys.push({ start: keyStart, end: keyEnd });
      at = skipBlanks(source, keyEnd + 1, end);
      if (at >= end || source[at] !== 58) return -1;
      at = skipBlanks(source, at + 1, end);
      if (at < end && source[at] === 34) {
        const valueEnd = stringEnd(source, at + 1, end);
        if (valueEnd < 0) return -1;
        const rank = LINE_KEYS.findIndex((key) => equals(source, keyStart, keyEnd, key));
        if (rank >= 0 && rank < best) {
          best = rank;
          bestStart = at + 1;
          bestEnd = valueEnd;
          if (rank === 0) break;
        }
        at = valueEnd + 1;
      } else {
        at = valueEnd(source, at, end);
        if (at < 0) return -1;
      }
      at = skipBlanks(source, at, end);
      if (at >= end) return -1;
      if (source[at] === 125) break;
      if (source[at] !== 44) return -1;
      at = skipBlanks(source, at + 1, end);
    }
    if (best < LINE_KEYS.length) return this.#writeLine(source, bestStart, bestEnd, target);
    return this.#writeShape(source, target);
  }

  /** The field's text without its escapes, as a line of its own. */
  #writeLine(source: Uint8Array, start: number, end: number, target: Uint8Array): number {
    const line = this.#line;
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
    let from = 0;
    while (from < length && kindOf(line[from]!) >= BLANK && kindOf(line[from]!) !== QUOTE) from++;
    return writeLine(line, from, length, target);
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
        written = mark(target, written, -1);
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
function stringEnd(source: Uint8Array, from: number, end: number): number {
  for (let at = from; at < end; at++) {
    const byte = source[at]!;
    if (byte === 34) return at;
    if (byte === 92) at++;
  }
  return -1;
}

/** Behind a value that is no string: brackets are balanced by count, strings inside skipped. -1 where there is none. */
function valueEnd(source: Uint8Array, from: number, end: number): number {
  let depth = 0;
  let at = from;
  while (at < end) {
    const byte = source[at]!;
    if (byte === 34) {
      at = stringEnd(source, at + 1, end);
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
  for (let i = start; i < end; i++) if (TABLE[source[i]!] === (WORD | DIGIT)) return true;
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
