import {
  ABSENT,
  type AttributeColumns,
  AttributeType,
  type Batch,
  type LogBatch,
  type MetricBatch,
  type Refs,
  type SpanBatch,
} from "#model/batch.ts";

/** A batch as plain objects in the shape of OTLP, to compare with what an independent decoder says. */
export type Plain = string | number | bigint | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Rows {
  readonly #batch: Batch;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  bytes(start: number, length: number): Uint8Array {
    const { body } = this.#batch;
    if (start + length > body.length) throw new Error(`reference ${start}+${length} is outside of the body`);
    return body.subarray(start, start + length);
  }

  text(refs: Refs, row: number): string {
    return decoder.decode(this.bytes(refs.start[row]!, refs.length[row]!));
  }

  id(column: Uint32Array, row: number, length: number): string {
    return column[row] === ABSENT ? "" : Buffer.from(this.bytes(column[row]!, length)).toString("hex");
  }

  value(type: number, low: number, high: number): Plain {
    switch (type) {
      case AttributeType.empty:
        return null;
      case AttributeType.string:
        return { string: decoder.decode(this.bytes(low, high)) };
      case AttributeType.bool:
        return { bool: low === 1 };
      case AttributeType.int:
        return { int: BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low)) };
      case AttributeType.double: {
        const view = new DataView(new ArrayBuffer(8));
        view.setUint32(0, low, true);
        view.setUint32(4, high, true);
        return { double: view.getFloat64(0, true) };
      }
      case AttributeType.bytes:
        return { bytes: Buffer.from(this.bytes(low, high)).toString("hex") };
      case AttributeType.array:
        return { array: Buffer.from(this.bytes(low, high)).toString("hex") };
      default:
        return { map: Buffer.from(this.bytes(low, high)).toString("hex") };
    }
  }

  attributes(columns: AttributeColumns, owner: number): Plain {
    const { keys } = this.#batch;
    const found: Plain[] = [];
    for (let entry = columns.offset[owner]!; entry < columns.offset[owner + 1]!; entry++) {
      if (entry >= columns.count) throw new Error("an attribute entry is outside of the table");
      const key = columns.key[entry]!;
      if (key >= keys.count) throw new Error("a key is outside of the dictionary");
      found.push([this.text(keys, key), this.value(columns.type[entry]!, columns.low[entry]!, columns.high[entry]!)]);
    }
    return found;
  }

  origin(resource: number, scope: number): { readonly [key: string]: Plain } {
    const { resources, scopes } = this.#batch;
    if (resource >= resources.count || scope >= scopes.count)
      throw new Error("a resource or scope is outside of its table");
    return {
      resource: {
        attributes: this.attributes(resources.attributes, resource),
        dropped: resources.droppedAttributes[resource]!,
        schemaUrl: this.text(resources.schemaUrl, resource),
        service: this.text(resources.serviceName, resource),
      },
      scope: {
        name: this.text(scopes.name, scope),
        version: this.text(scopes.version, scope),
        attributes: this.attributes(scopes.attributes, scope),
        dropped: scopes.droppedAttributes[scope]!,
        schemaUrl: this.text(scopes.schemaUrl, scope),
      },
    };
  }
}

export function spanRows(batch: SpanBatch): Plain[] {
  const rows = new Rows(batch);
  const { events, links } = batch;
  return range(0, batch.count).map((row) => ({
    ...rows.origin(batch.resource[row]!, batch.scope[row]!),
    traceId: rows.id(batch.traceId, row, 16),
    spanId: rows.id(batch.spanId, row, 8),
    parentSpanId: rows.id(batch.parentSpanId, row, 8),
    traceState: rows.text(batch.traceState, row),
    flags: batch.flags[row]!,
    name: rows.text(batch.name, row),
    kind: batch.kind[row]!,
    start: batch.startTime[row]!,
    end: batch.endTime[row]!,
    statusCode: batch.statusCode[row]!,
    statusMessage: rows.text(batch.statusMessage, row),
    attributes: rows.attributes(batch.attributes, row),
    droppedAttributes: batch.droppedAttributes[row]!,
    droppedEvents: events.droppedEvents[row]!,
    droppedLinks: links.droppedLinks[row]!,
    events: range(events.offset[row]!, events.offset[row + 1]!).map((event) => ({
      time: events.time[event]!,
      name: rows.text(events.name, event),
      attributes: rows.attributes(events.attributes, event),
      dropped: events.droppedAttributes[event]!,
    })),
    links: range(links.offset[row]!, links.offset[row + 1]!).map((link) => ({
      traceId: rows.id(links.traceId, link, 16),
      spanId: rows.id(links.spanId, link, 8),
      traceState: rows.text(links.traceState, link),
      flags: links.flags[link]!,
      attributes: rows.attributes(links.attributes, link),
      dropped: links.droppedAttributes[link]!,
    })),
  }));
}

export function logRows(batch: LogBatch): Plain[] {
  const rows = new Rows(batch);
  return range(0, batch.count).map((row) => ({
    ...rows.origin(batch.resource[row]!, batch.scope[row]!),
    time: batch.time[row]!,
    observed: batch.observedTime[row]!,
    traceId: rows.id(batch.traceId, row, 16),
    spanId: rows.id(batch.spanId, row, 8),
    flags: batch.flags[row]!,
    severity: batch.severityNumber[row]!,
    severityText: rows.text(batch.severityText, row),
    eventName: rows.text(batch.eventName, row),
    body: rows.value(batch.bodyType[row]!, batch.bodyLow[row]!, batch.bodyHigh[row]!),
    attributes: rows.attributes(batch.attributes, row),
    dropped: batch.droppedAttributes[row]!,
  }));
}

export interface MetricRows {
  readonly numbers: Plain[];
  readonly histograms: Plain[];
  readonly exponentials: Plain[];
  readonly summaries: Plain[];
}

export function metricRows(batch: MetricBatch): MetricRows {
  const rows = new Rows(batch);
  const { metrics, numbers, histograms, exponentials, summaries, exemplars } = batch;
  const metric = (index: number): Plain => {
    if (index >= metrics.count) throw new Error("a metric is outside of its table");
    return {
      ...rows.origin(metrics.resource[index]!, metrics.scope[index]!),
      name: rows.text(metrics.name, index),
      description: rows.text(metrics.description, index),
      unit: rows.text(metrics.unit, index),
      type: metrics.type[index]!,
      temporality: metrics.temporality[index]!,
      monotonic: metrics.monotonic[index] === 1,
    };
  };
  const exemplarsOf = (kind: number, point: number): Plain =>
    range(0, exemplars.count)
      .filter((row) => exemplars.pointKind[row] === kind && exemplars.point[row] === point)
      .map((row) => ({
        time: exemplars.time[row]!,
        value: exemplars.value[row]!,
        traceId: rows.id(exemplars.traceId, row, 16),
        spanId: rows.id(exemplars.spanId, row, 8),
        attributes: rows.attributes(exemplars.attributes, row),
      }));
  const common = (points: MetricBatch["numbers" | "histograms" | "exponentials" | "summaries"], row: number) => ({
    metric: metric(points.metric[row]!),
    start: points.startTime[row]!,
    time: points.time[row]!,
    flags: points.flags[row]!,
    attributes: rows.attributes(points.attributes, row),
  });
  return {
    numbers: range(0, numbers.count).map((row) => ({
      ...common(numbers, row),
      value: numbers.value[row]!,
      exemplars: exemplarsOf(1, row),
    })),
    histograms: range(0, histograms.count).map((row) => ({
      ...common(histograms, row),
      count: histograms.totalCount[row]!,
      sum: histograms.sum[row]!,
      min: histograms.min[row]!,
      max: histograms.max[row]!,
      bounds: [...histograms.bounds.subarray(histograms.boundOffset[row]!, histograms.boundOffset[row + 1]!)],
      buckets: [...histograms.buckets.subarray(histograms.bucketOffset[row]!, histograms.bucketOffset[row + 1]!)],
      exemplars: exemplarsOf(3, row),
    })),
    exponentials: range(0, exponentials.count).map((row) => ({
      ...common(exponentials, row),
      count: exponentials.totalCount[row]!,
      sum: exponentials.sum[row]!,
      min: exponentials.min[row]!,
      max: exponentials.max[row]!,
      scale: exponentials.scale[row]!,
      zeroCount: exponentials.zeroCount[row]!,
      zeroThreshold: exponentials.zeroThreshold[row]!,
      positiveStart: exponentials.positiveStart[row]!,
      positive: [
        ...exponentials.positiveBuckets.subarray(
          exponentials.positiveOffset[row]!,
          exponentials.positiveOffset[row + 1]!,
        ),
      ],
      negativeStart: exponentials.negativeStart[row]!,
      negative: [
        ...exponentials.negativeBuckets.subarray(
          exponentials.negativeOffset[row]!,
          exponentials.negativeOffset[row + 1]!,
        ),
      ],
      exemplars: exemplarsOf(4, row),
    })),
    summaries: range(0, summaries.count).map((row) => ({
      ...common(summaries, row),
      count: summaries.totalCount[row]!,
      sum: summaries.sum[row]!,
      quantiles: range(summaries.quantileOffset[row]!, summaries.quantileOffset[row + 1]!).map((index) => [
        summaries.quantile[index]!,
        summaries.quantileValue[index]!,
      ]),
    })),
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
