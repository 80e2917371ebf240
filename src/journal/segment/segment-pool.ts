import type { Clock } from "#runtime/clock.ts";
import type { Disk } from "#runtime/disk.ts";
import { Failure } from "#runtime/failure.ts";
import { createSegment, SEGMENT_HEADER_BYTES, type Segment } from "./segment.ts";

export interface SegmentPoolOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly clock: Clock;
  /** Size of a segment; a record that is larger gets a segment of its own. */
  readonly segmentBytes: number;
  /** All segments together take no more. */
  readonly limitBytes: number;
  /** Left free on the file system, so that the engine can still take what the journal holds. */
  readonly reserveBytes: number;
}

/** How many unused segments are kept for the next burst; the rest is given back to the file system. */
const MAX_SPARE = 2;
/** A full disk is asked again after this long, so that a flood of refused appends does not keep writing zeros. */
const FULL_PAUSE_MS = 500;
const RETRY_AFTER_SECONDS = 5;

/** Segment files not in use, and the making of new ones within the limit. */
export class SegmentPool {
  readonly #options: SegmentPoolOptions;
  readonly #spare: Segment[] = [];
  #diskBytes = 0;
  #nextName = 1;
  #making: Promise<void> | undefined;
  #full: { readonly failure: Failure; readonly untilMs: number } | undefined;

  constructor(options: SegmentPoolOptions) {
    this.#options = options;
  }

  get diskBytes(): number {
    return this.#diskBytes;
  }

  /** Takes account of a segment found at the start. */
  async adopt(segment: Segment, isSpare: boolean): Promise<void> {
    const number = Number(/(\d+)$/.exec(segment.file.path)?.[1] ?? 0);
    this.#nextName = Math.max(this.#nextName, number + 1);
    this.#diskBytes += segment.sizeBytes;
    if (isSpare) await this.give(segment, true);
  }

  /** A segment with room for `bytes` of records. Throws "disk-full" if there is neither a spare one nor space. */
  async take(bytes: number): Promise<Segment> {
    await this.#making;
    const needed = bytes + SEGMENT_HEADER_BYTES;
    if (needed > this.#options.limitBytes)
      throw new Failure("too-large", `A record of ${bytes} bytes is larger than the journal's limit.`);
    if (needed <= this.#options.segmentBytes) {
      const spare = this.#spare.pop();
      if (spare !== undefined) return spare;
    }
    return this.#make(Math.max(needed, this.#options.segmentBytes));
  }

  /** Makes a spare segment in the background, so that the next change of segments has nothing to wait for. */
  prepare(): void {
    if (this.#making !== undefined || this.#spare.length > 0) return;
    this.#making = this.#make(this.#options.segmentBytes)
      .then(
        (segment) => void this.#spare.push(segment),
        // The append that needs the segment meets the same error and reports it.
        (error: unknown) => {
          if (!(error instanceof Error)) throw error;
        },
      )
      .finally(() => {
        this.#making = undefined;
      });
  }

  /** Gives a segment back. One whose disk refused a write (`isTrusted` false) is removed, not used again. */
  async give(segment: Segment, isTrusted: boolean): Promise<void> {
    if (isTrusted && segment.sizeBytes === this.#options.segmentBytes && this.#spare.length < MAX_SPARE) {
      this.#spare.push(segment);
      return;
    }
    this.#diskBytes -= segment.sizeBytes;
    this.#full = undefined;
    await segment.file.close();
    await this.#options.disk.remove(segment.file.path);
    // A name that came back after a power loss would bring back records that are void.
    await this.#options.disk.syncDirectory(this.#options.directory);
  }

  async close(): Promise<void> {
    await this.#making;
    for (const segment of this.#spare.splice(0)) await segment.file.close();
  }

  async #make(sizeBytes: number): Promise<Segment> {
    const { disk, directory, limitBytes, reserveBytes, clock } = this.#options;
    if (this.#full !== undefined && clock.monotonicMs() < this.#full.untilMs) throw this.#full.failure;
    if (this.#diskBytes + sizeBytes > limitBytes)
      throw new Failure(
        "disk-full",
        `The journal in ${directory} holds its limit of ${limitBytes} bytes: the engine does not keep up.`,
        { retryAfterSeconds: RETRY_AFTER_SECONDS },
      );
    this.#diskBytes += sizeBytes;
    try {
      const free = await disk.freeBytes(directory);
      if (free < sizeBytes + reserveBytes)
        throw new Failure(
          "disk-full",
          `The disk of ${directory} has ${free} bytes free; the next ${sizeBytes} of the journal would leave less than the reserve of ${reserveBytes}.`,
          { retryAfterSeconds: RETRY_AFTER_SECONDS },
        );
      return await createSegment(disk, directory, `segment-${String(this.#nextName++).padStart(6, "0")}`, sizeBytes);
    } catch (error) {
      this.#diskBytes -= sizeBytes;
      if (error instanceof Failure && error.code === "disk-full")
        this.#full = { failure: error, untilMs: clock.monotonicMs() + FULL_PAUSE_MS };
      throw error;
    }
  }
}
