import * as zlib from "node:zlib";
import { ZSTDDecoder } from "zstddec";
import { Failure } from "#runtime/failure.ts";
import { tooLarge } from "./otlp/too-large.ts";
import { zstdOutputBound } from "./otlp/zstd-frame.ts";

export type ContentEncoding = "identity" | "gzip" | "deflate" | "zstd";

export const CONTENT_ENCODINGS: readonly ContentEncoding[] = ["identity", "gzip", "deflate", "zstd"];

/** In WebAssembly, compressed and decompressed bytes together must stay well below its 4 GiB. */
const ZSTD_LIMIT_BYTES = 1024 * 1024 * 1024;

type NativeZstd = (body: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;

/** Node 22.15 brought zstd; before it the reference decoder runs as WebAssembly. */
const nativeZstd = (zlib as { readonly zstdDecompressSync?: NativeZstd }).zstdDecompressSync;
const wasmZstd = new ZSTDDecoder();
if (nativeZstd === undefined) await wasmZstd.init();

/**
 * Unpacks a body, never to more than `limitBytes`: what a body claims about its size is not believed, the output itself is
 * bounded. Synchronous; runs on worker threads. Throws "too-large", or "bad-payload" where the body is damaged or cut off.
 */
export function decompress(body: Uint8Array, encoding: ContentEncoding, limitBytes: number): Uint8Array {
  switch (encoding) {
    case "identity":
      if (body.length > limitBytes) throw tooLarge("decompressedBytes", limitBytes);
      return body;
    case "gzip":
      return inflated(encoding, limitBytes, (options) =>
        zlib.gunzipSync(body, { ...options, ...hintedChunk(body, limitBytes) }),
      );
    case "deflate":
      // HTTP means the zlib format (RFC 9110, 8.4.1.2); some senders leave its two header bytes out.
      return inflated(encoding, limitBytes, (options) =>
        hasZlibHeader(body) ? zlib.inflateSync(body, options) : zlib.inflateRawSync(body, options),
      );
    case "zstd":
      return nativeZstd === undefined
        ? unpackZstd(body, Math.min(limitBytes, ZSTD_LIMIT_BYTES))
        : inflated(encoding, limitBytes, (options) => nativeZstd(body, options));
    default:
      throw new Failure(
        "unsupported-media",
        `content encoding ${String(encoding)} is not supported, only ${CONTENT_ENCODINGS.join(", ")}`,
      );
  }
}

type InflateOptions = { readonly maxOutputLength: number };

function inflated(encoding: string, limitBytes: number, unpack: (options: InflateOptions) => Uint8Array): Uint8Array {
  try {
    return unpack({ maxOutputLength: limitBytes });
  } catch (error) {
    if (isCode(error, "ERR_BUFFER_TOO_LARGE")) throw tooLarge("decompressedBytes", limitBytes);
    throw damaged(encoding, error);
  }
}

function damaged(encoding: string, cause?: unknown): Failure {
  return new Failure("bad-payload", `the ${encoding} body is damaged or cut off`, { cause });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/**
 * gzip ends with its uncompressed size modulo 2^32 (RFC 1952). Unpacking in one chunk of that size is nearly twice as fast
 * as in many, so it is taken as a hint, never beyond what a body of this size is likely to hold.
 */
function hintedChunk(body: Uint8Array, limitBytes: number): { readonly chunkSize: number } {
  const hint = body.length < 18 ? 0 : new DataView(body.buffer, body.byteOffset).getUint32(body.length - 4, true);
  const most = Math.min(limitBytes, body.length * 32);
  return { chunkSize: Math.max(1024, Math.min(hint + 1, most)) };
}

function hasZlibHeader(body: Uint8Array): boolean {
  return body.length >= 2 && (body[0]! & 0x0f) === 8 && ((body[0]! << 8) | body[1]!) % 31 === 0;
}

/**
 * The decoder writes into a buffer of the size it is told and stops there. That size is what the frames can at most unpack
 * to, or the limit if that is less. On failure it returns nothing and does not say why; when more could have come than the
 * limit allows, that is taken to be the reason.
 */
function unpackZstd(body: Uint8Array, limitBytes: number): Uint8Array {
  const bound = zstdOutputBound(body);
  if (bound === undefined) throw damaged("zstd");
  if (bound.atLeast > limitBytes) throw tooLarge("decompressedBytes", limitBytes);
  if (bound.atMost === 0) return new Uint8Array(0);
  const unpacked = wasmZstd.decode(body, Math.min(bound.atMost, limitBytes));
  if (unpacked.length > 0) return unpacked;
  if (bound.atMost > limitBytes) throw tooLarge("decompressedBytes", limitBytes);
  throw damaged("zstd");
}
