import type { SpanBatch } from "#model/batch.ts";
import type { TimeHalves } from "#pipeline/time-window.ts";
import { halvesOf } from "#pipeline/time-window.ts";
import {
  type BuildMemory,
  childrenOf,
  version,
  writeAttributes,
  writeIds,
  writeLowCardinality,
  writeNumbers,
  writeOffsets,
  writeStrings,
  writeTimes,
} from "./native-columns.ts";
import { OriginColumns, type OriginRange } from "./native-origin.ts";
import { PromotedColumns } from "./native-promoted.ts";
import type { NativeWriter } from "./native-writer.ts";
import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./schema/promoted.ts";

/** Rows of one batch with their accepted start times. */
export interface SpanRange extends OriginRange<SpanBatch> {
  readonly times: TimeHalves;
}

/** Place of a promoted attribute in its list, by the name of its column. */
const PROMOTED = new Map(PROMOTED_SPAN_ATTRIBUTES.map((key, number) => [promotedColumn("attributes", key), number]));

/** The columns of STAGED_SPANS by name. */
export class SpanColumns extends OriginColumns<SpanRange> {
  readonly #events: readonly SpanRange[];
  readonly #links: readonly SpanRange[];
  readonly #promoted: PromotedColumns<SpanRange>;

  constructor(ranges: readonly SpanRange[], memory: BuildMemory) {
    super(ranges, memory);
    this.#events = childrenOf(ranges, ({ batch }) => batch.events.offset);
    this.#links = childrenOf(ranges, ({ batch }) => batch.links.offset);
    this.#promoted = new PromotedColumns(PROMOTED_SPAN_ATTRIBUTES, ranges, ({ batch }) => batch.attributes);
  }

  override write(name: string, out: NativeWriter): boolean {
    const { ranges, memory } = this;
    const events = this.#events;
    const links = this.#links;
    switch (name) {
      case "start_time":
        for (const { times, from, to } of ranges) writeTimes(out, times, from, to);
        return true;
      case "duration_nano":
        for (const range of ranges) writeDurations(out, range);
        return true;
      case "trace_id":
        writeIds(out, ranges, 16, ({ batch }) => batch.traceId);
        return true;
      case "span_id":
        writeIds(out, ranges, 8, ({ batch }) => batch.spanId);
        return true;
      case "parent_span_id":
        writeIds(out, ranges, 8, ({ batch }) => batch.parentSpanId);
        return true;
      case "trace_state":
        writeStrings(out, ranges, ({ batch }) => batch.traceState);
        return true;
      case "flags":
        writeNumbers(out, ranges, ({ batch }) => batch.flags);
        return true;
      case "name":
        version(out);
        writeLowCardinality(out, memory, ranges, ({ batch }) => batch.name);
        return true;
      case "kind":
        writeNumbers(out, ranges, ({ batch }) => batch.kind);
        return true;
      case "status_code":
        writeNumbers(out, ranges, ({ batch }) => batch.statusCode);
        return true;
      case "status_message":
        writeStrings(out, ranges, ({ batch }) => batch.statusMessage);
        return true;
      case "attributes":
        version(out);
        writeAttributes(out, memory, ranges, ({ batch }) => batch.attributes);
        return true;
      case "dropped_attributes_count":
        writeNumbers(out, ranges, ({ batch }) => batch.droppedAttributes);
        return true;
      case "events.time":
        writeOffsets(out, ranges, ({ batch }) => batch.events.offset);
        for (const { batch, from, to } of events) writeTimes(out, halvesOf(batch.events.time), from, to);
        return true;
      case "events.name":
        version(out);
        writeOffsets(out, ranges, ({ batch }) => batch.events.offset);
        writeLowCardinality(out, memory, events, ({ batch }) => batch.events.name);
        return true;
      case "events.attributes":
        version(out);
        writeOffsets(out, ranges, ({ batch }) => batch.events.offset);
        writeAttributes(out, memory, events, ({ batch }) => batch.events.attributes);
        return true;
      case "events.dropped_attributes_count":
        writeOffsets(out, ranges, ({ batch }) => batch.events.offset);
        writeNumbers(out, events, ({ batch }) => batch.events.droppedAttributes);
        return true;
      case "dropped_events_count":
        writeNumbers(out, ranges, ({ batch }) => batch.events.droppedEvents);
        return true;
      case "links.trace_id":
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeIds(out, links, 16, ({ batch }) => batch.links.traceId);
        return true;
      case "links.span_id":
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeIds(out, links, 8, ({ batch }) => batch.links.spanId);
        return true;
      case "links.trace_state":
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeStrings(out, links, ({ batch }) => batch.links.traceState);
        return true;
      case "links.flags":
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeNumbers(out, links, ({ batch }) => batch.links.flags);
        return true;
      case "links.attributes":
        version(out);
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeAttributes(out, memory, links, ({ batch }) => batch.links.attributes);
        return true;
      case "links.dropped_attributes_count":
        writeOffsets(out, ranges, ({ batch }) => batch.links.offset);
        writeNumbers(out, links, ({ batch }) => batch.links.droppedAttributes);
        return true;
      case "dropped_links_count":
        writeNumbers(out, ranges, ({ batch }) => batch.links.droppedLinks);
        return true;
      default: {
        const promoted = PROMOTED.get(name);
        if (promoted === undefined) return super.write(name, out);
        this.#promoted.write(out, memory, promoted);
        return true;
      }
    }
  }
}

/**
 * end - start as the sender gave them (a clamped start moves the span, it does not stretch it), exact, held within 64 bits.
 * 0 where either is missing.
 */
function writeDurations(out: NativeWriter, range: SpanRange): void {
  const starts = halvesOf(range.batch.startTime);
  const ends = halvesOf(range.batch.endTime);
  let done = range.from;
  while (done < range.to) {
    out.reserve(8);
    const { view } = out;
    let { position } = out;
    const stop = Math.min(range.to, done + ((view.byteLength - position) >> 3));
    for (; done < stop; done++, position += 8) {
      const startLow = starts[done * 2]!;
      const startHigh = starts[done * 2 + 1]!;
      const endLow = ends[done * 2]!;
      const endHigh = ends[done * 2 + 1]!;
      let low = 0;
      let high = 0;
      if ((startLow !== 0 || startHigh !== 0) && (endLow !== 0 || endHigh !== 0)) {
        low = endLow - startLow;
        high = endHigh - startHigh;
        if (low < 0) {
          low += 0x1_0000_0000;
          high -= 1;
        }
        if (high > 0x7fff_ffff) {
          low = 0xffff_ffff;
          high = 0x7fff_ffff;
        } else if (high < -0x8000_0000) {
          low = 0;
          high = -0x8000_0000;
        }
      }
      view.setUint32(position, low, true);
      view.setInt32(position + 4, high, true);
    }
    out.position = position;
  }
}
