import { ABSENT, type LogBatch } from "#model/batch.ts";
import { AttributeReader } from "./attributes.ts";
import type { Decoding } from "./decoding.ts";
import { addCount, type EnvelopeReader, type RecordReader, refs } from "./envelope.ts";
import { idIsZero } from "./id.ts";
import type { Packing, Table } from "./table.ts";
import { ValueReader } from "./value.ts";

const LOG = {
  resource: "u32",
  scope: "u32",
  time: "u64",
  observedTime: "u64",
  traceId: "u32",
  spanId: "u32",
  flags: "u32",
  severityNumber: "u8",
  severityTextStart: "u32",
  severityTextLength: "u32",
  eventNameStart: "u32",
  eventNameLength: "u32",
  bodyType: "u8",
  bodyLow: "u32",
  bodyHigh: "u32",
  droppedAttributes: "u32",
} as const;

export class LogReader implements RecordReader {
  readonly #decoding: Decoding;
  readonly #logs: Table<typeof LOG>;
  readonly #attributes: AttributeReader;
  readonly #value: ValueReader;
  #count = 0;

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
    this.#logs = decoding.table(LOG);
    this.#attributes = new AttributeReader(decoding);
    this.#value = new ValueReader(decoding);
  }

  begin(): void {
    this.#count = 0;
    this.#attributes.begin();
  }

  read(start: number, end: number, resource: number, scope: number): void {
    const decoding = this.#decoding;
    const source = decoding.source;
    const view = source.view;
    const bytes = source.bytes;
    const attributes = this.#attributes;
    const body = this.#value;
    const row = this.#count;
    if (row === this.#logs.capacity) this.#logs.reserve(row + 1);
    const rows = this.#logs.rows;
    let timeLow = 0;
    let timeHigh = 0;
    let observedLow = 0;
    let observedHigh = 0;
    let traceId: number = ABSENT;
    let spanId: number = ABSENT;
    let flags = 0;
    let severity = 0;
    let textStart = 0;
    let textLength = 0;
    let eventStart = 0;
    let eventLength = 0;
    let bodyType = 0;
    let bodyLow = 0;
    let bodyHigh = 0;
    let dropped = 0;
    let position = start;
    while (position < end) {
      let tag = bytes[position]!;
      if (tag < 0x80 && tag > 7) position++;
      else {
        tag = source.tag(position, end);
        position = source.next;
      }
      switch (tag) {
        case 0x09:
          position = source.fixed64(position, end);
          timeLow = view.getUint32(position - 8, true);
          timeHigh = view.getUint32(position - 4, true);
          break;
        case 0x10:
          severity = source.varint32(position, end);
          position = source.next;
          break;
        case 0x1a: {
          const finish = source.length(position, end);
          textStart = decoding.text(source.next, finish, "textBytes");
          textLength = decoding.length;
          position = finish;
          break;
        }
        case 0x2a: {
          const finish = source.length(position, end);
          body.read(source.next, finish, "textBytes");
          bodyType = body.type;
          bodyLow = body.low;
          bodyHigh = body.high;
          position = finish;
          break;
        }
        case 0x32:
          position = attributes.read(position, end, 0x32);
          break;
        case 0x38:
          dropped = source.varint32(position, end);
          position = source.next;
          break;
        case 0x45:
          position = source.fixed32(position, end);
          flags = view.getUint32(position - 4, true);
          break;
        case 0x4a: {
          const finish = source.length(position, end);
          traceId = finish - source.next === 16 && !idIsZero(view, source.next, 16) ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x52: {
          const finish = source.length(position, end);
          spanId = finish - source.next === 8 && !idIsZero(view, source.next, 8) ? source.next : ABSENT;
          position = finish;
          break;
        }
        case 0x59:
          position = source.fixed64(position, end);
          observedLow = view.getUint32(position - 8, true);
          observedHigh = view.getUint32(position - 4, true);
          break;
        case 0x62: {
          const finish = source.length(position, end);
          eventStart = decoding.text(source.next, finish, "textBytes");
          eventLength = decoding.length;
          position = finish;
          break;
        }
        default:
          position = source.skip(tag, position, end);
      }
    }
    const timed = (timeLow | timeHigh) !== 0;
    rows.resource[row] = resource;
    rows.scope[row] = scope;
    rows.time[row * 2] = timed ? timeLow : observedLow;
    rows.time[row * 2 + 1] = timed ? timeHigh : observedHigh;
    rows.observedTime[row * 2] = observedLow;
    rows.observedTime[row * 2 + 1] = observedHigh;
    rows.traceId[row] = traceId;
    rows.spanId[row] = spanId;
    rows.flags[row] = flags;
    rows.severityNumber[row] = severity <= 24 ? severity : 0;
    rows.severityTextStart[row] = textStart;
    rows.severityTextLength[row] = textLength;
    rows.eventNameStart[row] = eventStart;
    rows.eventNameLength[row] = eventLength;
    rows.bodyType[row] = bodyType;
    rows.bodyLow[row] = bodyLow;
    rows.bodyHigh[row] = bodyHigh;
    rows.droppedAttributes[row] = addCount(dropped, attributes.dropped);
    attributes.close();
    this.#count = row + 1;
  }

  get count(): number {
    return this.#count;
  }

  add(packing: Packing): void {
    packing.add(this.#logs, this.#count);
    this.#attributes.add(packing);
  }

  batch(packing: Packing, envelope: EnvelopeReader, body: Uint8Array): LogBatch {
    const logs = packing.of(this.#logs);
    const keys = packing.of(this.#decoding.keys.table);
    return {
      signal: "logs",
      body,
      keys: { count: this.#decoding.keys.count, ...keys },
      resources: envelope.resources(packing),
      scopes: envelope.scopes(packing),
      count: this.#count,
      resource: logs.resource,
      scope: logs.scope,
      time: logs.time,
      observedTime: logs.observedTime,
      traceId: logs.traceId,
      spanId: logs.spanId,
      flags: logs.flags,
      severityNumber: logs.severityNumber,
      severityText: refs(logs.severityTextStart, logs.severityTextLength),
      eventName: refs(logs.eventNameStart, logs.eventNameLength),
      bodyType: logs.bodyType,
      bodyLow: logs.bodyLow,
      bodyHigh: logs.bodyHigh,
      attributes: this.#attributes.columns(packing),
      droppedAttributes: logs.droppedAttributes,
    };
  }
}
