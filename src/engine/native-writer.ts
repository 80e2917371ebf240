import type { Bytes } from "#pipeline/bytes.ts";

/**
 * One sequential writer for ClickHouse's Native format.
 *
 * A Native stream is blocks one after the other; a block is its columns one after the other; so a block that is written
 * column by column needs no buffer per column: everything is appended here once and never moved. What is written is cut
 * into chunks at arbitrary places; only a single value is always whole inside one chunk.
 *
 *   block   varint columns, varint rows, then each column: string name, string type, prefix (if the type has one), data
 *   string  varint length, bytes
 *
 * Hot loops take `bytes`, `view` and `position` into locals and call `reserve` before a value that may not fit.
 */
const FIRST_CHUNK_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** Up to this many bytes a loop is cheaper than the call into `TypedArray.set`. */
const LOOP_COPY_BYTES = 128;

/** What `copyBytes` may write behind the bytes it copies. */
export const COPY_SLACK_BYTES = 32;

if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) throw new Error("Traceo needs a little-endian machine");

/** Chunks that are used again, at most `limitBytes` of them. Give parts back once nobody reads them any more. */
export class ChunkPool {
  readonly #limitBytes: number;
  readonly #free: ArrayBuffer[] = [];

  constructor(limitBytes = 64 * CHUNK_BYTES) {
    this.#limitBytes = limitBytes;
  }

  /** A chunk of at least `sizeBytes`; its content is whatever was there before. */
  take(sizeBytes: number): Uint8Array {
    if (sizeBytes > CHUNK_BYTES) return allocate(sizeBytes);
    if (sizeBytes <= FIRST_CHUNK_BYTES) return allocate(FIRST_CHUNK_BYTES);
    const free = this.#free.pop();
    return free === undefined ? allocate(CHUNK_BYTES) : new Uint8Array(free);
  }

  /** Takes back the memory of a block's parts, which must not be read afterwards. Foreign or transferred parts are ignored. */
  give(parts: readonly Uint8Array[]): void {
    for (const part of parts) {
      const { buffer } = part;
      if (buffer.byteLength !== CHUNK_BYTES || !(buffer instanceof ArrayBuffer)) continue;
      if ((this.#free.length + 1) * CHUNK_BYTES > this.#limitBytes) return;
      if (!this.#free.includes(buffer)) this.#free.push(buffer);
    }
  }
}

/** Not zeroed first: a chunk is cut to what was written before anybody sees it. */
function allocate(sizeBytes: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(sizeBytes).buffer);
}

/**
 * Copies bytes to another buffer, which has COPY_SLACK_BYTES of room behind them; what stands there is lost.
 * `targetView` is of `target`.
 *
 * Always 32 bytes at a time: that the processor need not guess how long the next text is saves more than the bytes too many
 * cost (13 → 5 ns a text of ordinary length). Doubles are only carried, never computed with, so their bits stay as they are.
 */
export function copyBytes(
  source: Bytes,
  start: number,
  target: Uint8Array,
  targetView: DataView,
  position: number,
  length: number,
): void {
  const { bytes, view } = source;
  if (length > LOOP_COPY_BYTES) {
    target.set(bytes.subarray(start, start + length), position);
  } else if (start + length + 32 <= bytes.length) {
    for (let i = 0; i < length; i += 32) {
      const from = start + i;
      const to = position + i;
      targetView.setFloat64(to, view.getFloat64(from, true), true);
      targetView.setFloat64(to + 8, view.getFloat64(from + 8, true), true);
      targetView.setFloat64(to + 16, view.getFloat64(from + 16, true), true);
      targetView.setFloat64(to + 24, view.getFloat64(from + 24, true), true);
    }
  } else {
    for (let i = 0; i < length; i++) target[position + i] = bytes[start + i]!;
  }
}

/** Room that a string takes beside its bytes. */
export const STRING_SLACK_BYTES = 5 + COPY_SLACK_BYTES;

/** Writes a varint of at most 32 bits (5 bytes); returns the position behind it. */
export function putVarint(target: Uint8Array, position: number, value: number): number {
  let rest = value;
  let at = position;
  while (rest > 127) {
    target[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

export class NativeWriter {
  readonly #pool: ChunkPool;
  #parts: Uint8Array[] = [];
  bytes: Uint8Array;
  view: DataView;
  position = 0;

  constructor(pool: ChunkPool) {
    this.#pool = pool;
    this.bytes = pool.take(0);
    this.view = new DataView(this.bytes.buffer);
  }

  /** Makes room for `sizeBytes` in one piece. `bytes`, `view` and `position` may change. */
  reserve(sizeBytes: number): void {
    if (this.position + sizeBytes <= this.bytes.length) return;
    if (this.position > 0) this.#parts.push(this.bytes.subarray(0, this.position));
    this.bytes = this.#pool.take(Math.max(sizeBytes, FIRST_CHUNK_BYTES + 1));
    this.view = new DataView(this.bytes.buffer);
    this.position = 0;
  }

  /** Everything written, in order. The writer is done. */
  finish(): Uint8Array[] {
    const parts = this.#parts;
    if (this.position > 0) parts.push(this.bytes.subarray(0, this.position));
    this.#parts = [];
    this.bytes = new Uint8Array(0);
    this.position = 0;
    return parts;
  }

  varint(value: number): void {
    this.reserve(5);
    this.position = putVarint(this.bytes, this.position, value);
  }

  uint64(low: number, high: number): void {
    this.reserve(8);
    this.view.setUint32(this.position, low, true);
    this.view.setUint32(this.position + 4, high, true);
    this.position += 8;
  }

  /** Bytes as they are, of any size. */
  raw(source: Uint8Array): void {
    let done = 0;
    while (done < source.length) {
      this.reserve(1);
      const length = Math.min(source.length - done, this.bytes.length - this.position);
      this.bytes.set(source.subarray(done, done + length), this.position);
      this.position += length;
      done += length;
    }
  }

  /** The elements `from … to - 1` of a numeric column, as they lie in memory. */
  numbers(column: ArrayBufferView & { readonly BYTES_PER_ELEMENT: number }, from: number, to: number): void {
    const size = column.BYTES_PER_ELEMENT;
    this.raw(new Uint8Array(column.buffer, column.byteOffset + from * size, (to - from) * size));
  }

  string(source: Bytes, start: number, length: number): void {
    this.reserve(length + STRING_SLACK_BYTES);
    this.position = putVarint(this.bytes, this.position, length);
    copyBytes(source, start, this.bytes, this.view, this.position, length);
    this.position += length;
  }

  /** Repeats the last `sizeBytes` written so that they stand there `times` times in all. */
  repeat(sizeBytes: number, times: number): void {
    if (sizeBytes === 0) return;
    // The pattern must lie whole in one chunk: callers write it after one `reserve`.
    let from = this.position - sizeBytes;
    let source = this.bytes;
    let missing = times - 1;
    while (missing > 0) {
      const room = Math.floor((this.bytes.length - this.position) / sizeBytes);
      if (room === 0) {
        this.reserve(Math.max(sizeBytes, Math.min(sizeBytes * missing, CHUNK_BYTES)));
        continue;
      }
      const present = source === this.bytes ? (this.position - from) / sizeBytes : 1;
      const count = Math.min(missing, room, present);
      if (source === this.bytes) this.bytes.copyWithin(this.position, from, from + count * sizeBytes);
      else {
        this.bytes.set(source.subarray(from, from + sizeBytes), this.position);
        source = this.bytes;
        from = this.position;
      }
      this.position += count * sizeBytes;
      missing -= count;
    }
  }
}
