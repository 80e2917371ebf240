import { Failure } from "#runtime/failure.ts";
import type { EngineState } from "./engine.ts";

/** The state of an engine, who waits for it to be ready, and what is said when it is not. */
export class Readiness {
  #state: EngineState = "starting";
  readonly #waiting = new Set<(failure?: Failure) => void>();
  lastFailure: string | undefined;
  restarts = 0;

  get state(): EngineState {
    return this.#state;
  }

  /** `closed` is final. */
  set(state: EngineState): void {
    if (this.#state === "closed") return;
    this.#state = state;
    if (state === "ready") for (const settle of [...this.#waiting]) settle();
    if (state === "closed" || state === "failed") for (const settle of [...this.#waiting]) settle(this.#unavailable());
  }

  /** Throws "engine-unavailable" unless the state is `ready`. */
  assertReady(): void {
    if (this.#state !== "ready") throw this.#unavailable();
  }

  /** Throws "engine-unavailable" when it will never be ready, "cancelled" on abort. */
  async whenReady(signal?: AbortSignal): Promise<void> {
    if (this.#state === "ready") return;
    if (this.#state === "closed" || this.#state === "failed") throw this.#unavailable();
    await new Promise<void>((resolve, reject) => {
      const settle = (failure?: Failure): void => {
        this.#waiting.delete(settle);
        signal?.removeEventListener("abort", abort);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const abort = (): void => settle(new Failure("cancelled", "the wait for the engine was cancelled"));
      this.#waiting.add(settle);
      if (signal?.aborted === true) abort();
      else signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #unavailable(): Failure {
    const because = this.lastFailure === undefined ? "" : ` (${this.lastFailure})`;
    return new Failure("engine-unavailable", `the engine is ${this.#state}${because}`);
  }
}
