import type { Refs } from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { copyBytes, type NativeWriter, putVarint, STRING_SLACK_BYTES } from "./native-writer.ts";

/**
 * The dictionary of one LowCardinality(String) column of one block, keyed on bytes; no string is made.
 * Entry 0 is always ''. Entries are kept as they are written: varint length, bytes.
 *
 * The layout of a LowCardinality column (all of it missing but the version where there are no values):
 *   UInt64 version = 1                              (prefix of the whole column, before the offsets of arrays around it)
 *   UInt64 index type (0: UInt8, 1: UInt16, 2: UInt32) | 0x200 additional keys | 0x400 new dictionary
 *   UInt64 entries, the entries as strings
 *   UInt64 values, the values' indices
 *
 * A hostile sender can make keys collide, so probing stops after a few steps and the key is entered a second time: the
 * engine accepts duplicate entries.
 */
const PROBE_LIMIT = 24;
const MIN_SLOTS = 256;
const MIN_BYTES = 4096;
const KEPT_SLOTS = 65_536;
const KEPT_BYTES = 1024 * 1024;

export class ByteDictionary {
  #entries = new Bytes(new Uint8Array(MIN_BYTES));
  #used = 0;
  #starts = new Uint32Array(MIN_SLOTS);
  #lengths = new Uint32Array(MIN_SLOTS);
  #hashes = new Int32Array(MIN_SLOTS);
  /** Entry number, or 0 for a free slot ('' is never looked up). */
  #slots = new Uint32Array(MIN_SLOTS);
  #mask = MIN_SLOTS - 1;
  #count = 0;

  constructor() {
    this.clear();
  }

  get count(): number {
    return this.#count;
  }

  clear(): void {
    // What one strange block needed is not kept for ever, nor cleared every time.
    if (this.#entries.bytes.length > KEPT_BYTES) this.#entries = new Bytes(new Uint8Array(MIN_BYTES));
    if (this.#slots.length > KEPT_SLOTS) {
      this.#slots = new Uint32Array(MIN_SLOTS);
      this.#starts = new Uint32Array(MIN_SLOTS);
      this.#lengths = new Uint32Array(MIN_SLOTS);
      this.#hashes = new Int32Array(MIN_SLOTS);
    } else this.#slots.fill(0);
    this.#mask = this.#slots.length - 1;
    this.#entries.bytes[0] = 0;
    this.#used = 1;
    this.#count = 1;
    this.#starts[0] = 1;
    this.#lengths[0] = 0;
  }

  /** The entry of these bytes, entered if it is new. */
  index(source: Bytes, start: number, length: number): number {
    if (length === 0) return 0;
    const hash = hashOf(source, start, length);
    const found = this.#find(source, start, length, hash);
    return found >= 0 ? found : this.#enter(source, start, length, hash);
  }

  /** The entry of these bytes, -1 if there is none. */
  find(source: Bytes, start: number, length: number): number {
    return length === 0 ? 0 : this.#find(source, start, length, hashOf(source, start, length));
  }

  /** Writes entries and indices. The version went before. */
  write(out: NativeWriter, indices: Uint32Array, count: number): void {
    if (count === 0) return;
    this.writeEntries(out, count);
    const width = this.indexBytes;
    let done = 0;
    while (done < count) {
      out.reserve(width);
      const { bytes, view } = out;
      const room = Math.min(count - done, Math.floor((bytes.length - out.position) / width));
      let position = out.position;
      const end = done + room;
      if (width === 1) for (; done < end; done++) bytes[position++] = indices[done]!;
      else if (width === 2) for (; done < end; done++, position += 2) view.setUint16(position, indices[done]!, true);
      else for (; done < end; done++, position += 4) view.setUint32(position, indices[done]!, true);
      out.position = position;
    }
  }

  /** The part before the indices, for callers that write `count` indices of `indexBytes` themselves. */
  writeEntries(out: NativeWriter, count: number): void {
    out.uint64(0x600 | (this.indexBytes >> 1), 0);
    out.uint64(this.#count, 0);
    out.raw(this.#entries.bytes.subarray(0, this.#used));
    out.uint64(count, 0);
  }

  get indexBytes(): 1 | 2 | 4 {
    return this.#count <= 256 ? 1 : this.#count <= 65_536 ? 2 : 4;
  }

  #find(source: Bytes, start: number, length: number, hash: number): number {
    let slot = hash & this.#mask;
    for (let step = 0; step < PROBE_LIMIT; step++) {
      const entry = this.#slots[slot]!;
      if (entry === 0) return -1;
      if (this.#hashes[entry] === hash && this.#lengths[entry] === length && this.#equals(entry, source, start)) {
        return entry;
      }
      slot = (slot + 1) & this.#mask;
    }
    return -1;
  }

  #equals(entry: number, source: Bytes, start: number): boolean {
    return equalBytes(this.#entries, this.#starts[entry]!, source, start, this.#lengths[entry]!);
  }

  #enter(source: Bytes, start: number, length: number, hash: number): number {
    const entry = this.#count++;
    if (entry === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#lengths = doubled(this.#lengths);
      const hashes = new Int32Array(this.#hashes.length * 2);
      hashes.set(this.#hashes);
      this.#hashes = hashes;
    }
    if (this.#used + length + STRING_SLACK_BYTES > this.#entries.bytes.length) {
      const larger = new Uint8Array(Math.max(this.#entries.bytes.length * 2, this.#used + length + STRING_SLACK_BYTES));
      larger.set(this.#entries.bytes.subarray(0, this.#used));
      this.#entries = new Bytes(larger);
    }
    const { bytes, view } = this.#entries;
    const at = putVarint(bytes, this.#used, length);
    copyBytes(source, start, bytes, view, at, length);
    this.#used = at + length;
    this.#starts[entry] = at;
    this.#lengths[entry] = length;
    this.#hashes[entry] = hash;
    if (this.#count * 2 > this.#slots.length) this.#grow();
    else this.#place(entry, hash);
    return entry;
  }

  /** Makes an entry findable if a slot is near enough. */
  #place(entry: number, hash: number): void {
    let slot = hash & this.#mask;
    for (let step = 0; step < PROBE_LIMIT; step++) {
      if (this.#slots[slot] === 0) {
        this.#slots[slot] = entry;
        return;
      }
      slot = (slot + 1) & this.#mask;
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 4);
    this.#mask = this.#slots.length - 1;
    for (let entry = 1; entry < this.#count; entry++) this.#place(entry, this.#hashes[entry]!);
  }
}

function equalBytes(left: Bytes, at: number, right: Bytes, start: number, length: number): boolean {
  let i = 0;
  for (; i + 4 <= length; i += 4)
    if (left.view.getInt32(at + i, true) !== right.view.getInt32(start + i, true)) return false;
  for (; i < length; i++) if (left.bytes[at + i] !== right.bytes[start + i]) return false;
  return true;
}

function doubled(column: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(column.length * 2);
  larger.set(column);
  return larger;
}

/** Over the words, the last one filled up with what is there. Collisions cost probes, nothing else. */
function hashOf(source: Bytes, start: number, length: number): number {
  const { bytes, view } = source;
  let hash = length;
  let at = start;
  const end = start + length;
  for (; at + 4 <= end; at += 4) {
    hash = Math.imul(hash ^ view.getInt32(at, true), 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/** Enters the values `from … to - 1` of a column of references and appends their entries to `indices` at `at`. */
export function indexRefs(
  dictionary: ByteDictionary,
  body: Bytes,
  refs: Refs,
  from: number,
  to: number,
  indices: Uint32Array,
  at: number,
): void {
  const { start, length } = refs;
  /** The value before: often the same again. */
  let lastStart = 0;
  let lastLength = 0;
  let lastEntry = 0;
  for (let row = from; row < to; row++) {
    const size = length[row]!;
    if (size !== lastLength || !equalBytes(body, start[row]!, body, lastStart, size)) {
      lastStart = start[row]!;
      lastLength = size;
      lastEntry = dictionary.index(body, lastStart, size);
    }
    indices[at + row - from] = lastEntry;
  }
}
