import { isUtf8 } from "node:buffer";
import {
  ABSENT,
  type AttributeColumns,
  AttributeType,
  type Batch,
  type MetricBatch,
  type Refs,
  type SpanBatch,
} from "#model/batch.ts";

/** Throws where a batch breaks an invariant that model/batch.ts promises to whoever reads it. */
export function checkBatch(batch: Batch, nesting: number): void {
  new BatchCheck(batch, nesting).run();
}

class BatchCheck {
  readonly #batch: Batch;
  readonly #nesting: number;

  constructor(batch: Batch, nesting: number) {
    this.#batch = batch;
    this.#nesting = nesting;
  }

  run(): void {
    const batch = this.#batch;
    const { keys, resources, scopes } = batch;
    this.#texts(keys, keys.count);
    this.#attributes(resources.attributes, resources.count);
    this.#texts(resources.schemaUrl, resources.count);
    this.#texts(resources.serviceName, resources.count);
    this.#attributes(scopes.attributes, scopes.count);
    for (const refs of [scopes.name, scopes.version, scopes.schemaUrl]) this.#texts(refs, scopes.count);
    if (batch.signal === "traces") this.#spans(batch);
    else if (batch.signal === "metrics") this.#metrics(batch);
    else {
      this.#origin(batch.resource, batch.scope, batch.count);
      this.#ids(batch.traceId, batch.count, 16);
      this.#ids(batch.spanId, batch.count, 8);
      this.#texts(batch.severityText, batch.count);
      this.#texts(batch.eventName, batch.count);
      this.#attributes(batch.attributes, batch.count);
      for (let row = 0; row < batch.count; row++) {
        this.#value(batch.bodyType[row]!, batch.bodyLow[row]!, batch.bodyHigh[row]!);
        ensure(batch.severityNumber[row]! <= 24, "severity");
      }
    }
  }

  #spans(batch: SpanBatch): void {
    const { count, events, links } = batch;
    this.#origin(batch.resource, batch.scope, count);
    this.#ids(batch.traceId, count, 16);
    this.#ids(batch.spanId, count, 8);
    this.#ids(batch.parentSpanId, count, 8);
    for (const refs of [batch.traceState, batch.name, batch.statusMessage]) this.#texts(refs, count);
    this.#attributes(batch.attributes, count);
    for (let row = 0; row < count; row++) {
      ensure(batch.traceId[row] !== ABSENT && batch.spanId[row] !== ABSENT, "a span without ids");
      ensure(batch.kind[row]! <= 5 && batch.statusCode[row]! <= 2, "kind or status");
    }
    this.#offsets(events.offset, count, events.count);
    this.#texts(events.name, events.count);
    this.#attributes(events.attributes, events.count);
    this.#offsets(links.offset, count, links.count);
    this.#ids(links.traceId, links.count, 16);
    this.#ids(links.spanId, links.count, 8);
    this.#texts(links.traceState, links.count);
    this.#attributes(links.attributes, links.count);
  }

  #metrics(batch: MetricBatch): void {
    const { metrics, numbers, histograms, exponentials, summaries, exemplars } = batch;
    this.#origin(metrics.resource, metrics.scope, metrics.count);
    for (const refs of [metrics.name, metrics.description, metrics.unit]) this.#texts(refs, metrics.count);
    let points = 0;
    for (const table of [numbers, histograms, exponentials, summaries]) {
      points += table.count;
      this.#attributes(table.attributes, table.count);
      for (let row = 0; row < table.count; row++) ensure(table.metric[row]! < metrics.count, "metric of a point");
    }
    ensure(points === batch.count, "count of points");
    this.#offsets(histograms.boundOffset, histograms.count, histograms.bounds.length);
    this.#offsets(histograms.bucketOffset, histograms.count, histograms.buckets.length);
    this.#offsets(exponentials.positiveOffset, exponentials.count, exponentials.positiveBuckets.length);
    this.#offsets(exponentials.negativeOffset, exponentials.count, exponentials.negativeBuckets.length);
    this.#offsets(summaries.quantileOffset, summaries.count, summaries.quantile.length);
    ensure(summaries.quantile.length === summaries.quantileValue.length, "quantiles");
    this.#ids(exemplars.traceId, exemplars.count, 16);
    this.#ids(exemplars.spanId, exemplars.count, 8);
    this.#attributes(exemplars.attributes, exemplars.count);
    const tables: Readonly<Record<number, { readonly count: number }>> = { 1: numbers, 3: histograms, 4: exponentials };
    for (let row = 0; row < exemplars.count; row++) {
      ensure(exemplars.point[row]! < (tables[exemplars.pointKind[row]!]?.count ?? 0), "point of an exemplar");
    }
  }

  #origin(resource: Uint32Array, scope: Uint32Array, count: number): void {
    for (let row = 0; row < count; row++) {
      ensure(
        resource[row]! < this.#batch.resources.count && scope[row]! < this.#batch.scopes.count,
        "resource or scope",
      );
    }
  }

  #ids(column: Uint32Array, count: number, length: number): void {
    for (let row = 0; row < count; row++) {
      const start = column[row]!;
      if (start === ABSENT) continue;
      ensure(start + length <= this.#batch.body.length, "id outside of the body");
      ensure(
        this.#batch.body.subarray(start, start + length).some((byte) => byte !== 0),
        "zero id",
      );
    }
  }

  #texts(refs: Refs, count: number): void {
    for (let row = 0; row < count; row++) this.#text(refs.start[row]!, refs.length[row]!);
  }

  #text(start: number, length: number): void {
    ensure(start + length <= this.#batch.body.length, "text outside of the body");
    ensure(isUtf8(this.#batch.body.subarray(start, start + length)), "text is no UTF-8");
  }

  #offsets(offset: Uint32Array, owners: number, entries: number): void {
    ensure(offset[0] === 0 && offset[owners] === entries, "first or last offset");
    for (let owner = 0; owner < owners; owner++) ensure(offset[owner]! <= offset[owner + 1]!, "falling offset");
  }

  #attributes(columns: AttributeColumns, owners: number): void {
    this.#offsets(columns.offset, owners, columns.count);
    for (let owner = 0; owner < owners; owner++) {
      const seen = new Set<number>();
      for (let entry = columns.offset[owner]!; entry < columns.offset[owner + 1]!; entry++) {
        const key = columns.key[entry]!;
        ensure(key < this.#batch.keys.count && !seen.has(key), "attribute key");
        seen.add(key);
        this.#value(columns.type[entry]!, columns.low[entry]!, columns.high[entry]!);
      }
    }
  }

  #value(type: number, low: number, high: number): void {
    switch (type) {
      case AttributeType.string:
        this.#text(low, high);
        return;
      case AttributeType.bool:
        ensure(low <= 1, "bool");
        return;
      case AttributeType.bytes:
        ensure(low + high <= this.#batch.body.length, "bytes outside of the body");
        return;
      case AttributeType.array:
      case AttributeType.map:
        ensure(low + high <= this.#batch.body.length, "array or map outside of the body");
        this.#nested(type === AttributeType.map, low, low + high, 1);
        return;
      default:
        ensure(type <= AttributeType.map, "type of a value");
    }
  }

  /** Walks an encoded ArrayValue or KeyValueList the way a reader that trusts it would. */
  #nested(isMap: boolean, start: number, end: number, depth: number): void {
    ensure(depth <= this.#nesting, "nesting");
    for (const { number, from, to, wire } of this.#fields(start, end)) {
      if (number !== 1 || wire !== 2) continue;
      if (!isMap) this.#any(from, to, depth);
      else {
        for (const inner of this.#fields(from, to)) {
          if (inner.wire !== 2) continue;
          if (inner.number === 1) this.#text(inner.from, inner.to - inner.from);
          else if (inner.number === 2) this.#any(inner.from, inner.to, depth);
        }
      }
    }
  }

  #any(start: number, end: number, depth: number): void {
    for (const { number, from, to, wire } of this.#fields(start, end)) {
      if (wire !== 2) continue;
      if (number === 1) this.#text(from, to - from);
      else if (number === 5 || number === 6) this.#nested(number === 6, from, to, depth + 1);
    }
  }

  *#fields(start: number, end: number): Generator<{ number: number; wire: number; from: number; to: number }> {
    const { body } = this.#batch;
    let position = start;
    const varint = (): number => {
      let value = 0;
      for (let shift = 0; ; shift += 7) {
        ensure(position < end && shift < 70, "varint in an array or map");
        const byte = body[position++]!;
        value += (byte & 0x7f) * 2 ** shift;
        if (byte < 0x80) return value;
      }
    };
    while (position < end) {
      const tag = varint();
      const wire = tag % 8;
      ensure(wire === 0 || wire === 1 || wire === 2 || wire === 5, "wire type in an array or map");
      if (wire === 0) varint();
      let from = position;
      if (wire === 2) {
        const length = varint();
        from = position;
        position += length;
      } else if (wire === 1) position += 8;
      else if (wire === 5) position += 4;
      ensure(position <= end, "length in an array or map");
      yield { number: Math.floor(tag / 8), wire, from, to: position };
    }
  }
}

function ensure(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`the batch is not sound: ${what}`);
}
