import { randomBytes } from "node:crypto";
import type { Source } from "./source.ts";
import { Table } from "./table.ts";

/**
 * The distinct attribute keys of a batch, numbered in the order they first appear. Keyed on bytes: no string is made.
 * Open addressing; the hash is seeded, so that a sender cannot choose keys that collide (the numbering does not depend on
 * the seed, only the time it takes does).
 */
export class Keys {
  readonly table: Table<{ start: "u32"; length: "u32" }>;
  count = 0;
  readonly #source: Source;
  readonly #seed = randomBytes(4).readInt32LE();
  /** Key number plus one; 0 is free. */
  #slots = new Uint32Array(256);
  #hashes = new Int32Array(64);

  constructor(source: Source, limitBytes: number) {
    this.#source = source;
    this.table = new Table({ start: "u32", length: "u32" }, limitBytes);
  }

  begin(): void {
    if (this.#slots.length > 4096) {
      this.#slots = new Uint32Array(256);
      this.#hashes = new Int32Array(64);
    } else this.#slots.fill(0);
    this.count = 0;
  }

  /** Whether key `key` is the bytes from `start` to `start + length`. */
  is(key: number, start: number, length: number): boolean {
    const rows = this.table.rows;
    if (rows.length[key] !== length) return false;
    const bytes = this.#source.bytes;
    const known = rows.start[key]!;
    for (let index = 0; index < length; index++) {
      if (bytes[known + index] !== bytes[start + index]) return false;
    }
    return true;
  }

  /** The number of a key, a new one if it was not seen before. */
  intern(start: number, length: number): number {
    const bytes = this.#source.bytes;
    let hash = this.#seed ^ length;
    for (let index = start; index < start + length; index++) hash = Math.imul(hash ^ bytes[index]!, 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const taken = this.#slots[slot]!;
      if (taken === 0) break;
      if (this.#hashes[taken - 1] === hash && this.is(taken - 1, start, length)) return taken - 1;
      slot = (slot + 1) & mask;
    }
    const key = this.count;
    this.table.reserve(key + 1);
    this.table.rows.start[key] = start;
    this.table.rows.length[key] = length;
    if (key >= this.#hashes.length) {
      const grown = new Int32Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[key] = hash;
    this.#slots[slot] = key + 1;
    this.count = key + 1;
    if (this.count * 2 > this.#slots.length) this.#rehash();
    return key;
  }

  #rehash(): void {
    const slots = new Uint32Array(this.#slots.length * 4);
    const mask = slots.length - 1;
    for (let key = 0; key < this.count; key++) {
      let slot = this.#hashes[key]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = key + 1;
    }
    this.#slots = slots;
  }
}
