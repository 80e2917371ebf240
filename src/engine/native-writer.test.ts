import { describe, expect, it } from "vitest";
import { Bytes } from "#pipeline/bytes.ts";
import { ByteDictionary } from "./native-dictionary.ts";
import { ChunkPool, COPY_SLACK_BYTES, copyBytes, NativeWriter } from "./native-writer.ts";

describe("copying bytes", () => {
  it("keeps every bit, also where eight bytes make a signalling NaN, of every length and at every place", () => {
    // Long enough that all compilers of the JavaScript engine have their turn.
    const patterns = [
      [1, 0, 0, 0, 0, 0, 0xf0, 0x7f],
      [1, 0, 0, 0, 0, 0, 0xf0, 0xff],
      [0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
      [255, 255, 255, 255, 255, 255, 255, 255],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ];
    const bytes = Uint8Array.from({ length: 400 }, (_, i) => patterns[(i >> 3) % 5]![i & 7]!);
    const source = new Bytes(bytes);
    const target = new Bytes(new Uint8Array(400 + COPY_SLACK_BYTES));
    let wrong = 0;
    for (let round = 0; round < 40; round++)
      for (let start = 0; start < 200; start += 1 + (round % 3))
        for (const length of [0, 1, 7, 8, 9, 31, 32, 33, 64, 127, 128, 129, 200]) {
          copyBytes(source, start, target.bytes, target.view, 3, length);
          for (let i = 0; i < length; i++) if (target.bytes[3 + i] !== bytes[start + i]) wrong++;
        }
    expect(wrong).toBe(0);
  });
});

describe("the writer", () => {
  it("repeats what was written across chunks", () => {
    for (const size of [1, 7, 300_000]) {
      const writer = new NativeWriter(new ChunkPool());
      const pattern = Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) & 255);
      writer.raw(Uint8Array.of(9));
      writer.reserve(size);
      writer.raw(pattern);
      const times = Math.ceil(3_000_000 / size);
      writer.repeat(size, times);
      writer.raw(Uint8Array.of(8));
      const all = Buffer.concat(writer.finish());
      expect(all.length).toBe(size * times + 2);
      let wrong = 0;
      for (let i = 0; i < size * times; i++) if (all[i + 1] !== pattern[i % size]) wrong++;
      expect([wrong, all[0], all.at(-1)]).toEqual([0, 9, 8]);
    }
  });
});

describe("a dictionary", () => {
  it("gives equal bytes equal entries, at any size", () => {
    const dictionary = new ByteDictionary();
    for (let round = 0; round < 2; round++) {
      dictionary.clear();
      const words = Array.from(
        { length: 70_000 },
        (_, i) => new Bytes(Buffer.from(`word ${i % 70_000} ${"x".repeat(i % 7)}`)),
      );
      const entries = words.map((word) => dictionary.index(word, 0, word.bytes.length));
      const first = new Map<string, number>();
      let different = 0;
      words.forEach((word, i) => {
        const text = Buffer.from(word.bytes).toString();
        const known = first.get(text);
        if (known === undefined) first.set(text, entries[i]!);
        else if (known !== entries[i]) different++;
      });
      expect(different).toBe(0);
      expect(new Set(entries).size).toBe(first.size);
      expect(dictionary.count).toBe(first.size + 1);
      expect([dictionary.indexBytes, dictionary.index(words[0]!, 0, 0)]).toEqual([4, 0]);
      expect(dictionary.find(new Bytes(Buffer.from("nothing")), 0, 7)).toBe(-1);
    }
  });
});
