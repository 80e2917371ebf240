import { crc32c } from "@node-rs/crc32";
import type { JournalRecord, SequencedRecord } from "./journal.ts";

/**
 * One record as bytes, the same in journal segments and quarantine files; drawn in segment/FORMAT.md.
 * The header has a checksum of its own, so that a damaged body still tells how long it was and how many records are lost.
 */
export const HEADER_BYTES = 88;
const MAGIC = 0x314a5254; // "TRJ1"
const ALIGNMENT = 8;
const MAX_TEXT_BYTES = 0xffff;

const CONTENT_TYPES = ["protobuf", "json"] as const;
const CONTENT_ENCODINGS = ["identity", "gzip", "deflate", "zstd"] as const;
const OUTSIDE = ["clamp", "reject"] as const;

/** Where a record stands, beside what it says. */
export interface RecordPlace {
  /**
   * Random, one per use of a file: bytes left from an earlier use never pass for records of this one, nor does a body that
   * was made to look like records.
   */
  readonly nonce: bigint;
  readonly sequence: number;
  /** Every record up to this one was on stable storage when this one was written. */
  readonly durableSequence: number;
  /** `acceptedCount` of all records before this one, summed: tells what a gap held. */
  readonly acceptedBefore: number;
}

export interface RecordHeader extends RecordPlace, Omit<JournalRecord, "body" | "tenant" | "decoding"> {
  readonly tenantLength: number;
  readonly decodingLength: number;
  readonly bodyLength: number;
  readonly payloadChecksum: number;
}

/** Bytes of a record with this much behind its header, padding included. */
export function recordBytes(textLength: number, bodyLength: number): number {
  const bytes = HEADER_BYTES + textLength + bodyLength;
  return bytes + padding(bytes);
}

function padding(bytes: number): number {
  return (ALIGNMENT - (bytes % ALIGNMENT)) % ALIGNMENT;
}

/** The texts that stand between header and body. */
export interface RecordText {
  /** Tenant, then decoding, UTF-8. */
  readonly bytes: Buffer;
  readonly tenantLength: number;
}

/** Throws if a text is longer than a record can say. */
export function encodeText(record: JournalRecord): RecordText {
  const tenantLength = Buffer.byteLength(record.tenant);
  const decodingLength = Buffer.byteLength(record.decoding);
  if (tenantLength > MAX_TEXT_BYTES || decodingLength > MAX_TEXT_BYTES)
    throw new Error(`A tenant of ${tenantLength} or a decoding of ${decodingLength} bytes does not fit a record.`);
  return { bytes: Buffer.from(record.tenant + record.decoding, "utf8"), tenantLength };
}

/**
 * Writes header and texts to `into` at `offset` and returns the offset behind them. The body and `recordPadding` zero bytes
 * follow; who writes them decides whether they are copied.
 */
export function encodeRecordHead(
  into: Buffer,
  offset: number,
  record: JournalRecord,
  text: RecordText,
  place: RecordPlace,
): number {
  into.writeUInt32LE(MAGIC, offset + 4);
  into.writeBigUInt64LE(place.nonce, offset + 8);
  into.writeBigUInt64LE(BigInt(place.sequence), offset + 16);
  into.writeBigUInt64LE(BigInt(place.durableSequence), offset + 24);
  into.writeBigUInt64LE(BigInt(place.acceptedBefore), offset + 32);
  into.writeBigUInt64LE(record.receivedUnixNano, offset + 40);
  into.writeBigUInt64LE(record.acceptFromUnixNano, offset + 48);
  into.writeBigUInt64LE(record.acceptToUnixNano, offset + 56);
  into.writeUInt32LE(record.acceptedCount, offset + 64);
  into.writeUInt32LE(record.body.length, offset + 68);
  into.writeUInt32LE(crc32c(record.body, crc32c(text.bytes)), offset + 72);
  into.writeUInt16LE(text.tenantLength, offset + 76);
  into[offset + 78] = CONTENT_TYPES.indexOf(record.contentType);
  into[offset + 79] = CONTENT_ENCODINGS.indexOf(record.contentEncoding);
  into[offset + 80] = OUTSIDE.indexOf(record.outside);
  into[offset + 81] = 0;
  into.writeUInt16LE(text.bytes.length - text.tenantLength, offset + 82);
  into.writeUInt32LE(record.decodedBytes, offset + 84);
  into.writeUInt32LE(crc32c(into.subarray(offset + 4, offset + HEADER_BYTES)), offset);
  into.set(text.bytes, offset + HEADER_BYTES);
  return offset + HEADER_BYTES + text.bytes.length;
}

/** Zero bytes behind a record's payload. */
export function recordPadding(textLength: number, bodyLength: number): number {
  return padding(HEADER_BYTES + textLength + bodyLength);
}

/** A whole record in a buffer of its own. */
export function encodeRecord(record: JournalRecord, place: RecordPlace): Buffer {
  const text = encodeText(record);
  const bytes = Buffer.alloc(recordBytes(text.bytes.length, record.body.length));
  bytes.set(record.body, encodeRecordHead(bytes, 0, record, text, place));
  return bytes;
}

/** Whether a header may begin here: cheap, to be followed by `decodeRecordHeader`. */
export function looksLikeHeader(bytes: Buffer, offset: number): boolean {
  return bytes.readUInt32LE(offset + 4) === MAGIC;
}

/** The header at `offset`, or undefined if these bytes are no header or a damaged one. */
export function decodeRecordHeader(bytes: Buffer, offset: number): RecordHeader | undefined {
  if (offset + HEADER_BYTES > bytes.length || !looksLikeHeader(bytes, offset)) return undefined;
  if (crc32c(bytes.subarray(offset + 4, offset + HEADER_BYTES)) !== bytes.readUInt32LE(offset)) return undefined;
  const contentType = CONTENT_TYPES[bytes[offset + 78]!];
  const contentEncoding = CONTENT_ENCODINGS[bytes[offset + 79]!];
  const outside = OUTSIDE[bytes[offset + 80]!];
  if (contentType === undefined || contentEncoding === undefined || outside === undefined) return undefined;
  return {
    nonce: bytes.readBigUInt64LE(offset + 8),
    sequence: Number(bytes.readBigUInt64LE(offset + 16)),
    durableSequence: Number(bytes.readBigUInt64LE(offset + 24)),
    acceptedBefore: Number(bytes.readBigUInt64LE(offset + 32)),
    receivedUnixNano: bytes.readBigUInt64LE(offset + 40),
    acceptFromUnixNano: bytes.readBigUInt64LE(offset + 48),
    acceptToUnixNano: bytes.readBigUInt64LE(offset + 56),
    acceptedCount: bytes.readUInt32LE(offset + 64),
    decodedBytes: bytes.readUInt32LE(offset + 84),
    bodyLength: bytes.readUInt32LE(offset + 68),
    payloadChecksum: bytes.readUInt32LE(offset + 72),
    tenantLength: bytes.readUInt16LE(offset + 76),
    decodingLength: bytes.readUInt16LE(offset + 82),
    contentType,
    contentEncoding,
    outside,
  };
}

/** Bytes of texts and body: what the second checksum covers. */
export function payloadBytes(header: RecordHeader): number {
  return header.tenantLength + header.decodingLength + header.bodyLength;
}

/** The record behind a header, its body a view of `payload` (texts and body, no padding); undefined if it is damaged. */
export function decodeRecordPayload(header: RecordHeader, payload: Buffer): SequencedRecord | undefined {
  if (payload.length !== payloadBytes(header)) return undefined;
  if (crc32c(payload) !== header.payloadChecksum) return undefined;
  return {
    sequence: header.sequence,
    receivedUnixNano: header.receivedUnixNano,
    tenant: payload.toString("utf8", 0, header.tenantLength),
    contentType: header.contentType,
    contentEncoding: header.contentEncoding,
    acceptFromUnixNano: header.acceptFromUnixNano,
    acceptToUnixNano: header.acceptToUnixNano,
    outside: header.outside,
    decoding: payload.toString("utf8", header.tenantLength, header.tenantLength + header.decodingLength),
    acceptedCount: header.acceptedCount,
    decodedBytes: header.decodedBytes,
    body: payload.subarray(header.tenantLength + header.decodingLength),
  };
}
