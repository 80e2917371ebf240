import type { Signal } from "#model/batch.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import type { StartThread, Thread } from "#runtime/threads.ts";
import type { Ticket } from "./decode-pool.ts";
import type { WorkerAnswer, WorkerOrder, WorkerReady } from "./decode-worker-message.ts";

/**
 * One decode worker and its successors.
 *
 *   queue ──► sent (at most OUTSTANDING, so that a build need not wait behind many bodies) ──► answered, oldest first
 *
 * A worker that dies, or takes too long over one order, was working on its oldest one: that one fails. The others are sent to
 * a new worker (what was transferred were copies). What the dead one kept is gone, and its tickets with it. A worker that
 * dies before it said that it is ready says nothing about the bodies: all orders fail with "unavailable".
 */
const OUTSTANDING = 2;
const ENTRY = new URL("./decode-worker.ts", import.meta.url);

export interface PoolOrder {
  readonly id: number;
  readonly isBuild: boolean;
  /** The worker whose kept batches the order needs. */
  readonly needs?: object | undefined;
  readonly make: () => { readonly message: WorkerOrder; readonly transfer: readonly ArrayBuffer[] };
  readonly abort?: AbortSignal | undefined;
}

interface Pending {
  readonly order: PoolOrder;
  readonly resolve: (answer: WorkerAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface Running {
  readonly thread: Thread;
  readonly sent: Pending[];
  isReady: boolean;
}

export class PoolWorker {
  readonly #start: StartThread;
  readonly #hangMs: number;
  #queue: Pending[] = [];
  #running: Running | undefined;
  #kept = new Map<number, Ticket>();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;
  keptBytes = 0;
  replaced = 0;
  trouble: string | undefined;

  constructor(start: StartThread, hangMs: number) {
    this.#start = start;
    this.#hangMs = hangMs;
  }

  /** Resolves with the answer; an answer "failed" rejects. */
  order(order: PoolOrder): Promise<WorkerAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#isStopped) {
        reject(new Failure("unavailable", "Ingest is closed.", { retryAfterSeconds: 5 }));
        return;
      }
      const pending: Pending = { order, resolve, reject };
      if (order.isBuild) this.#queue.unshift(pending);
      else this.#queue.push(pending);
      order.abort?.addEventListener(
        "abort",
        () => {
          const index = this.#queue.indexOf(pending);
          if (index < 0) return;
          this.#queue.splice(index, 1);
          reject(new Failure("cancelled", "The sender went away."));
        },
        { once: true },
      );
      this.#pump();
    });
  }

  /** Tells the worker something that has no answer; a worker that does not run needs no telling. */
  tell(message: WorkerOrder, transfer: readonly ArrayBuffer[] = []): void {
    this.#running?.thread.post(message, transfer);
  }

  keep(signal: Signal, number: number, bytes: number): Ticket | undefined {
    if (this.#running === undefined) return undefined;
    const ticket: Ticket = { signal, number, bytes, worker: this.#running };
    this.#kept.set(number, ticket);
    this.keptBytes += bytes;
    return ticket;
  }

  has(ticket: Ticket): boolean {
    return this.#kept.get(ticket.number) === ticket;
  }

  /** The worker has released it by itself. */
  forget(ticket: Ticket): void {
    if (!this.has(ticket)) return;
    this.#kept.delete(ticket.number);
    this.keptBytes -= ticket.bytes;
  }

  release(ticket: Ticket): void {
    if (!this.has(ticket)) return;
    this.forget(ticket);
    this.tell({ kind: "release", batches: [ticket.number] });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const running = this.#running;
    this.#running = undefined;
    this.#loseKept();
    const failure = new Failure("unavailable", "Ingest is closed.", { retryAfterSeconds: 5 });
    for (const { reject } of [...(running?.sent ?? []), ...this.#queue.splice(0)]) reject(failure);
    await running?.thread.stop();
  }

  #pump(): void {
    if (this.#isStopped) return;
    if (this.#running === undefined && this.#queue.length > 0) this.#run();
    const running = this.#running;
    if (running === undefined || !running.isReady) return;
    while (running.sent.length < OUTSTANDING) {
      const pending = this.#queue.shift();
      if (pending === undefined) break;
      const { needs, make } = pending.order;
      if (needs !== undefined && needs !== running) {
        pending.reject(new Failure("unavailable", "A kept batch was lost with its worker."));
        continue;
      }
      const { message, transfer } = make();
      running.sent.push(pending);
      if (running.sent.length === 1) this.#watch();
      running.thread.post(message, transfer);
    }
  }

  #run(): void {
    const sent: Pending[] = [];
    const running: Running = {
      sent,
      isReady: false,
      thread: this.#start(ENTRY, {
        onMessage: (message) => this.#onMessage(running, message as WorkerAnswer | WorkerReady),
        onEnd: (error) => this.#onEnd(running, error),
      }),
    };
    this.#running = running;
    this.#watch();
  }

  #onMessage(running: Running, message: WorkerAnswer | WorkerReady): void {
    if (running !== this.#running) return;
    if (message.kind === "ready") running.isReady = true;
    else {
      const pending = running.sent.shift();
      if (pending === undefined || pending.order.id !== message.id)
        throw new Error(`A decode worker answered order ${message.id} instead of ${pending?.order.id}.`);
      if (message.kind !== "failed") pending.resolve(message);
      else if (message.code !== undefined) pending.reject(new Failure(message.code, message.message));
      else {
        this.trouble = message.message;
        pending.reject(
          pending.order.isBuild
            ? new Error(`Blocks could not be built: ${message.message}`)
            : new Failure("bad-payload", `The body could not be decoded: ${message.message}`),
        );
      }
    }
    this.#watch();
    this.#pump();
  }

  /** One timer for the oldest order (or the start); none while there is nothing to wait for. */
  #watch(): void {
    clearTimeout(this.#timer);
    const running = this.#running;
    if (running === undefined || (running.isReady && running.sent.length === 0)) return;
    this.#timer = setTimeout(() => {
      void running.thread.stop();
      this.#onEnd(running, new Error(`no answer in ${this.#hangMs} ms`));
    }, this.#hangMs);
    this.#timer.unref();
  }

  #onEnd(running: Running, error: unknown): void {
    if (running !== this.#running) return;
    this.#running = undefined;
    clearTimeout(this.#timer);
    this.#loseKept();
    this.replaced++;
    this.trouble = `A decode worker ended: ${describeError(error)}`;
    if (!running.isReady) {
      const failure = new Failure("unavailable", this.trouble, { cause: error, retryAfterSeconds: 5 });
      for (const { reject } of this.#queue.splice(0)) reject(failure);
      return;
    }
    const [culprit, ...others] = running.sent;
    this.#queue.unshift(...others);
    culprit?.reject(
      culprit.order.isBuild
        ? new Error(`Blocks could not be built: ${describeError(error)}`)
        : new Failure("bad-payload", `The body made the decoder stop: ${describeError(error)}`, { cause: error }),
    );
    this.#pump();
  }

  #loseKept(): void {
    this.#kept.clear();
    this.keptBytes = 0;
  }
}
