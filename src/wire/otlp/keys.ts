import { randomBytes } from "node:crypto";
import type { Source } from "./source.ts";
import type { Table } from "./table.ts";

type KeyTable = Table<{ start: "u32"; length: "u32" }>;

/** More slots than this are given back after a batch. */
const KEEP_SLOTS = 4096;

/**
 * The distinct attribute keys of a batch, numbered in the order they first appear. Keyed on bytes: no string is made.
 * Open addressing over HalfSipHash-1-3 with a secret of this thread, so that no sender can choose keys that collide. The
 * numbering does not depend on the secret, only the time it takes does.
 */
export class Keys {
  /** Where each key stands. */
  readonly table: KeyTable;
  count = 0;
  readonly #source: Source;
  readonly #limit: number;
  readonly #secret = randomBytes(8);
  readonly #secretLow = this.#secret.readInt32LE(0);
  readonly #secretHigh = this.#secret.readInt32LE(4);
  /** Key number plus one; 0 is free. */
  #slots = new Uint32Array(256);
  #hashes = new Int32Array(64);

  constructor(source: Source, limit: number, table: KeyTable) {
    this.#source = source;
    this.#limit = limit;
    this.table = table;
  }

  begin(): void {
    if (this.#slots.length > KEEP_SLOTS) {
      this.#slots = new Uint32Array(256);
      this.#hashes = new Int32Array(64);
    } else this.#slots.fill(0);
    this.count = 0;
  }

  /** The number of a key, a new one if it was not seen before; -1 for a new one past the limit. */
  intern(start: number, length: number): number {
    const hash = this.#hash(start, length);
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const taken = slots[slot]!;
      if (taken === 0) break;
      if (this.#hashes[taken - 1] === hash && this.#is(taken - 1, start, length)) return taken - 1;
      slot = (slot + 1) & mask;
    }
    const key = this.count;
    if (key >= this.#limit) return -1;
    this.table.reserve(key + 1);
    this.table.rows.start[key] = start;
    this.table.rows.length[key] = length;
    if (key >= this.#hashes.length) {
      const grown = new Int32Array(this.#hashes.length * 2);
      grown.set(this.#hashes);
      this.#hashes = grown;
    }
    this.#hashes[key] = hash;
    slots[slot] = key + 1;
    this.count = key + 1;
    if (this.count * 2 > slots.length) this.#rehash();
    return key;
  }

  #is(key: number, start: number, length: number): boolean {
    const { rows } = this.table;
    if (rows.length[key] !== length) return false;
    const bytes = this.#source.bytes;
    const known = rows.start[key]!;
    for (let index = 0; index < length; index++) {
      if (bytes[known + index] !== bytes[start + index]) return false;
    }
    return true;
  }

  /** HalfSipHash-1-3 (Aumasson and Bernstein, SipHash's 32-bit sibling), as 32 bits. */
  #hash(start: number, length: number): number {
    const { bytes, view } = this.#source;
    let v0 = this.#secretLow;
    let v1 = this.#secretHigh;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    const words = start + (length & ~3);
    for (let position = start; ; position += 4) {
      // Words of the key, then one with its last bytes and its length, then three rounds to finish.
      let word = 0;
      if (position < words) word = view.getInt32(position, true);
      else if (position === words) {
        word = length << 24;
        for (let index = 0; index < (length & 3); index++) word |= bytes[words + index]! << (8 * index);
      } else if (position === words + 4) v2 ^= 0xff;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
      if (position === words + 12) return v1 ^ v3;
    }
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
