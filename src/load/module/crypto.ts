import { createHash as nodeHash, createHmac as nodeHmac, randomBytes as nodeRandom } from "node:crypto";
import type { ScriptModule } from "../script-module.ts";
import { arrayBufferOf, bytesOf } from "./bytes.ts";
import { md4 as md4Digest } from "./md4.ts";

/** k6's names to OpenSSL's; md4 is our own. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  md4: "md4",
  md5: "md5",
  sha1: "sha1",
  sha256: "sha256",
  sha384: "sha384",
  sha512: "sha512",
  sha512_224: "sha512-224",
  sha512_256: "sha512-256",
  ripemd160: "ripemd160",
};

interface Digesting {
  update(input: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** Keeps its input, as MD4 is for small ones. */
class Md4Hash implements Digesting {
  readonly #pieces: Uint8Array[] = [];

  update(input: Uint8Array): void {
    this.#pieces.push(Uint8Array.from(input));
  }

  digest(): Uint8Array {
    return md4Digest(Buffer.concat(this.#pieces));
  }
}

const MD4_BLOCK_BYTES = 64;

/** RFC 2104 over MD4. */
class Md4Hmac implements Digesting {
  readonly #inner = new Md4Hash();
  readonly #outerKey: Uint8Array;

  constructor(secret: Uint8Array) {
    const key = new Uint8Array(MD4_BLOCK_BYTES);
    key.set(secret.byteLength > MD4_BLOCK_BYTES ? md4Digest(secret) : secret);
    this.#inner.update(key.map((byte) => byte ^ 0x36));
    this.#outerKey = key.map((byte) => byte ^ 0x5c);
  }

  update(input: Uint8Array): void {
    this.#inner.update(input);
  }

  digest(): Uint8Array {
    return md4Digest(Buffer.concat([this.#outerKey, this.#inner.digest()]));
  }
}

function algorithmOf(name: unknown): string {
  const algorithm = typeof name === "string" && Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
  if (algorithm === undefined)
    throw new TypeError(`invalid algorithm: ${String(name)}; use one of ${Object.keys(ALGORITHMS).join(", ")}`);
  return algorithm;
}

function encoded(digest: Uint8Array, encoding: unknown): string | ArrayBuffer {
  const bytes = Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength);
  switch (encoding) {
    case "hex":
    case "base64":
      return bytes.toString(encoding);
    case "base64url": {
      const raw = bytes.toString("base64url");
      return raw.padEnd(Math.ceil(raw.length / 4) * 4, "=");
    }
    case "base64rawurl":
      return bytes.toString("base64url");
    case "binary":
      return arrayBufferOf(digest);
    default:
      throw new TypeError(
        `invalid output encoding: ${String(encoding)}; use one of hex, base64, base64url, base64rawurl, binary`,
      );
  }
}

function hashing(name: unknown): Digesting {
  const algorithm = algorithmOf(name);
  return algorithm === "md4" ? new Md4Hash() : nodeHash(algorithm);
}

function signing(name: unknown, secret: unknown): Digesting {
  const algorithm = algorithmOf(name);
  const key = bytesOf(secret, "secret");
  return algorithm === "md4" ? new Md4Hmac(key) : nodeHmac(algorithm, key);
}

/** What createHash and createHMAC answer: fed in pieces, read as often as one likes. */
class Hasher {
  readonly #start: () => Digesting;
  readonly #pieces: Uint8Array[] = [];

  constructor(start: () => Digesting) {
    this.#start = start;
    start(); // refuses a wrong algorithm now
  }

  update(input: unknown): void {
    this.#pieces.push(Uint8Array.from(bytesOf(input, "input")));
  }

  digest(outputEncoding: unknown): string | ArrayBuffer {
    const digesting = this.#start();
    for (const piece of this.#pieces) digesting.update(piece);
    return encoded(digesting.digest(), outputEncoding);
  }
}

const createHash = (algorithm: unknown): Hasher => new Hasher(() => hashing(algorithm));
const createHMAC = (algorithm: unknown, secret: unknown): Hasher => new Hasher(() => signing(algorithm, secret));

function hmac(algorithm: unknown, secret: unknown, input: unknown, outputEncoding: unknown): string | ArrayBuffer {
  const digesting = signing(algorithm, secret);
  digesting.update(bytesOf(input, "input"));
  return encoded(digesting.digest(), outputEncoding);
}

function digestBy(algorithm: string): (input: unknown, outputEncoding: unknown) => string | ArrayBuffer {
  return (input, outputEncoding) => {
    const digesting = hashing(algorithm);
    digesting.update(bytesOf(input, "input"));
    return encoded(digesting.digest(), outputEncoding);
  };
}

function hexEncode(input: unknown): string {
  const bytes = bytesOf(input, "input");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

function randomBytes(size: unknown): ArrayBuffer {
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1)
    throw new TypeError(`size must be a whole number of bytes from 1, not ${String(size)}`);
  return arrayBufferOf(nodeRandom(size));
}

export const cryptoModule: ScriptModule = {
  specifier: "k6/crypto",
  exports: {
    createHash,
    createHMAC,
    hmac,
    hexEncode,
    randomBytes,
    ...Object.fromEntries(Object.keys(ALGORITHMS).map((algorithm) => [algorithm, digestBy(algorithm)])),
  },
};
