/** Time enters the program here, so that a test can hold it still. */
export interface Clock {
  /** Unix time in nanoseconds. */
  nowUnixNano(): bigint;
  /** Unix time in milliseconds. */
  nowMs(): number;
  /** Monotonic milliseconds, for durations. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowUnixNano: () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n,
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** A clock that moves only when told to. */
export class ManualClock implements Clock {
  #unixNano: bigint;

  constructor(startUnixMs: number) {
    this.#unixNano = BigInt(startUnixMs) * 1_000_000n;
  }

  nowUnixNano(): bigint {
    return this.#unixNano;
  }

  nowMs(): number {
    return Number(this.#unixNano / 1_000_000n);
  }

  monotonicMs(): number {
    return Number(this.#unixNano / 1000n) / 1000;
  }

  advance(ms: number): void {
    this.#unixNano += BigInt(Math.round(ms * 1000)) * 1000n;
  }
}
