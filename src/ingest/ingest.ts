import type { Signal } from "#model/batch.ts";

/**
 * What receivers call: decode, keep, account.
 *
 * `accept` resolves only once the batch is on stable storage; from then on it is this program's to load, exactly once. When it
 * throws, nothing of the body was kept and the sender may send it again.
 *
 *   receiver ── accept ──► decode (worker) ──► journal.append (fsync) ──► ledger ──► { accepted, rejected } ──► 200
 *                                                     └──► loader
 */
export interface IngestRequest {
  readonly signal: Signal;
  /** Checked by the receiver; 1 to 256 bytes of UTF-8. */
  readonly tenant: string;
  readonly contentType: "protobuf" | "json";
  /** The body is handed over as it came: accept decompresses. */
  readonly contentEncoding: "identity" | "gzip" | "deflate" | "zstd";
  /** Must not change until `accept` settles. Not copied on this thread's heap more than once, and not detached. */
  readonly body: Uint8Array;
  /** When the last byte of the body had arrived. */
  readonly receivedUnixNano: bigint;
}

/** Why records of a body were not taken. OTLP's partial success shows `count` summed and the messages joined. */
export interface Rejection {
  /** A short fixed word for counting, such as "trace-id" or "too-old". */
  readonly reason: string;
  readonly count: number;
  /** One sentence for the sender; the first case met, with its position. */
  readonly message: string;
}

/** In records: spans, log records or data points. */
export interface IngestAnswer {
  readonly accepted: number;
  readonly rejected: number;
  /** Empty when nothing was rejected. */
  readonly rejections: readonly Rejection[];
}

/** Records since the program started: received = stored + rejected + dropped + pending. Plain data. */
export interface SignalLedger {
  readonly received: number;
  readonly stored: number;
  readonly rejected: number;
  readonly dropped: number;
  /** In the journal and not yet stored; the journal's own count, so that the invariant compares two sources. */
  readonly pending: number;
  /** received - stored - rejected - dropped - pending; 0 unless something is lost. */
  readonly missing: number;
  /** Why, for what was rejected or dropped; most frequent first. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
  /** Records a second over the last minute. */
  readonly receivedPerSecond: number;
  /** Requests answered with a failure (bad payload, overloaded, unavailable, disk full). */
  readonly refusedRequests: number;
}

export interface Ingest extends AsyncDisposable {
  /**
   * Throws Failure
   * - bad-payload, too-large, unsupported-media: the body itself; sending it again will not help (HTTP 4xx, gRPC INVALID_ARGUMENT);
   * - overloaded, unavailable, disk-full with `retryAfterSeconds`: send it again later (429/503, gRPC UNAVAILABLE with RetryInfo);
   * - cancelled: `abort` fired before the body was kept.
   */
  accept(request: IngestRequest, abort?: AbortSignal): Promise<IngestAnswer>;
  /** Plain data, cheap enough for every scrape. */
  ledger(): Readonly<Record<Signal, SignalLedger>>;
  /** Resolves once everything acknowledged before the call can be queried (or was dropped and counted). */
  flush(abort?: AbortSignal): Promise<void>;
  /**
   * Refuses new bodies with "unavailable", lets those under way finish, loads what is pending until `deadlineMs` have passed;
   * the rest stays in the journal. Checks the ledger's invariant and returns it. Journals and engine stay open: who opened them closes them.
   */
  close(deadlineMs: number): Promise<Readonly<Record<Signal, SignalLedger>>>;
}
