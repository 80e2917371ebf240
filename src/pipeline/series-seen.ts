import { FingerprintTable } from "./fingerprint-table.ts";

/**
 * Which series rows this process has staged: (tenant, series, UTC hour). A load stages only what is not here; a row staged
 * again is harmless (rows of one series merge), a row not staged at all would leave points without a name, so what is
 * uncertain is forgotten: on doubt call `forget`.
 *
 * Bounded: at `limit` entries the older half goes (two generations, an entry used again moves to the younger). An entry is
 * a 64-bit fingerprint, the series id XOR a hash of tenant and hour, so the odds to take a new row for a known one are the
 * odds that two series ids meet (series-id.ts).
 */
export class SeriesSeen {
  readonly #generationLimit: number;
  #young: FingerprintTable;
  #old: FingerprintTable;

  constructor(limit = 1_000_000) {
    this.#generationLimit = Math.max(1, Math.floor(limit / 2));
    this.#young = new FingerprintTable();
    this.#old = new FingerprintTable();
  }

  get count(): number {
    return this.#young.count + this.#old.count;
  }

  has(low: number, high: number): boolean {
    if (this.#young.find(low, high) >= 0) return true;
    if (this.#old.find(low, high) < 0) return false;
    this.add(low, high);
    return true;
  }

  /** Of a fingerprint that `has` does not know. */
  add(low: number, high: number): void {
    if (this.#young.count >= this.#generationLimit) {
      this.#old = this.#young;
      this.#young = new FingerprintTable();
    }
    this.#young.add(low, high);
  }

  /** After a load that failed, or whose outcome is not known: everything will be staged once more. */
  forget(): void {
    this.#young = new FingerprintTable();
    this.#old = new FingerprintTable();
  }
}
