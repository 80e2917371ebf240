/**
 * Tar files in the form that every tar reads: POSIX ustar (IEEE 1003.1, pax), with a pax header where a path is longer than
 * ustar's fields. Regular files only.
 */
export interface TarEntry {
  readonly path: string;
  readonly content: Uint8Array;
}

const BLOCK = 512;
const NAME_LENGTH = 100;
const PREFIX_LENGTH = 155;
/** What is unpacked is kept in memory. */
const MAX_FILE_BYTES = 512 * 2 ** 20;

export function writeTar(entries: readonly TarEntry[], modifiedUnixMs: number): Buffer {
  const parts: Buffer[] = [];
  for (const { path, content } of entries) {
    const split = splitPath(path);
    if (split === undefined) {
      const record = paxRecord("path", path);
      parts.push(header("pax", "", record.byteLength, modifiedUnixMs, "x"), padded(record));
    }
    const [name, prefix] = split ?? [path.slice(-NAME_LENGTH), ""];
    parts.push(header(name, prefix, content.byteLength, modifiedUnixMs, "0"), padded(content));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(parts);
}

/** Throws when it is no tar file, or a damaged one. */
export function readTar(bytes: Uint8Array): readonly TarEntry[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: TarEntry[] = [];
  let longPath: string | undefined;
  let at = 0;
  while (at + BLOCK <= buffer.byteLength) {
    const block = buffer.subarray(at, at + BLOCK);
    if (block.every((byte) => byte === 0)) break;
    if (checksum(block) !== octal(block, 148, 8)) throw new Error(`the tar file is damaged at byte ${at}`);
    const size = octal(block, 124, 12);
    if (size > MAX_FILE_BYTES) throw new Error(`a file of ${size} bytes is too large for an archive`);
    const start = at + BLOCK;
    if (start + size > buffer.byteLength) throw new Error("the tar file is cut off");
    const content = buffer.subarray(start, start + size);
    const type = String.fromCharCode(block[156]!);
    const prefix = text(block, 345, PREFIX_LENGTH);
    const name = text(block, 0, NAME_LENGTH);
    if (type === "x") longPath = readPax(content).get("path") ?? longPath;
    else if (type === "L") longPath = text(content, 0, content.byteLength);
    else {
      if (type === "0" || type === "\0")
        entries.push({ path: longPath ?? (prefix === "" ? name : `${prefix}/${name}`), content });
      longPath = undefined;
    }
    at = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return entries;
}

function splitPath(path: string): readonly [name: string, prefix: string] | undefined {
  if (Buffer.byteLength(path) <= NAME_LENGTH) return [path, ""];
  for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)];
    if (Buffer.byteLength(name) <= NAME_LENGTH && Buffer.byteLength(prefix) <= PREFIX_LENGTH && name !== "")
      return [name, prefix];
  }
  return undefined;
}

function header(name: string, prefix: string, size: number, modifiedUnixMs: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const number = (value: number, offset: number, length: number): void =>
    void block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  block.write(name, 0, NAME_LENGTH);
  number(0o644, 100, 8);
  number(0, 108, 8);
  number(0, 116, 8);
  number(size, 124, 12);
  number(Math.floor(modifiedUnixMs / 1000), 136, 12);
  block.write(type, 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  block.write(prefix, 345, PREFIX_LENGTH);
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The sum of the bytes, the field of the sum itself counted as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < BLOCK; index += 1) sum += index >= 148 && index < 156 ? 32 : block[index]!;
  return sum;
}

const text = (block: Uint8Array, offset: number, length: number): string => {
  const field = Buffer.from(block.buffer, block.byteOffset + offset, length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? length : end);
};

const octal = (block: Uint8Array, offset: number, length: number): number =>
  Number.parseInt(text(block, offset, length).trim() || "0", 8);

function padded(content: Uint8Array): Buffer {
  const rest = content.byteLength % BLOCK;
  return Buffer.concat([content, Buffer.alloc(rest === 0 ? 0 : BLOCK - rest)]);
}

/** `27 path=…\n`: the length counts itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function readPax(content: Uint8Array): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  const buffer = Buffer.from(content);
  for (let at = 0; at < buffer.byteLength; ) {
    const space = buffer.indexOf(32, at);
    const length = Number.parseInt(buffer.toString("latin1", at, space), 10);
    if (space < 0 || !(length > 0)) break;
    const record = buffer.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
