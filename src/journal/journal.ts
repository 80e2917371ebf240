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
  /** Records accepted at decode. */
  readonly acceptedCount: number;
  readonly body: Uint8Array;
}

export interface SequencedRecord extends JournalRecord {
  readonly sequence: number;
}

/**
 * A load is planned durably before its first insert and completed after its last; what lies between a restart does again,
 * inserting only what is missing. Loads follow one another: at most one is open.
 */
export interface LoadPlan {
  /** Consecutive from 1; each row of every table keeps it. */
  readonly load: number;
  /** First and last record of the load. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface JournalRecovery {
  readonly records: number;
  readonly bytes: number;
  /** Bytes cut off a torn tail; 0 after a clean stop. */
  readonly tornBytes: number;
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
}

export interface Journal extends AsyncDisposable {
  readonly recovery: JournalRecovery;
  /**
   * Resolves with the record's number once it is on stable storage (group commit).
   * Throws "disk-full" when the disk or `limitBytes` is full; then the record is not in the journal and its number is not
   * used. Calls are ordered: the numbers follow the order of the calls.
   */
  append(record: JournalRecord): Promise<number>;
  /** Records from `firstSequence` to `lastSequence` in order, one at a time in memory. Throws "corrupt" at a damaged one. */
  read(firstSequence: number, lastSequence: number): AsyncIterable<SequencedRecord>;
  /** The load that was planned and not completed, if any. */
  openLoad(): LoadPlan | undefined;
  /** Makes a plan durable. It must begin right after the last planned record. */
  planLoad(lastSequence: number): Promise<LoadPlan>;
  /** Makes the completion durable and trims segments that hold nothing newer. */
  completeLoad(plan: LoadPlan): Promise<void>;
  status(): JournalStatus;
}
