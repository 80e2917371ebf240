import type { Refs, ResourceColumns, ScopeColumns } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import type { Packing, Table } from "./table.ts";
import { tooLarge } from "./too-large.ts";

/** Reads one record (a Span, LogRecord or Metric message) of the resource and scope that were opened last. */
export interface RecordReader {
  read(start: number, end: number, resource: number, scope: number): void;
}

const RESOURCE = {
  dropped: "u32",
  schemaStart: "u32",
  schemaLength: "u32",
  serviceStart: "u32",
  serviceLength: "u32",
} as const;
const SCOPE = {
  dropped: "u32",
  schemaStart: "u32",
  schemaLength: "u32",
  nameStart: "u32",
  nameLength: "u32",
  versionStart: "u32",
  versionLength: "u32",
} as const;

const SERVICE_NAME = new TextEncoder().encode("service.name");

/**
 * The two levels around the records, the same for all three signals: request → resource → scope → record. Records refer
 * to the row of their resource and scope, which may be filled after them: protobuf allows any order of fields. A message that
 * appears twice where one is expected is merged, as protobuf says.
 */
export class EnvelopeReader {
  readonly #decoding: Decoding;
  readonly #records: RecordReader;
  readonly #resourceAttributes: AttributeReader;
  readonly #scopeAttributes: AttributeReader;
  readonly #resourceTable: Table<typeof RESOURCE>;
  readonly #scopeTable: Table<typeof SCOPE>;
  #resources = 0;
  #scopes = 0;
  #seen = 0;

  constructor(decoding: Decoding, records: RecordReader) {
    this.#decoding = decoding;
    this.#records = records;
    this.#resourceAttributes = new AttributeReader(decoding);
    this.#scopeAttributes = new AttributeReader(decoding);
    this.#resourceTable = decoding.table(RESOURCE);
    this.#scopeTable = decoding.table(SCOPE);
  }

  begin(): void {
    this.#resources = 0;
    this.#scopes = 0;
    this.#seen = 0;
    this.#resourceAttributes.begin();
    this.#scopeAttributes.begin();
  }

  /** Reads a whole Export…ServiceRequest. */
  read(start: number, end: number): void {
    const source = this.#decoding.source;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) {
        const finish = source.length(position, end);
        this.#readResource(source.next, finish);
        position = finish;
      } else position = source.skip(tag, position, end);
    }
  }

  #readResource(start: number, end: number): void {
    const { source } = this.#decoding;
    const resource = this.#resources++;
    this.#resourceTable.reserve(this.#resources);
    const rows = this.#resourceTable.rows;
    rows.dropped[resource] = 0;
    rows.schemaStart[resource] = 0;
    rows.schemaLength[resource] = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x12) {
        const finish = source.length(position, end);
        this.#readScope(source.next, finish, resource);
        position = finish;
      } else if (tag === 0x0a) {
        const finish = source.length(position, end);
        this.#readResourceHead(resource, source.next, finish);
        position = finish;
      } else if (tag === 0x1a) {
        const finish = source.length(position, end);
        rows.schemaStart[resource] = this.#decoding.text(source.next, finish, "textBytes");
        rows.schemaLength[resource] = this.#decoding.length;
        position = finish;
      } else position = source.skip(tag, position, end);
    }
    rows.dropped[resource] = addCount(rows.dropped[resource]!, this.#resourceAttributes.dropped);
    this.#resourceAttributes.close();
    this.#nameService(resource);
  }

  #readResourceHead(resource: number, start: number, end: number): void {
    const { source } = this.#decoding;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x0a) position = this.#resourceAttributes.read(position, end, 0x0a);
      else if (tag === 0x10) {
        this.#resourceTable.rows.dropped[resource] = source.varint32(position, end);
        position = source.next;
      } else position = source.skip(tag, position, end);
    }
  }

  #nameService(resource: number): void {
    const { offsets, entries } = this.#resourceAttributes;
    const { keys, source } = this.#decoding;
    const rows = this.#resourceTable.rows;
    rows.serviceStart[resource] = 0;
    rows.serviceLength[resource] = 0;
    const last = offsets.rows.offset[resource + 1]!;
    for (let entry = offsets.rows.offset[resource]!; entry < last; entry++) {
      if (entries.rows.type[entry] !== 1) continue;
      const key = entries.rows.key[entry]!;
      if (keys.table.rows.length[key] !== SERVICE_NAME.length) continue;
      const start = keys.table.rows.start[key]!;
      if (!SERVICE_NAME.every((byte, index) => source.bytes[start + index] === byte)) continue;
      rows.serviceStart[resource] = entries.rows.low[entry]!;
      rows.serviceLength[resource] = entries.rows.high[entry]!;
    }
  }

  #readScope(start: number, end: number, resource: number): void {
    const { source } = this.#decoding;
    const scope = this.#scopes++;
    this.#scopeTable.reserve(this.#scopes);
    const rows = this.#scopeTable.rows;
    rows.dropped[scope] = 0;
    rows.schemaStart[scope] = 0;
    rows.schemaLength[scope] = 0;
    rows.nameStart[scope] = 0;
    rows.nameLength[scope] = 0;
    rows.versionStart[scope] = 0;
    rows.versionLength[scope] = 0;
    const { records: limit } = this.#decoding.limits;
    const bytes = source.bytes;
    let position = start;
    while (position < end) {
      let tag = bytes[position]!;
      if (tag < 0x80 && tag > 7) position++;
      else {
        tag = source.tag(position, end);
        position = source.next;
      }
      if (tag === 0x12) {
        const finish = source.length(position, end);
        if (++this.#seen > limit) throw tooLarge("records", limit);
        this.#records.read(source.next, finish, resource, scope);
        position = finish;
      } else if (tag === 0x0a) {
        const finish = source.length(position, end);
        this.#readScopeHead(scope, source.next, finish);
        position = finish;
      } else if (tag === 0x1a) {
        const finish = source.length(position, end);
        rows.schemaStart[scope] = this.#decoding.text(source.next, finish, "textBytes");
        rows.schemaLength[scope] = this.#decoding.length;
        position = finish;
      } else position = source.skip(tag, position, end);
    }
    rows.dropped[scope] = addCount(rows.dropped[scope]!, this.#scopeAttributes.dropped);
    this.#scopeAttributes.close();
  }

  #readScopeHead(scope: number, start: number, end: number): void {
    const { source } = this.#decoding;
    const rows = this.#scopeTable.rows;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x0a: {
          const finish = source.length(position, end);
          rows.nameStart[scope] = this.#decoding.text(source.next, finish, "textBytes");
          rows.nameLength[scope] = this.#decoding.length;
          position = finish;
          break;
        }
        case 0x12: {
          const finish = source.length(position, end);
          rows.versionStart[scope] = this.#decoding.text(source.next, finish, "textBytes");
          rows.versionLength[scope] = this.#decoding.length;
          position = finish;
          break;
        }
        case 0x1a:
          position = this.#scopeAttributes.read(position, end, 0x1a);
          break;
        case 0x20:
          rows.dropped[scope] = source.varint32(position, end);
          position = source.next;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
  }

  add(packing: Packing): void {
    packing.add(this.#resourceTable, this.#resources).add(this.#scopeTable, this.#scopes);
    this.#resourceAttributes.add(packing);
    this.#scopeAttributes.add(packing);
  }

  resources(packing: Packing): ResourceColumns {
    const rows = packing.of(this.#resourceTable);
    return {
      count: this.#resources,
      attributes: this.#resourceAttributes.columns(packing),
      droppedAttributes: rows.dropped,
      schemaUrl: refs(rows.schemaStart, rows.schemaLength),
      serviceName: refs(rows.serviceStart, rows.serviceLength),
    };
  }

  scopes(packing: Packing): ScopeColumns {
    const rows = packing.of(this.#scopeTable);
    return {
      count: this.#scopes,
      name: refs(rows.nameStart, rows.nameLength),
      version: refs(rows.versionStart, rows.versionLength),
      attributes: this.#scopeAttributes.columns(packing),
      droppedAttributes: rows.dropped,
      schemaUrl: refs(rows.schemaStart, rows.schemaLength),
    };
  }
}

export function refs(start: Uint32Array, length: Uint32Array): Refs {
  return { start, length };
}

/** Dropped counts are the sender's word plus ours; they stop at the largest a column can hold. */
export function addCount(sent: number, ours: number): number {
  return Math.min(sent + ours, 0xffff_ffff);
}
