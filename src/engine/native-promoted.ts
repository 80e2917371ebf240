import { type AttributeColumns, AttributeType, type Batch } from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { NUMBER_BYTES, printScalar, printValue } from "#pipeline/value-text.ts";
import { type BuildMemory, countOf, type Range, version } from "./native-columns.ts";

import type { NativeWriter } from "./native-writer.ts";

/**
 * Attributes with a column of their own: the value's text of the first attribute with that key, '' where there is none, as the
 * engine would answer for `attributes['key']`. The attributes of a block are looked through once, for all such keys.
 */
export class PromotedColumns<R extends Range> {
  readonly #ranges: readonly R[];
  readonly #attributesOf: (range: R) => AttributeColumns;
  /** Per key: the entry + 1 of each row of the block, 0 where the row has none. */
  readonly #entries: readonly Uint32Array[];

  constructor(keys: readonly string[], ranges: readonly R[], attributesOf: (range: R) => AttributeColumns) {
    this.#ranges = ranges;
    this.#attributesOf = attributesOf;
    const rows = countOf(ranges);
    const entries = keys.map(() => new Uint32Array(rows));
    this.#entries = entries;
    const texts = keys.map((key) => encoder.encode(key));
    const numbersOf = new Map<Batch, Uint8Array | undefined>();
    let base = 0;
    for (const range of ranges) {
      const { batch, from, to } = range;
      if (!numbersOf.has(batch)) numbersOf.set(batch, numbersIn(batch, texts));
      const numbers = numbersOf.get(batch);
      if (numbers !== undefined) {
        const { offset, key } = attributesOf(range);
        for (let row = from; row < to; row++) {
          const end = offset[row + 1]!;
          for (let entry = offset[row]!; entry < end; entry++) {
            const number = numbers[key[entry]!]!;
            if (number === 0) continue;
            const column = entries[number - 1]!;
            const at = base + row - from;
            if (column[at] === 0) column[at] = entry + 1;
          }
        }
      }
      base += to - from;
    }
  }

  /** LowCardinality(String), version included: the column of the key of this number. */
  write(out: NativeWriter, memory: BuildMemory, number: number): void {
    version(out);
    const { dictionary, text } = memory;
    dictionary.clear();
    const entries = this.#entries[number]!;
    const indices = memory.indices(entries.length);
    const scratch = new Bytes(new Uint8Array(NUMBER_BYTES + 6));
    let at = 0;
    for (const range of this.#ranges) {
      const { body, to } = range;
      const { type, low, high } = this.#attributesOf(range);
      for (let row = range.from; row < to; row++, at++) {
        const entry = entries[at]! - 1;
        if (entry < 0) {
          indices[at] = 0;
          continue;
        }
        const kind = type[entry]!;
        if (kind === AttributeType.string) indices[at] = dictionary.index(body, low[entry]!, high[entry]!);
        else if (kind <= AttributeType.double)
          indices[at] = dictionary.index(scratch, 0, printScalar(scratch.bytes, 0, kind, low[entry]!, high[entry]!));
        else {
          text.clear();
          printValue(text, body.bytes, kind, low[entry]!, high[entry]!);
          indices[at] = dictionary.index(new Bytes(text.bytes), 0, text.length);
        }
      }
    }
    dictionary.write(out, indices, entries.length);
  }
}

const encoder = new TextEncoder();

/** For each key of the batch the number of the promoted key, from 1, or 0; undefined if the batch has none of them. */
function numbersIn({ body, keys }: Batch, texts: readonly Uint8Array[]): Uint8Array | undefined {
  let numbers: Uint8Array | undefined;
  for (let id = 0; id < keys.count; id++) {
    const start = keys.start[id]!;
    const length = keys.length[id]!;
    const number = texts.findIndex(
      (text) => text.length === length && text.every((byte, i) => body[start + i] === byte),
    );
    if (number < 0) continue;
    numbers ??= new Uint8Array(keys.count);
    numbers[id] = number + 1;
  }
  return numbers;
}
