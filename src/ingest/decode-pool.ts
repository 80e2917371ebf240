import { SIGNALS, type Signal } from "#model/batch.ts";
import type { TimeWindow } from "#pipeline/time-window.ts";
import { Failure } from "#runtime/failure.ts";
import type { StartThread } from "#runtime/threads.ts";
import type { DecodeLimits } from "#wire/limits.ts";
import { PoolWorker } from "./decode-pool-worker.ts";
import type { BuiltAnswer, DecodedAnswer, TransferredBlock } from "./decode-worker-message.ts";
import type { IngestRequest } from "./ingest.ts";

/**
 * Decode workers as the I/O thread sees them.
 *
 *   decode ──► ┌ queue of a worker ┐ ──► a few orders at the worker ──► answers, in order
 *   build ───► └ (before decodes)  ┘
 *
 * A signal always goes to the same worker: a batch is built where it was decoded. Workers start with their first order and
 * are replaced when they die or hang (decode-pool-worker.ts).
 */
export interface DecodePoolOptions {
  readonly start: StartThread;
  /** Worker threads, at most one per signal. */
  readonly workers?: number;
  /** Bodies waiting for or at a worker; past it "overloaded". */
  readonly maxQueueBytes?: number;
  readonly maxQueueOrders?: number;
  /** Decoded batches kept for the loader, over all signals; past it batches are not kept. */
  readonly maxKeptBytes?: number;
  /** A worker that takes longer over one order is replaced. */
  readonly hangMs?: number;
}

/** What decoding depends on; the journal keeps all of it with the body. */
export interface DecodeRequest extends Omit<IngestRequest, "signal"> {
  readonly window: TimeWindow;
  readonly limits: DecodeLimits;
}

/** A decoded batch in a worker's memory. */
export interface Ticket {
  readonly signal: Signal;
  readonly number: number;
  readonly bytes: number;
  readonly worker: object;
}

export interface Decoded extends Omit<DecodedAnswer, "kind" | "id" | "isKept"> {
  /** Undefined if the batch was not kept. */
  readonly ticket: Ticket | undefined;
}

export interface DecodePoolStatus {
  readonly queuedOrders: number;
  readonly queuedBytes: number;
  readonly keptBytes: number;
  /** Workers that died or were stopped because they hung. */
  readonly replacedWorkers: number;
  readonly lastTrouble: string | undefined;
}

export interface DecodePool extends AsyncDisposable {
  /**
   * Decodes a body and keeps the batch: `if-room` within `maxKeptBytes`, or `always` (the loader, which bounds itself).
   * Throws what `decodeOtlp` throws, "bad-payload" if the body made the worker die or hang, "overloaded" past the queue's
   * bounds (not for `always`), "cancelled" if `abort` fired while it waited, "unavailable" once closed.
   */
  decode(signal: Signal, request: DecodeRequest, keep: "if-room" | "always", abort?: AbortSignal): Promise<Decoded>;
  /** Whether the batch can still be built. */
  isKept(ticket: Ticket): boolean;
  /** Native blocks of kept batches, in their order. The tickets are used up, whatever comes of it. */
  build(signal: Signal, tickets: readonly Ticket[]): Promise<readonly TransferredBlock[]>;
  release(tickets: readonly Ticket[]): void;
  /** Blocks that are written and that nobody will read: their memory goes back to where they were built. */
  giveBack(signal: Signal, blocks: readonly TransferredBlock[]): void;
  /** A load failed or its outcome is not known: its series are staged again. */
  forgetSeries(signal: Signal): void;
  status(): DecodePoolStatus;
}

const RETRY_AFTER_SECONDS = 1;

export function openDecodePool(options: DecodePoolOptions): DecodePool {
  return new WorkerPool(options);
}

class WorkerPool implements DecodePool {
  readonly #options: Required<DecodePoolOptions>;
  readonly #workers: readonly PoolWorker[];
  #nextId = 1;
  #queuedBytes = 0;
  #queuedOrders = 0;
  #isClosed = false;

  constructor(options: DecodePoolOptions) {
    this.#options = {
      workers: SIGNALS.length,
      maxQueueBytes: 256 << 20,
      maxQueueOrders: 4096,
      maxKeptBytes: 128 << 20,
      hangMs: 30_000,
      ...options,
    };
    const count = Math.max(1, Math.min(SIGNALS.length, this.#options.workers));
    this.#workers = Array.from({ length: count }, () => new PoolWorker(this.#options.start, this.#options.hangMs));
  }

  async decode(
    signal: Signal,
    request: DecodeRequest,
    keep: "if-room" | "always",
    abort?: AbortSignal,
  ): Promise<Decoded> {
    if (this.#isClosed) throw new Failure("unavailable", "Ingest is closed.", { retryAfterSeconds: 5 });
    const { maxQueueBytes, maxQueueOrders, maxKeptBytes } = this.#options;
    const bytes = request.body.length;
    const isFull = this.#queuedOrders >= maxQueueOrders || this.#queuedBytes + bytes > maxQueueBytes;
    if (keep === "if-room" && isFull && this.#queuedOrders > 0)
      throw new Failure(
        "overloaded",
        `${this.#queuedOrders} bodies of ${this.#queuedBytes} bytes wait to be decoded.`,
        {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        },
      );
    const worker = this.#workerOf(signal);
    const id = this.#nextId++;
    const isKept = keep === "always" || this.#keptBytes() + bytes <= maxKeptBytes;
    const { tenant, contentType, contentEncoding, receivedUnixNano, window, limits } = request;
    this.#queuedBytes += bytes;
    this.#queuedOrders++;
    try {
      const answer = await worker.order({
        id,
        isBuild: false,
        make: () => {
          const body = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
          body.set(request.body);
          const keepAs = isKept ? id : undefined;
          return {
            message: {
              kind: "decode",
              id,
              signal,
              tenant,
              contentType,
              contentEncoding,
              receivedUnixNano,
              window,
              limits,
              body,
              keepAs,
            },
            transfer: [body.buffer],
          };
        },
        abort,
      });
      const { kind: _kind, id: _id, isKept: isReallyKept, ...decoded } = answer as DecodedAnswer;
      return { ...decoded, ticket: isReallyKept ? worker.keep(signal, id, decoded.keptBytes) : undefined };
    } finally {
      this.#queuedBytes -= bytes;
      this.#queuedOrders--;
    }
  }

  isKept(ticket: Ticket): boolean {
    return this.#workerOf(ticket.signal).has(ticket);
  }

  async build(signal: Signal, tickets: readonly Ticket[]): Promise<readonly TransferredBlock[]> {
    if (this.#isClosed) throw new Failure("unavailable", "Ingest is closed.");
    const worker = this.#workerOf(signal);
    const id = this.#nextId++;
    for (const ticket of tickets) {
      if (ticket.signal !== signal || !worker.has(ticket)) throw new Failure("unavailable", "A kept batch was lost.");
    }
    const batches = tickets.map(({ number }) => number);
    try {
      const answer = await worker.order({
        id,
        isBuild: true,
        needs: tickets[0]?.worker,
        make: () => ({ message: { kind: "build", id, signal, batches }, transfer: [] }),
      });
      return (answer as BuiltAnswer).blocks;
    } finally {
      for (const ticket of tickets) worker.forget(ticket);
    }
  }

  release(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) this.#workerOf(ticket.signal).release(ticket);
  }

  giveBack(signal: Signal, blocks: readonly TransferredBlock[]): void {
    const buffers = new Set<ArrayBuffer>();
    for (const { parts } of blocks)
      for (const { buffer } of parts) if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffers.add(buffer);
    if (buffers.size > 0)
      this.#workerOf(signal).tell({ kind: "give-back", signal, buffers: [...buffers] }, [...buffers]);
  }

  forgetSeries(signal: Signal): void {
    this.#workerOf(signal).tell({ kind: "forget-series" });
  }

  status(): DecodePoolStatus {
    return {
      queuedOrders: this.#queuedOrders,
      queuedBytes: this.#queuedBytes,
      keptBytes: this.#keptBytes(),
      replacedWorkers: this.#workers.reduce((sum, worker) => sum + worker.replaced, 0),
      lastTrouble: this.#workers.map((worker) => worker.trouble).find((trouble) => trouble !== undefined),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  #workerOf(signal: Signal): PoolWorker {
    return this.#workers[SIGNALS.indexOf(signal) % this.#workers.length]!;
  }

  #keptBytes(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.keptBytes, 0);
  }
}
