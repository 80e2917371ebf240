import { randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { crc32c } from "@node-rs/crc32";
import type { Disk, DiskFile } from "#runtime/disk.ts";
import { Failure } from "#runtime/failure.ts";
import type { JournalEntry, SequencedRecord } from "./journal.ts";
import {
  decodeRecordHeader,
  decodeRecordPayload,
  encodeRecord,
  HEADER_BYTES,
  payloadBytes,
  recordBytes,
} from "./record.ts";

/**
 * Records put aside in a file of their own, with a text that says why. Written whole or not at all.
 *
 *   offset 0   crc32c of the text            u32
 *          4   magic "TRQ1"                  u32
 *          8   length of the text in bytes   u32
 *         12   zero                          u32
 *         16   nonce of the records          u64
 *         24   the text, UTF-8, padded to 8
 *              records as in a segment (segment/FORMAT.md)
 */
const MAGIC = 0x31515254; // "TRQ1"
const FIXED_BYTES = 24;
const MAX_TEXT_BYTES = 1 << 20;

export async function writeRecordFile(
  disk: Disk,
  path: string,
  text: string,
  records: AsyncIterable<SequencedRecord>,
): Promise<void> {
  const temporary = `${path}.new`;
  const nonce = randomBytes(8).readBigUInt64LE();
  const file = await disk.open(temporary, "create");
  try {
    const bytes = Buffer.from(text, "utf8");
    if (bytes.length > MAX_TEXT_BYTES) throw new Error(`A text of ${bytes.length} bytes is too long.`);
    const head = Buffer.alloc(headBytes(bytes.length));
    head.writeUInt32LE(crc32c(bytes), 0);
    head.writeUInt32LE(MAGIC, 4);
    head.writeUInt32LE(bytes.length, 8);
    head.writeBigUInt64LE(nonce, 16);
    head.set(bytes, FIXED_BYTES);
    await file.write([head], 0);
    let at = head.length;
    let acceptedBefore = 0;
    for await (const record of records) {
      const place = { nonce, sequence: record.sequence, durableSequence: 0, acceptedBefore };
      const encoded = encodeRecord(record, place);
      await file.write([encoded], at);
      at += encoded.length;
      acceptedBefore += record.acceptedCount;
    }
    await file.sync();
    await disk.rename(temporary, path);
    await disk.syncDirectory(dirname(path));
  } catch (error) {
    await disk.remove(temporary);
    throw error;
  } finally {
    await file.close();
  }
}

export interface RecordFile extends AsyncDisposable {
  readonly text: string;
  /** In the order they were written. Behind a damaged header nothing can be read: the rest is one damaged entry. */
  entries(): AsyncIterable<JournalEntry>;
}

/** Throws "not-found", and "corrupt" where the text is damaged. */
export async function openRecordFile(disk: Disk, path: string): Promise<RecordFile> {
  const file = await disk.open(path, "existing");
  try {
    const head = Buffer.alloc(FIXED_BYTES);
    const corrupt = new Failure("corrupt", `${path} is damaged at its beginning.`);
    if ((await file.read(head, 0)) < FIXED_BYTES || head.readUInt32LE(4) !== MAGIC) throw corrupt;
    const length = head.readUInt32LE(8);
    if (length > MAX_TEXT_BYTES) throw corrupt;
    const bytes = Buffer.alloc(length);
    if ((await file.read(bytes, FIXED_BYTES)) < length || crc32c(bytes) !== head.readUInt32LE(0)) throw corrupt;
    return {
      text: bytes.toString("utf8"),
      entries: () => readEntries(file, headBytes(length), head.readBigUInt64LE(16)),
      [Symbol.asyncDispose]: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function* readEntries(file: DiskFile, start: number, nonce: bigint): AsyncGenerator<JournalEntry> {
  const size = await file.size();
  let sequence = 0;
  for (let at = start; at < size; ) {
    const head = Buffer.alloc(HEADER_BYTES);
    await file.read(head, at);
    const header = decodeRecordHeader(head, 0);
    if (header === undefined || header.nonce !== nonce || at + HEADER_BYTES + payloadBytes(header) > size) {
      const next = sequence + 1;
      yield damagedEntry(file.path, at, next, next, 0);
      return;
    }
    sequence = header.sequence;
    const payload = Buffer.allocUnsafeSlow(payloadBytes(header));
    await file.read(payload, at + HEADER_BYTES);
    const record = decodeRecordPayload(header, payload);
    yield record === undefined
      ? damagedEntry(file.path, at, sequence, sequence, header.acceptedCount)
      : { kind: "record", record };
    at += recordBytes(payloadBytes(header), 0);
  }
}

function damagedEntry(
  file: string,
  offset: number,
  firstSequence: number,
  lastSequence: number,
  acceptedCount: number,
): JournalEntry {
  return { kind: "damaged", damaged: { firstSequence, lastSequence, acceptedCount, file, offset } };
}

function headBytes(textBytes: number): number {
  return Math.ceil((FIXED_BYTES + textBytes) / 8) * 8;
}
