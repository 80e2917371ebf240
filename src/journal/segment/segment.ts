import { crc32c } from "@node-rs/crc32";
import type { Disk, DiskFile } from "#runtime/disk.ts";

/** Bytes before the first record. */
export const SEGMENT_HEADER_BYTES = 64;
const MAGIC = 0x31535254; // "TRS1"
const VERSION = 1;
const ZEROS = Buffer.alloc(1 << 20);

/** One use of a segment file. */
export interface SegmentUse {
  /** Counts uses in this journal: of two that claim the same record, the later one holds it. */
  readonly generation: number;
  readonly nonce: bigint;
  /** Number of the first record. Records of earlier uses with this or a later number are void. */
  readonly firstSequence: number;
}

export interface Segment {
  readonly file: DiskFile;
  readonly sizeBytes: number;
}

export function encodeSegmentHeader(use: SegmentUse): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.writeUInt32LE(MAGIC, 4);
  header.writeUInt32LE(VERSION, 8);
  header.writeBigUInt64LE(BigInt(use.generation), 16);
  header.writeBigUInt64LE(use.nonce, 24);
  header.writeBigUInt64LE(BigInt(use.firstSequence), 32);
  header.writeUInt32LE(crc32c(header.subarray(4)), 0);
  return header;
}

/** Undefined for a file never used, and for a damaged header. */
export function decodeSegmentHeader(header: Buffer): SegmentUse | undefined {
  if (header.length < SEGMENT_HEADER_BYTES || header.readUInt32LE(4) !== MAGIC) return undefined;
  if (crc32c(header.subarray(4, SEGMENT_HEADER_BYTES)) !== header.readUInt32LE(0)) return undefined;
  if (header.readUInt32LE(8) !== VERSION) return undefined;
  return {
    generation: Number(header.readBigUInt64LE(16)),
    nonce: header.readBigUInt64LE(24),
    firstSequence: Number(header.readBigUInt64LE(32)),
  };
}

/**
 * A new file, full of zeros and synced, its name too: writing records into it later takes no space and changes no size, so
 * that a sync has only data to write and a full disk shows here, before a record is promised.
 */
export async function createSegment(disk: Disk, directory: string, name: string, sizeBytes: number): Promise<Segment> {
  const path = `${directory}/${name}`;
  const file = await disk.open(path, "create");
  try {
    for (let at = 0; at < sizeBytes; at += ZEROS.length)
      await file.write([ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - at))], at);
    await file.sync();
    await disk.syncDirectory(directory);
    return { file, sizeBytes };
  } catch (error) {
    await file.close();
    await disk.remove(path);
    throw error;
  }
}
