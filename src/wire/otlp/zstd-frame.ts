/**
 * How much zstd frames can unpack to, from their headers alone (RFC 8878, section 3.1): nothing is decompressed.
 *
 *   frame   magic fd2fb528 · descriptor · [window] · [dictionary id] · [content size] · blocks … · [checksum]
 *   block   3 bytes: last (1 bit), type (2 bits: raw, one byte repeated, compressed), size (21 bits) · content
 */
const MAGIC = 0xfd2f_b528;
const SKIPPABLE = 0x184d_2a50;
/** A compressed block unpacks to at most this much, or to the window if that is smaller. */
const MAX_BLOCK_BYTES = 128 * 1024;

export interface OutputBound {
  /** What the headers promise: raw and repeated blocks, or declared content sizes. */
  readonly atLeast: number;
  readonly atMost: number;
}

/** Undefined where the bytes are no whole zstd frames, one or more. */
export function zstdOutputBound(bytes: Uint8Array): OutputBound | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let atLeast = 0;
  let atMost = 0;
  let position = 0;
  while (position < bytes.length) {
    if (position + 8 > bytes.length) return undefined;
    const magic = view.getUint32(position, true);
    if ((magic & 0xffff_fff0) >>> 0 === SKIPPABLE) {
      position += 8 + view.getUint32(position + 4, true);
      if (position > bytes.length) return undefined;
      continue;
    }
    if (magic !== MAGIC) return undefined;
    const descriptor = bytes[position + 4]!;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const hasChecksum = (descriptor & 0x04) !== 0;
    const sizeFlag = descriptor >>> 6;
    const sizeBytes = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
    position += 5;
    let blockLimit = MAX_BLOCK_BYTES;
    if (!isSingleSegment) {
      const window = bytes[position++];
      if (window === undefined) return undefined;
      const base = 2 ** (10 + (window >>> 3));
      blockLimit = Math.min(blockLimit, base + (base / 8) * (window & 7));
    }
    position += dictionaryBytes;
    if (position + sizeBytes > bytes.length) return undefined;
    let declared: number | undefined;
    if (sizeBytes === 1) declared = bytes[position]!;
    else if (sizeBytes === 2) declared = view.getUint16(position, true) + 256;
    else if (sizeBytes === 4) declared = view.getUint32(position, true);
    else if (sizeBytes === 8) declared = view.getUint32(position, true) + view.getUint32(position + 4, true) * 2 ** 32;
    position += sizeBytes;
    let least = 0;
    let most = 0;
    for (let isLast = false; !isLast; ) {
      if (position + 3 > bytes.length) return undefined;
      const header = bytes[position]! | (bytes[position + 1]! << 8) | (bytes[position + 2]! << 16);
      position += 3;
      isLast = (header & 1) === 1;
      const type = (header >>> 1) & 3;
      const size = header >>> 3;
      if (type === 3) return undefined;
      if (type === 2) most += blockLimit;
      else {
        least += size;
        most += size;
      }
      position += type === 1 ? 1 : size;
      if (position > bytes.length) return undefined;
    }
    if (hasChecksum) position += 4;
    if (position > bytes.length) return undefined;
    // A frame whose content is not of the declared size is refused by the decoder.
    atLeast += declared ?? least;
    atMost += declared ?? most;
  }
  return { atLeast, atMost };
}
