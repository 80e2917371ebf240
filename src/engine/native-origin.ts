import { type AttributeColumns, AttributeType, type Batch, type Refs } from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { printJsonString, printValue } from "#pipeline/value-text.ts";
import {
  type BuildMemory,
  countOf,
  KeyEntries,
  type Range,
  version,
  writeIndices,
  writeValues,
} from "./native-columns.ts";
import type { NativeWriter } from "./native-writer.ts";

/**
 * Columns that say where a row comes from: its tenant, resource and scope. Rows stand grouped by them, so what is long is
 * written run by run: once, then repeated by copying within the chunk.
 */

/** Rows of one batch, with the tenant they belong to and each row's place in the batch's tables of resources and scopes. */
export interface OriginRange<B extends Batch = Batch> extends Range<B> {
  readonly tenant: Bytes;
  readonly resource: Uint32Array;
  readonly scope: Uint32Array;
}

/** LowCardinality(String), version included: a text per row's owner, a row of some table of its batch. */
export function writeOwnerRefs<R extends Range>(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly R[],
  ownersOf: (range: R) => Uint32Array,
  refsOf: (range: R) => Refs,
  /** Stands where the text is empty. */
  fallback?: Bytes,
): void {
  version(out);
  const { dictionary } = memory;
  dictionary.clear();
  const count = countOf(ranges);
  const indices = memory.indices(count);
  const empty = fallback === undefined ? 0 : dictionary.index(fallback, 0, fallback.bytes.length);
  let at = 0;
  for (const range of ranges) {
    const { body, from, to } = range;
    const { start, length } = refsOf(range);
    const owners = ownersOf(range);
    /** Entry + 1 by owner, 0 where it is not known yet. */
    const known = new Uint32Array(start.length);
    for (let row = from; row < to; row++) {
      const owner = owners[row]!;
      let entry = known[owner]! - 1;
      if (entry < 0) {
        entry = length[owner] === 0 ? empty : dictionary.index(body, start[owner]!, length[owner]!);
        known[owner] = entry + 1;
      }
      indices[at++] = entry;
    }
  }
  dictionary.write(out, indices, count);
}

/** LowCardinality(String), version included: one text per range. */
export function writeTenants(out: NativeWriter, memory: BuildMemory, ranges: readonly TenantRange[]): void {
  version(out);
  const { dictionary } = memory;
  dictionary.clear();
  const count = countOf(ranges);
  const indices = memory.indices(count);
  let at = 0;
  for (const { tenant, from, to } of ranges) {
    indices.fill(dictionary.index(tenant, 0, tenant.bytes.length), at, at + to - from);
    at += to - from;
  }
  dictionary.write(out, indices, count);
}

interface TenantRange extends Range {
  readonly tenant: Bytes;
}

/** Consecutive rows of one batch that share an owner (a resource or a scope): triples of range, owner, rows. */
function runsOf<R extends Range>(ranges: readonly R[], ownersOf: (range: R) => Uint32Array): number[] {
  const runs: number[] = [];
  for (let index = 0; index < ranges.length; index++) {
    const range = ranges[index]!;
    const owners = ownersOf(range);
    let start = range.from;
    for (let row = range.from + 1; row <= range.to; row++) {
      if (row < range.to && owners[row] === owners[start]) continue;
      runs.push(index, owners[start]!, row - start);
      start = row;
    }
  }
  return runs;
}

/** Map(LowCardinality(String), String), version included: the attributes of each row's owner. */
function writeOwnerAttributes<R extends Range>(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly R[],
  runs: readonly number[],
  columnsOf: (range: R) => AttributeColumns,
): void {
  version(out);
  const { dictionary, text } = memory;
  dictionary.clear();
  const keys = new KeyEntries(dictionary);
  let entries = 0;
  for (let run = 0; run < runs.length; run += 3) {
    const range = ranges[runs[run]!]!;
    const owner = runs[run + 1]!;
    const columns = columnsOf(range);
    const from = columns.offset[owner]!;
    const to = columns.offset[owner + 1]!;
    keys.enter({ ...range, from, to }, columns);
    for (let row = runs[run + 2]!; row > 0; row--) {
      entries += to - from;
      out.uint64(entries >>> 0, Math.floor(entries / 0x1_0000_0000));
    }
  }
  if (entries === 0) return;

  dictionary.writeEntries(out, entries);
  const width = dictionary.indexBytes;
  for (let run = 0; run < runs.length; run += 3) {
    const range = ranges[runs[run]!]!;
    const owner = runs[run + 1]!;
    const { offset, key } = columnsOf(range);
    const size = (offset[owner + 1]! - offset[owner]!) * width;
    // Whole in one chunk, so that it can be repeated from there.
    out.reserve(size);
    writeIndices(out, keys.of(range.batch), key, offset[owner]!, offset[owner + 1]!, width);
    out.repeat(size, runs[run + 2]!);
  }
  for (let run = 0; run < runs.length; run += 3) {
    const range = ranges[runs[run]!]!;
    const owner = runs[run + 1]!;
    const columns = columnsOf(range);
    const from = columns.offset[owner]!;
    const to = columns.offset[owner + 1]!;
    out.reserve(valuesBound(columns, from, to));
    const start = out.position;
    writeValues(out, text, range.body, columns, from, to);
    out.repeat(out.position - start, runs[run + 2]!);
  }
}

/** LowCardinality(String), version included: the attributes of each row's owner as a JSON object of texts. */
function writeOwnerTexts<R extends Range>(
  out: NativeWriter,
  memory: BuildMemory,
  ranges: readonly R[],
  ownersOf: (range: R) => Uint32Array,
  columnsOf: (range: R) => AttributeColumns,
): void {
  version(out);
  const { dictionary } = memory;
  dictionary.clear();
  const count = countOf(ranges);
  const indices = memory.indices(count);
  /** Per batch: entry + 1 by owner, 0 where it is not known yet. */
  const knownOf = new Map<Batch, Uint32Array>();
  let at = 0;
  for (const range of ranges) {
    const { batch, from, to } = range;
    const owners = ownersOf(range);
    const columns = columnsOf(range);
    let known = knownOf.get(batch);
    if (known === undefined) {
      known = new Uint32Array(columns.offset.length - 1);
      knownOf.set(batch, known);
    }
    for (let row = from; row < to; row++) {
      const owner = owners[row]!;
      let entry = known[owner]! - 1;
      if (entry < 0) {
        const text = printObject(memory, range, columns, columns.offset[owner]!, columns.offset[owner + 1]!);
        entry = dictionary.index(text, 0, memory.text.length);
        known[owner] = entry + 1;
      }
      indices[at++] = entry;
    }
  }
  dictionary.write(out, indices, count);
}

/** `{"key":"value",…}` in `memory.text`: what toJSONString makes of the map. */
function printObject(
  { text, value }: BuildMemory,
  { batch, body }: Range,
  { key, type, low, high }: AttributeColumns,
  from: number,
  to: number,
): Bytes {
  const { start, length } = batch.keys;
  text.clear();
  text.byte(OPEN);
  for (let i = from; i < to; i++) {
    if (i > from) text.byte(COMMA);
    const id = key[i]!;
    printJsonString(text, body.bytes, start[id]!, start[id]! + length[id]!);
    text.byte(COLON);
    if (type[i] === AttributeType.string) printJsonString(text, body.bytes, low[i]!, low[i]! + high[i]!);
    else {
      value.clear();
      printValue(value, body.bytes, type[i]!, low[i]!, high[i]!);
      printJsonString(text, value.bytes, 0, value.length);
    }
  }
  text.byte(CLOSE);
  return new Bytes(text.bytes);
}

const [OPEN, CLOSE, COMMA, COLON] = [123, 125, 44, 58] as const;

/** The most bytes these values can take as text: JSON escapes make at most six bytes of one. */
function valuesBound(columns: AttributeColumns, from: number, to: number): number {
  const { type, high } = columns;
  let bound = 64;
  for (let i = from; i < to; i++) {
    const kind = type[i]!;
    bound += 64;
    if (kind === AttributeType.string) bound += high[i]!;
    else if (kind >= AttributeType.bytes) bound += high[i]! * 6;
  }
  return bound;
}

/** OpenTelemetry's convention for a resource without `service.name`. */
const UNKNOWN_SERVICE = new Bytes(new TextEncoder().encode("unknown_service"));

/** The columns that rows of all signals have: tenant, service, resource and scope. */
export class OriginColumns<R extends OriginRange> {
  protected readonly ranges: readonly R[];
  protected readonly memory: BuildMemory;

  constructor(ranges: readonly R[], memory: BuildMemory) {
    this.ranges = ranges;
    this.memory = memory;
  }

  /** Appends the column of this name, prefix included; false if there is none of that name. */
  write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    const resourceOf = ({ resource }: R) => resource;
    const scopeOf = ({ scope }: R) => scope;
    switch (name) {
      case "tenant":
        writeTenants(out, memory, ranges);
        return true;
      case "service_name":
        writeOwnerRefs(out, memory, ranges, resourceOf, ({ batch }) => batch.resources.serviceName, UNKNOWN_SERVICE);
        return true;
      case "resource":
        writeOwnerTexts(out, memory, ranges, resourceOf, ({ batch }) => batch.resources.attributes);
        return true;
      case "resource_attributes":
        writeOwnerAttributes(
          out,
          memory,
          ranges,
          runsOf(ranges, resourceOf),
          ({ batch }) => batch.resources.attributes,
        );
        return true;
      case "resource_schema_url":
        writeOwnerRefs(out, memory, ranges, resourceOf, ({ batch }) => batch.resources.schemaUrl);
        return true;
      case "scope_name":
        writeOwnerRefs(out, memory, ranges, scopeOf, ({ batch }) => batch.scopes.name);
        return true;
      case "scope_version":
        writeOwnerRefs(out, memory, ranges, scopeOf, ({ batch }) => batch.scopes.version);
        return true;
      case "scope_attributes":
        writeOwnerAttributes(out, memory, ranges, runsOf(ranges, scopeOf), ({ batch }) => batch.scopes.attributes);
        return true;
      case "scope_schema_url":
        writeOwnerRefs(out, memory, ranges, scopeOf, ({ batch }) => batch.scopes.schemaUrl);
        return true;
      default:
        return false;
    }
  }
}
