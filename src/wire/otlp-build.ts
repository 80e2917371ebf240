import { Writer } from "./otlp/writer.ts";

/**
 * Makes OTLP bodies for tests, benches and load: the same spec and seed give the same bytes. Values look like those of a web
 * shop, so that sizes, repetition and compression are like production's.
 */
export interface BuildSpec {
  /** Spans, log records or data points. */
  readonly records: number;
  /** Default 10. Records are spread over them evenly, one scope each. */
  readonly resources?: number;
  /** Attributes of each resource, default 8. */
  readonly resourceAttributes?: number;
  /** Attributes of each record, default 8 (data points 4). */
  readonly attributes?: number;
  /** Time of the first record, Unix nanoseconds; each next one is a little later. Default 2026-01-01. */
  readonly startUnixNano?: bigint;
  /** Nanoseconds between records, default 1 ms. */
  readonly stepNano?: bigint;
  /** Begins every trace and span id (at most 8 hex characters), so that a test can tell its batches apart. */
  readonly idPrefix?: string;
  /** One log record of so many belongs to a trace, default 2. */
  readonly tracedEvery?: number;
  /** One histogram (15 bounds) for every so many data points, default 5; 0 for none. */
  readonly histogramEvery?: number;
}

const DEFAULT_START = 1_767_225_600_000_000_000n;
const SERVICES = ["gateway", "catalogue", "cart", "checkout", "payment", "worker", "search", "mail", "stock", "users"];
const ROUTES = ["/products", "/products/{id}", "/cart/{user}", "/checkout", "/payments/{id}", "/search", "/users/{id}"];
const METHODS = ["GET", "POST", "PUT", "DELETE"];
const AGENTS = ["Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", "okhttp/4.12.0"];
const WORDS = [
  "order",
  "payment",
  "cart",
  "item",
  "stock",
  "user",
  "retry",
  "accepted",
  "declined",
  "shipped",
  "timeout",
];
const BOUNDS = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000, 30000];

/** xorshift32: small, fast and the same everywhere. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 0x9e3779b9;
  }

  next(): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return state >>> 0;
  }

  below(limit: number): number {
    return this.next() % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

const encoder = new TextEncoder();
const encoded = new Map<string, Uint8Array>();

function utf8(text: string): Uint8Array {
  const known = encoded.get(text);
  if (known !== undefined) return known;
  const bytes = encoder.encode(text);
  if (encoded.size < 10_000) encoded.set(text, bytes);
  return bytes;
}

class Builder {
  readonly dice: Dice;
  readonly out: Writer;
  readonly #idPrefix: Uint8Array;
  #time: bigint;
  readonly #step: bigint;

  constructor(spec: BuildSpec, seed: number) {
    this.out = new Writer(Math.max(4096, spec.records * 400));
    this.dice = new Dice(seed);
    this.#idPrefix = Buffer.from(spec.idPrefix ?? "", "hex");
    this.#time = spec.startUnixNano ?? DEFAULT_START;
    this.#step = spec.stepNano ?? 1_000_000n;
  }

  tick(): bigint {
    this.#time += this.#step;
    return this.#time;
  }

  text(tag: number, text: string): void {
    this.payload(tag, utf8(text));
  }

  payload(tag: number, bytes: Uint8Array): void {
    this.out.varint(tag);
    this.out.varint(bytes.length);
    this.out.raw(bytes);
  }

  number(tag: number, value: number): void {
    this.out.varint(tag);
    this.out.varint(value);
  }

  nano(tag: number, value: bigint): void {
    this.out.varint(tag);
    this.out.fixed64(Number(value & 0xffff_ffffn), Number(value >> 32n));
  }

  float(tag: number, value: number): void {
    this.out.varint(tag);
    this.out.double(value);
  }

  message(tag: number, content: () => void): void {
    this.out.varint(tag);
    const start = this.out.open();
    content();
    this.out.close(start);
  }

  id(tag: number, length: number): Uint8Array {
    const id = new Uint8Array(length);
    for (let index = 0; index < length; index++) id[index] = this.dice.next() >>> 8;
    id[length - 1] = id[length - 1]! | 1;
    id.set(this.#idPrefix);
    this.payload(tag, id);
    return id;
  }

  attribute(tag: number, key: string, value: string | number | boolean): void {
    this.message(tag, () => {
      this.text(0x0a, key);
      this.message(0x12, () => {
        if (typeof value === "string") this.text(0x0a, value);
        else if (typeof value === "boolean") this.number(0x10, value ? 1 : 0);
        else if (Number.isInteger(value)) this.number(0x18, value);
        else this.float(0x21, value);
      });
    });
  }

  /** The first `count` of the attributes a web server would record, then made-up ones. */
  attributes(tag: number, count: number): void {
    const { dice } = this;
    for (let index = 0; index < count; index++) {
      switch (index) {
        case 0:
          this.attribute(tag, "http.request.method", dice.pick(METHODS));
          break;
        case 1:
          this.attribute(tag, "http.route", dice.pick(ROUTES));
          break;
        case 2:
          this.attribute(tag, "http.response.status_code", dice.below(20) === 0 ? 500 : 200);
          break;
        case 3:
          this.attribute(tag, "url.path", `/products/${dice.below(100_000)}`);
          break;
        case 4:
          this.attribute(tag, "server.address", `${dice.pick(SERVICES)}.shop.internal`);
          break;
        case 5:
          this.attribute(tag, "user_agent.original", dice.pick(AGENTS));
          break;
        case 6:
          this.attribute(tag, "customer.basket", dice.below(100_000) / 100 + 0.001);
          break;
        case 7:
          this.attribute(tag, "session.fresh", dice.below(2) === 0);
          break;
        default:
          this.attribute(tag, `custom.key_${index}`, `value ${dice.below(50)}`);
      }
    }
  }

  resource(index: number, count: number): void {
    this.message(0x0a, () => {
      const keys = [
        ["service.name", SERVICES[index % SERVICES.length]! + (index < SERVICES.length ? "" : `-${index}`)],
        ["service.version", `1.${index % 7}.0`],
        ["service.instance.id", `instance-${index}`],
        ["deployment.environment.name", "production"],
        ["host.name", `host-${index % 4}.shop.internal`],
        ["k8s.namespace.name", "shop"],
        ["k8s.pod.name", `${SERVICES[index % SERVICES.length]}-7c9f6d5b4-${index}`],
        ["cloud.region", "eu-central-1"],
      ] as const;
      for (let attribute = 0; attribute < count; attribute++) {
        const [key, value] = keys[attribute] ?? [`resource.key_${attribute}`, `value ${index}`];
        this.attribute(0x0a, key, value);
      }
    });
  }
}

function build(spec: BuildSpec, seed: number, record: (builder: Builder, index: number) => void): Uint8Array {
  const builder = new Builder(spec, seed);
  const resources = Math.min(spec.resources ?? 10, Math.max(spec.records, 1));
  let done = 0;
  for (let resource = 0; resource < resources; resource++) {
    const until = Math.floor((spec.records * (resource + 1)) / resources);
    builder.message(0x0a, () => {
      builder.resource(resource, spec.resourceAttributes ?? 8);
      builder.message(0x12, () => {
        builder.message(0x0a, () => {
          builder.text(0x0a, "@traceo/build");
          builder.text(0x12, "1.0.0");
        });
        for (; done < until; done++) record(builder, done);
      });
    });
  }
  return builder.out.finish().slice();
}

/** An ExportTraceServiceRequest: traces of a few spans each, 0 to 2 events, now and then a link or an error. */
export function buildTraces(spec: BuildSpec, seed = 1): Uint8Array {
  let traceId: Uint8Array = new Uint8Array(16);
  let parent: Uint8Array | undefined;
  return build(spec, seed, (builder, index) => {
    const { dice } = builder;
    builder.message(0x12, () => {
      const isRoot = index % 8 === 0 || parent === undefined;
      if (isRoot) traceId = builder.id(0x0a, 16);
      else builder.payload(0x0a, traceId);
      const own = builder.id(0x12, 8);
      if (!isRoot) builder.payload(0x22, parent!);
      parent = own;
      builder.text(0x2a, `${dice.pick(METHODS)} ${dice.pick(ROUTES)}`);
      builder.number(0x30, 1 + dice.below(5));
      const start = builder.tick();
      builder.nano(0x39, start);
      builder.nano(0x41, start + BigInt(50_000 + dice.below(200_000_000)));
      builder.attributes(0x4a, spec.attributes ?? 8);
      const events = dice.below(3);
      for (let event = 0; event < events; event++) {
        builder.message(0x5a, () => {
          builder.nano(0x09, start + BigInt(dice.below(1_000_000)));
          builder.text(0x12, event === 0 ? "cache.miss" : "retry");
          builder.attribute(0x1a, "cache.key", `product:${dice.below(5000)}`);
        });
      }
      if (index % 16 === 7) {
        builder.message(0x6a, () => {
          builder.payload(0x0a, traceId);
          builder.payload(0x12, own);
        });
      }
      if (dice.below(20) === 0) {
        builder.message(0x7a, () => {
          builder.text(0x12, "upstream timed out");
          builder.number(0x18, 2);
        });
      }
      builder.out.varint(0x85);
      builder.out.fixed32(0x101);
    });
  });
}

/** An ExportLogsServiceRequest: lines of words and numbers, every other one within a trace. */
export function buildLogs(spec: BuildSpec, seed = 1): Uint8Array {
  return build(spec, seed, (builder, index) => {
    const { dice } = builder;
    builder.message(0x12, () => {
      const time = builder.tick();
      builder.nano(0x09, time);
      const severe = dice.below(20) === 0;
      builder.number(0x10, severe ? 17 : 9);
      builder.text(0x1a, severe ? "ERROR" : "INFO");
      builder.message(0x2a, () => {
        const words = Array.from({ length: 8 }, () => dice.pick(WORDS)).join(" ");
        builder.text(0x0a, `${words} id=${dice.below(1_000_000)} took ${dice.below(900)} ms`);
      });
      builder.attributes(0x32, spec.attributes ?? 8);
      if (index % (spec.tracedEvery ?? 2) === 0) {
        builder.out.varint(0x45);
        builder.out.fixed32(1);
        builder.id(0x4a, 16);
        builder.id(0x52, 8);
      }
      builder.nano(0x59, time + 1000n);
    });
  });
}

/** An ExportMetricsServiceRequest: gauges, sums and histograms in turn, 16 points a metric, an exemplar now and then. */
export function buildMetrics(spec: BuildSpec, seed = 1): Uint8Array {
  const every = spec.histogramEvery ?? 5;
  let made = 0;
  const pointsAMetric = 16;
  // Metrics are the builder's records here, so that points come out exact: the last metric takes what is left.
  const metrics = Math.ceil(spec.records / pointsAMetric);
  return build({ ...spec, records: metrics }, seed, (builder, index) => {
    const points = Math.min(pointsAMetric, spec.records - made);
    made += points;
    const isHistogram = every > 0 && index % every === 0;
    const isSum = index % 2 === 1;
    builder.message(0x12, () => {
      builder.text(
        0x0a,
        isHistogram ? "http.server.request.duration" : isSum ? "http.server.requests" : "process.memory",
      );
      builder.text(0x12, "Made for tests and benches");
      builder.text(0x1a, isHistogram ? "ms" : "1");
      builder.message(isHistogram ? 0x4a : isSum ? 0x3a : 0x2a, () => {
        for (let point = 0; point < points; point++) {
          builder.message(0x0a, () => numberOrHistogram(builder, isHistogram, spec.attributes ?? 4));
        }
        if (isHistogram || isSum) builder.number(0x10, 2);
        if (isSum && !isHistogram) builder.number(0x18, 1);
      });
    });
  });
}

function numberOrHistogram(builder: Builder, isHistogram: boolean, attributes: number): void {
  const { dice } = builder;
  const time = builder.tick();
  builder.nano(0x11, time - 60_000_000_000n);
  builder.nano(0x19, time);
  if (isHistogram) {
    const counts = BOUNDS.map(() => dice.below(1000));
    counts.push(dice.below(10));
    builder.nano(0x21, BigInt(counts.reduce((sum, count) => sum + count, 0)));
    builder.float(0x29, dice.below(1_000_000) / 7);
    builder.message(0x32, () => {
      for (const count of counts) builder.out.fixed64(count, 0);
    });
    builder.message(0x3a, () => {
      for (const bound of BOUNDS) builder.out.double(bound);
    });
  } else if (dice.below(2) === 0) builder.float(0x21, dice.below(1_000_000) / 3);
  else builder.nano(0x31, BigInt(dice.below(1_000_000)));
  builder.attributes(isHistogram ? 0x4a : 0x3a, attributes);
  if (dice.below(8) === 0) {
    builder.message(isHistogram ? 0x42 : 0x2a, () => {
      builder.nano(0x11, time - 1000n);
      builder.float(0x19, dice.below(1000) / 3);
      builder.id(0x22, 8);
      builder.id(0x2a, 16);
      builder.attribute(0x3a, "customer.tier", dice.pick(WORDS));
    });
  }
}
