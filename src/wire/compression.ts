import { gunzipSync, inflateSync } from "node:zlib";
import { Failure } from "#runtime/failure.ts";
import { tooLarge } from "./otlp/too-large.ts";

export type ContentEncoding = "identity" | "gzip" | "deflate" | "zstd";

/** Unpacks a body, never to more than `limitBytes`. */
export function decompress(body: Uint8Array, encoding: ContentEncoding, limitBytes: number): Uint8Array {
  if (encoding === "identity") {
    if (body.length > limitBytes) throw tooLarge("decompressedBytes", limitBytes);
    return body;
  }
  try {
    if (encoding === "gzip") return gunzipSync(body, { maxOutputLength: limitBytes });
    if (encoding === "deflate") return inflateSync(body, { maxOutputLength: limitBytes });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge("decompressedBytes", limitBytes);
    throw new Failure("bad-payload", `the ${encoding} body is damaged`, { cause: error });
  }
  throw new Failure("unsupported-media", `content encoding ${encoding} is not supported`);
}
