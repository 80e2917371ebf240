import { type AttributeColumns, AttributeType, type Batch, type Refs } from "#model/batch.ts";
import { type BuildMemory, KeyEntries, type Range, version, writeValues } from "./native-columns.ts";
import type { NativeWriter } from "./native-writer.ts";

/**
 * Columns that say where a row comes from: its resource and scope. Rows stand grouped by both, so they are written run by
 * run: once, then repeated by copying within the chunk.
 */

/** `count` consecutive rows of one batch that share owner `owner` (a resource or a scope). */
export interface Run {
  readonly range: number;
  readonly owner: number;
  readonly count: number;
}

export class Runs {
  readonly ranges: readonly Range[];
  readonly rows: number;
  readonly runs: readonly Run[];

  constructor(ranges: readonly Range[], ownerOf: (range: number, row: number) => number) {
    this.ranges = ranges;
    const runs: Run[] = [];
    let rows = 0;
    for (let index = 0; index < ranges.length; index++) {
      const { from, to } = ranges[index]!;
      rows += to - from;
      let start = from;
      let owner = from < to ? ownerOf(index, from) : 0;
      for (let row = from + 1; row < to; row++) {
        const next = ownerOf(index, row);
        if (next === owner) continue;
        runs.push({ range: index, owner, count: row - start });
        start = row;
        owner = next;
      }
      if (start < to) runs.push({ range: index, owner, count: to - start });
    }
    this.rows = rows;
    this.runs = runs;
  }
}

/** LowCardinality(String), version included. */
export function writeOriginRefs(
  out: NativeWriter,
  memory: BuildMemory,
  runs: Runs,
  refsOf: (batch: Batch) => Refs,
  /** Stands where the reference is empty. */
  fallback?: Uint8Array,
): void {
  version(out);
  if (runs.rows === 0) return;
  const { dictionary } = memory;
  dictionary.clear();
  const indices = memory.indices(runs.rows);
  let at = 0;
  for (const { range, owner, count } of runs.runs) {
    const { batch, body } = runs.ranges[range]!;
    const { start, length } = refsOf(batch);
    const entry =
      length[owner] === 0 && fallback !== undefined
        ? dictionary.index(fallback, 0, fallback.length)
        : dictionary.index(body, start[owner]!, length[owner]!);
    indices.fill(entry, at, at + count);
    at += count;
  }
  dictionary.write(out, indices, runs.rows);
}

/** LowCardinality(String), version included: one text per range (the tenant). */
export function writeRangeText(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly Range[],
  textOf: (range: number) => Uint8Array,
): void {
  version(out);
  const { dictionary } = memory;
  dictionary.clear();
  let rows = 0;
  for (const { from, to } of ranges) rows += to - from;
  const indices = memory.indices(rows);
  let at = 0;
  for (let index = 0; index < ranges.length; index++) {
    const { from, to } = ranges[index]!;
    const text = textOf(index);
    indices.fill(dictionary.index(text, 0, text.length), at, at + to - from);
    at += to - from;
  }
  dictionary.write(out, indices, rows);
}

/** Map(LowCardinality(String), String), version included. */
export function writeOriginAttributes(
  out: NativeWriter,
  memory: BuildMemory,
  runs: Runs,
  columnsOf: (batch: Batch) => AttributeColumns,
): void {
  version(out);
  let entries = 0;
  for (const { range, owner, count } of runs.runs) {
    const { offset } = columnsOf(runs.ranges[range]!.batch);
    const size = offset[owner + 1]! - offset[owner]!;
    for (let row = 0; row < count; row++) {
      entries += size;
      out.uint64(entries >>> 0, Math.floor(entries / 0x1_0000_0000));
    }
  }
  if (entries === 0) return;

  const { dictionary } = memory;
  dictionary.clear();
  const keys = new KeyEntries(dictionary);
  for (const { range, owner } of runs.runs) {
    const source = runs.ranges[range]!;
    const columns = columnsOf(source.batch);
    keys.enter({ ...source, from: columns.offset[owner]!, to: columns.offset[owner + 1]! }, columns);
  }
  dictionary.writeEntries(out, entries);
  const width = dictionary.indexBytes;
  for (const { range, owner, count } of runs.runs) {
    const { batch } = runs.ranges[range]!;
    const { offset, key } = columnsOf(batch);
    const from = offset[owner]!;
    const to = offset[owner + 1]!;
    if (from === to) continue;
    const map = keys.of(batch);
    out.reserve((to - from) * width);
    for (let i = from; i < to; i++, out.position += width) {
      const entry = map[key[i]!]!;
      if (width === 1) out.bytes[out.position] = entry;
      else if (width === 2) out.view.setUint16(out.position, entry, true);
      else out.view.setUint32(out.position, entry, true);
    }
    out.repeat((to - from) * width, count);
  }

  for (const { range, owner, count } of runs.runs) {
    const { batch, body } = runs.ranges[range]!;
    const columns = columnsOf(batch);
    const from = columns.offset[owner]!;
    const to = columns.offset[owner + 1]!;
    // Whole in one chunk, so that it can be repeated from there.
    out.reserve(valuesBound(columns, from, to));
    const start = out.position;
    writeValues(out, memory.text, body, columns, from, to);
    out.repeat(out.position - start, count);
  }
}

/** The most bytes these values can take as text: JSON escapes make at most six bytes of one. */
function valuesBound(columns: AttributeColumns, from: number, to: number): number {
  const { type, high } = columns;
  let bound = 0;
  for (let i = from; i < to; i++) {
    const kind = type[i]!;
    bound += 64;
    if (kind === AttributeType.string) bound += high[i]!;
    else if (kind >= AttributeType.bytes) bound += high[i]! * 6;
  }
  return bound;
}

/** Rows of one batch and the tenant they belong to. */
export interface OriginRange<B extends Batch> extends Range<B> {
  readonly tenant: Uint8Array;
}

/** OpenTelemetry's convention for a resource without `service.name`. */
const UNKNOWN_SERVICE = new TextEncoder().encode("unknown_service");

/** The columns that every signal's rows have: tenant, service, resource and scope. */
export class OriginColumns<B extends Batch> {
  readonly #ranges: readonly OriginRange<B>[];
  readonly #memory: BuildMemory;
  readonly #resources: Runs;
  readonly #scopes: Runs;

  constructor(
    ranges: readonly OriginRange<B>[],
    memory: BuildMemory,
    resourceOf: (range: number, row: number) => number,
    scopeOf: (range: number, row: number) => number,
  ) {
    this.#ranges = ranges;
    this.#memory = memory;
    this.#resources = new Runs(ranges, resourceOf);
    this.#scopes = new Runs(ranges, scopeOf);
  }

  /** Appends the column of this name, prefix included; false if there is none of that name. */
  write(name: string, out: NativeWriter): boolean {
    const memory = this.#memory;
    switch (name) {
      case "tenant":
        writeRangeText(out, memory, this.#ranges, (range) => this.#ranges[range]!.tenant);
        return true;
      case "service_name":
        writeOriginRefs(out, memory, this.#resources, ({ resources }) => resources.serviceName, UNKNOWN_SERVICE);
        return true;
      case "resource_attributes":
        writeOriginAttributes(out, memory, this.#resources, ({ resources }) => resources.attributes);
        return true;
      case "resource_schema_url":
        writeOriginRefs(out, memory, this.#resources, ({ resources }) => resources.schemaUrl);
        return true;
      case "scope_name":
        writeOriginRefs(out, memory, this.#scopes, ({ scopes }) => scopes.name);
        return true;
      case "scope_version":
        writeOriginRefs(out, memory, this.#scopes, ({ scopes }) => scopes.version);
        return true;
      case "scope_attributes":
        writeOriginAttributes(out, memory, this.#scopes, ({ scopes }) => scopes.attributes);
        return true;
      case "scope_schema_url":
        writeOriginRefs(out, memory, this.#scopes, ({ scopes }) => scopes.schemaUrl);
        return true;
      default:
        return false;
    }
  }
}
