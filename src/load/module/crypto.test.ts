import { describe, expect, it } from "vitest";
import { cryptoModule } from "./crypto.ts";

interface Crypto {
  [digest: string]: (...args: unknown[]) => unknown;
  createHash(algorithm: unknown): { update(input: unknown): void; digest(encoding: unknown): unknown };
  createHMAC(algorithm: unknown, secret: unknown): { update(input: unknown): void; digest(encoding: unknown): unknown };
}
const crypto = cryptoModule.exports as unknown as Crypto;

describe("k6/crypto", () => {
  /** The test vectors of the algorithms' own documents for "abc" (RFC 1320, RFC 1321, FIPS 180-4, ripemd160's page). */
  it.each([
    ["md4", "a448017aaf21d8525fc10ae87aa6729d"],
    ["md5", "900150983cd24fb0d6963f7d28e17f72"],
    ["sha1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    ["sha512_224", "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"],
    ["sha512_256", "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"],
    ["ripemd160", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"],
  ])("%s of abc", (algorithm, hex) => {
    expect(crypto[algorithm]!("abc", "hex")).toBe(hex);
    const hash = crypto.createHash(algorithm);
    hash.update("a");
    hash.update(Uint8Array.of(98, 99).buffer);
    expect(hash.digest("hex")).toBe(hex);
    expect(hash.digest("hex")).toBe(hex);
  });

  it("has RFC 1320's longer vectors for md4", () => {
    expect(crypto["md4"]!("", "hex")).toBe("31d6cfe0d16ae931b73c59d7e0c089c0");
    expect(crypto["md4"]!("1234567890".repeat(8), "hex")).toBe("e33b4ddc9c38f2199c3e7b164fcc0536");
  });

  it("signs (RFC 2202, RFC 4231)", () => {
    expect(crypto["hmac"]!("md5", "Jefe", "what do ya want for nothing?", "hex")).toBe(
      "750c783e6ab0b503eaa86e310a5db738",
    );
    const signer = crypto.createHMAC("sha256", "Jefe");
    signer.update("what do ya want ");
    signer.update("for nothing?");
    expect(signer.digest("hex")).toBe("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  });

  it("writes every encoding", () => {
    expect(crypto["md5"]!("abc", "base64")).toBe("kAFQmDzST7DWlj99KOF/cg==");
    expect(crypto["md5"]!("abc", "base64url")).toBe("kAFQmDzST7DWlj99KOF_cg==");
    expect(crypto["md5"]!("abc", "base64rawurl")).toBe("kAFQmDzST7DWlj99KOF_cg");
    expect(new Uint8Array(crypto["md5"]!("abc", "binary") as ArrayBuffer)[0]).toBe(0x90);
    expect(crypto["hexEncode"]!("ab")).toBe("6162");
    expect((crypto["randomBytes"]!(20) as ArrayBuffer).byteLength).toBe(20);
  });

  it("names what is wrong", () => {
    expect(() => crypto.createHash("sha3")).toThrow("invalid algorithm: sha3; use one of md4,");
    expect(() => crypto["sha1"]!("a", "utf8")).toThrow("invalid output encoding: utf8");
    expect(() => crypto["sha1"]!(1, "hex")).toThrow("input must be a string or an ArrayBuffer, not number");
    expect(() => crypto["randomBytes"]!(0)).toThrow("size must be a whole number of bytes from 1");
  });
});
