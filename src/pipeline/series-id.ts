import { type AttributeColumns, AttributeType, type MetricBatch, type Refs } from "#model/batch.ts";
import type { Bytes } from "./bytes.ts";

/**
 * The identity of a metric stream as 64 bits, the same in every process and version: it stands in stored data.
 *
 *   series = name, unit, type, temporality, monotonic  ⊕  resource attributes  ⊕  scope name, version, attributes
 *            ⊕  the point's attributes                          (attributes in the order of their keys' bytes)
 *
 * A text is hashed as its length and then its 32-bit words (the last filled up with zeros), an attribute as the hash of its
 * key, its type with its length, and its value, a list of attributes after its count: no bytes can move from one field to
 * the next without changing what is hashed. Numbers are hashed as their bits, arrays and maps as they were encoded.
 *
 * Two lanes of 32 bits with the rounds of MurmurHash3 (Appleby, public domain), each with multipliers and rotations of its
 * own, mixed with each other at the end. Among n series of a tenant the odds that any two share an id are n² / 2^65: 3 in
 * 100 million for a million series, 3 in a million for ten million. Not meant to resist a tenant who looks for collisions
 * among his own series; ids of different tenants never meet.
 */
function lane1(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function lane2(hash: number, word: number): number {
  let k = Math.imul(word, 0x239b961b);
  k = Math.imul((k << 17) | (k >>> 15), 0xab0e9789);
  const h = hash ^ k;
  return (Math.imul((h << 11) | (h >>> 21), 9) + 0x561ccd1b) | 0;
}

function bytes1(hash: number, view: DataView, start: number, length: number): number {
  let h = hash;
  let at = start;
  const end = start + length;
  for (; at + 4 <= end; at += 4) h = lane1(h, view.getInt32(at, true));
  return at < end ? lane1(h, tail(view, at, end)) : h;
}

function bytes2(hash: number, view: DataView, start: number, length: number): number {
  let h = hash;
  let at = start;
  const end = start + length;
  for (; at + 4 <= end; at += 4) h = lane2(h, view.getInt32(at, true));
  return at < end ? lane2(h, tail(view, at, end)) : h;
}

function tail(view: DataView, start: number, end: number): number {
  let word = 0;
  for (let at = end - 1; at >= start; at--) word = (word << 8) | view.getUint8(at);
  return word;
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

const SEED_1 = 0x54726163;
const SEED_2 = 0x656f3031;

/** Data points of one kind: what all of a metric batch's point tables have. */
export interface IdentifiedPoints {
  readonly count: number;
  readonly metric: Uint32Array;
  readonly attributes: AttributeColumns;
}

/** Computes the ids of one batch's points. */
export class SeriesHasher {
  readonly #view: DataView;
  /** Per key of the batch: its hash, and its place in the order of keys. */
  readonly #key1: Int32Array;
  readonly #key2: Int32Array;
  readonly #rank: Uint32Array;
  /** Per metric of the batch: the hash of everything but the point's attributes. */
  readonly #metric1: Int32Array;
  readonly #metric2: Int32Array;
  /** Scratch: the entries of one owner in order. */
  #order = new Uint32Array(32);
  /** The state of the two lanes. */
  #hash1 = 0;
  #hash2 = 0;

  constructor(batch: MetricBatch) {
    this.#view = new DataView(batch.body.buffer, batch.body.byteOffset, batch.body.byteLength);
    const { keys, resources, scopes, metrics } = batch;
    this.#key1 = new Int32Array(keys.count);
    this.#key2 = new Int32Array(keys.count);
    for (let key = 0; key < keys.count; key++) {
      this.#start();
      this.#text(keys, key);
      this.#key1[key] = finish(this.#hash1);
      this.#key2[key] = finish(this.#hash2);
    }
    this.#rank = rankKeys(batch);

    const resource1 = new Int32Array(resources.count);
    const resource2 = new Int32Array(resources.count);
    for (let resource = 0; resource < resources.count; resource++) {
      this.#start();
      this.#attributes(resources.attributes, resource);
      resource1[resource] = finish(this.#hash1);
      resource2[resource] = finish(this.#hash2);
    }
    const scope1 = new Int32Array(scopes.count);
    const scope2 = new Int32Array(scopes.count);
    for (let scope = 0; scope < scopes.count; scope++) {
      this.#start();
      this.#text(scopes.name, scope);
      this.#text(scopes.version, scope);
      this.#attributes(scopes.attributes, scope);
      scope1[scope] = finish(this.#hash1);
      scope2[scope] = finish(this.#hash2);
    }
    this.#metric1 = new Int32Array(metrics.count);
    this.#metric2 = new Int32Array(metrics.count);
    for (let metric = 0; metric < metrics.count; metric++) {
      const resource = metrics.resource[metric]!;
      const scope = metrics.scope[metric]!;
      this.#start();
      this.#text(metrics.name, metric);
      this.#text(metrics.unit, metric);
      this.#word(metrics.type[metric]! | (metrics.temporality[metric]! << 8) | (metrics.monotonic[metric]! << 16));
      this.#word(resource1[resource]!);
      this.#word(resource2[resource]!);
      this.#word(scope1[scope]!);
      this.#word(scope2[scope]!);
      this.#metric1[metric] = this.#hash1;
      this.#metric2[metric] = this.#hash2;
    }
  }

  /** A hash of a tenant and a UTC hour (hours since 1970), to tell apart the same series elsewhere. */
  static fingerprint(tenant: Bytes, hour: number): { readonly low: number; readonly high: number } {
    const { view } = tenant;
    const length = view.byteLength;
    const h1 = bytes1(lane1(lane1(SEED_1, hour), length), view, 0, length);
    const h2 = bytes2(lane2(lane2(SEED_2, hour), length), view, 0, length);
    return { low: finish(h1 + h2) >>> 0, high: finish(h2) >>> 0 };
  }

  /** The ids of the points as pairs of 32-bit halves, low half first. */
  ids(points: IdentifiedPoints): Uint32Array {
    const ids = new Uint32Array(points.count * 2);
    const { metric, attributes } = points;
    for (let row = 0; row < points.count; row++) {
      const owner = metric[row]!;
      this.#hash1 = this.#metric1[owner]!;
      this.#hash2 = this.#metric2[owner]!;
      this.#attributes(attributes, row);
      const h1 = finish((this.#hash1 + this.#hash2) | 0);
      const h2 = finish((this.#hash2 + h1) | 0);
      ids[row * 2] = h1 + h2;
      ids[row * 2 + 1] = h2;
    }
    return ids;
  }

  #start(): void {
    this.#hash1 = SEED_1;
    this.#hash2 = SEED_2;
  }

  #word(word: number): void {
    this.#hash1 = lane1(this.#hash1, word);
    this.#hash2 = lane2(this.#hash2, word);
  }

  #text(refs: Refs, row: number): void {
    const start = refs.start[row]!;
    const length = refs.length[row]!;
    this.#word(length);
    this.#hash1 = bytes1(this.#hash1, this.#view, start, length);
    this.#hash2 = bytes2(this.#hash2, this.#view, start, length);
  }

  #attributes(columns: AttributeColumns, owner: number): void {
    const { offset, key, type, low, high } = columns;
    const from = offset[owner]!;
    const count = offset[owner + 1]! - from;
    const view = this.#view;
    const key1 = this.#key1;
    const key2 = this.#key2;
    const order = this.#sort(key, from, count);
    let hash1 = lane1(this.#hash1, count);
    let hash2 = lane2(this.#hash2, count);
    for (let i = 0; i < count; i++) {
      const entry = order[i]!;
      const kind = type[entry]!;
      const id = key[entry]!;
      const lower = low[entry]!;
      const upper = high[entry]!;
      hash1 = lane1(lane1(hash1, key1[id]!), key2[id]!);
      hash2 = lane2(lane2(hash2, key2[id]!), key1[id]!);
      if (kind === AttributeType.string || kind >= AttributeType.bytes) {
        // A length takes 29 bits, more than any body is let in with.
        const head = (upper << 3) | kind;
        hash1 = bytes1(lane1(hash1, head), view, lower, upper);
        hash2 = bytes2(lane2(hash2, head), view, lower, upper);
      } else {
        hash1 = lane1(lane1(lane1(hash1, kind), lower), upper);
        hash2 = lane2(lane2(lane2(hash2, kind), lower), upper);
      }
    }
    this.#hash1 = hash1;
    this.#hash2 = hash2;
  }

  /** The entries `from … from + count - 1` in the order of their keys. Keys of one owner differ. */
  #sort(key: Uint32Array, from: number, count: number): Uint32Array {
    if (this.#order.length < count) this.#order = new Uint32Array(count * 2);
    const order = this.#order;
    const rank = this.#rank;
    if (count > 32) return this.#sortMany(key, from, count);
    for (let i = 0; i < count; i++) {
      const entry = from + i;
      const place = rank[key[entry]!]!;
      let j = i;
      while (j > 0 && rank[key[order[j - 1]!]!]! > place) {
        order[j] = order[j - 1]!;
        j--;
      }
      order[j] = entry;
    }
    return order;
  }

  #sortMany(key: Uint32Array, from: number, count: number): Uint32Array {
    const rank = this.#rank;
    const order = this.#order.subarray(0, count);
    for (let i = 0; i < count; i++) order[i] = from + i;
    return order.sort((left, right) => rank[key[left]!]! - rank[key[right]!]!);
  }
}

function rankKeys(batch: MetricBatch): Uint32Array {
  const { body, keys } = batch;
  const { start, length } = keys;
  const ids = Array.from({ length: keys.count }, (_, id) => id);
  ids.sort((left, right) =>
    Buffer.compare(
      body.subarray(start[left]!, start[left]! + length[left]!),
      body.subarray(start[right]!, start[right]! + length[right]!),
    ),
  );
  const rank = new Uint32Array(keys.count);
  for (let i = 0; i < ids.length; i++) rank[ids[i]!] = i;
  return rank;
}
