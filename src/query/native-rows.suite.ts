import type { StagedColumn } from "#engine/schema/staged.ts";

/**
 * Rows as one block of ClickHouse's Native format, for tests. Dictionary types are written as plain ones (`columns` says so);
 * the recipes and the engine's own casts do the rest. Numbers may be given as text.
 */
export function nativeRows(
  columns: readonly StagedColumn[],
  rows: readonly Readonly<Record<string, unknown>>[],
): { readonly columns: readonly StagedColumn[]; readonly bytes: Uint8Array } {
  const plain = columns.map(({ name, type }) => ({ name, type: type.replaceAll("LowCardinality(String)", "String") }));
  const out = new Bytes();
  out.varint(plain.length);
  out.varint(rows.length);
  for (const { name, type } of plain) {
    out.text(name);
    out.text(type);
    writeColumn(
      out,
      type,
      rows.map((row) => row[name]),
    );
  }
  return { columns: plain, bytes: out.taken() };
}

function writeColumn(out: Bytes, type: string, values: readonly unknown[]): void {
  if (type === "String") for (const value of values) out.text(String(value ?? ""));
  else if (type.startsWith("Map(")) {
    const entries = values.map((value) => Object.entries((value ?? {}) as Record<string, string>));
    writeOffsets(out, entries);
    for (const list of entries) for (const [key] of list) out.text(key);
    for (const list of entries) for (const [, value] of list) out.text(value);
  } else if (type.startsWith("Array(")) {
    const lists = values.map((value) => (value ?? []) as unknown[]);
    writeOffsets(out, lists);
    writeColumn(out, type.slice("Array(".length, -1), lists.flat());
  } else if (type.startsWith("Enum8(")) {
    const numbers = new Map([...type.matchAll(/'(\w+)' = (\d+)/g)].map(([, name, number]) => [name, Number(number)]));
    for (const value of values) out.byte(numbers.get(String(value)) ?? 0);
  } else if (type === "Bool" || type === "UInt8") for (const value of values) out.byte(Number(value ?? 0));
  else if (type === "UInt32" || type === "Int32") for (const value of values) out.number(4, Number(value ?? 0));
  else if (type === "Float64") for (const value of values) out.double(Number(value ?? 0));
  else if (/^U?Int64$|^DateTime64\(9/.test(type)) for (const value of values) out.big(BigInt(String(value ?? 0)));
  else throw new Error(`no way to write ${type}`);
}

function writeOffsets(out: Bytes, lists: readonly (readonly unknown[])[]): void {
  let end = 0n;
  for (const list of lists) {
    end += BigInt(list.length);
    out.big(end);
  }
}

class Bytes {
  #buffer = Buffer.alloc(1 << 16);
  #size = 0;

  #room(bytes: number): number {
    if (this.#size + bytes > this.#buffer.length) {
      const wider = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#size + bytes));
      this.#buffer.copy(wider);
      this.#buffer = wider;
    }
    const at = this.#size;
    this.#size += bytes;
    return at;
  }

  byte(value: number): void {
    const at = this.#room(1);
    this.#buffer[at] = value;
  }

  varint(value: number): void {
    let rest = value;
    while (rest > 127) {
      this.byte((rest & 127) | 128);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.varint(length);
    const at = this.#room(length);
    this.#buffer.write(value, at);
  }

  number(bytes: 4, value: number): void {
    const at = this.#room(bytes);
    this.#buffer.writeInt32LE(value | 0, at);
  }

  double(value: number): void {
    const at = this.#room(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  big(value: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), at);
  }

  taken(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }
}
