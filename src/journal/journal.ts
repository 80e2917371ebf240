/**
 * The journal port: what was acknowledged survives. One journal per signal, so that an idle or slow signal holds up nobody's
 * trimming. Records have consecutive sequence numbers from 1; `append` assigns them in the order of its calls.
 */
export interface JournalRecord {
  /** Unix nanoseconds at which the body was complete. Replays decide by this time, never by "now". */
  readonly receivedUnixNano: bigint;
  readonly tenant: string;
  /** As received: "application/x-protobuf" or "application/json". */
  readonly contentType: "protobuf" | "json";
  /** Content-Encoding as received; the body is kept as it came. */
  readonly contentEncoding: "identity" | "gzip" | "deflate" | "zstd";
  /** Times outside are clamped or rejected. Kept with the record so that a replay after a change of settings makes the same rows. */
  readonly acceptFromUnixNano: bigint;
  readonly acceptToUnixNano: bigint;
  readonly outside: "clamp" | "reject";
  /**
   * What else decoding depended on (its limits), as text that the journal does not read: a replay after a change of settings
   * decodes by this and makes the same rows.
   */
  readonly decoding: string;
  /** Records accepted at decode. */
  readonly acceptedCount: number;
  /** Memory that the decoded batch or its block takes (below 4 GiB), whichever is more: bounds what a load holds. */
  readonly decodedBytes: number;
  readonly body: Uint8Array;
}

export interface SequencedRecord extends JournalRecord {
  readonly sequence: number;
}

/** Records that were acknowledged and can no longer be read. They keep their numbers; what follows them is readable. */
export interface DamagedRecords {
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Sum of their acceptedCount. */
  readonly acceptedCount: number;
  readonly file: string;
  /** Where in the file the damage begins. */
  readonly offset: number;
}

export type JournalEntry =
  | { readonly kind: "record"; readonly record: SequencedRecord }
  | { readonly kind: "damaged"; readonly damaged: DamagedRecords };

/**
 * A load is planned durably before its first insert and completed after its last; what lies between a restart does again,
 * inserting only what is missing. Loads follow one another: at most one is open.
 */
export interface LoadPlan {
  /** Ever greater; each row of every table keeps it. */
  readonly load: number;
  /** First and last record of the load. A load from elsewhere (`source`) takes none: lastSequence is firstSequence - 1. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Name of the quarantine file whose records the load inserts; undefined for records of this journal. */
  readonly source: string | undefined;
}

export interface JournalRecovery {
  /**
   * No load was ever completed here and none is open: the journal may have started anew over data that an earlier one of the
   * same name filled, and must be told where that one's numbers ended (`continueAfter`) before the first plan.
   */
  readonly isFresh: boolean;
  /** Journal records (bodies) found that are not yet completed, readable or not, and their bytes. */
  readonly records: number;
  readonly bytes: number;
  /** Bytes of unacknowledged records cut off a torn tail; 0 after a clean stop. */
  readonly tornBytes: number;
  /** Acknowledged records found damaged at the start; damage in a body shows when it is read. */
  readonly damaged: readonly DamagedRecords[];
}

export interface JournalStatus {
  readonly appendedSequence: number;
  readonly durableSequence: number;
  /** Every record up to here is in the engine. */
  readonly completedSequence: number;
  /** Bytes of records not yet completed. */
  readonly pendingBytes: number;
  /** Records accepted (acceptedCount summed) not yet completed. */
  readonly pendingRecords: number;
  readonly diskBytes: number;
  readonly limitBytes: number;
  /** Why the last append failed, if no append succeeded since. */
  readonly trouble: string | undefined;
}

/** A piece of the journal that has not been completed. */
export interface JournalExtent {
  readonly lastSequence: number;
  /** Sums; damaged records count with their acceptedCount. */
  readonly acceptedCount: number;
  readonly decodedBytes: number;
}

export interface ExtentLimit {
  readonly acceptedCount: number;
  readonly decodedBytes: number;
}

export interface Journal extends AsyncDisposable {
  readonly recovery: JournalRecovery;
  /**
   * Resolves with the record's number once it is on stable storage (group commit).
   * Throws "disk-full" when the disk or `limitBytes` is full, "too-large" when the body can never fit, "unavailable" when the
   * disk refused the write or the journal is closed; then the record is not in the journal and its number is not used.
   * Calls are ordered: the numbers follow the order of the calls.
   */
  append(record: JournalRecord): Promise<number>;
  /**
   * Entries from `firstSequence` to `lastSequence` in order, about a megabyte in memory at a time. What cannot be read comes
   * as "damaged" in its place: a caller cannot pass over it without seeing it.
   */
  read(firstSequence: number, lastSequence: number): AsyncIterable<JournalEntry>;
  /**
   * The longest piece from `firstSequence` on that holds at most this much, and at least one record; damaged records that
   * belong together are not divided. Undefined if there is no such record.
   */
  measure(firstSequence: number, atMost: ExtentLimit): JournalExtent | undefined;
  /** The load that was planned and not completed, if any. */
  openLoad(): LoadPlan | undefined;
  /** Loads planned from now on have greater numbers than this one. Durable with the next plan. */
  continueAfter(load: number): void;
  /**
   * Makes a plan durable: the records after the last planned one up to `lastSequence`, or the records of `source` and none of
   * the journal's (`lastSequence` is then ignored). A programmer's error while another load is open.
   */
  planLoad(lastSequence: number, source?: string): Promise<LoadPlan>;
  /** Makes the completion durable and trims segments that hold nothing newer. */
  completeLoad(plan: LoadPlan): Promise<void>;
  status(): JournalStatus;
}
