/**
 * The bytes of a script's value where k6 takes "string or ArrayBuffer": text as UTF-8, buffers and views as they are (not
 * copied). Throws a TypeError that names the argument otherwise.
 */
export function bytesOf(value: unknown, argument: string): Uint8Array {
  if (typeof value === "string") return Buffer.from(value, "utf8");
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError(`${argument} must be a string or an ArrayBuffer, not ${value === null ? "null" : typeof value}`);
}

/** A buffer of its own, since scripts are given ArrayBuffers that nothing else sees. */
export function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
