import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Failure } from "#runtime/failure.ts";
import { type ContentEncoding, decompress } from "./compression.ts";
import { limitSetting } from "./limits.ts";

const TEXT = Buffer.from("line of text, number 1234567890\n".repeat(10_000));
/** The text above by the reference encoder: with its size in the frame's header, and streamed, so without. */
const ZSTD_SIZED = Buffer.from(
  "KLUv/aQA4gQAVAEABAJsaW5lIG9mIHRleHQsIG51bWJlciAxMjM0NTY3ODkwCgEA6P4fuXoCTAAACGwBAPz/ORACTQAACGwBAPxhHQgB9QImIA==",
  "base64",
);
const ZSTD_STREAMED = Buffer.from(
  "KLUv/QRYVAEABAJsaW5lIG9mIHRleHQsIG51bWJlciAxMjM0NTY3ODkwCgEA6P4fuXoCTAAACGwBAPz/ORACTQAACGwBAPxhHQgB9QImIA==",
  "base64",
);
const ZSTD_SMALL = Buffer.from("KLUv/QRYKQAAc21hbGyzt1aX", "base64");

function problem(body: Uint8Array, encoding: ContentEncoding, limitBytes: number): string {
  try {
    decompress(body, encoding, limitBytes);
  } catch (error) {
    if (error instanceof Failure) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "none";
}

/** A zstd frame of blocks that repeat one byte: four bytes for every 128 KiB. */
function zstdBomb(blocks: number, header: readonly number[] = [0x00, 0x58]): Uint8Array {
  const size = 128 * 1024;
  const parts: number[] = [0x28, 0xb5, 0x2f, 0xfd, ...header];
  for (let block = 0; block < blocks; block++) {
    const head = (size << 3) | (1 << 1) | (block === blocks - 1 ? 1 : 0);
    parts.push(head & 0xff, (head >>> 8) & 0xff, head >>> 16, 0);
  }
  return Uint8Array.from(parts);
}

describe("decompress", () => {
  it.each([
    ["gzip", gzipSync(TEXT)],
    ["gzip", Buffer.concat([gzipSync(TEXT.subarray(0, 1000)), gzipSync(TEXT.subarray(1000))])],
    ["deflate", deflateSync(TEXT)],
    ["deflate", deflateRawSync(TEXT)],
    ["zstd", ZSTD_SIZED],
    ["zstd", ZSTD_STREAMED],
  ] as const)("unpacks %s up to the limit and not beyond", (encoding, packed) => {
    expect(TEXT.equals(decompress(packed, encoding, TEXT.length))).toBe(true);
    expect(problem(packed, encoding, TEXT.length - 1)).toBe(
      `too-large: the decompressed body exceeds ${TEXT.length - 1} (${limitSetting("decompressedBytes")})`,
    );
  });

  it("leaves a plain body where it is, within the limit", () => {
    expect(decompress(TEXT, "identity", TEXT.length)).toBe(TEXT);
    expect(problem(TEXT, "identity", TEXT.length - 1)).toMatch(/^too-large/);
  });

  it("unpacks several zstd frames, skippable ones among them", () => {
    const skippable = Uint8Array.of(0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
    const unpacked = decompress(Buffer.concat([ZSTD_SMALL, skippable, ZSTD_SMALL]), "zstd", 100);
    expect(Buffer.from(unpacked).toString()).toBe("smallsmall");
    expect(decompress(skippable, "zstd", 100)).toHaveLength(0);
    expect(decompress(new Uint8Array(0), "zstd", 100)).toHaveLength(0);
  });

  it.each(["gzip", "deflate", "zstd"] as const)("refuses a damaged or cut %s body", (encoding) => {
    const whole = { gzip: gzipSync(TEXT), deflate: deflateSync(TEXT), zstd: ZSTD_SIZED }[encoding];
    for (const length of [1, 5, whole.length >> 1, whole.length - 1]) {
      expect(problem(whole.subarray(0, length), encoding, 1e6)).toBe(
        `bad-payload: the ${encoding} body is damaged or cut off`,
      );
    }
    const damaged = Buffer.from(whole);
    damaged[whole.length >> 1]! ^= 0xff;
    expect(problem(damaged, encoding, 1e6)).toMatch(/^bad-payload/);
    expect(problem(Buffer.from("not compressed at all"), encoding, 1e6)).toMatch(/^bad-payload/);
  });

  it("refuses bombs without unpacking them", () => {
    const limit = 10 * 1024 * 1024;
    // 4 GiB in 128 KiB; one that declares 2^50 bytes; one that declares less than it holds.
    expect(problem(zstdBomb(32_768), "zstd", limit)).toMatch(/^too-large/);
    expect(problem(zstdBomb(1, [0xe0, 0, 0, 0, 0, 0, 0, 4, 0]), "zstd", limit)).toMatch(/^too-large/);
    expect(problem(zstdBomb(1000, [0xa0, 1, 0, 0, 0]), "zstd", limit)).toMatch(/^bad-payload/);
    const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    expect(problem(zeros, "gzip", limit)).toMatch(/^too-large/);
    expect(problem(deflateSync(Buffer.alloc(64 * 1024 * 1024)), "deflate", limit)).toMatch(/^too-large/);
  });

  it("does not believe the size at the end of a gzip body", () => {
    const lying = Buffer.from(gzipSync(TEXT));
    lying.writeUInt32LE(0xffff_fff0, lying.length - 4);
    expect(problem(lying, "gzip", 1e6)).toMatch(/^bad-payload/);
  });
});
