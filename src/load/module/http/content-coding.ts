import * as zlib from "node:zlib";
import { decompress } from "#wire/compression.ts";

/** What a response may unpack to. */
const MOST_UNPACKED_BYTES = 1 << 28;

const CODINGS = ["gzip", "deflate", "br", "zstd"] as const;
type Coding = (typeof CODINGS)[number];

/** `gzip, br` as a list; throws on what k6 does not know either. */
export function parseCodings(list: string): readonly Coding[] {
  return list
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "")
    .map((name) => {
      const coding = CODINGS.find((known) => known === name);
      if (coding === undefined) throw new Error(`unknown compression algorithm ${name}`);
      return coding;
    });
}

/** Packs a request's body with one coding after the other. */
export function pack(body: Uint8Array, codings: readonly Coding[]): Uint8Array {
  return codings.reduce((bytes, coding) => packOnce(bytes, coding), body);
}

function packOnce(body: Uint8Array, coding: Coding): Uint8Array {
  switch (coding) {
    case "gzip":
      return zlib.gzipSync(body);
    case "deflate":
      return zlib.deflateSync(body);
    case "br":
      return zlib.brotliCompressSync(body, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } });
    case "zstd":
      return (
        (zlib as { readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdCompressSync?.(body) ??
        storedZstd(body)
      );
  }
}

/**
 * A zstd frame (RFC 8878, section 3.1.1) of raw blocks, for the Node versions that cannot compress with zstd: larger than it
 * could be, and valid.
 */
export function storedZstd(body: Uint8Array): Uint8Array {
  const block = 1 << 17;
  const count = Math.max(1, Math.ceil(body.length / block));
  const frame = Buffer.alloc(4 + 1 + 8 + count * 3 + body.length);
  let at = frame.writeUInt32LE(0xfd2fb528, 0);
  // Content size in 8 bytes, one segment, no checksum, no dictionary.
  at = frame.writeUInt8(0b1110_0000, at);
  at = frame.writeBigUInt64LE(BigInt(body.length), at);
  for (let index = 0; index < count; index++) {
    const part = body.subarray(index * block, (index + 1) * block);
    at = frame.writeUIntLE((part.length << 3) | (index === count - 1 ? 1 : 0), at, 3);
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** Unpacks a response's body by its `Content-Encoding`, the last coding first. Throws where it is damaged or too large; leaves it when it knows a coding not. */
export function unpack(body: Uint8Array, contentEncoding: string): Uint8Array {
  const codings = contentEncoding
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  if (!codings.every((name) => CODINGS.some((known) => known === name))) return body;
  return codings.reduceRight((bytes, coding) => unpackOnce(bytes, coding as Coding), body);
}

function unpackOnce(body: Uint8Array, coding: Coding): Uint8Array {
  if (body.length === 0) return body;
  return coding === "br"
    ? zlib.brotliDecompressSync(body, { maxOutputLength: MOST_UNPACKED_BYTES })
    : decompress(body, coding, MOST_UNPACKED_BYTES);
}
