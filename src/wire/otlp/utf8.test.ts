import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { borderBefore, isAscii, repaired, validUntil } from "./utf8.ts";

/** Bytes at the borders of UTF-8's ranges, so that random sequences of them are nearly valid. */
const telling = fc.constantFrom(
  ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef],
  ...[0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
);
const sequences = fc.array(telling, { maxLength: 8 }).map((bytes) => Uint8Array.from(bytes));

describe("UTF-8", () => {
  it("is valid exactly where Node says so", () => {
    const wrong: string[] = [];
    for (let first = 0; first < 256; first++) {
      for (let second = 0; second < 256; second++) {
        for (const rest of [[], [0x80], [0xbf, 0xbf], [0x80, 0x41]]) {
          const bytes = Uint8Array.from([first, second, ...rest]);
          if ((validUntil(bytes, 0, bytes.length) === bytes.length) !== isUtf8(bytes)) wrong.push(bytes.join());
        }
      }
    }
    expect(wrong).toEqual([]);
    fc.assert(
      fc.property(sequences, (bytes) => (validUntil(bytes, 0, bytes.length) === bytes.length) === isUtf8(bytes)),
      { numRuns: 3000 },
    );
  });

  it("is valid up to the first wrong byte", () => {
    fc.assert(
      fc.property(sequences, (bytes) => {
        const until = validUntil(bytes, 0, bytes.length);
        expect(isUtf8(bytes.subarray(0, until))).toBe(true);
        for (let end = until + 1; end <= Math.min(bytes.length, until + 4); end++) {
          expect(isUtf8(bytes.subarray(until, end))).toBe(false);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("is ASCII where no byte has its high bit set, at any length and place", () => {
    for (let length = 0; length < 14; length++) {
      for (let high = -1; high < length + 2; high++) {
        const bytes = new Uint8Array(length + 2).fill(0x41);
        if (high >= 0) bytes[high] = 0x80;
        const isWithin = high >= 1 && high < length + 1;
        expect(isAscii(new DataView(bytes.buffer), 1, length + 1)).toBe(!isWithin);
      }
    }
  });

  it("is cut between characters and mended by replacement", () => {
    const bytes = Buffer.from("aé漢🙂");
    expect([1, 2, 3, 5, 6, 9, 10].map((limit) => borderBefore(bytes, 0, limit))).toEqual([1, 1, 3, 3, 6, 6, 10]);
    expect(Buffer.from(repaired(Uint8Array.of(0xef, 0xbb, 0xbf, 0x41, 0xff))).toString()).toBe("\ufeffA\ufffd");
  });
});
