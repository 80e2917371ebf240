import { tooLarge } from "./too-large.ts";

/**
 * Growing columns that a worker decodes into and uses again for each batch, and the packing of what was decoded into one
 * buffer of exactly its size. 64-bit columns are written as two 32-bit halves (a BigInt per number would be an object).
 * Only the first rows, all written since the batch began, are packed: nothing of an earlier batch can show through.
 * Whether a batch fits is decided by its rows alone, never by how far earlier batches made a table grow.
 */
const BYTES = { u8: 1, u32: 4, i32: 4, u64: 8, f64: 8 } as const;

export type Kind = keyof typeof BYTES;
export type Shape = Readonly<Record<string, Kind>>;

type Writable<K extends Kind> = K extends "u8" ? Uint8Array : K extends "i32" ? Int32Array : Uint32Array;
type Packed<K extends Kind> = K extends "u8"
  ? Uint8Array
  : K extends "u32"
    ? Uint32Array
    : K extends "i32"
      ? Int32Array
      : K extends "u64"
        ? BigUint64Array
        : Float64Array;

export type Rows<S extends Shape> = { [K in keyof S]: Writable<S[K]> };
export type PackedRows<S extends Shape> = { readonly [K in keyof S]: Packed<S[K]> };

function writable(kind: Kind, capacity: number): Uint8Array | Int32Array | Uint32Array {
  if (kind === "u8") return new Uint8Array(capacity);
  if (kind === "i32") return new Int32Array(capacity);
  return new Uint32Array(kind === "u32" ? capacity : capacity * 2);
}

export class Table<const S extends Shape> {
  /** Replaced arrays when the table grows: read `rows.column` again after `reserve`. */
  readonly rows: Rows<S>;
  capacity = 0;
  readonly #columns: readonly (readonly [string, Kind])[];
  readonly #rowBytes: number;
  readonly #limitBytes: number;

  constructor(shape: S, limitBytes: number, capacity = 64) {
    this.#columns = Object.entries(shape);
    this.#rowBytes = this.#columns.reduce((sum, [, kind]) => sum + BYTES[kind], 0);
    this.#limitBytes = limitBytes;
    this.rows = Object.fromEntries(this.#columns.map(([name, kind]) => [name, writable(kind, 0)])) as Rows<S>;
    this.reserve(capacity);
  }

  get scratchBytes(): number {
    return this.capacity * this.#rowBytes;
  }

  /** Makes room for `rows` rows. Throws "too-large" where they alone would pass the limit on a batch's columns. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return;
    const limitRows = Math.floor(this.#limitBytes / this.#rowBytes);
    if (rows > limitRows) throw tooLarge("columnBytes", this.#limitBytes);
    const capacity = Math.min(Math.max(rows, this.capacity * 2), limitRows);
    const columns = this.rows as Record<string, Uint8Array | Int32Array | Uint32Array>;
    for (const [name, kind] of this.#columns) {
      const grown = writable(kind, capacity);
      grown.set(columns[name]!);
      columns[name] = grown;
    }
    this.capacity = capacity;
  }

  packedBytes(rows: number): number {
    let bytes = 0;
    for (const [, kind] of this.#columns) bytes += aligned(rows * BYTES[kind]);
    return bytes;
  }

  /** Copies the first `rows` rows to `buffer` from `at` on, which must be a multiple of 8. */
  pack(rows: number, buffer: ArrayBuffer, at: number): PackedRows<S> {
    const packed: Record<string, unknown> = {};
    const columns = this.rows as Record<string, Uint8Array | Int32Array | Uint32Array>;
    let offset = at;
    for (const [name, kind] of this.#columns) {
      const from = columns[name]!;
      if (kind === "u8") {
        const to = new Uint8Array(buffer, offset, rows);
        to.set(from.subarray(0, rows));
        packed[name] = to;
      } else {
        const words = BYTES[kind] === 8 ? rows * 2 : rows;
        const to = new Uint32Array(buffer, offset, words);
        to.set(from.subarray(0, words));
        packed[name] =
          kind === "u32"
            ? to
            : kind === "i32"
              ? new Int32Array(buffer, offset, rows)
              : kind === "u64"
                ? new BigUint64Array(buffer, offset, rows)
                : new Float64Array(buffer, offset, rows);
      }
      offset += aligned(rows * BYTES[kind]);
    }
    return packed as PackedRows<S>;
  }
}

function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** What a batch consists of, each table with the rows to keep, in one buffer: one allocation, one thing to transfer. */
export class Packing {
  readonly #rows = new Map<Table<Shape>, number>();
  readonly #packed = new Map<unknown, PackedRows<Shape>>();

  add<S extends Shape>(table: Table<S>, rows: number): this {
    this.#rows.set(table as unknown as Table<Shape>, rows);
    return this;
  }

  /** Throws "too-large" where all columns together pass the limit. */
  pack(limitBytes: number): void {
    let bytes = 0;
    for (const [table, rows] of this.#rows) bytes += table.packedBytes(rows);
    if (bytes > limitBytes) throw tooLarge("columnBytes", limitBytes);
    const buffer = new ArrayBuffer(bytes);
    let offset = 0;
    for (const [table, rows] of this.#rows) {
      this.#packed.set(table, table.pack(rows, buffer, offset));
      offset += table.packedBytes(rows);
    }
  }

  of<S extends Shape>(table: Table<S>): PackedRows<S> {
    return this.#packed.get(table) as PackedRows<S>;
  }
}
