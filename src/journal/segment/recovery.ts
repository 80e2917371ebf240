import { crc32c } from "@node-rs/crc32";
import type { Disk } from "#runtime/disk.ts";
import {
  decodeRecordHeader,
  HEADER_BYTES,
  looksLikeHeader,
  payloadBytes,
  type RecordHeader,
  recordBytes,
} from "../record.ts";
import type { CursorState } from "./cursor.ts";
import { RecordIndex, type Run } from "./record-index.ts";
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, type Segment, type SegmentUse } from "./segment.ts";

/**
 * What a directory of segments holds.
 *
 * Which bytes count:
 * 1. Segments in the order of their first record; of two that claim a record the later use wins, so what a failed write
 *    left behind a segment's end is void once the next segment names its first record.
 * 2. In all but the last segment everything before the next one's first record was acknowledged: what is missing is damage.
 * 3. In the last segment a hole is damage if some record written later says that it was durable by then (`durableSequence`);
 *    else it is a torn write of which nothing was acknowledged, and it is cut there. A damaged record of the very last group
 *    looks the same as a torn one: the disk alone cannot tell them apart.
 * 4. A segment whose header is damaged is known by its first record; if that was completed it is an old use, and spare.
 */
export interface Recovered {
  readonly index: RecordIndex;
  /** Hold records not yet completed. */
  readonly live: readonly Segment[];
  /** Hold nothing needed. */
  readonly spare: readonly Segment[];
  readonly nextSequence: number;
  readonly acceptedBefore: number;
  readonly nextGeneration: number;
  readonly tornBytes: number;
}

interface Found {
  readonly segment: Segment;
  readonly use: SegmentUse;
}

const REWRITE_BYTES = 1 << 20;

/** A record in a segment, by its header. */
interface Located {
  readonly header: RecordHeader;
  readonly offset: number;
  readonly bytes: number;
  readonly isWhole: boolean;
}

export async function recoverSegments(
  disk: Disk,
  directory: string,
  names: readonly string[],
  cursor: CursorState,
): Promise<Recovered> {
  const found: Found[] = [];
  const spare: Segment[] = [];
  let nextGeneration = 1;
  for (const name of names) {
    const file = await disk.open(`${directory}/${name}`, "existing");
    const segment: Segment = { file, sizeBytes: await file.size() };
    const use = await readUse(segment, cursor.completedSequence);
    if (use === undefined) spare.push(segment);
    else found.push({ segment, use });
    if (use !== undefined) nextGeneration = Math.max(nextGeneration, use.generation + 1);
  }
  found.sort((a, b) => a.use.firstSequence - b.use.firstSequence || a.use.generation - b.use.generation);

  const index = new RecordIndex();
  const live: Segment[] = [];
  let tornBytes = 0;
  let sequence = cursor.completedSequence + 1;
  let acceptedBefore = cursor.completedAccepted;
  // Where reading stands: damage is reported from here.
  let file = directory;
  let readTo = 0;
  const addGap = (lastSequence: number, acceptedBeforeNext: number): void => {
    const acceptedCount = Math.max(0, acceptedBeforeNext - acceptedBefore);
    index.addGap({ firstSequence: sequence, lastSequence, acceptedCount, file, offset: readTo });
    sequence = lastSequence + 1;
    acceptedBefore += acceptedCount;
  };

  for (const [position, { segment, use }] of found.entries()) {
    const end = found[position + 1]?.use.firstSequence ?? Number.MAX_SAFE_INTEGER;
    if (end <= sequence) {
      spare.push(segment);
      continue;
    }
    const isLast = position === found.length - 1;
    const scanned = await scan(segment, use, isLast);
    const kept = isLast ? beforeTear(scanned, use) : scanned.filter(({ header }) => header.sequence < end);
    if (isLast) tornBytes = scanned.slice(kept.length).reduce((sum, { bytes }) => sum + bytes, 0);
    let run: Run | undefined;
    if (kept[0] !== undefined && kept[0].offset > SEGMENT_HEADER_BYTES) {
      file = segment.file.path;
      readTo = SEGMENT_HEADER_BYTES;
    }
    for (const { header, offset, bytes } of kept) {
      if (header.sequence >= sequence) {
        if (header.sequence > sequence) addGap(header.sequence - 1, header.acceptedBefore);
        if (run === undefined || run.end !== offset) run = index.addRun(segment, use.nonce, sequence, offset);
        index.addRecord(run, bytes, header);
        sequence = header.sequence + 1;
        acceptedBefore = header.acceptedBefore + header.acceptedCount;
      }
      file = segment.file.path;
      readTo = offset + bytes;
    }
    if (index.lastSequenceIn(segment) > 0) {
      if (isLast) await makeDurable(segment, scanned, kept);
      live.push(segment);
    } else spare.push(segment);
  }
  const planned = cursor.openLoad?.lastSequence ?? 0;
  if (planned >= sequence) addGap(planned, acceptedBefore);
  return { index, live, spare, nextSequence: sequence, acceptedBefore, nextGeneration, tornBytes };
}

/** Which use the segment is in; undefined where it holds nothing that was not completed, as far as one can tell. */
async function readUse(segment: Segment, completedSequence: number): Promise<SegmentUse | undefined> {
  const head = Buffer.alloc(SEGMENT_HEADER_BYTES + HEADER_BYTES);
  await segment.file.read(head, 0);
  const use = decodeSegmentHeader(head);
  const first = decodeRecordHeader(head, SEGMENT_HEADER_BYTES);
  if (use !== undefined && (first === undefined || first.nonce === use.nonce)) return use;
  if (first === undefined || first.sequence <= completedSequence) return use;
  return { generation: use === undefined ? 0 : use.generation, nonce: first.nonce, firstSequence: first.sequence };
}

/**
 * The last records were written by a process that is gone; perhaps they are in the page cache only, where a failed sync may
 * have left them for good. What is loaded from them must not vanish afterwards, so they are written once more, the same bytes
 * in the same place, and synced.
 */
async function makeDurable(segment: Segment, scanned: readonly Located[], kept: readonly Located[]): Promise<void> {
  const durable = durableSequence(scanned);
  const from = kept.findIndex(({ header }) => header.sequence > durable);
  const last = kept.at(-1);
  if (from < 0 || last === undefined) return;
  const end = last.offset + last.bytes;
  const piece = Buffer.allocUnsafe(REWRITE_BYTES);
  for (let at = from === 0 ? 0 : kept[from]!.offset; at < end; at += piece.length) {
    const bytes = piece.subarray(0, Math.min(piece.length, end - at));
    await segment.file.read(bytes, at);
    await segment.file.write([bytes], at);
  }
  await segment.file.sync();
}

/** The highest number that some record says was durable. */
function durableSequence(scanned: readonly Located[]): number {
  return scanned.reduce((most, { header }) => Math.max(most, header.durableSequence), 0);
}

/** Records up to the first hole behind which nothing says that it had been durable. */
function beforeTear(scanned: readonly Located[], use: SegmentUse): readonly Located[] {
  const durable = durableSequence(scanned);
  let next = use.firstSequence;
  for (const [position, { header, isWhole }] of scanned.entries()) {
    const firstMissing = header.sequence > next ? next : isWhole ? undefined : header.sequence;
    if (firstMissing !== undefined && firstMissing > durable) return scanned.slice(0, position);
    if (!isWhole && header.sequence > durable) return scanned.slice(0, position);
    next = header.sequence + 1;
  }
  return scanned;
}

/** Every record header of this use, in order, skipping over what is none. */
async function scan(segment: Segment, use: SegmentUse, verifyBodies: boolean): Promise<readonly Located[]> {
  const window = new Window(segment, use.nonce);
  const located: Located[] = [];
  let offset = SEGMENT_HEADER_BYTES;
  let sequence = use.firstSequence;
  for (;;) {
    const next = await window.nextHeader(offset, sequence);
    if (next === undefined) return located;
    const { header } = next;
    const bytes = recordBytes(header.tenantLength + header.decodingLength, header.bodyLength);
    const fits = next.offset + bytes <= segment.sizeBytes;
    const isWhole = fits && (!verifyBodies || (await isPayloadWhole(segment, header, next.offset)));
    located.push({ header, offset: next.offset, bytes, isWhole });
    sequence = header.sequence + 1;
    offset = next.offset + bytes;
  }
}

async function isPayloadWhole(segment: Segment, header: RecordHeader, offset: number): Promise<boolean> {
  const payload = Buffer.allocUnsafe(payloadBytes(header));
  const length = await segment.file.read(payload, offset + HEADER_BYTES);
  return length === payload.length && crc32c(payload) === header.payloadChecksum;
}

/** Looks for record headers in a segment, a piece of it in memory at a time. */
class Window {
  static readonly #BYTES = 256 * 1024;
  readonly #segment: Segment;
  readonly #nonce: bigint;
  readonly #buffer = Buffer.alloc(Window.#BYTES);
  #start = 0;
  #filled = 0;

  constructor(segment: Segment, nonce: bigint) {
    this.#segment = segment;
    this.#nonce = nonce;
  }

  /** The first header at or behind `offset` with at least this sequence number. */
  async nextHeader(
    offset: number,
    sequence: number,
  ): Promise<{ readonly header: RecordHeader; readonly offset: number } | undefined> {
    let at = offset;
    while (at + HEADER_BYTES <= this.#segment.sizeBytes) {
      if (at < this.#start || at + HEADER_BYTES > this.#start + this.#filled) {
        this.#start = at;
        this.#filled = await this.#segment.file.read(this.#buffer, at);
        if (this.#filled < HEADER_BYTES) return undefined;
      }
      for (; at + HEADER_BYTES <= this.#start + this.#filled; at += 8) {
        if (!looksLikeHeader(this.#buffer, at - this.#start)) continue;
        const header = decodeRecordHeader(this.#buffer, at - this.#start);
        if (header !== undefined && header.nonce === this.#nonce && header.sequence >= sequence)
          return { header, offset: at };
      }
    }
    return undefined;
  }
}

/** Names of the segment files among a directory's entries. */
export function segmentNames(entries: readonly string[]): readonly string[] {
  return entries.filter((name) => /^segment-\d{6,}$/.test(name)).sort();
}
