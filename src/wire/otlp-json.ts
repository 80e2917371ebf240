import type { Signal } from "#model/batch.ts";
import { Transcoder } from "./otlp/transcoder.ts";

/** A transcoder whose scratch grew beyond this is not kept for the next body. */
const KEEP_BYTES = 16 * 1024 * 1024;

let idle: Transcoder | undefined;

/**
 * OTLP/JSON (the JSON encoding of opentelemetry-proto's specification, on top of proto3's JSON mapping) to protobuf bytes,
 * so that there is one reader of columns. Works on bytes: no string or object is made for what telemetry usually holds, and
 * 64-bit numbers never pass through a double.
 *
 * As the specification says: ids in hexadecimal, either case; 64-bit numbers as strings or bare; lowerCamelCase names;
 * unknown fields ignored; null means "not there". Taken as well, since senders do it: the names of the .proto files, enum
 * names, whole numbers written as 1.0 or 1e9, doubles as strings ("NaN", "Infinity", "1.5"), URL-safe base64.
 * An id that is no hexadecimal becomes one of a wrong length, which the reader treats as it does any invalid id.
 *
 * Throws "bad-payload" (naming field and byte of the JSON text), or "too-large" when the protobuf would pass `limitBytes`.
 */
export function transcodeJson(signal: Signal, json: Uint8Array, limitBytes: number): Uint8Array {
  const transcoder = idle ?? new Transcoder();
  idle = undefined;
  const bytes = transcoder.run(signal, json, limitBytes);
  if (transcoder.scratchBytes <= KEEP_BYTES) idle = transcoder;
  return bytes;
}
