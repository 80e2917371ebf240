import type { TimeHalves } from "#pipeline/time-window.ts";

const DAY_NANO = 86_400_000_000_000n;

/** The distinct UTC dates of times, gathered exactly: a double cannot tell the last microsecond of a day from the next. */
export class DateSet {
  readonly #dates = new Set<string>();
  /** The day seen last: from … to - 1. */
  #fromLow = 1;
  #fromHigh = 0;
  #toLow = 0;
  #toHigh = 0;

  add(times: TimeHalves, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      const low = times[row * 2]!;
      const high = times[row * 2 + 1]!;
      if (
        (high > this.#fromHigh || (high === this.#fromHigh && low >= this.#fromLow)) &&
        (high < this.#toHigh || (high === this.#toHigh && low < this.#toLow))
      )
        continue;
      this.#enter((BigInt(high) << 32n) | BigInt(low));
    }
  }

  /** In order. */
  list(): string[] {
    return [...this.#dates].sort();
  }

  #enter(unixNano: bigint): void {
    const day = unixNano / DAY_NANO;
    const from = day * DAY_NANO;
    const to = from + DAY_NANO;
    this.#fromLow = Number(from & 0xffff_ffffn);
    this.#fromHigh = Number(from >> 32n);
    this.#toLow = Number(to & 0xffff_ffffn);
    this.#toHigh = Number(to >> 32n);
    this.#dates.add(new Date(Number(day) * 86_400_000).toISOString().slice(0, 10));
  }
}
