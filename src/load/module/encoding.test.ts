import { describe, expect, it } from "vitest";
import { encodingModule } from "./encoding.ts";

const { b64encode, b64decode } = encodingModule.exports as {
  b64encode(input: unknown, encoding?: string): string;
  b64decode(input: unknown, encoding?: string, format?: string): ArrayBuffer | string;
};

describe("k6/encoding", () => {
  it.each([
    ["std", "+/8="],
    ["rawstd", "+/8"],
    ["url", "-_8="],
    ["rawurl", "-_8"],
  ])("writes and reads %s", (variant, text) => {
    const bytes = Uint8Array.of(0xfb, 0xff).buffer;
    expect(b64encode(bytes, variant)).toBe(text);
    expect([...new Uint8Array(b64decode(text, variant) as ArrayBuffer)]).toEqual([0xfb, 0xff]);
  });

  it("takes text as UTF-8 and gives it back on request", () => {
    expect(b64encode("héllo")).toBe("aMOpbGxv");
    expect(b64decode("aMOpbGxv", "std", "s")).toBe("héllo");
    expect(b64decode("aMOp\nbGxv", "std", "s")).toBe("héllo");
  });

  it.each([
    ["-_8=", "std", "at input byte 0"],
    ["aGVsbG8", "std", "at input byte 7"],
    ["aGVsbG8=", "rawstd", "at input byte 7"],
    ["aGV$bG8=", "std", "at input byte 3"],
    ["aGVsb", "rawstd", "at input byte 5"],
  ])("refuses %s as %s", (text, variant, message) => {
    expect(() => b64decode(text, variant)).toThrow(message);
  });

  it("names what it cannot take", () => {
    expect(() => b64encode(12)).toThrow("input must be a string or an ArrayBuffer, not number");
    expect(() => b64encode("a", "base32")).toThrow(
      "unknown base64 variant base32: use one of std, rawstd, url, rawurl",
    );
  });
});
