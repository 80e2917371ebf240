import { AttributeType, type LogBatch } from "#model/batch.ts";
import { Bytes } from "#pipeline/bytes.ts";
import { TEMPLATE_BUFFER_BYTES, writeTemplate } from "#pipeline/template.ts";
import { halvesOf, type TimeHalves } from "#pipeline/time-window.ts";
import { printValue } from "#pipeline/value-text.ts";
import {
  type BuildMemory,
  countOf,
  version,
  writeAttributes,
  writeIds,
  writeLowCardinality,
  writeNumbers,
  writeTimes,
} from "./native-columns.ts";
import { ByteDictionary } from "./native-dictionary.ts";
import { OriginColumns, type OriginRange } from "./native-origin.ts";
import type { NativeWriter } from "./native-writer.ts";

/** Rows of one batch with their accepted times. */
export interface LogRange extends OriginRange<LogBatch> {
  readonly times: TimeHalves;
  readonly receivedUnixNano: bigint;
}

/** How many distinct templates one load may have; the rest of its lines have none. */
const TEMPLATE_LIMIT = 4096;

/** The templates of one load, over all its blocks. */
export class LoadTemplates {
  readonly #templates = new ByteDictionary();

  /** Number of this template, from 1; 0 for '' and for those beyond the limit. */
  number(template: Bytes, length: number): number {
    if (this.#templates.count <= TEMPLATE_LIMIT) return this.#templates.index(template, 0, length);
    return Math.max(0, this.#templates.find(template, 0, length));
  }
}

/** The columns of STAGED_LOGS by name. */
export class LogColumns extends OriginColumns<LogRange> {
  readonly #templates: LoadTemplates;

  constructor(ranges: readonly LogRange[], memory: BuildMemory, templates: LoadTemplates) {
    super(ranges, memory);
    this.#templates = templates;
  }

  override write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    switch (name) {
      case "time":
        for (const { times, from, to } of ranges) writeTimes(out, times, from, to);
        return true;
      case "observed_time":
        for (const range of ranges) writeObservedTimes(out, range);
        return true;
      case "trace_id":
        writeIds(out, ranges, 16, ({ batch }) => batch.traceId);
        return true;
      case "span_id":
        writeIds(out, ranges, 8, ({ batch }) => batch.spanId);
        return true;
      case "flags":
        writeNumbers(out, ranges, ({ batch }) => batch.flags);
        return true;
      case "severity_number":
        writeNumbers(out, ranges, ({ batch }) => batch.severityNumber);
        return true;
      case "severity_text":
        version(out);
        writeLowCardinality(out, memory, ranges, ({ batch }) => batch.severityText);
        return true;
      case "event_name":
        version(out);
        writeLowCardinality(out, memory, ranges, ({ batch }) => batch.eventName);
        return true;
      case "body":
        for (const range of ranges) this.#writeBodies(out, range);
        return true;
      case "template":
        version(out);
        this.#writeTemplates(out);
        return true;
      case "attributes":
        version(out);
        writeAttributes(out, memory, ranges, ({ batch }) => batch.attributes);
        return true;
      case "dropped_attributes_count":
        writeNumbers(out, ranges, ({ batch }) => batch.droppedAttributes);
        return true;
      default:
        return super.write(name, out);
    }
  }

  #writeBodies(out: NativeWriter, range: LogRange): void {
    const { batch, body, from, to } = range;
    const { bodyType, bodyLow, bodyHigh } = batch;
    for (let row = from; row < to; row++) {
      if (bodyType[row] === AttributeType.string) out.string(body, bodyLow[row]!, bodyHigh[row]!);
      else {
        const text = this.#print(range, row);
        out.string(text, 0, text.bytes.length);
      }
    }
  }

  /** A body that is no string, as text. */
  #print({ batch, body }: LogRange, row: number): Bytes {
    const { text } = this.memory;
    text.clear();
    printValue(text, body.bytes, batch.bodyType[row]!, batch.bodyLow[row]!, batch.bodyHigh[row]!);
    return new Bytes(text.bytes.subarray(0, text.length));
  }

  #writeTemplates(out: NativeWriter): void {
    const { dictionary } = this.memory;
    const templates = this.#templates;
    dictionary.clear();
    const count = countOf(this.ranges);
    const indices = this.memory.indices(count);
    const template = new Bytes(new Uint8Array(TEMPLATE_BUFFER_BYTES));
    /** Entry of the block's dictionary by number of the load's template, + 1. */
    const entries = new Uint32Array(TEMPLATE_LIMIT + 2);
    let at = 0;
    for (const range of this.ranges) {
      const { batch, body, from, to } = range;
      const { bodyType, bodyLow, bodyHigh } = batch;
      for (let row = from; row < to; row++) {
        let length: number;
        if (bodyType[row] === AttributeType.string)
          length = writeTemplate(body, bodyLow[row]!, bodyHigh[row]!, template);
        else {
          const text = this.#print(range, row);
          length = writeTemplate(text, 0, text.bytes.length, template);
        }
        const number = templates.number(template, length);
        let entry = entries[number]! - 1;
        if (entry < 0) {
          entry = number === 0 ? 0 : dictionary.index(template, 0, length);
          entries[number] = entry + 1;
        }
        indices[at++] = entry;
      }
    }
    dictionary.write(out, indices, count);
  }
}

/** Where the sender gave no observed time it is the time the line was received, as OpenTelemetry has it. */
function writeObservedTimes(out: NativeWriter, range: LogRange): void {
  const halves = halvesOf(range.batch.observedTime);
  let row = range.from;
  while (row < range.to && (halves[row * 2] !== 0 || halves[row * 2 + 1] !== 0)) row++;
  if (row === range.to) {
    writeTimes(out, halves, range.from, range.to);
    return;
  }
  const filled = halves.slice(range.from * 2, range.to * 2);
  const low = Number(range.receivedUnixNano & 0xffff_ffffn);
  const high = Number((range.receivedUnixNano >> 32n) & 0xffff_ffffn);
  for (let i = 0; i < filled.length; i += 2) {
    if (filled[i] !== 0 || filled[i + 1] !== 0) continue;
    filled[i] = low;
    filled[i + 1] = high;
  }
  writeTimes(out, filled, 0, filled.length / 2);
}
