/** Bytes, and a view of the same bytes to read several at once. One class, so that hot code sees one shape. */
export class Bytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(source: Uint8Array) {
    const { buffer, byteOffset, byteLength } = source;
    // Of a Buffer too: element access is fast only while all arrays are of one class.
    this.bytes = new Uint8Array(buffer, byteOffset, byteLength);
    this.view = new DataView(buffer, byteOffset, byteLength);
  }
}
