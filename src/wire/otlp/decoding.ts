import type { DecodeLimit, DecodeLimits } from "../limits.ts";
import type { Rejection } from "../rejection.ts";
import { Keys } from "./keys.ts";
import { Source } from "./source.ts";
import { type Shape, Table } from "./table.ts";
import { tooLarge } from "./too-large.ts";
import { borderBefore, isAscii, isText, repaired, validUntil } from "./utf8.ts";

/**
 * What all readers of a batch share: the bytes, the limits, the key dictionary, what was rejected and cut, and the tail:
 * strings that had to be changed. They cannot be changed where they stand (the journal keeps those bytes), so their new form
 * is appended to the body, behind its end, and referred to there.
 */
export class Decoding {
  readonly source = new Source();
  readonly keys: Keys;
  readonly limits: DecodeLimits;
  readonly rejections = new Map<Rejection, number>();
  readonly truncated = new Map<DecodeLimit, number>();
  /** Length of the text that `text` settled last. */
  length = 0;
  readonly #tables: Table<Shape>[] = [];
  #tail: Uint8Array[] = [];
  #tailBytes = 0;

  constructor(limits: DecodeLimits) {
    this.limits = limits;
    this.keys = new Keys(this.source, limits.keysPerBatch, this.table({ start: "u32", length: "u32" }));
  }

  /** A table for the batches to come. */
  table<const S extends Shape>(shape: S): Table<S> {
    const table = new Table(shape, this.limits.columnBytes);
    this.#tables.push(table as unknown as Table<Shape>);
    return table;
  }

  /** Memory held for the next batch. */
  get scratchBytes(): number {
    return this.#tables.reduce((sum, table) => sum + table.scratchBytes, 0);
  }

  begin(bytes: Uint8Array): void {
    this.source.open(bytes);
    this.keys.begin();
    this.rejections.clear();
    this.truncated.clear();
  }

  reject(reason: Rejection, records = 1): void {
    this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + records);
  }

  cut(limit: DecodeLimit, count = 1): void {
    this.truncated.set(limit, (this.truncated.get(limit) ?? 0) + count);
  }

  /** Appends bytes behind the body and returns where they stand. Throws "too-large" when mending doubles the largest body. */
  append(bytes: Uint8Array): number {
    const limit = this.limits.decompressedBytes;
    if (this.#tailBytes + bytes.length > limit) throw tooLarge("decompressedBytes", limit);
    const start = this.source.bytes.length + this.#tailBytes;
    this.#tail.push(bytes);
    this.#tailBytes += bytes.length;
    return start;
  }

  /** The text from `start` to `end`, made valid and cut to `limit`: returns where it starts, its length is in `length`. */
  text(start: number, end: number, limit: "textBytes" | "valueBytes"): number {
    const limitBytes = this.limits[limit];
    if (end - start <= limitBytes && isAscii(this.source.view, start, end)) {
      this.length = end - start;
      return start;
    }
    return this.#unusual(start, end, limit, limitBytes);
  }

  #unusual(start: number, end: number, limit: DecodeLimit, limitBytes: number): number {
    const bytes = this.source.bytes;
    const tooLong = end - start > limitBytes;
    if (validUntil(bytes, start, end) === end) {
      if (tooLong) this.cut(limit);
      this.length = (tooLong ? borderBefore(bytes, start, start + limitBytes) : end) - start;
      return start;
    }
    // Up to 4 bytes more than the limit, so that cutting does not make a broken character of a whole one.
    const mended = repaired(bytes.subarray(start, Math.min(end, start + limitBytes + 4)));
    if (tooLong || mended.length > limitBytes) this.cut(limit);
    this.length = mended.length > limitBytes ? borderBefore(mended, 0, limitBytes) : mended.length;
    return this.append(mended.subarray(0, this.length));
  }

  /**
   * Makes the keys valid UTF-8. Done once per distinct key and at the end: until then they are compared as they came. Two that
   * become equal stay two.
   */
  settleKeys(): void {
    const { bytes, view } = this.source;
    const { start, length } = this.keys.table.rows;
    for (let key = 0; key < this.keys.count; key++) {
      const from = start[key]!;
      const to = from + length[key]!;
      if (isText(bytes, view, from, to)) continue;
      const mended = repaired(bytes.subarray(from, to));
      start[key] = this.append(mended);
      length[key] = mended.length;
    }
  }

  /** The body with its tail. */
  finish(): Uint8Array {
    const body = this.source.bytes;
    if (this.#tailBytes === 0) return body;
    const whole = new Uint8Array(body.length + this.#tailBytes);
    whole.set(body);
    let offset = body.length;
    for (const part of this.#tail) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }

  /** Lets go of the batch. */
  release(): void {
    this.source.close();
    this.#tail = [];
    this.#tailBytes = 0;
  }
}
