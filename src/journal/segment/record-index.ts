import type { DamagedRecords, ExtentLimit, JournalExtent } from "../journal.ts";
import type { Segment } from "./segment.ts";
import { Uint32List } from "./uint32-list.ts";

/** Records that follow one another in one segment. */
export interface Run {
  readonly kind: "run";
  readonly segment: Segment;
  readonly nonce: bigint;
  readonly firstSequence: number;
  /** Where each record begins; the last one ends at `end`. */
  readonly offsets: Uint32List;
  readonly accepted: Uint32List;
  readonly decoded: Uint32List;
  end: number;
}

export interface Gap extends DamagedRecords {
  readonly kind: "gap";
}

export type Stretch = Run | Gap;

/** Which record lies where: twelve bytes of memory a record. Stretches follow one another without holes between them. */
export class RecordIndex {
  #stretches: Stretch[] = [];
  #records = 0;
  #acceptedCount = 0;
  #bytes = 0;

  get records(): number {
    return this.#records;
  }

  get acceptedCount(): number {
    return this.#acceptedCount;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get gaps(): readonly Gap[] {
    return this.#stretches.filter((stretch) => stretch.kind === "gap");
  }

  addRun(segment: Segment, nonce: bigint, firstSequence: number, offset: number): Run {
    const run: Run = {
      kind: "run",
      segment,
      nonce,
      firstSequence,
      offsets: new Uint32List(),
      accepted: new Uint32List(),
      decoded: new Uint32List(),
      end: offset,
    };
    this.#stretches.push(run);
    return run;
  }

  addRecord(run: Run, bytes: number, record: ExtentLimit): void {
    const { acceptedCount, decodedBytes } = record;
    run.offsets.push(run.end);
    run.accepted.push(acceptedCount);
    run.decoded.push(decodedBytes);
    run.end += bytes;
    this.#records++;
    this.#acceptedCount += acceptedCount;
    this.#bytes += bytes;
  }

  addGap(damaged: DamagedRecords): void {
    this.#stretches.push({ kind: "gap", ...damaged });
    this.#records += damaged.lastSequence - damaged.firstSequence + 1;
    this.#acceptedCount += damaged.acceptedCount;
  }

  /** The stretch that holds this record. */
  find(sequence: number): Stretch | undefined {
    return this.#stretches.find((stretch) => stretch.firstSequence <= sequence && sequence <= lastOf(stretch));
  }

  measure(firstSequence: number, atMost: ExtentLimit): JournalExtent | undefined {
    let extent: JournalExtent | undefined;
    for (const stretch of this.#stretches) {
      if (lastOf(stretch) < firstSequence) continue;
      const first = Math.max(firstSequence, stretch.firstSequence);
      for (let sequence = first; sequence <= lastOf(stretch); ) {
        const piece =
          stretch.kind === "gap"
            ? { lastSequence: stretch.lastSequence, acceptedCount: stretch.acceptedCount, decodedBytes: 0 }
            : recordAt(stretch, sequence);
        const next: JournalExtent = {
          lastSequence: piece.lastSequence,
          acceptedCount: (extent?.acceptedCount ?? 0) + piece.acceptedCount,
          decodedBytes: (extent?.decodedBytes ?? 0) + piece.decodedBytes,
        };
        const isOver = next.acceptedCount > atMost.acceptedCount || next.decodedBytes > atMost.decodedBytes;
        if (extent !== undefined && isOver) return extent;
        extent = next;
        sequence = piece.lastSequence + 1;
      }
    }
    return extent;
  }

  /** What these records hold together. */
  sum(firstSequence: number, lastSequence: number): { readonly acceptedCount: number; readonly bytes: number } {
    let acceptedCount = 0;
    let bytes = 0;
    for (const stretch of this.#stretches) {
      if (lastOf(stretch) < firstSequence || stretch.firstSequence > lastSequence) continue;
      if (stretch.kind === "gap") {
        acceptedCount += stretch.acceptedCount;
        continue;
      }
      const last = Math.min(lastSequence, lastOf(stretch));
      for (let sequence = Math.max(firstSequence, stretch.firstSequence); sequence <= last; sequence++) {
        const record = recordAt(stretch, sequence);
        acceptedCount += record.acceptedCount;
        bytes += record.bytes;
      }
    }
    return { acceptedCount, bytes };
  }

  /** Forgets these records: their numbers stay, they are no longer counted. */
  complete(firstSequence: number, lastSequence: number): void {
    const { acceptedCount, bytes } = this.sum(firstSequence, lastSequence);
    this.#records -= lastSequence - firstSequence + 1;
    this.#acceptedCount -= acceptedCount;
    this.#bytes -= bytes;
    // A run may still be written to: the journal removes it with its segment.
    this.#stretches = this.#stretches.filter(
      (stretch) => stretch.kind === "run" || stretch.lastSequence > lastSequence,
    );
  }

  /** Drops the runs of a segment that is given back. */
  removeSegment(segment: Segment): void {
    this.#stretches = this.#stretches.filter((stretch) => stretch.kind === "gap" || stretch.segment !== segment);
  }

  /** Number of the last record in a segment; 0 if there is none. */
  lastSequenceIn(segment: Segment): number {
    let last = 0;
    for (const stretch of this.#stretches)
      if (stretch.kind === "run" && stretch.segment === segment && stretch.offsets.length > 0) last = lastOf(stretch);
    return last;
  }
}

export function lastOf(stretch: Stretch): number {
  return stretch.kind === "gap" ? stretch.lastSequence : stretch.firstSequence + stretch.offsets.length - 1;
}

export function recordAt(
  run: Run,
  sequence: number,
): JournalExtent & { readonly offset: number; readonly bytes: number } {
  const index = sequence - run.firstSequence;
  const offset = run.offsets.at(index);
  const end = index + 1 < run.offsets.length ? run.offsets.at(index + 1) : run.end;
  return {
    lastSequence: sequence,
    offset,
    bytes: end - offset,
    acceptedCount: run.accepted.at(index),
    decodedBytes: run.decoded.at(index),
  };
}
