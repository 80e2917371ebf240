/** UTF-8 (RFC 3629): shortest form only, no surrogates, nothing above U+10FFFF. */

/** Whether the bytes from `start` to `end` are all below 0x80. Four at a time: this runs over every string of a batch. */
export function isAscii(view: DataView, start: number, end: number): boolean {
  const last = end - 4;
  let bits = 0;
  if (last < start) {
    for (let position = start; position < end; position++) bits |= view.getInt8(position);
    return (bits & 0x80) === 0;
  }
  for (let position = start; position < last; position += 4) bits |= view.getInt32(position, true);
  // The last word overlaps the one before it.
  bits |= view.getInt32(last, true);
  return (bits & 0x8080_8080) === 0;
}

/** Position of the first byte that is not part of a whole, well-formed character, or `end`. */
export function validUntil(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  while (position < end) {
    const byte = bytes[position]!;
    if (byte < 0x80) {
      position++;
      continue;
    }
    let more = 1;
    let low = 0x80;
    let high = 0xbf;
    if (byte >= 0xc2 && byte <= 0xdf) more = 1;
    else if (byte >= 0xe0 && byte <= 0xef) {
      more = 2;
      if (byte === 0xe0) low = 0xa0;
      else if (byte === 0xed) high = 0x9f;
    } else if (byte >= 0xf0 && byte <= 0xf4) {
      more = 3;
      if (byte === 0xf0) low = 0x90;
      else if (byte === 0xf4) high = 0x8f;
    } else return position;
    if (position + more >= end) return position;
    const second = bytes[position + 1]!;
    if (second < low || second > high) return position;
    for (let index = 2; index <= more; index++) {
      if ((bytes[position + index]! & 0xc0) !== 0x80) return position;
    }
    position += more + 1;
  }
  return end;
}

/** Whether the bytes from `start` to `end` are UTF-8. */
export function isText(bytes: Uint8Array, view: DataView, start: number, end: number): boolean {
  return isAscii(view, start, end) || validUntil(bytes, start, end) === end;
}

/** The last character border at or before `limit`, for bytes from `start` that are valid UTF-8. */
export function borderBefore(bytes: Uint8Array, start: number, limit: number): number {
  let border = limit;
  while (border > start && (bytes[border]! & 0xc0) === 0x80) border--;
  return border;
}

/** The bytes as valid UTF-8, what is none replaced by U+FFFD as the WHATWG Encoding Standard says. */
export function repaired(bytes: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes));
}
