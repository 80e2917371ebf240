import { type Clock, systemClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import type {
  ExtentLimit,
  Journal,
  JournalEntry,
  JournalExtent,
  JournalRecord,
  JournalStatus,
  LoadPlan,
  SequencedRecord,
} from "../journal.ts";

export interface MemoryJournalOptions {
  /** Bodies not completed may take this much memory; appends that do not fit fail with "disk-full". */
  readonly limitBytes?: number;
  readonly clock?: Clock;
}

/** A journal that forgets everything when the process ends: for tests and for trying things out. */
export function openMemoryJournal(options: MemoryJournalOptions = {}): Promise<Journal> {
  return Promise.resolve(new MemoryJournal(options.limitBytes ?? 256 << 20, (options.clock ?? systemClock).nowMs()));
}

class MemoryJournal implements Journal {
  readonly recovery = { isFresh: true, records: 0, bytes: 0, tornBytes: 0, damaged: [] };
  readonly #limitBytes: number;
  readonly #records = new Map<number, SequencedRecord>();
  #lastLoad: number;
  #lastSequence = 0;
  #completedSequence = 0;
  #plannedSequence = 0;
  #pendingBytes = 0;
  #pendingRecords = 0;
  #openLoad: LoadPlan | undefined;
  #trouble: string | undefined;
  #isClosed = false;

  constructor(limitBytes: number, lastLoad: number) {
    this.#limitBytes = limitBytes;
    this.#lastLoad = lastLoad;
  }

  append(record: JournalRecord): Promise<number> {
    if (this.#isClosed) return Promise.reject(new Failure("unavailable", "The journal is closed."));
    const bytes = record.body.length;
    if (bytes > this.#limitBytes)
      return this.#refuse(new Failure("too-large", `A record of ${bytes} bytes is larger than the journal's limit.`));
    if (this.#pendingBytes + bytes > this.#limitBytes)
      return this.#refuse(
        new Failure("disk-full", `The journal holds its limit of ${this.#limitBytes} bytes.`, { retryAfterSeconds: 5 }),
      );
    const sequence = ++this.#lastSequence;
    this.#records.set(sequence, { ...record, sequence, body: record.body.slice() });
    this.#pendingBytes += bytes;
    this.#pendingRecords += record.acceptedCount;
    this.#trouble = undefined;
    return Promise.resolve(sequence);
  }

  async *read(firstSequence: number, lastSequence: number): AsyncGenerator<JournalEntry> {
    for (let sequence = firstSequence; sequence <= lastSequence; sequence++) {
      const record = this.#records.get(sequence);
      if (record === undefined) throw new Error(`Record ${sequence} is not in the journal.`);
      yield { kind: "record", record };
    }
  }

  measure(firstSequence: number, atMost: ExtentLimit): JournalExtent | undefined {
    let extent: JournalExtent | undefined;
    for (let sequence = firstSequence; sequence <= this.#lastSequence; sequence++) {
      const record = this.#records.get(sequence);
      if (record === undefined) continue;
      const acceptedCount = (extent?.acceptedCount ?? 0) + record.acceptedCount;
      const decodedBytes = (extent?.decodedBytes ?? 0) + record.decodedBytes;
      const isOver = acceptedCount > atMost.acceptedCount || decodedBytes > atMost.decodedBytes;
      if (extent !== undefined && isOver) break;
      extent = { lastSequence: sequence, acceptedCount, decodedBytes };
    }
    return extent;
  }

  openLoad(): LoadPlan | undefined {
    return this.#openLoad;
  }

  continueAfter(load: number): void {
    this.#lastLoad = Math.max(this.#lastLoad, load);
  }

  async planLoad(lastSequence: number, source?: string): Promise<LoadPlan> {
    if (this.#openLoad !== undefined) throw new Error(`Load ${this.#openLoad.load} is open.`);
    const last = source === undefined ? lastSequence : this.#plannedSequence;
    if (source === undefined && (last <= this.#plannedSequence || last > this.#lastSequence))
      throw new Error(`Cannot plan up to ${last}: planned ${this.#plannedSequence}, durable ${this.#lastSequence}.`);
    this.#openLoad = {
      load: ++this.#lastLoad,
      firstSequence: this.#plannedSequence + 1,
      lastSequence: last,
      source,
    };
    this.#plannedSequence = last;
    return this.#openLoad;
  }

  async completeLoad(plan: LoadPlan): Promise<void> {
    const open = this.#openLoad;
    if (open === undefined || open.load !== plan.load) throw new Error(`Load ${plan.load} is not open.`);
    for (let sequence = open.firstSequence; sequence <= open.lastSequence; sequence++) {
      const record = this.#records.get(sequence)!;
      this.#pendingBytes -= record.body.length;
      this.#pendingRecords -= record.acceptedCount;
      this.#records.delete(sequence);
    }
    this.#openLoad = undefined;
    this.#completedSequence = open.lastSequence;
  }

  status(): JournalStatus {
    return {
      appendedSequence: this.#lastSequence,
      durableSequence: this.#lastSequence,
      completedSequence: this.#completedSequence,
      pendingBytes: this.#pendingBytes,
      pendingRecords: this.#pendingRecords,
      diskBytes: 0,
      limitBytes: this.#limitBytes,
      trouble: this.#trouble,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#records.clear();
    return Promise.resolve();
  }

  #refuse(failure: Failure): Promise<never> {
    this.#trouble = failure.message;
    return Promise.reject(failure);
  }
}
