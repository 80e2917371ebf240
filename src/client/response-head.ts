/**
 * What the framing of an HTTP/1 response depends on, found without making a header object: the head is scanned once for the
 * three names that matter. RFC 9112, section 6.3, read strictly where a lenient reading lets one response pass for two.
 */
export interface Framing {
  /** -1: until the connection closes; -2: chunked. */
  length: number;
  /** The server wants to keep the connection (before the protocol version is taken into account): undefined: says nothing. */
  keepAlive: boolean | undefined;
}

export const UNTIL_CLOSE = -1;
export const CHUNKED = -2;

/** Writes what `head` (lines without the status line) says into `framing`. Answers what is wrong with it, or undefined. */
export function readFraming(head: string, framing: Framing): string | undefined {
  framing.length = UNTIL_CLOSE;
  framing.keepAlive = undefined;
  let at = 0;
  const end = head.length;
  while (at < end) {
    let lineEnd = head.indexOf("\n", at);
    if (lineEnd < 0) lineEnd = end;
    switch (head.charCodeAt(at)) {
      case 0x43:
      case 0x63:
        if (startsWith(head, at, "content-length:")) {
          const length = parseLength(head.slice(at + 15, lineEnd).trim());
          if (length < 0) return "bad Content-Length";
          if (framing.length >= 0 && framing.length !== length) return "several different Content-Length";
          if (framing.length !== CHUNKED) framing.length = length;
        } else if (startsWith(head, at, "connection:")) {
          const value = head.slice(at + 11, lineEnd).toLowerCase();
          if (value.includes("close")) framing.keepAlive = false;
          else if (value.includes("keep-alive")) framing.keepAlive ??= true;
        }
        break;
      case 0x54:
      case 0x74:
        if (startsWith(head, at, "transfer-encoding:")) {
          const value = head
            .slice(at + 18, lineEnd)
            .trim()
            .toLowerCase();
          if (value === "chunked") framing.length = CHUNKED;
          else if (value !== "identity") return `unsupported transfer encoding: "${value.slice(0, 40)}"`;
        }
        break;
      case 0x20:
      case 0x09:
        if (at === 0) return "a head that starts with a space";
        break;
    }
    at = lineEnd + 1;
  }
  return undefined;
}

/** Does the text at `at` start with `name` (lower case), in any case? */
function startsWith(text: string, at: number, name: string): boolean {
  if (text.length - at < name.length) return false;
  for (let i = 0; i < name.length; i++) {
    let code = text.charCodeAt(at + i);
    if (code >= 0x41 && code <= 0x5a) code |= 0x20;
    if (code !== name.charCodeAt(i)) return false;
  }
  return true;
}

function parseLength(text: string): number {
  if (text.length === 0 || text.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

/** Every header of a head in order, folded lines joined, bytes above ASCII read as UTF-8. Lines without a colon are left out. */
export function* headerFields(head: string): Generator<readonly [name: string, value: string]> {
  let name = "";
  let value = "";
  for (const raw of head.split("\n")) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (line.startsWith(" ") || line.startsWith("\t")) {
      if (name !== "") value += ` ${line.trim()}`;
      continue;
    }
    if (name !== "") yield [name, utf8(value)];
    const colon = line.indexOf(":");
    name = colon > 0 ? line.slice(0, colon).trim() : "";
    value = line.slice(colon + 1).trim();
  }
  if (name !== "") yield [name, utf8(value)];
}

/** The first header of that name (lower case), or undefined. */
export function headerValue(head: string, name: string): string | undefined {
  for (const value of headerValues(head, name)) return value;
  return undefined;
}

/** Every header of that name (lower case), without looking further where the head does not hold the name at all. */
export function headerValues(head: string, name: string): readonly string[] {
  if (!holds(head, name)) return NONE;
  const values: string[] = [];
  for (const [field, value] of headerFields(head)) if (field.toLowerCase() === name) values.push(value);
  return values;
}

const NONE: readonly string[] = [];

function holds(head: string, name: string): boolean {
  const prefix = `${name}:`;
  let at = 0;
  while (at < head.length) {
    if (startsWith(head, at, prefix)) return true;
    const lineEnd = head.indexOf("\n", at);
    if (lineEnd < 0) return false;
    at = lineEnd + 1;
  }
  return false;
}

function utf8(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, "latin1").toString("utf8");
  return text;
}
