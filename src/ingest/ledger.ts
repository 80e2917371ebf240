import type { Clock } from "#runtime/clock.ts";
import type { IngestAnswer, SignalLedger } from "./ingest.ts";

/**
 * Double-entry bookkeeping of one signal, in records since the program started:
 *
 *   received = stored + rejected + dropped + pending
 *
 * `pending` is asked of the journal, everything else is counted here when it happens, so that the sum compares two sources:
 * a record that got lost between them shows as `missing`. What the journal held at the start counts as received again.
 */
const WINDOW_SECONDS = 60;
/** Distinct reasons counted; further ones go under "other". */
const MAX_REASONS = 64;

export class SignalBook {
  readonly #clock: Clock;
  readonly #pending: () => number;
  readonly #reasons = new Map<string, number>();
  readonly #received = new Float64Array(WINDOW_SECONDS + 1);
  readonly #startedSecond: number;
  #second: number;
  #receivedTotal = 0;
  #stored = 0;
  #rejected = 0;
  #dropped = 0;
  #refusedRequests = 0;

  /** `pending`: records accepted by the journal and not completed. */
  constructor(clock: Clock, pending: () => number) {
    this.#clock = clock;
    this.#pending = pending;
    this.#second = this.#now();
    this.#startedSecond = this.#second;
    this.#receivedTotal = pending();
  }

  /** A body was answered: its accepted records are in the journal, the rejected ones nowhere. */
  received({ accepted, rejected, rejections }: IngestAnswer): void {
    this.#receivedTotal += accepted + rejected;
    this.#rejected += rejected;
    for (const { reason, count } of rejections) this.#count(reason, count);
    this.#advance();
    const index = this.#second % this.#received.length;
    this.#received[index] = (this.#received[index] ?? 0) + accepted + rejected;
  }

  /** Records of a file that was put aside, taken up again: their load is about to store or drop them. */
  receivedAgain(count: number): void {
    this.#receivedTotal += count;
  }

  /** A body was refused with a failure; its sender knows. */
  refused(): void {
    this.#refusedRequests++;
  }

  stored(count: number): void {
    this.#stored += count;
  }

  /** Acknowledged records that will not be stored. */
  dropped(reason: string, count: number): void {
    this.#dropped += count;
    this.#count(reason, count);
  }

  read(): SignalLedger {
    const pending = this.#pending();
    this.#advance();
    // The second under way is not over: the rate is of whole seconds, of as many as there were.
    const current = this.#received[this.#second % this.#received.length] ?? 0;
    const recent = this.#received.reduce((sum, count) => sum + count, 0) - current;
    const seconds = Math.min(WINDOW_SECONDS, this.#second - this.#startedSecond);
    return {
      received: this.#receivedTotal,
      stored: this.#stored,
      rejected: this.#rejected,
      dropped: this.#dropped,
      pending,
      missing: this.#receivedTotal - this.#stored - this.#rejected - this.#dropped - pending,
      reasons: [...this.#reasons]
        .map(([reason, count]) => ({ reason, count }))
        .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)),
      receivedPerSecond: seconds === 0 ? current : recent / seconds,
      refusedRequests: this.#refusedRequests,
    };
  }

  #count(reason: string, count: number): void {
    if (count === 0) return;
    const key = this.#reasons.has(reason) || this.#reasons.size < MAX_REASONS ? reason : "other";
    this.#reasons.set(key, (this.#reasons.get(key) ?? 0) + count);
  }

  #now(): number {
    return Math.floor(this.#clock.monotonicMs() / 1000);
  }

  /** Clears the seconds in which nothing came. */
  #advance(): void {
    const now = this.#now();
    const steps = Math.min(now - this.#second, this.#received.length);
    for (let step = 1; step <= steps; step++) this.#received[(this.#second + step) % this.#received.length] = 0;
    this.#second = Math.max(this.#second, now);
  }
}
