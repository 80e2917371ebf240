import {
  ABSENT,
  type AttributeColumns,
  AttributeType,
  type LogBatch,
  type MetricBatch,
  MetricType,
  type Refs,
  type SpanBatch,
} from "#model/batch.ts";

/**
 * Batches from plain objects, for tests: what the reader would make of the same telemetry, and what the engine should then
 * show. Written apart from reader and builder, so that a test compares two opinions.
 */
export type Value =
  | string
  | boolean
  | bigint
  | number
  | null
  | { readonly bytes: Uint8Array }
  | { readonly array: readonly Value[] }
  | { readonly map: readonly (readonly [string, Value])[] };

export type Attributes = Readonly<Record<string, Value>>;

export interface ResourceSpec {
  readonly attributes: Attributes;
  readonly dropped?: number;
  readonly schemaUrl?: string;
}

export interface ScopeSpec {
  readonly name?: string;
  readonly version?: string;
  readonly attributes?: Attributes;
  readonly schemaUrl?: string;
}

export interface OriginSpec {
  readonly resource: ResourceSpec;
  readonly scope: ScopeSpec;
}

export interface SpanSpec extends OriginSpec {
  /** Hex, '' for none. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly traceState?: string;
  readonly flags?: number;
  readonly name: string;
  readonly kind?: number;
  readonly start: bigint;
  readonly end: bigint;
  readonly statusCode?: number;
  readonly statusMessage?: string;
  readonly attributes: Attributes;
  readonly droppedAttributes?: number;
  readonly events?: readonly {
    readonly time: bigint;
    readonly name: string;
    readonly attributes: Attributes;
    readonly dropped?: number;
  }[];
  readonly droppedEvents?: number;
  readonly links?: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly traceState?: string;
    readonly flags?: number;
    readonly attributes: Attributes;
    readonly dropped?: number;
  }[];
  readonly droppedLinks?: number;
}

export interface LogSpec extends OriginSpec {
  readonly time: bigint;
  readonly observedTime: bigint;
  readonly traceId?: string;
  readonly spanId?: string;
  readonly flags?: number;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly eventName?: string;
  readonly body: Value;
  readonly attributes: Attributes;
  readonly droppedAttributes?: number;
}

const encoder = new TextEncoder();

/** A body that grows, and columns that point into it. */
export class BatchMaker {
  #body = new Uint8Array(1024);
  #length = 0;
  readonly #keys: string[] = [];
  readonly #keyRefs: { start: number; length: number }[] = [];
  readonly #resources: ResourceSpec[] = [];
  readonly #scopes: ScopeSpec[] = [];

  bytes(bytes: Uint8Array): { start: number; length: number } {
    // Not at round offsets, as in a real body.
    this.#reserve(bytes.length + 1);
    this.#body[this.#length++] = 0xff;
    this.#body.set(bytes, this.#length);
    const start = this.#length;
    this.#length += bytes.length;
    return { start, length: bytes.length };
  }

  refs(texts: readonly (string | undefined)[]): Refs {
    const made = texts.map((text) => (text === undefined || text === "" ? { start: 0, length: 0 } : this.#text(text)));
    return { start: Uint32Array.from(made, (ref) => ref.start), length: Uint32Array.from(made, (ref) => ref.length) };
  }

  ids(ids: readonly (string | undefined)[]): Uint32Array {
    return Uint32Array.from(ids, (id) =>
      id === undefined || id === "" ? ABSENT : this.bytes(Buffer.from(id, "hex")).start,
    );
  }

  attributes(owners: readonly (Attributes | undefined)[]): AttributeColumns {
    const entries = owners.flatMap((owner) => Object.entries(owner ?? {}));
    const offset = new Uint32Array(owners.length + 1);
    owners.forEach((owner, i) => {
      offset[i + 1] = offset[i]! + Object.keys(owner ?? {}).length;
    });
    const values = entries.map(([, value]) => this.value(value));
    return {
      offset,
      count: entries.length,
      key: Uint32Array.from(entries, ([key]) => this.#key(key)),
      type: Uint8Array.from(values, ({ type }) => type),
      low: Uint32Array.from(values, ({ low }) => low),
      high: Uint32Array.from(values, ({ high }) => high),
    };
  }

  value(value: Value): { type: number; low: number; high: number } {
    const range = (type: number, bytes: Uint8Array) => {
      const { start, length } = this.bytes(bytes);
      return { type, low: start, high: length };
    };
    if (value === null) return { type: AttributeType.empty, low: 0, high: 0 };
    if (typeof value === "string") return range(AttributeType.string, encoder.encode(value));
    if (typeof value === "boolean") return { type: AttributeType.bool, low: value ? 1 : 0, high: 0 };
    if (typeof value === "bigint") {
      const bits = BigInt.asUintN(64, value);
      return { type: AttributeType.int, low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n) };
    }
    if (typeof value === "number") {
      const halves = new Uint32Array(new Float64Array([value]).buffer);
      return { type: AttributeType.double, low: halves[0]!, high: halves[1]! };
    }
    if ("bytes" in value) return range(AttributeType.bytes, value.bytes);
    if ("array" in value) return range(AttributeType.array, encodeArray(value.array));
    return range(AttributeType.map, encodeMap(value.map));
  }

  resource(spec: ResourceSpec): number {
    return place(this.#resources, spec);
  }

  scope(spec: ScopeSpec): number {
    return place(this.#scopes, spec);
  }

  /** Call last: the body is complete then. */
  base() {
    const resources = {
      count: this.#resources.length,
      attributes: this.attributes(this.#resources.map(({ attributes }) => attributes)),
      droppedAttributes: Uint32Array.from(this.#resources, ({ dropped }) => dropped ?? 0),
      schemaUrl: this.refs(this.#resources.map(({ schemaUrl }) => schemaUrl)),
      serviceName: this.refs(
        this.#resources.map(({ attributes }) => {
          const name = attributes["service.name"];
          return typeof name === "string" ? name : "";
        }),
      ),
    };
    const scopes = {
      count: this.#scopes.length,
      name: this.refs(this.#scopes.map(({ name }) => name)),
      version: this.refs(this.#scopes.map(({ version }) => version)),
      attributes: this.attributes(this.#scopes.map(({ attributes }) => attributes)),
      droppedAttributes: new Uint32Array(this.#scopes.length),
      schemaUrl: this.refs(this.#scopes.map(({ schemaUrl }) => schemaUrl)),
    };
    const keys = {
      count: this.#keys.length,
      start: Uint32Array.from(this.#keyRefs, ({ start }) => start),
      length: Uint32Array.from(this.#keyRefs, ({ length }) => length),
    };
    return { body: this.#body.slice(0, this.#length), keys, resources, scopes };
  }

  #text(text: string): { start: number; length: number } {
    return this.bytes(encoder.encode(text));
  }

  #key(key: string): number {
    const known = this.#keys.indexOf(key);
    if (known >= 0) return known;
    this.#keys.push(key);
    this.#keyRefs.push(this.#text(key));
    return this.#keys.length - 1;
  }

  #reserve(sizeBytes: number): void {
    if (this.#length + sizeBytes <= this.#body.length) return;
    const larger = new Uint8Array(Math.max(this.#body.length * 2, this.#length + sizeBytes));
    larger.set(this.#body);
    this.#body = larger;
  }
}

function place<T>(table: T[], spec: T): number {
  const known = table.indexOf(spec);
  if (known >= 0) return known;
  table.push(spec);
  return table.length - 1;
}

export function makeSpans(specs: readonly SpanSpec[]): SpanBatch {
  const maker = new BatchMaker();
  const events = specs.flatMap((spec) => spec.events ?? []);
  const links = specs.flatMap((spec) => spec.links ?? []);
  const columns = {
    signal: "traces" as const,
    count: specs.length,
    resource: Uint32Array.from(specs, ({ resource }) => maker.resource(resource)),
    scope: Uint32Array.from(specs, ({ scope }) => maker.scope(scope)),
    traceId: maker.ids(specs.map(({ traceId }) => traceId)),
    spanId: maker.ids(specs.map(({ spanId }) => spanId)),
    parentSpanId: maker.ids(specs.map(({ parentSpanId }) => parentSpanId)),
    traceState: maker.refs(specs.map(({ traceState }) => traceState)),
    flags: Uint32Array.from(specs, ({ flags }) => flags ?? 0),
    name: maker.refs(specs.map(({ name }) => name)),
    kind: Uint8Array.from(specs, ({ kind }) => kind ?? 0),
    startTime: BigUint64Array.from(specs.map(({ start }) => start)),
    endTime: BigUint64Array.from(specs.map(({ end }) => end)),
    statusCode: Uint8Array.from(specs, ({ statusCode }) => statusCode ?? 0),
    statusMessage: maker.refs(specs.map(({ statusMessage }) => statusMessage)),
    attributes: maker.attributes(specs.map(({ attributes }) => attributes)),
    droppedAttributes: Uint32Array.from(specs, ({ droppedAttributes }) => droppedAttributes ?? 0),
    events: {
      offset: offsets(specs.map((spec) => spec.events?.length ?? 0)),
      count: events.length,
      time: BigUint64Array.from(events.map(({ time }) => time)),
      name: maker.refs(events.map(({ name }) => name)),
      attributes: maker.attributes(events.map(({ attributes }) => attributes)),
      droppedAttributes: Uint32Array.from(events, ({ dropped }) => dropped ?? 0),
      droppedEvents: Uint32Array.from(specs, ({ droppedEvents }) => droppedEvents ?? 0),
    },
    links: {
      offset: offsets(specs.map((spec) => spec.links?.length ?? 0)),
      count: links.length,
      traceId: maker.ids(links.map(({ traceId }) => traceId)),
      spanId: maker.ids(links.map(({ spanId }) => spanId)),
      traceState: maker.refs(links.map(({ traceState }) => traceState)),
      flags: Uint32Array.from(links, ({ flags }) => flags ?? 0),
      attributes: maker.attributes(links.map(({ attributes }) => attributes)),
      droppedAttributes: Uint32Array.from(links, ({ dropped }) => dropped ?? 0),
      droppedLinks: Uint32Array.from(specs, ({ droppedLinks }) => droppedLinks ?? 0),
    },
  };
  return { ...columns, ...maker.base() };
}

export function makeLogs(specs: readonly LogSpec[]): LogBatch {
  const maker = new BatchMaker();
  const bodies = specs.map(({ body }) => maker.value(body));
  const columns = {
    signal: "logs" as const,
    count: specs.length,
    resource: Uint32Array.from(specs, ({ resource }) => maker.resource(resource)),
    scope: Uint32Array.from(specs, ({ scope }) => maker.scope(scope)),
    time: BigUint64Array.from(specs.map(({ time, observedTime }) => (time === 0n ? observedTime : time))),
    observedTime: BigUint64Array.from(specs.map(({ observedTime }) => observedTime)),
    traceId: maker.ids(specs.map(({ traceId }) => traceId)),
    spanId: maker.ids(specs.map(({ spanId }) => spanId)),
    flags: Uint32Array.from(specs, ({ flags }) => flags ?? 0),
    severityNumber: Uint8Array.from(specs, ({ severityNumber }) => severityNumber ?? 0),
    severityText: maker.refs(specs.map(({ severityText }) => severityText)),
    eventName: maker.refs(specs.map(({ eventName }) => eventName)),
    bodyType: Uint8Array.from(bodies, ({ type }) => type),
    bodyLow: Uint32Array.from(bodies, ({ low }) => low),
    bodyHigh: Uint32Array.from(bodies, ({ high }) => high),
    attributes: maker.attributes(specs.map(({ attributes }) => attributes)),
    droppedAttributes: Uint32Array.from(specs, ({ droppedAttributes }) => droppedAttributes ?? 0),
  };
  return { ...columns, ...maker.base() };
}

export function offsets(counts: readonly number[]): Uint32Array {
  const offset = new Uint32Array(counts.length + 1);
  counts.forEach((count, i) => {
    offset[i + 1] = offset[i]! + count;
  });
  return offset;
}

// ── protobuf, as OTLP's common.proto has it ──────────────────────────────────────────────────────────────────────────

function field(number: number, wire: number, payload: readonly number[] | Uint8Array): number[] {
  const tag = [(number << 3) | wire];
  return wire === 2 ? [...tag, ...varint(BigInt(payload.length)), ...payload] : [...tag, ...payload];
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return bytes;
}

export function encodeValue(value: Value): number[] {
  if (value === null) return [];
  if (typeof value === "string") return field(1, 2, encoder.encode(value));
  if (typeof value === "boolean") return field(2, 0, [value ? 1 : 0]);
  if (typeof value === "bigint") return field(3, 0, varint(value));
  if (typeof value === "number") return field(4, 1, new Uint8Array(new Float64Array([value]).buffer));
  if ("bytes" in value) return field(7, 2, value.bytes);
  if ("array" in value) return field(5, 2, encodeArray(value.array));
  return field(6, 2, encodeMap(value.map));
}

export function encodeArray(values: readonly Value[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => field(1, 2, encodeValue(value))));
}

export function encodeMap(entries: readonly (readonly [string, Value])[]): Uint8Array {
  return Uint8Array.from(
    entries.flatMap(([key, value]) =>
      field(1, 2, [...field(1, 2, encoder.encode(key)), ...field(2, 2, encodeValue(value))]),
    ),
  );
}

// ── what the engine should show ──────────────────────────────────────────────────────────────────────────────────────

/** The text of an attribute value, said once more in the plainest way. */
export function textOf(value: Value): string {
  if (value === null) return "";
  if (typeof value === "string") return value;
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if ("bytes" in value) return Buffer.from(value.bytes).toString("base64");
  return jsonOf(value);
}

function jsonOf(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Number.isFinite(value) ? textOf(value) : `"${value}"`;
  if (typeof value === "bigint" || typeof value === "boolean") return String(value);
  if ("bytes" in value) return `"${textOf(value)}"`;
  if ("array" in value) return `[${value.array.map(jsonOf).join(",")}]`;
  return `{${value.map.map(([key, entry]) => `${JSON.stringify(key)}:${jsonOf(entry)}`).join(",")}}`;
}

export function textsOf(attributes: Attributes | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes ?? {}).map(([key, value]) => [key, textOf(value)]));
}

/** As `date_time_output_format = 'unix_timestamp'` prints a DateTime64(9). */
export function timeText(unixNano: bigint): string {
  return `${unixNano / 1_000_000_000n}.${String(unixNano % 1_000_000_000n).padStart(9, "0")}`;
}

// ── metrics ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ExemplarSpec {
  readonly time: bigint;
  readonly value: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export interface PointSpec {
  readonly start: bigint;
  readonly time: bigint;
  readonly flags: number;
  readonly attributes: Attributes;
  readonly exemplars: readonly ExemplarSpec[];
  readonly value: number;
  readonly count: bigint;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly bounds: readonly number[];
  readonly buckets: readonly bigint[];
  readonly scale: number;
  readonly zeroCount: bigint;
  readonly zeroThreshold: number;
  readonly positiveStart: number;
  readonly positive: readonly bigint[];
  readonly negativeStart: number;
  readonly negative: readonly bigint[];
  readonly quantiles: readonly (readonly [number, number])[];
}

/** Each point has the fields of every kind; those that its metric's type has not are not used. */
export interface MetricSpec extends OriginSpec {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** MetricType. */
  readonly type: number;
  readonly temporality: number;
  readonly monotonic: boolean;
  readonly points: readonly PointSpec[];
}

export function makeMetrics(specs: readonly MetricSpec[]): MetricBatch {
  const maker = new BatchMaker();
  const of = (...types: number[]) =>
    specs.flatMap((spec, metric) =>
      types.includes(spec.type) ? spec.points.map((point) => ({ ...point, metric })) : [],
    );
  const numbers = of(MetricType.gauge, MetricType.sum);
  const histograms = of(MetricType.histogram);
  const exponentials = of(MetricType.exponentialHistogram);
  const summaries = of(MetricType.summary);
  const shared = (points: ReturnType<typeof of>) => ({
    count: points.length,
    metric: Uint32Array.from(points, ({ metric }) => metric),
    startTime: BigUint64Array.from(points.map(({ start }) => start)),
    time: BigUint64Array.from(points.map(({ time }) => time)),
    flags: Uint32Array.from(points, ({ flags }) => flags),
    attributes: maker.attributes(points.map(({ attributes }) => attributes)),
    totalCount: BigUint64Array.from(points.map(({ count }) => count)),
    sum: Float64Array.from(points, ({ sum }) => sum),
    min: Float64Array.from(points, ({ min }) => min),
    max: Float64Array.from(points, ({ max }) => max),
  });
  const exemplars = [
    ...numbers.map((point, i) => ({ point, i, kind: specs[point.metric]!.type })),
    ...histograms.map((point, i) => ({ point, i, kind: MetricType.histogram })),
    ...exponentials.map((point, i) => ({ point, i, kind: MetricType.exponentialHistogram })),
  ].flatMap(({ point, i, kind }) => point.exemplars.map((exemplar) => ({ ...exemplar, i, kind })));
  const columns = {
    signal: "metrics" as const,
    count: numbers.length + histograms.length + exponentials.length + summaries.length,
    metrics: {
      count: specs.length,
      resource: Uint32Array.from(specs, ({ resource }) => maker.resource(resource)),
      scope: Uint32Array.from(specs, ({ scope }) => maker.scope(scope)),
      name: maker.refs(specs.map(({ name }) => name)),
      description: maker.refs(specs.map(({ description }) => description)),
      unit: maker.refs(specs.map(({ unit }) => unit)),
      type: Uint8Array.from(specs, ({ type }) => type),
      temporality: Uint8Array.from(specs, ({ temporality }) => temporality),
      monotonic: Uint8Array.from(specs, ({ monotonic }) => (monotonic ? 1 : 0)),
    },
    numbers: { ...shared(numbers), value: Float64Array.from(numbers, ({ value }) => value) },
    histograms: {
      ...shared(histograms),
      boundOffset: offsets(histograms.map(({ bounds }) => bounds.length)),
      bounds: Float64Array.from(histograms.flatMap(({ bounds }) => bounds)),
      bucketOffset: offsets(histograms.map(({ buckets }) => buckets.length)),
      buckets: BigUint64Array.from(histograms.flatMap(({ buckets }) => buckets)),
    },
    exponentials: {
      ...shared(exponentials),
      scale: Int32Array.from(exponentials, ({ scale }) => scale),
      zeroCount: BigUint64Array.from(exponentials.map(({ zeroCount }) => zeroCount)),
      zeroThreshold: Float64Array.from(exponentials, ({ zeroThreshold }) => zeroThreshold),
      positiveStart: Int32Array.from(exponentials, ({ positiveStart }) => positiveStart),
      positiveOffset: offsets(exponentials.map(({ positive }) => positive.length)),
      positiveBuckets: BigUint64Array.from(exponentials.flatMap(({ positive }) => positive)),
      negativeStart: Int32Array.from(exponentials, ({ negativeStart }) => negativeStart),
      negativeOffset: offsets(exponentials.map(({ negative }) => negative.length)),
      negativeBuckets: BigUint64Array.from(exponentials.flatMap(({ negative }) => negative)),
    },
    summaries: {
      ...shared(summaries),
      quantileOffset: offsets(summaries.map(({ quantiles }) => quantiles.length)),
      quantile: Float64Array.from(summaries.flatMap(({ quantiles }) => quantiles.map(([quantile]) => quantile))),
      quantileValue: Float64Array.from(summaries.flatMap(({ quantiles }) => quantiles.map(([, value]) => value))),
    },
    exemplars: {
      count: exemplars.length,
      pointKind: Uint8Array.from(exemplars, ({ kind }) => kind),
      point: Uint32Array.from(exemplars, ({ i }) => i),
      time: BigUint64Array.from(exemplars.map(({ time }) => time)),
      value: Float64Array.from(exemplars, ({ value }) => value),
      traceId: maker.ids(exemplars.map(({ traceId }) => traceId)),
      spanId: maker.ids(exemplars.map(({ spanId }) => spanId)),
      attributes: maker.attributes(exemplars.map(({ attributes }) => attributes)),
    },
  };
  return { ...columns, ...maker.base() };
}
