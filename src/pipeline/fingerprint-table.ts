/**
 * 64-bit fingerprints, numbered from 0 in the order they were entered. They are hashes already, so the low half is the
 * place to look. Whoever makes them up may make them crowd together, so probing stops after a few steps; one that found no
 * place there is simply not found again, which callers must be able to live with.
 */
const PROBE_LIMIT = 48;

export class FingerprintTable {
  #count = 0;
  #low = new Uint32Array(512);
  #high = new Uint32Array(512);
  /** Number + 1, or 0 for a free slot. */
  #slots = new Uint32Array(1024);
  #mask = 1023;

  get count(): number {
    return this.#count;
  }

  /** Its number, or -1. */
  find(low: number, high: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    let slot = low & mask;
    for (let step = 0; step < PROBE_LIMIT; step++) {
      const number = slots[slot]! - 1;
      if (number < 0) return -1;
      if (this.#low[number] === low && this.#high[number] === high) return number;
      slot = (slot + 1) & mask;
    }
    return -1;
  }

  /** Enters one that was not found; returns its number. */
  add(low: number, high: number): number {
    const number = this.#count++;
    if (number === this.#low.length) {
      this.#low = doubled(this.#low);
      this.#high = doubled(this.#high);
    }
    this.#low[number] = low;
    this.#high[number] = high;
    if (this.#count * 2 <= this.#slots.length) this.#place(number);
    else {
      this.#slots = new Uint32Array(this.#slots.length * 2);
      this.#mask = this.#slots.length - 1;
      for (let each = 0; each < this.#count; each++) this.#place(each);
    }
    return number;
  }

  #place(number: number): void {
    let slot = this.#low[number]! & this.#mask;
    for (let step = 0; step < PROBE_LIMIT; step++) {
      if (this.#slots[slot] === 0) {
        this.#slots[slot] = number + 1;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}

function doubled(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}
