import { Failure } from "#runtime/failure.ts";

/**
 * Reads ClickHouse's Native format: a block is columns, a column its values one after the other, so an answer of many rows
 * becomes a few arrays. Layout in native-writer.ts and native-columns.ts, and:
 *
 *   Nullable(T)   prefixes of T, a UInt8 per row (1: null), the values of T (something stands where it is null)
 *   Tuple(A, B)   prefixes of A, of B, values of A, of B
 *   Bool, Enum8   UInt8, Int8; Date UInt16, DateTime UInt32, DateTime64 Int64 (ticks)
 * A block without rows has neither prefixes nor data. What the engine sends is trusted to be well-formed; bytes that are cut
 * off, and types this reader does not know, are a Failure "engine-error".
 */
export interface NativeBlock {
  readonly rows: number;
  readonly columns: readonly NativeColumn[];
}

export interface NativeColumn {
  readonly name: string;
  readonly type: string;
  readonly values: NativeValues;
}

export type NativeNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

export type NativeValues =
  | { readonly kind: "numbers"; readonly numbers: NativeNumbers }
  | { readonly kind: "booleans"; readonly numbers: Uint8Array }
  /** Names by number. */
  | { readonly kind: "enum"; readonly numbers: Int8Array | Int16Array; readonly names: ReadonlyMap<number, string> }
  | { readonly kind: "strings"; readonly strings: readonly string[] }
  /** Row r has the elements `ends[r - 1] … ends[r] - 1` (from 0 for the first row). */
  | { readonly kind: "array"; readonly ends: Float64Array; readonly elements: NativeValues }
  | { readonly kind: "map"; readonly ends: Float64Array; readonly keys: NativeValues; readonly values: NativeValues }
  | { readonly kind: "nullable"; readonly nulls: Uint8Array; readonly values: NativeValues }
  | { readonly kind: "tuple"; readonly elements: readonly NativeValues[] };

/** All blocks of a stream. */
export function readBlocks(bytes: Uint8Array): NativeBlock[] {
  const reader = new Reader(bytes);
  const blocks: NativeBlock[] = [];
  while (!reader.done) blocks.push(readBlock(reader));
  return blocks;
}

/** A value as plain data: string, number, bigint (64-bit), boolean, null, array, or an object for a map. */
export function valueAt(values: NativeValues, row: number): unknown {
  switch (values.kind) {
    case "numbers":
      return values.numbers[row];
    case "booleans":
      return values.numbers[row] !== 0;
    case "enum":
      return values.names.get(values.numbers[row]!);
    case "strings":
      return values.strings[row];
    case "nullable":
      return values.nulls[row] === 1 ? null : valueAt(values.values, row);
    case "tuple":
      return values.elements.map((element) => valueAt(element, row));
    case "array":
      return indices(values.ends, row).map((index) => valueAt(values.elements, index));
    case "map":
      return Object.fromEntries(
        indices(values.ends, row).map((index) => [valueAt(values.keys, index), valueAt(values.values, index)]),
      );
  }
}

function indices(ends: Float64Array, row: number): number[] {
  const from = row === 0 ? 0 : ends[row - 1]!;
  return Array.from({ length: ends[row]! - from }, (_, i) => from + i);
}

function readBlock(reader: Reader): NativeBlock {
  const columnCount = reader.varint();
  const rows = reader.varint();
  const columns: NativeColumn[] = [];
  for (let column = 0; column < columnCount; column++) {
    const name = reader.string();
    const type = reader.string();
    const parsed = parseType(type);
    if (rows > 0) readPrefixes(reader, parsed);
    columns.push({ name, type, values: readValues(reader, parsed, rows) });
  }
  return { rows, columns };
}

/** `Map(LowCardinality(String), String)` → name "Map", arguments [LowCardinality(String), String]. */
interface Type {
  readonly name: string;
  readonly arguments: readonly Type[];
  /** What stands between the brackets. */
  readonly text: string;
}

const types = new Map<string, Type>();

function parseType(text: string): Type {
  const known = types.get(text);
  if (known !== undefined) return known;
  const open = text.indexOf("(");
  const name = open < 0 ? text : text.slice(0, open);
  const inside = open < 0 ? "" : text.slice(open + 1, -1);
  const nested = ["Array", "Map", "Nullable", "LowCardinality", "Tuple"].includes(name);
  const parsed = {
    name,
    text: inside,
    arguments: nested ? splitArguments(inside).map((each) => parseType(name === "Tuple" ? unnamed(each) : each)) : [],
  };
  if (types.size < 1000) types.set(text, parsed);
  return parsed;
}

/** An element of a tuple may have a name: `count UInt64`. */
function unnamed(element: string): string {
  const named = /^(?:`(?:[^`\\]|\\.)*`|\w+) (\w.*)$/s.exec(element);
  return named?.[1] ?? element;
}

function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== "") {
      if (char === "\\") i++;
      else if (char === quote) quote = "";
    } else if (char === "'" || char === "`") quote = char;
    else if (char === "(") depth++;
    else if (char === ")") depth--;
    else if (char === "," && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(text.slice(start).trim());
  return parts;
}

function enumNames(text: string): Map<number, string> {
  return new Map(
    [...text.matchAll(/'((?:[^'\\]|\\.)*)' = (-?\d+)/g)].map(([, name, number]) => [
      Number(number),
      name!.replaceAll(/\\(.)/g, "$1"),
    ]),
  );
}

function readPrefixes(reader: Reader, type: Type): void {
  if (type.name === "LowCardinality") {
    const version = reader.uint64();
    if (version !== 1) throw unreadable(`version ${version} of LowCardinality`);
  } else for (const argument of type.arguments) readPrefixes(reader, argument);
}

function readValues(reader: Reader, type: Type, rows: number): NativeValues {
  switch (type.name) {
    case "String":
      return { kind: "strings", strings: reader.strings(rows) };
    case "FixedString":
      return { kind: "strings", strings: reader.fixedStrings(rows, Number(type.text)) };
    case "LowCardinality":
      return readLowCardinality(reader, type.arguments[0]!, rows);
    case "Array": {
      const ends = reader.ends(rows);
      return { kind: "array", ends, elements: readValues(reader, type.arguments[0]!, ends.at(-1) ?? 0) };
    }
    case "Map": {
      const ends = reader.ends(rows);
      const count = ends.at(-1) ?? 0;
      const keys = readValues(reader, type.arguments[0]!, count);
      return { kind: "map", ends, keys, values: readValues(reader, type.arguments[1]!, count) };
    }
    case "Nullable": {
      const nulls = reader.numbers(Uint8Array, rows);
      return { kind: "nullable", nulls, values: readValues(reader, type.arguments[0]!, rows) };
    }
    case "Tuple":
      return { kind: "tuple", elements: type.arguments.map((argument) => readValues(reader, argument, rows)) };
    case "Bool":
      return { kind: "booleans", numbers: reader.numbers(Uint8Array, rows) };
    case "Enum8":
      return { kind: "enum", numbers: reader.numbers(Int8Array, rows), names: enumNames(type.text) };
    case "Enum16":
      return { kind: "enum", numbers: reader.numbers(Int16Array, rows), names: enumNames(type.text) };
    default: {
      const Column = NUMBERS[type.name];
      if (Column === undefined) throw unreadable(`a column of type ${type.name}`);
      return { kind: "numbers", numbers: reader.numbers<NativeNumbers>(Column, rows) };
    }
  }
}

/** Keys may be Nullable(String): then entry 0 of the dictionary is the null. */
function readLowCardinality(reader: Reader, key: Type, rows: number): NativeValues {
  const nullable = key.name === "Nullable";
  if ((nullable ? key.arguments[0]!.name : key.name) !== "String") throw unreadable(`LowCardinality of ${key.name}`);
  if (rows === 0) return { kind: "strings", strings: [] };
  const header = reader.uint64();
  const Column = [Uint8Array, Uint16Array, Uint32Array][header & 0xff];
  if (Column === undefined || (header & 0x700) !== 0x600) throw unreadable(`a dictionary with header ${header}`);
  const dictionary = reader.strings(reader.uint64());
  const count = reader.uint64();
  if (count !== rows) throw unreadable(`a dictionary column of ${count} in ${rows} rows`);
  const entries = reader.numbers<Uint8Array | Uint16Array | Uint32Array>(Column, rows);
  const strings = Array.from(entries, (entry) => dictionary[entry]!);
  if (!nullable) return { kind: "strings", strings };
  return {
    kind: "nullable",
    nulls: Uint8Array.from(entries, (entry) => (entry === 0 ? 1 : 0)),
    values: { kind: "strings", strings },
  };
}

type NumbersOf<T> = { readonly BYTES_PER_ELEMENT: number; new (buffer: ArrayBuffer): T };

const NUMBERS: Readonly<Record<string, NumbersOf<NativeNumbers>>> = {
  UInt8: Uint8Array,
  Int8: Int8Array,
  UInt16: Uint16Array,
  Int16: Int16Array,
  UInt32: Uint32Array,
  Int32: Int32Array,
  UInt64: BigUint64Array,
  Int64: BigInt64Array,
  Float32: Float32Array,
  Float64: Float64Array,
  Date: Uint16Array,
  Date32: Int32Array,
  DateTime: Uint32Array,
  DateTime64: BigInt64Array,
};

function unreadable(what: string): Failure {
  return new Failure("engine-error", `cannot read ${what} from the engine's answer`);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The place of the next `sizeBytes`, which are behind us then. */
  #take(sizeBytes: number): number {
    const at = this.#at;
    if (!(sizeBytes <= this.#bytes.length - at)) throw unreadable("all");
    this.#at += sizeBytes;
    return at;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#take(1)]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      if (scale > 2 ** 46) throw unreadable("a length");
    }
  }

  /** As a number: counts and flags, all below 2^53. */
  uint64(): number {
    const at = this.#take(8);
    return this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * 0x1_0000_0000;
  }

  string(): string {
    const length = this.varint();
    const at = this.#take(length);
    return this.#bytes.toString("utf8", at, at + length);
  }

  strings(count: number): string[] {
    // A string takes a byte at least: no room is made for more than can be there.
    if (count > this.#bytes.length - this.#at) throw unreadable("all");
    const strings = new Array<string>(count);
    for (let i = 0; i < count; i++) strings[i] = this.string();
    return strings;
  }

  fixedStrings(count: number, size: number): string[] {
    const at = this.#take(count * size);
    return Array.from({ length: count }, (_, i) => this.#bytes.toString("utf8", at + i * size, at + (i + 1) * size));
  }

  numbers<T>(Column: NumbersOf<T>, count: number): T {
    const sizeBytes = count * Column.BYTES_PER_ELEMENT;
    const at = this.#take(sizeBytes);
    const start = this.#bytes.byteOffset + at;
    return new Column(this.#bytes.buffer.slice(start, start + sizeBytes) as ArrayBuffer);
  }

  ends(count: number): Float64Array {
    const halves = this.numbers(Uint32Array, count * 2);
    return Float64Array.from({ length: count }, (_, i) => halves[i * 2]! + halves[i * 2 + 1]! * 0x1_0000_0000);
  }
}
