import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "#runtime/clock.ts";
import type { Disk } from "#runtime/disk.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import { describeError, Failure, isFailure } from "#runtime/failure.ts";
import type {
  ExtentLimit,
  Journal,
  JournalEntry,
  JournalExtent,
  JournalRecord,
  JournalRecovery,
  JournalStatus,
  LoadPlan,
} from "../journal.ts";
import {
  decodeRecordHeader,
  decodeRecordPayload,
  encodeRecordHead,
  encodeText,
  HEADER_BYTES,
  payloadBytes,
  type RecordText,
  recordBytes,
  recordPadding,
} from "../record.ts";
import { Cursor } from "./cursor.ts";
import { type RecordIndex, type Run, recordAt } from "./record-index.ts";
import { recoverSegments, segmentNames } from "./recovery.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type Segment } from "./segment.ts";
import { SegmentPool } from "./segment-pool.ts";

/**
 * The journal on disk: preallocated segment files used in turn, one writer, group commit. FORMAT.md draws the bytes.
 *
 *   append ─┐                        ┌────────── segment, used up to `end` ───────────┐
 *   append ─┼─► waiting ─► group ──► │ header │ record │ record │ … │  zeros / old bytes │  write, then one sync
 *   append ─┘   (while the group     └────────────────────────────────────────────────┘
 *                before is written)
 *
 * Invariants:
 * - At most one write is under way. A group lies in one segment and is written behind the last durable record.
 * - A number is used only by a record whose group was synced; the promise of `append` resolves after that sync.
 * - A segment whose write or sync failed is never written again, and never reused: what the failed group left there is void
 *   because the next segment begins with the number the group would have had (see recovery.ts). The kernel forgets which
 *   pages it could not write, so a later good sync of that file would prove nothing.
 * - A segment opened by a restart is never written again: a torn tail is left as it is, and void for the same reason.
 * - A segment is given back only when the cursor that says "completed" is durable.
 * - Lengths come from our index or from a checked header, never from unchecked bytes: a damaged file cannot ask for memory.
 */
export interface SegmentJournalOptions {
  readonly directory: string;
  /** Bytes of a segment file. */
  readonly segmentBytes?: number;
  /** The journal takes no more disk than this; appends that do not fit fail with "disk-full". */
  readonly limitBytes?: number;
  /** Free bytes that the journal leaves on the file system. */
  readonly reserveBytes?: number;
  /** A group is closed at this size, which bounds how long one sync takes. */
  readonly groupBytes?: number;
  /** Records not completed, at most: bounds the index in memory, twelve bytes each. */
  readonly limitRecords?: number;
  readonly disk?: Disk;
  readonly clock?: Clock;
  /** 64 random bits. */
  readonly nonce?: () => bigint;
}

const MIB = 1 << 20;
/** Bodies from this size on are written from where they are; smaller ones are copied together. */
const COPY_BELOW_BYTES = 32 * 1024;
/** The system takes no more pieces in one write. */
const MAX_GROUP_RECORDS = 400;
const READ_BYTES = MIB;

/** Opens or makes the journal in `directory`. Throws "data-in-use", "corrupt" (no cursor), "disk-full". */
export async function openSegmentJournal(options: SegmentJournalOptions): Promise<Journal> {
  const disk = options.disk ?? systemDisk;
  const clock = options.clock ?? systemClock;
  const { directory } = options;
  const limitBytes = options.limitBytes ?? 2048 * MIB;
  const segmentBytes = Math.min(options.segmentBytes ?? 32 * MIB, Math.floor(limitBytes / 2));
  await disk.makeDirectory(directory);
  const lock = await disk.lock(directory);
  const opened: { close(): Promise<void> }[] = [];
  try {
    const names = segmentNames(await disk.list(directory));
    // A process that was killed may have made files whose names are not durable yet.
    await disk.syncDirectory(directory);
    // Load numbers begin at the time in milliseconds: greater than any that a lost earlier journal of the same data gave, as
    // long as the clock was never set back. The loader makes sure of the rest (`continueAfter`).
    const start = { lastLoad: clock.nowMs(), completedSequence: 0, completedAccepted: 0, openLoad: undefined };
    const cursor = await Cursor.open(disk, directory, names.length === 0 ? start : undefined);
    opened.push(cursor);
    const recovered = await recoverSegments(disk, directory, names, cursor.state);
    const pool = new SegmentPool({
      disk,
      directory,
      clock,
      segmentBytes,
      limitBytes,
      reserveBytes: options.reserveBytes ?? 256 * MIB,
    });
    opened.push(pool);
    for (const segment of recovered.live) {
      await pool.adopt(segment, false);
      opened.push(segment.file);
    }
    for (const segment of recovered.spare) await pool.adopt(segment, true);
    // A full disk must not keep the program from starting: the first append meets it and says so.
    pool.prepare();
    return new SegmentJournal({
      lock,
      cursor,
      pool,
      index: recovered.index,
      live: [...recovered.live],
      nextSequence: recovered.nextSequence,
      acceptedBefore: recovered.acceptedBefore,
      generation: recovered.nextGeneration,
      limitBytes,
      limitRecords: options.limitRecords ?? 4_000_000,
      groupBytes: options.groupBytes ?? 16 * MIB,
      nonce: options.nonce ?? (() => randomBytes(8).readBigUInt64LE()),
      recovery: {
        isFresh: cursor.state.completedSequence === 0 && cursor.state.openLoad === undefined,
        records: recovered.index.records,
        bytes: recovered.index.bytes,
        tornBytes: recovered.tornBytes,
        damaged: recovered.index.gaps.map(({ kind: _, ...damaged }) => damaged),
      },
    });
  } catch (error) {
    for (const resource of opened.reverse()) await resource.close();
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

interface State {
  readonly lock: AsyncDisposable;
  readonly cursor: Cursor;
  readonly pool: SegmentPool;
  readonly index: RecordIndex;
  readonly live: Segment[];
  readonly nextSequence: number;
  readonly acceptedBefore: number;
  readonly generation: number;
  readonly limitBytes: number;
  readonly limitRecords: number;
  readonly groupBytes: number;
  readonly nonce: () => bigint;
  readonly recovery: JournalRecovery;
}

interface Waiting {
  readonly record: JournalRecord;
  readonly text: RecordText;
  readonly bytes: number;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The segment being written. `run` is undefined until its first group is durable. */
interface Active {
  readonly segment: Segment;
  readonly nonce: bigint;
  end: number;
  run: Run | undefined;
}

class SegmentJournal implements Journal {
  readonly recovery: JournalRecovery;
  readonly #state: State;
  readonly #waiting: Waiting[] = [];
  /** Sealed segments that hold records not completed, oldest first. */
  readonly #live: Segment[];
  readonly #untrusted = new Set<Segment>();
  #active: Active | undefined;
  #nextSequence: number;
  #acceptedBefore: number;
  #generation: number;
  #plannedSequence: number;
  #lastLoad: number;
  #writing: Promise<void> | undefined;
  #trouble: string | undefined;
  #isClosed = false;

  constructor(state: State) {
    this.#state = state;
    this.recovery = state.recovery;
    this.#live = state.live;
    this.#nextSequence = state.nextSequence;
    this.#acceptedBefore = state.acceptedBefore;
    this.#generation = state.generation;
    const { lastLoad, completedSequence, openLoad } = state.cursor.state;
    this.#plannedSequence = openLoad?.lastSequence ?? completedSequence;
    this.#lastLoad = lastLoad;
  }

  append(record: JournalRecord): Promise<number> {
    if (this.#isClosed) return Promise.reject(new Failure("unavailable", "The journal is closed."));
    const text = encodeText(record);
    const bytes = recordBytes(text.bytes.length, record.body.length);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, text, bytes, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async *read(firstSequence: number, lastSequence: number): AsyncGenerator<JournalEntry> {
    for (let sequence = firstSequence; sequence <= lastSequence; ) {
      const stretch = this.#state.index.find(sequence);
      if (stretch === undefined) throw new Error(`Record ${sequence} is not in the journal.`);
      if (stretch.kind === "gap") {
        const { kind: _, ...damaged } = stretch;
        yield { kind: "damaged", damaged };
        sequence = stretch.lastSequence + 1;
        continue;
      }
      const last = Math.min(lastSequence, stretch.firstSequence + stretch.offsets.length - 1);
      const start = recordAt(stretch, sequence).offset;
      const records: ReturnType<typeof recordAt>[] = [];
      for (let bytes = 0; sequence <= last; sequence++) {
        const next = recordAt(stretch, sequence);
        if (records.length > 0 && bytes + next.bytes > READ_BYTES) break;
        records.push(next);
        bytes += next.bytes;
      }
      const end = records.at(-1)!;
      const piece = Buffer.allocUnsafeSlow(end.offset + end.bytes - start);
      const filled = await stretch.segment.file.read(piece, start);
      for (const { lastSequence: number, offset, bytes, acceptedCount } of records) {
        const view = piece.subarray(offset - start, Math.min(filled, offset - start + bytes));
        yield readRecord(view, stretch, number) ?? {
          kind: "damaged",
          damaged: {
            firstSequence: number,
            lastSequence: number,
            acceptedCount,
            file: stretch.segment.file.path,
            offset,
          },
        };
      }
    }
  }

  measure(firstSequence: number, atMost: ExtentLimit): JournalExtent | undefined {
    return this.#state.index.measure(firstSequence, atMost);
  }

  openLoad(): LoadPlan | undefined {
    return this.#state.cursor.state.openLoad;
  }

  continueAfter(load: number): void {
    this.#lastLoad = Math.max(this.#lastLoad, load);
  }

  async planLoad(lastSequence: number, source?: string): Promise<LoadPlan> {
    const { cursor } = this.#state;
    const open = cursor.state.openLoad;
    if (open !== undefined) throw new Error(`Load ${open.load} is open.`);
    const last = source === undefined ? lastSequence : this.#plannedSequence;
    if (source === undefined && (last <= this.#plannedSequence || last >= this.#nextSequence))
      throw new Error(
        `Cannot plan up to ${last}: planned ${this.#plannedSequence}, durable ${this.#nextSequence - 1}.`,
      );
    const plan: LoadPlan = {
      load: this.#lastLoad + 1,
      firstSequence: this.#plannedSequence + 1,
      lastSequence: last,
      source,
    };
    await this.#writeCursor({ ...cursor.state, lastLoad: plan.load, openLoad: plan });
    this.#plannedSequence = last;
    this.#lastLoad = plan.load;
    return plan;
  }

  async completeLoad(plan: LoadPlan): Promise<void> {
    const { cursor, index } = this.#state;
    const open = cursor.state.openLoad;
    if (open === undefined || open.load !== plan.load) throw new Error(`Load ${plan.load} is not open.`);
    const extent =
      open.lastSequence < open.firstSequence ? undefined : index.sum(open.firstSequence, open.lastSequence);
    await this.#writeCursor({
      lastLoad: cursor.state.lastLoad,
      completedSequence: open.lastSequence,
      completedAccepted: cursor.state.completedAccepted + (extent?.acceptedCount ?? 0),
      openLoad: undefined,
    });
    if (extent === undefined) return;
    index.complete(open.firstSequence, open.lastSequence);
    while (this.#live.length > 0 && index.lastSequenceIn(this.#live[0]!) <= open.lastSequence) {
      const segment = this.#live.shift()!;
      index.removeSegment(segment);
      await this.#give(segment, !this.#untrusted.delete(segment));
    }
  }

  status(): JournalStatus {
    const { index, pool, cursor, limitBytes } = this.#state;
    return {
      appendedSequence: this.#nextSequence - 1 + this.#waiting.length,
      durableSequence: this.#nextSequence - 1,
      completedSequence: cursor.state.completedSequence,
      pendingBytes: index.bytes,
      pendingRecords: index.acceptedCount,
      diskBytes: pool.diskBytes,
      limitBytes,
      trouble: this.#trouble,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    const { pool, cursor, lock } = this.#state;
    await pool.close();
    for (const segment of this.#live) await segment.file.close();
    await this.#active?.segment.file.close();
    await cursor.close();
    await lock[Symbol.asyncDispose]();
  }

  async #writeCursor(state: Cursor["state"]): Promise<void> {
    try {
      await this.#state.cursor.write(state);
    } catch (error) {
      throw asFailure(error, "The journal could not keep its cursor");
    }
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const active = await this.#roomForFirst();
      if (active !== undefined) await this.#writeGroup(active);
    }
    // In the same step as the look at `waiting`: an append in between would wait for a writer that has gone.
    this.#writing = undefined;
  }

  /** The segment that the first waiting record fits; undefined if there is none, and that record was refused. */
  async #roomForFirst(): Promise<Active | undefined> {
    const first = this.#waiting[0]!;
    try {
      if (this.#state.index.records >= this.#state.limitRecords)
        throw new Failure("disk-full", `The journal holds its limit of ${this.#state.limitRecords} records.`, {
          retryAfterSeconds: 5,
        });
      const active = this.#active;
      if (active !== undefined && active.segment.sizeBytes - active.end >= first.bytes) return active;
      const segment = await this.#state.pool.take(first.bytes);
      await this.#seal();
      this.#active = { segment, nonce: this.#state.nonce(), end: 0, run: undefined };
      return this.#active;
    } catch (error) {
      this.#waiting.shift();
      const failure = asFailure(error, "The journal could not be written");
      this.#trouble = failure.message;
      first.reject(failure);
      return undefined;
    }
  }

  /** Ends the use of the active segment. */
  async #seal(isTrusted = true): Promise<void> {
    const active = this.#active;
    if (active === undefined) return;
    this.#active = undefined;
    const { index, cursor } = this.#state;
    if (index.lastSequenceIn(active.segment) > cursor.state.completedSequence) {
      this.#live.push(active.segment);
      if (!isTrusted) this.#untrusted.add(active.segment);
    } else {
      index.removeSegment(active.segment);
      await this.#give(active.segment, isTrusted);
    }
  }

  /** A file that cannot be closed or removed costs space, not records. */
  async #give(segment: Segment, isTrusted: boolean): Promise<void> {
    try {
      await this.#state.pool.give(segment, isTrusted);
    } catch (error) {
      this.#trouble = `A segment could not be given back: ${describeError(error)}`;
    }
  }

  async #writeGroup(active: Active): Promise<void> {
    const group = this.#takeGroup(active);
    const { parts, bytes } = this.#encode(group, active);
    try {
      await active.segment.file.write(parts, active.end);
      await active.segment.file.sync();
    } catch (error) {
      const failure = asFailure(error, "The journal could not be written");
      this.#trouble = failure.message;
      await this.#seal(false);
      for (const { reject } of group) reject(failure);
      return;
    }
    const { index, pool } = this.#state;
    const first = active.end === 0 ? SEGMENT_HEADER_BYTES : active.end;
    active.run ??= index.addRun(active.segment, active.nonce, this.#nextSequence, first);
    for (const waiting of group) {
      index.addRecord(active.run, waiting.bytes, waiting.record);
      this.#acceptedBefore += waiting.record.acceptedCount;
      waiting.resolve(this.#nextSequence++);
    }
    active.end += bytes;
    this.#trouble = undefined;
    if (active.end > active.segment.sizeBytes / 2) pool.prepare();
  }

  /** As many waiting records as fit the segment and a group: at least the first. */
  #takeGroup(active: Active): readonly Waiting[] {
    let room = active.segment.sizeBytes - (active.end === 0 ? SEGMENT_HEADER_BYTES : active.end);
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (waiting.bytes > room || count === MAX_GROUP_RECORDS) break;
      if (count > 0 && bytes + waiting.bytes > this.#state.groupBytes) break;
      room -= waiting.bytes;
      bytes += waiting.bytes;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** The bytes of a group, large bodies where they are and everything else copied together. */
  #encode(
    group: readonly Waiting[],
    active: Active,
  ): { readonly parts: readonly Uint8Array[]; readonly bytes: number } {
    const isFirst = active.end === 0;
    let copied = isFirst ? SEGMENT_HEADER_BYTES : 0;
    for (const { record, bytes } of group) copied += isLarge(record) ? bytes - record.body.length : bytes;
    const buffer = Buffer.allocUnsafeSlow(copied);
    const parts: Uint8Array[] = [];
    let at = 0;
    let from = 0;
    let bytes = 0;
    if (isFirst) {
      const use = { generation: this.#generation++, nonce: active.nonce, firstSequence: this.#nextSequence };
      at = encodeSegmentHeader(use).copy(buffer);
      bytes = at;
    }
    const durableSequence = this.#nextSequence - 1;
    let acceptedBefore = this.#acceptedBefore;
    for (const [position, { record, text, bytes: size }] of group.entries()) {
      const sequence = this.#nextSequence + position;
      at = encodeRecordHead(buffer, at, record, text, {
        nonce: active.nonce,
        sequence,
        durableSequence,
        acceptedBefore,
      });
      if (isLarge(record)) {
        parts.push(buffer.subarray(from, at), record.body);
        from = at;
      } else {
        buffer.set(record.body, at);
        at += record.body.length;
      }
      const padding = recordPadding(text.bytes.length, record.body.length);
      buffer.fill(0, at, at + padding);
      at += padding;
      acceptedBefore += record.acceptedCount;
      bytes += size;
    }
    if (at > from) parts.push(buffer.subarray(from, at));
    return { parts, bytes };
  }
}

function isLarge(record: JournalRecord): boolean {
  return record.body.length >= COPY_BELOW_BYTES;
}

function readRecord(bytes: Buffer, run: Run, sequence: number): JournalEntry | undefined {
  const header = decodeRecordHeader(bytes, 0);
  if (header === undefined || header.sequence !== sequence || header.nonce !== run.nonce) return undefined;
  const end = HEADER_BYTES + payloadBytes(header);
  const record = decodeRecordPayload(header, bytes.subarray(HEADER_BYTES, end));
  return record === undefined ? undefined : { kind: "record", record };
}

function asFailure(error: unknown, what: string): Failure {
  if (isFailure(error)) return error;
  return new Failure("unavailable", `${what}: ${describeError(error)}`, { cause: error, retryAfterSeconds: 5 });
}
