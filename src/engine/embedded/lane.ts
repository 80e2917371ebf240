import { StatementError } from "./statement.ts";

/**
 * Lets so many statements run at once and so many more wait, in order. chdb runs each on a thread of libuv's pool (16), so
 * the lanes together leave threads for KILL and for the health check: a slow read must never keep those waiting.
 */
export class Lane {
  readonly #maxRunning: number;
  readonly #maxWaiting: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(maxRunning: number, maxWaiting: number) {
    this.#maxRunning = maxRunning;
    this.#maxWaiting = maxWaiting;
  }

  /** Resolves when it is this caller's turn; the answer gives the place back. Rejects when the queue is full or on abort. */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (signal.aborted) throw cancelled();
    if (this.#running >= this.#maxRunning) {
      if (this.#waiting.length >= this.#maxWaiting)
        throw new StatementError(
          `Code: 202. DB::Exception: Too many statements are waiting (${this.#maxWaiting}). (TOO_MANY_SIMULTANEOUS_QUERIES)`,
        );
      await new Promise<void>((resolve, reject) => {
        const enter = (): void => {
          signal.removeEventListener("abort", leave);
          resolve();
        };
        const leave = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(enter), 1);
          reject(cancelled());
        };
        signal.addEventListener("abort", leave, { once: true });
        this.#waiting.push(enter);
      });
    } else this.#running++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    };
  }
}

/** The error of a statement whose client went away before it began. */
export function cancelled(): StatementError {
  return new StatementError("Code: 394. DB::Exception: Query was cancelled before it began. (QUERY_WAS_CANCELLED)");
}
