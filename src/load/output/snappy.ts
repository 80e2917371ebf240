/**
 * Snappy's block format (github.com/google/snappy, format_description.txt), as Prometheus remote write wants it: the length,
 * then literals and copies. Greedy matching through a hash of four bytes, each 64 KiB on its own, copies of at most 64 bytes
 * with two bytes of offset: simpler than the reference and near its ratio on labels that repeat.
 */
const BLOCK_BYTES = 65_536;
const HASH_BITS = 14;
const MIN_MATCH = 4;

export function snappyCompress(input: Uint8Array): Uint8Array {
  const source = Buffer.from(input.buffer, input.byteOffset, input.length);
  // Worst case: all literals, three bytes for each 64 KiB and five for the length.
  const target = Buffer.allocUnsafe(source.length + Math.ceil(source.length / BLOCK_BYTES + 1) * 64 + 16);
  let at = 0;
  let length = source.length;
  while (length > 127) {
    target[at++] = (length & 127) | 128;
    length >>>= 7;
  }
  target[at++] = length;
  const table = new Int32Array(1 << HASH_BITS);
  for (let from = 0; from < source.length; from += BLOCK_BYTES)
    at = block(source, from, Math.min(source.length, from + BLOCK_BYTES), target, at, table);
  return target.subarray(0, at);
}

function block(source: Buffer, from: number, to: number, target: Buffer, start: number, table: Int32Array): number {
  table.fill(-1);
  let at = start;
  let literal = from;
  let next = from;
  while (next + MIN_MATCH <= to) {
    const word = source.readInt32LE(next);
    const slot = Math.imul(word, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const earlier = table[slot]!;
    table[slot] = next;
    if (earlier < 0 || source.readInt32LE(earlier) !== word) {
      next++;
      continue;
    }
    let end = next + MIN_MATCH;
    while (end < to && source[end] === source[earlier + end - next]) end++;
    // A literal's head and a copy's three bytes: short gains would make the output grow past what was reserved.
    at = writeLiteral(source, literal, next, target, at);
    const offset = next - earlier;
    for (let left = end - next; left > 0; left -= 64) {
      const length = Math.min(left, 64);
      target[at++] = ((length - 1) << 2) | 2;
      at = target.writeUInt16LE(offset, at);
    }
    next = end;
    literal = end;
  }
  return writeLiteral(source, literal, to, target, at);
}

function writeLiteral(source: Buffer, from: number, to: number, target: Buffer, start: number): number {
  const length = to - from;
  if (length === 0) return start;
  let at = start;
  if (length <= 60) target[at++] = (length - 1) << 2;
  else if (length <= 256) {
    target[at++] = 60 << 2;
    target[at++] = length - 1;
  } else {
    target[at++] = 61 << 2;
    at = target.writeUInt16LE(length - 1, at);
  }
  source.copy(target, at, from, to);
  return at + length;
}
