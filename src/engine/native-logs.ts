import { AttributeType, type LogBatch } from "#model/batch.ts";
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
import { copyBytes, type NativeWriter, putVarint } from "./native-writer.ts";

/** Rows of one batch with their accepted times. */
export interface LogRange extends OriginRange<LogBatch> {
  readonly times: TimeHalves;
  readonly receivedUnixNano: bigint;
}

/** How many distinct templates one load may have; the rest of its lines have none. */
const TEMPLATE_LIMIT = 4096;

/** The templates of one load, over all its blocks. */
export class TemplateLimit {
  readonly #seen = new ByteDictionary();

  /** Whether this template may be written. */
  admits(template: Uint8Array, length: number): boolean {
    if (this.#seen.count <= TEMPLATE_LIMIT) {
      this.#seen.index(template, 0, length);
      return true;
    }
    return this.#seen.find(template, 0, length) >= 0;
  }
}

/** The columns of STAGED_LOGS by name. */
export class LogColumns extends OriginColumns<LogRange> {
  readonly #limit: TemplateLimit;

  constructor(ranges: readonly LogRange[], memory: BuildMemory, limit: TemplateLimit) {
    super(ranges, memory);
    this.#limit = limit;
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
    const { text } = this.memory;
    for (let row = from; row < to; row++) {
      if (bodyType[row] === AttributeType.string) {
        const length = bodyHigh[row]!;
        out.reserve(length + 5);
        const at = putVarint(out.bytes, out.position, length);
        copyBytes(body, bodyLow[row]!, out.bytes, at, length);
        out.position = at + length;
      } else {
        text.clear();
        printValue(text, body, bodyType[row]!, bodyLow[row]!, bodyHigh[row]!);
        out.string(text.bytes, 0, text.length);
      }
    }
  }

  #writeTemplates(out: NativeWriter): void {
    const { dictionary, text } = this.memory;
    const limit = this.#limit;
    dictionary.clear();
    const count = countOf(this.ranges);
    const indices = this.memory.indices(count);
    const template = new Uint8Array(TEMPLATE_BUFFER_BYTES);
    let at = 0;
    for (const { batch, body, from, to } of this.ranges) {
      const { bodyType, bodyLow, bodyHigh } = batch;
      for (let row = from; row < to; row++) {
        let length: number;
        if (bodyType[row] === AttributeType.string)
          length = writeTemplate(body, bodyLow[row]!, bodyHigh[row]!, template);
        else {
          text.clear();
          printValue(text, body, bodyType[row]!, bodyLow[row]!, bodyHigh[row]!);
          length = writeTemplate(text.bytes, 0, text.length, template);
        }
        let entry = dictionary.find(template, 0, length);
        if (entry < 0) entry = limit.admits(template, length) ? dictionary.index(template, 0, length) : 0;
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
