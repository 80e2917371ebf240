import { describeError } from "#runtime/failure.ts";
import { CLOSE_TIMEOUT_MS, type OutputCounts } from "./output.ts";

/** The far side said no for good: repeating is of no use. */
export class RefusedDelivery extends Error {
  override readonly name = "RefusedDelivery";
}

export interface DeliveryOptions {
  /** For messages. */
  readonly name: string;
  /** Sends one body; throws RefusedDelivery when repeating is of no use, anything else otherwise. */
  readonly send: (body: Uint8Array) => Promise<void>;
  readonly warn: (message: string) => void;
  readonly pause: (ms: number) => Promise<void>;
  readonly maxQueueBytes?: number;
  readonly maxAttempts?: number;
  readonly firstPauseMs?: number;
  /** Bodies under way at once. */
  readonly concurrency?: number;
}

/**
 * Sends bodies in order (as far as `concurrency` is 1) without ever making anyone wait: a queue of bounded bytes, whose
 * oldest bodies give way to new ones; some attempts each with growing pauses; counts of everything.
 */
export class Delivery {
  readonly #options: Required<DeliveryOptions>;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #underWay = 0;
  #delivered = 0;
  #retried = 0;
  #dropped = 0;
  #lastError: string | undefined;
  #warned = false;
  #closing = false;
  #settled: (() => void) | undefined;

  constructor(options: DeliveryOptions) {
    this.#options = { maxQueueBytes: 64 << 20, maxAttempts: 4, firstPauseMs: 250, concurrency: 1, ...options };
  }

  get counts(): OutputCounts {
    return {
      delivered: this.#delivered,
      retried: this.#retried,
      dropped: this.#dropped,
      lastError: this.#lastError,
    };
  }

  push(body: Uint8Array): void {
    this.#queue.push(body);
    this.#queuedBytes += body.length;
    while (this.#queuedBytes > this.#options.maxQueueBytes && this.#queue.length > 0) {
      this.#queuedBytes -= this.#queue.shift()!.length;
      this.#giveUp("the queue is full");
    }
    this.#next();
  }

  /** Waits until the queue is empty, at most CLOSE_TIMEOUT_MS; what is left then is given up. */
  async close(timeoutMs = CLOSE_TIMEOUT_MS): Promise<void> {
    this.#closing = true;
    if (this.#underWay === 0 && this.#queue.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await Promise.race([
      new Promise<void>((resolve) => {
        this.#settled = resolve;
      }),
      new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      }),
    ]);
    clearTimeout(timer);
    for (const _ of this.#queue.splice(0)) this.#giveUp("the run ended");
    this.#queuedBytes = 0;
  }

  #next(): void {
    while (this.#underWay < this.#options.concurrency && this.#queue.length > 0) {
      const body = this.#queue.shift()!;
      this.#queuedBytes -= body.length;
      this.#underWay++;
      void this.#deliver(body).then(() => {
        this.#underWay--;
        if (this.#underWay === 0 && this.#queue.length === 0) this.#settled?.();
        this.#next();
      });
    }
  }

  /** Never rejects. */
  async #deliver(body: Uint8Array): Promise<void> {
    const { send, maxAttempts, firstPauseMs, pause } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        await send(body);
        this.#delivered++;
        return;
      } catch (error) {
        this.#lastError = describeError(error);
        if (error instanceof RefusedDelivery || attempt >= maxAttempts) {
          this.#giveUp(this.#lastError);
          return;
        }
        this.#retried++;
        // At the end nobody wants to wait long for a server that is gone.
        await pause(this.#closing ? firstPauseMs : firstPauseMs * 2 ** (attempt - 1));
      }
    }
  }

  #giveUp(reason: string): void {
    this.#dropped++;
    this.#lastError ??= reason;
    if (this.#warned) return;
    this.#warned = true;
    this.#options.warn(`output ${this.#options.name} loses samples: ${reason} (said once; the counts are at the end)`);
  }
}
