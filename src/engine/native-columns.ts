import { ABSENT, type AttributeColumns, AttributeType, type Batch, type Refs } from "#model/batch.ts";
import { ByteText } from "#pipeline/byte-text.ts";
import type { Bytes } from "#pipeline/bytes.ts";
import type { TimeHalves } from "#pipeline/time-window.ts";
import { printScalar, printValue } from "#pipeline/value-text.ts";
import { ByteDictionary, indexRefs } from "./native-dictionary.ts";
import { ChunkPool, copyBytes, type NativeWriter, putVarint, STRING_SLACK_BYTES } from "./native-writer.ts";

/**
 * Columns of decoded batches written as columns of a Native block. A block takes its rows from ranges of several batches;
 * every function here appends one whole column for the ranges it is given, prefix included.
 *
 *   Array(T)                             prefixes of T, UInt64 end offsets, the elements
 *   Map(LowCardinality(String), String)  version of the keys, UInt64 end offsets, keys (dictionary, indices), values
 *   Array(Map(…))                        version, offsets of the array, offsets of the maps, keys, values
 */

/** Rows (or events, links, exemplars) `from … to - 1` of one batch. */
export interface Range<B extends Batch = Batch> {
  readonly batch: B;
  /** The batch's body. */
  readonly body: Bytes;
  readonly from: number;
  readonly to: number;
}

/** Room for more than this many indices is not kept: one strange load shall not cost memory for ever. */
const KEPT_INDICES = 262_144;

/** What building keeps from call to call: chunks, scratch space. One per thread; never shared by two builds at once. */
export class BuildMemory {
  readonly pool: ChunkPool;
  readonly dictionary = new ByteDictionary();
  readonly text = new ByteText();
  readonly value = new ByteText();
  #indices = new Uint32Array(1024);

  constructor(pool: ChunkPool = new ChunkPool()) {
    this.pool = pool;
  }

  /** Scratch for `count` indices; valid until the next call. */
  indices(count: number): Uint32Array {
    if (count > KEPT_INDICES) return new Uint32Array(count);
    if (this.#indices.length < count) this.#indices = new Uint32Array(Math.max(count, this.#indices.length * 2));
    return this.#indices;
  }
}

export function countOf(ranges: readonly Range[]): number {
  let count = 0;
  for (const { from, to } of ranges) count += to - from;
  return count;
}

export function version(out: NativeWriter): void {
  out.uint64(1, 0);
}

/** String, from references. */
export function writeStrings<R extends Range>(
  out: NativeWriter,
  ranges: readonly R[],
  refsOf: (range: R) => Refs,
): void {
  for (const range of ranges) {
    const { body, to } = range;
    const { start, length } = refsOf(range);
    let row = range.from;
    while (row < to) {
      out.reserve(length[row]! + STRING_SLACK_BYTES);
      // Constant inside the loop: that is what makes access to them cheap.
      const { bytes, view } = out;
      const limit = bytes.length - STRING_SLACK_BYTES;
      let { position } = out;
      for (; row < to; row++) {
        const size = length[row]!;
        if (position + size > limit) break;
        if (size < 128) bytes[position++] = size;
        else position = putVarint(bytes, position, size);
        copyBytes(body, start[row]!, bytes, view, position, size);
        position += size;
      }
      out.position = position;
    }
  }
}

/** LowCardinality(String) without its version, from references. */
export function writeLowCardinality<R extends Range>(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly R[],
  refsOf: (range: R) => Refs,
): void {
  const { dictionary } = memory;
  dictionary.clear();
  const count = countOf(ranges);
  const indices = memory.indices(count);
  let at = 0;
  for (const range of ranges) {
    indexRefs(dictionary, range.body, refsOf(range), range.from, range.to, indices, at);
    at += range.to - range.from;
  }
  dictionary.write(out, indices, count);
}

/** The hex digits of two bytes (the lower half of `pair`, first byte lowest), as a little-endian word. */
function hexOf(pair: number): number {
  const nibbles = ((pair & 0xf0) >> 4) | ((pair & 0x0f) << 8) | ((pair & 0xf000) << 4) | ((pair & 0x0f00) << 16);
  // Four lanes at once: 10 and more carry into the fifth bit, and are 39 further on in ASCII.
  const letters = ((nibbles + 0x06060606) >> 4) & 0x01010101;
  return nibbles + 0x30303030 + letters * 39;
}

/** String: ids of `size` bytes in hex, '' where absent. */
export function writeIds<R extends Range>(
  out: NativeWriter,
  ranges: readonly R[],
  size: 8 | 16,
  offsetsOf: (range: R) => Uint32Array,
): void {
  for (const range of ranges) {
    const source = range.body.view;
    const offsets = offsetsOf(range);
    let row = range.from;
    while (row < range.to) {
      out.reserve(33);
      const { view } = out;
      let { position } = out;
      const end = Math.min(range.to, row + Math.floor((view.byteLength - position) / 33));
      for (; row < end; row++) {
        const offset = offsets[row]!;
        if (offset === ABSENT) {
          view.setUint8(position++, 0);
          continue;
        }
        view.setUint8(position++, size * 2);
        for (let i = 0; i < size; i += 4, position += 8) {
          const word = source.getInt32(offset + i, true);
          view.setInt32(position, hexOf(word), true);
          view.setInt32(position + 4, hexOf(word >>> 16), true);
        }
      }
      out.position = position;
    }
  }
}

/** Numbers that lie in memory as the column does: UInt8, UInt32, Float64, Enum8 … */
export function writeNumbers<R extends Range>(
  out: NativeWriter,
  ranges: readonly R[],
  columnOf: (range: R) => ArrayBufferView & { readonly BYTES_PER_ELEMENT: number },
): void {
  for (const range of ranges) out.numbers(columnOf(range), range.from, range.to);
}

/** DateTime64(9): unsigned nanoseconds; what does not fit in 63 bits is the largest time there is. */
export function writeTimes(out: NativeWriter, times: TimeHalves, from: number, to: number): void {
  let fits = true;
  for (let row = from; row < to; row++) fits = fits && times[row * 2 + 1]! < 0x8000_0000;
  if (fits) {
    out.numbers(times, from * 2, to * 2);
    return;
  }
  for (let row = from; row < to; row++) {
    const high = times[row * 2 + 1]!;
    if (high < 0x8000_0000) out.uint64(times[row * 2]!, high);
    else out.uint64(0xffff_ffff, 0x7fff_ffff);
  }
}

/** The UInt64 end offsets of an array column, from offset columns whose rows are the ranges' rows. */
export function writeOffsets<R extends Range>(
  out: NativeWriter,
  ranges: readonly R[],
  offsetsOf: (range: R) => Uint32Array,
): void {
  let base = 0;
  for (const range of ranges) {
    const { from, to } = range;
    const offsets = offsetsOf(range);
    const shift = base - offsets[from]!;
    let done = from;
    while (done < to) {
      out.reserve(8);
      const { view } = out;
      let { position } = out;
      const end = Math.min(to, done + ((view.byteLength - position) >> 3));
      for (; done < end; done++, position += 8) {
        view.setUint32(position, offsets[done + 1]! + shift, true);
        view.setUint32(position + 4, 0, true);
      }
      out.position = position;
    }
    base = offsets[to]! + shift;
  }
}

/** What the elements of an array column are: the children of the ranges' rows. */
export function childrenOf<R extends Range>(ranges: readonly R[], offsetsOf: (range: R) => Uint32Array): R[] {
  return ranges.map((range) => {
    const offsets = offsetsOf(range);
    return { ...range, from: offsets[range.from]!, to: offsets[range.to]! };
  });
}

/** Map(LowCardinality(String), String) without the keys' version; the ranges' rows own the attributes. */
export function writeAttributes<R extends Range>(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly R[],
  columnsOf: (range: R) => AttributeColumns,
): void {
  writeOffsets(out, ranges, (range) => columnsOf(range).offset);
  const entries = childrenOf(ranges, (range) => columnsOf(range).offset);
  const count = countOf(entries);
  if (count === 0) return;
  const { dictionary } = memory;
  dictionary.clear();
  const entryOf = new KeyEntries(dictionary);
  for (const range of entries) entryOf.enter(range, columnsOf(range));
  dictionary.writeEntries(out, count);
  for (const range of entries)
    writeIndices(out, entryOf.of(range.batch), columnsOf(range).key, range.from, range.to, dictionary.indexBytes);
  for (const range of entries) writeValues(out, memory.text, range.body, columnsOf(range), range.from, range.to);
}

const UNSEEN = 0xffff_ffff;

/** For each batch of a block: from its key numbers to the entries of the column's dictionary. Only keys in use are entered. */
export class KeyEntries {
  readonly #dictionary: ByteDictionary;
  readonly #entries = new Map<Batch, Uint32Array>();

  constructor(dictionary: ByteDictionary) {
    this.#dictionary = dictionary;
  }

  of(batch: Batch): Uint32Array {
    let entries = this.#entries.get(batch);
    if (entries === undefined) {
      entries = new Uint32Array(batch.keys.count).fill(UNSEEN);
      this.#entries.set(batch, entries);
    }
    return entries;
  }

  enter(range: Range, columns: AttributeColumns): void {
    const { batch, body, from, to } = range;
    const entries = this.of(batch);
    const { key } = columns;
    const { start, length } = batch.keys;
    for (let i = from; i < to; i++) {
      const id = key[i]!;
      if (entries[id] === UNSEEN) entries[id] = this.#dictionary.index(body, start[id]!, length[id]!);
    }
  }
}

/** `entries[source[i]]` for each i, in the width of the dictionary. */
export function writeIndices(
  out: NativeWriter,
  entries: Uint32Array,
  source: Uint32Array,
  from: number,
  to: number,
  width: 1 | 2 | 4,
): void {
  let done = from;
  while (done < to) {
    out.reserve(width);
    const { bytes, view } = out;
    let { position } = out;
    const end = Math.min(to, done + Math.floor((bytes.length - position) / width));
    if (width === 1) for (; done < end; done++) bytes[position++] = entries[source[done]!]!;
    else if (width === 2)
      for (; done < end; done++, position += 2) view.setUint16(position, entries[source[done]!]!, true);
    else for (; done < end; done++, position += 4) view.setUint32(position, entries[source[done]!]!, true);
    out.position = position;
  }
}

/** String: the values of entries `from … to - 1` as text. */
export function writeValues(
  out: NativeWriter,
  text: ByteText,
  body: Bytes,
  columns: AttributeColumns,
  from: number,
  to: number,
): void {
  const { type, low, high } = columns;
  let i = from;
  while (i < to) {
    out.reserve((type[i] === AttributeType.string ? high[i]! : 0) + STRING_SLACK_BYTES);
    const { bytes, view } = out;
    const limit = bytes.length - STRING_SLACK_BYTES;
    let { position } = out;
    for (; i < to; i++) {
      const kind = type[i]!;
      if (kind === AttributeType.string) {
        const length = high[i]!;
        if (position + length > limit) break;
        if (length < 128) bytes[position++] = length;
        else position = putVarint(bytes, position, length);
        copyBytes(body, low[i]!, bytes, view, position, length);
        position += length;
      } else if (kind <= AttributeType.double) {
        if (position > limit) break;
        const end = printScalar(bytes, position + 1, kind, low[i]!, high[i]!);
        bytes[position] = end - position - 1;
        position = end;
      } else break;
    }
    out.position = position;
    if (i < to && type[i]! > AttributeType.double) {
      text.clear();
      printValue(text, body.bytes, type[i]!, low[i]!, high[i]!);
      out.varint(text.length);
      out.reserve(text.length);
      out.raw(text.bytes.subarray(0, text.length));
      i++;
    }
  }
}
