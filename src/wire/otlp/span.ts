import { ABSENT, type SpanBatch } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import { addCount, type EnvelopeReader, type RecordReader, refs } from "./envelope.ts";
import { idIsZero } from "./id.ts";
import type { Packing, Table } from "./table.ts";

const SPAN = {
  resource: "u32",
  scope: "u32",
  traceId: "u32",
  spanId: "u32",
  parentSpanId: "u32",
  traceStateStart: "u32",
  traceStateLength: "u32",
  flags: "u32",
  nameStart: "u32",
  nameLength: "u32",
  kind: "u8",
  startTime: "u64",
  endTime: "u64",
  statusCode: "u8",
  statusMessageStart: "u32",
  statusMessageLength: "u32",
  droppedAttributes: "u32",
  droppedEvents: "u32",
  droppedLinks: "u32",
} as const;

const EVENT = { time: "u64", nameStart: "u32", nameLength: "u32", droppedAttributes: "u32" } as const;

const LINK = {
  traceId: "u32",
  spanId: "u32",
  traceStateStart: "u32",
  traceStateLength: "u32",
  flags: "u32",
  droppedAttributes: "u32",
} as const;

export class SpanReader implements RecordReader {
  readonly #decoding: Decoding;
  readonly #spans: Table<typeof SPAN>;
  readonly #attributes: AttributeReader;
  readonly #eventOffsets: Table<{ offset: "u32" }>;
  readonly #events: Table<typeof EVENT>;
  readonly #eventAttributes: AttributeReader;
  readonly #linkOffsets: Table<{ offset: "u32" }>;
  readonly #links: Table<typeof LINK>;
  readonly #linkAttributes: AttributeReader;
  #count = 0;
  #eventCount = 0;
  #linkCount = 0;
  #statusCode = 0;
  #statusStart = 0;
  #statusLength = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#spans = decoding.table(SPAN);
    this.#attributes = new AttributeReader(decoding);
    this.#eventOffsets = decoding.table({ offset: "u32" });
    this.#events = decoding.table(EVENT);
    this.#eventAttributes = new AttributeReader(decoding);
    this.#linkOffsets = decoding.table({ offset: "u32" });
    this.#links = decoding.table(LINK);
    this.#linkAttributes = new AttributeReader(decoding);
  }

  begin(): void {
    this.#count = 0;
    this.#eventCount = 0;
    this.#linkCount = 0;
    this.#attributes.begin();
    this.#eventAttributes.begin();
    this.#linkAttributes.begin();
    this.#eventOffsets.reserve(this.#spans.capacity + 1);
    this.#linkOffsets.reserve(this.#spans.capacity + 1);
    this.#eventOffsets.rows.offset[0] = 0;
    this.#linkOffsets.rows.offset[0] = 0;
  }

  read(start: number, end: number, resource: number, scope: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const view = source.view;
    const attributes = this.#attributes;
    const row = this.#count;
    if (row === this.#spans.capacity) this.#grow();
    const rows = this.#spans.rows;
    let traceId: number = ABSENT;
    let spanId: number = ABSENT;
    let parentSpanId: number = ABSENT;
    let parentIsWrong = false;
    let flags = 0;
    let kind = 0;
    let nameStart = 0;
    let nameLength = 0;
    let stateStart = 0;
    let stateLength = 0;
    let droppedAttributes = 0;
    let droppedEvents = 0;
    let droppedLinks = 0;
    let leftOutEvents = 0;
    let leftOutLinks = 0;
    let startLow = 0;
    let startHigh = 0;
    let endLow = 0;
    let endHigh = 0;
    this.#statusCode = 0;
    this.#statusStart = 0;
    this.#statusLength = 0;
    const firstEvent = this.#eventCount;
    const firstLink = this.#linkCount;
    const bytes = source.bytes;
    let position = start;
    while (position < end) {
      let tag = bytes[position]!;
      if (tag < 0x80 && tag > 7) position++;
      else {
        tag = source.tag(position, end);
        position = source.next;
      }
      switch (tag) {
        case 0x4a:
          position = attributes.read(position, end, 0x4a);
          break;
        case 0x0a:
          if (position + 17 <= end && bytes[position] === 16) {
            traceId = position + 1;
            position += 17;
          } else {
            const finish = source.length(position, end);
            traceId = finish - source.next === 16 ? source.next : ABSENT;
            position = finish;
          }
          break;
        case 0x12:
          if (position + 9 <= end && bytes[position] === 8) {
            spanId = position + 1;
            position += 9;
          } else {
            const finish = source.length(position, end);
            spanId = finish - source.next === 8 ? source.next : ABSENT;
            position = finish;
          }
          break;
        case 0x1a: {
          const finish = source.length(position, end);
          stateStart = decoding.text(source.next, finish, "textBytes");
          stateLength = decoding.length;
          position = finish;
          break;
        }
        case 0x22: {
          const finish = source.length(position, end);
          const length = finish - source.next;
          parentIsWrong = length !== 8 && length !== 0;
          parentSpanId = length === 8 && !idIsZero(view, source.next, 8) ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x2a: {
          const finish = source.length(position, end);
          nameStart = decoding.text(source.next, finish, "textBytes");
          nameLength = decoding.length;
          position = finish;
          break;
        }
        case 0x30:
          kind = source.varint32(position, end);
          position = source.next;
          break;
        case 0x39:
          position = source.fixed64(position, end);
          startLow = view.getUint32(position - 8, true);
          startHigh = view.getUint32(position - 4, true);
          break;
        case 0x41:
          position = source.fixed64(position, end);
          endLow = view.getUint32(position - 8, true);
          endHigh = view.getUint32(position - 4, true);
          break;
        case 0x50:
          droppedAttributes = source.varint32(position, end);
          position = source.next;
          break;
        case 0x5a: {
          const finish = source.length(position, end);
          if (this.#eventCount - firstEvent < decoding.limits.eventsPerSpan) this.#readEvent(source.next, finish);
          else {
            leftOutEvents++;
            decoding.cut("eventsPerSpan");
          }
          position = finish;
          break;
        }
        case 0x60:
          droppedEvents = source.varint32(position, end);
          position = source.next;
          break;
        case 0x6a: {
          const finish = source.length(position, end);
          if (this.#linkCount - firstLink >= decoding.limits.linksPerSpan) {
            leftOutLinks++;
            decoding.cut("linksPerSpan");
          } else if (!this.#readLink(source.next, finish)) leftOutLinks++;
          position = finish;
          break;
        }
        case 0x70:
          droppedLinks = source.varint32(position, end);
          position = source.next;
          break;
        case 0x7a: {
          const finish = source.length(position, end);
          this.#readStatus(source.next, finish);
          position = finish;
          break;
        }
        case 0x85:
          position = source.fixed32(position, end);
          flags = view.getUint32(position - 4, true);
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    const traceIsWrong = traceId === ABSENT || idIsZero(view, traceId, 16);
    if (traceIsWrong || spanId === ABSENT || idIsZero(view, spanId, 8) || parentIsWrong) {
      decoding.reject(traceIsWrong ? "trace-id-invalid" : parentIsWrong ? "parent-span-id-invalid" : "span-id-invalid");
      this.#discard(row, firstEvent, firstLink);
      return;
    }
    rows.resource[row] = resource;
    rows.scope[row] = scope;
    rows.traceId[row] = traceId;
    rows.spanId[row] = spanId;
    rows.parentSpanId[row] = parentSpanId;
    rows.traceStateStart[row] = stateStart;
    rows.traceStateLength[row] = stateLength;
    rows.flags[row] = flags;
    rows.nameStart[row] = nameStart;
    rows.nameLength[row] = nameLength;
    rows.kind[row] = kind <= 5 ? kind : 0;
    rows.startTime[row * 2] = startLow;
    rows.startTime[row * 2 + 1] = startHigh;
    rows.endTime[row * 2] = endLow;
    rows.endTime[row * 2 + 1] = endHigh;
    rows.statusCode[row] = this.#statusCode;
    rows.statusMessageStart[row] = this.#statusStart;
    rows.statusMessageLength[row] = this.#statusLength;
    rows.droppedAttributes[row] = addCount(droppedAttributes, attributes.dropped);
    rows.droppedEvents[row] = addCount(droppedEvents, leftOutEvents);
    rows.droppedLinks[row] = addCount(droppedLinks, leftOutLinks);
    attributes.close();
    this.#eventOffsets.rows.offset[row + 1] = this.#eventCount;
    this.#linkOffsets.rows.offset[row + 1] = this.#linkCount;
    this.#count = row + 1;
  }

  #grow(): void {
    const rows = this.#count + 1;
    this.#spans.reserve(rows);
    this.#eventOffsets.reserve(this.#spans.capacity + 1);
    this.#linkOffsets.reserve(this.#spans.capacity + 1);
  }

  #discard(row: number, firstEvent: number, firstLink: number): void {
    this.#attributes.discard(row);
    this.#eventAttributes.discard(firstEvent);
    this.#linkAttributes.discard(firstLink);
    this.#eventCount = firstEvent;
    this.#linkCount = firstLink;
  }

  #readStatus(start: number, end: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      if (tag === 0x18) {
        const code = source.varint32(position, end);
        this.#statusCode = code <= 2 ? code : 0;
        position = source.next;
      } else if (tag === 0x12) {
        const finish = source.length(position, end);
        this.#statusStart = decoding.text(source.next, finish, "textBytes");
        this.#statusLength = decoding.length;
        position = finish;
      } else position = source.skip(tag, position, end);
    }
  }

  #readEvent(start: number, end: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const attributes = this.#eventAttributes;
    const row = this.#eventCount;
    this.#events.reserve(row + 1);
    const rows = this.#events.rows;
    let low = 0;
    let high = 0;
    let nameStart = 0;
    let nameLength = 0;
    let dropped = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x09:
          position = source.fixed64(position, end);
          low = source.view.getUint32(position - 8, true);
          high = source.view.getUint32(position - 4, true);
          break;
        case 0x12: {
          const finish = source.length(position, end);
          nameStart = decoding.text(source.next, finish, "textBytes");
          nameLength = decoding.length;
          position = finish;
          break;
        }
        case 0x1a:
          position = attributes.read(position, end, 0x1a);
          break;
        case 0x20:
          dropped = source.varint32(position, end);
          position = source.next;
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    rows.time[row * 2] = low;
    rows.time[row * 2 + 1] = high;
    rows.nameStart[row] = nameStart;
    rows.nameLength[row] = nameLength;
    rows.droppedAttributes[row] = addCount(dropped, attributes.dropped);
    attributes.close();
    this.#eventCount = row + 1;
  }

  /** False where the link's ids are invalid: such a link points nowhere and is left out. */
  #readLink(start: number, end: number): boolean {
    const decoding = this.#decoding;
    const source = decoding.source;
    const attributes = this.#linkAttributes;
    const row = this.#linkCount;
    this.#links.reserve(row + 1);
    const rows = this.#links.rows;
    let traceId: number = ABSENT;
    let spanId: number = ABSENT;
    let stateStart = 0;
    let stateLength = 0;
    let flags = 0;
    let dropped = 0;
    let position = start;
    while (position < end) {
      const tag = source.tag(position, end);
      position = source.next;
      switch (tag) {
        case 0x0a: {
          const finish = source.length(position, end);
          traceId = finish - source.next === 16 ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x12: {
          const finish = source.length(position, end);
          spanId = finish - source.next === 8 ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x1a: {
          const finish = source.length(position, end);
          stateStart = decoding.text(source.next, finish, "textBytes");
          stateLength = decoding.length;
          position = finish;
          break;
        }
        case 0x22:
          position = attributes.read(position, end, 0x22);
          break;
        case 0x28:
          dropped = source.varint32(position, end);
          position = source.next;
          break;
        case 0x35:
          position = source.fixed32(position, end);
          flags = source.view.getUint32(position - 4, true);
          break;
        default:
          position = source.skip(tag, position, end);
      }
    }
    const view = source.view;
    if (traceId === ABSENT || spanId === ABSENT || idIsZero(view, traceId, 16) || idIsZero(view, spanId, 8)) {
      attributes.discard(row);
      return false;
    }
    rows.traceId[row] = traceId;
    rows.spanId[row] = spanId;
    rows.traceStateStart[row] = stateStart;
    rows.traceStateLength[row] = stateLength;
    rows.flags[row] = flags;
    rows.droppedAttributes[row] = addCount(dropped, attributes.dropped);
    attributes.close();
    this.#linkCount = row + 1;
    return true;
  }

  get count(): number {
    return this.#count;
  }

  add(packing: Packing): void {
    packing
      .add(this.#spans, this.#count)
      .add(this.#eventOffsets, this.#count + 1)
      .add(this.#events, this.#eventCount)
      .add(this.#linkOffsets, this.#count + 1)
      .add(this.#links, this.#linkCount);
    this.#attributes.add(packing);
    this.#eventAttributes.add(packing);
    this.#linkAttributes.add(packing);
  }

  batch(packing: Packing, envelope: EnvelopeReader, body: Uint8Array): SpanBatch {
    const spans = packing.of(this.#spans);
    const events = packing.of(this.#events);
    const links = packing.of(this.#links);
    const keys = packing.of(this.#decoding.keys.table);
    return {
      signal: "traces",
      body,
      keys: { count: this.#decoding.keys.count, ...keys },
      resources: envelope.resources(packing),
      scopes: envelope.scopes(packing),
      count: this.#count,
      resource: spans.resource,
      scope: spans.scope,
      traceId: spans.traceId,
      spanId: spans.spanId,
      parentSpanId: spans.parentSpanId,
      traceState: refs(spans.traceStateStart, spans.traceStateLength),
      flags: spans.flags,
      name: refs(spans.nameStart, spans.nameLength),
      kind: spans.kind,
      startTime: spans.startTime,
      endTime: spans.endTime,
      statusCode: spans.statusCode,
      statusMessage: refs(spans.statusMessageStart, spans.statusMessageLength),
      attributes: this.#attributes.columns(packing),
      droppedAttributes: spans.droppedAttributes,
      events: {
        offset: packing.of(this.#eventOffsets).offset,
        count: this.#eventCount,
        time: events.time,
        name: refs(events.nameStart, events.nameLength),
        attributes: this.#eventAttributes.columns(packing),
        droppedAttributes: events.droppedAttributes,
        droppedEvents: spans.droppedEvents,
      },
      links: {
        offset: packing.of(this.#linkOffsets).offset,
        count: this.#linkCount,
        traceId: links.traceId,
        spanId: links.spanId,
        traceState: refs(links.traceStateStart, links.traceStateLength),
        flags: links.flags,
        attributes: this.#linkAttributes.columns(packing),
        droppedAttributes: links.droppedAttributes,
        droppedLinks: spans.droppedLinks,
      },
    };
  }
}
