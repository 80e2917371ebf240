import { describe, expect, it } from "vitest";
import { type Attributes, type MetricSpec, makeMetrics, type PointSpec } from "#engine/native-maker.suite.ts";
import type { MetricBatch } from "#model/batch.ts";
import { Bytes } from "./bytes.ts";
import { SeriesHasher } from "./series-id.ts";

const POINT: PointSpec = {
  ...{ start: 0n, time: 1n, flags: 0, attributes: {}, exemplars: [], value: 0, count: 0n, sum: 0, min: 0, max: 0 },
  ...{ bounds: [], buckets: [], scale: 0, zeroCount: 0n, zeroThreshold: 0, positiveStart: 0, positive: [] },
  ...{ negativeStart: 0, negative: [], quantiles: [] },
};
const METRIC: MetricSpec = {
  name: "http.server.request.duration",
  description: "",
  unit: "s",
  type: 1,
  temporality: 2,
  monotonic: false,
  resource: { attributes: { "service.name": "cart", "host.name": "a" } },
  scope: { name: "http", version: "1" },
  points: [POINT],
};

function idsOf(batch: MetricBatch): bigint[] {
  const ids = new SeriesHasher(batch).ids(batch.numbers);
  return Array.from({ length: batch.numbers.count }, (_, i) => (BigInt(ids[i * 2 + 1]!) << 32n) | BigInt(ids[i * 2]!));
}

function idOf(more: Partial<MetricSpec>, attributes: Attributes = {}): bigint {
  return idsOf(makeMetrics([{ ...METRIC, points: [{ ...POINT, attributes }], ...more }]))[0]!;
}

const sixteenths = (id: bigint) => id.toString(16).padStart(16, "0");

describe("series ids", () => {
  it("never change: they stand in stored data", () => {
    expect(sixteenths(idOf({}))).toBe("c713fa35d618c619");
    expect(
      sixteenths(
        idOf(
          {},
          { route: "/cart", code: 200n, ok: true, ratio: 0.5, none: null, raw: { bytes: Uint8Array.of(1, 2, 3) } },
        ),
      ),
    ).toBe("20786a8a39dfbb2f");
  });

  it("do not depend on the order of attributes nor on what else is in the batch", () => {
    const attributes: Attributes = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`key ${i * 7919}`, `value ${i}`]),
    );
    for (const count of [2, 5, 32, 33, 40]) {
      const entries = Object.entries(attributes).slice(0, count);
      const forth = { ...METRIC, points: [{ ...POINT, attributes: Object.fromEntries(entries) }] };
      const back = {
        ...METRIC,
        resource: { attributes: { "host.name": "a", "service.name": "cart" }, schemaUrl: "other", dropped: 4 },
        description: "other words",
        points: [{ ...POINT, time: 9n, value: 9, attributes: Object.fromEntries(entries.toReversed()) }],
      };
      const [alone] = idsOf(makeMetrics([forth]));
      const [, other, again] = idsOf(makeMetrics([METRIC, back, forth]));
      expect([other, again]).toEqual([alone, alone]);
    }
  });

  it("differ wherever anything differs, bytes moved between fields included", () => {
    const variants: [Partial<MetricSpec>, Attributes?][] = [
      [{}],
      [{ name: "http.server.request.durations", unit: "" }],
      [{ name: "http.server.request.duratio", unit: "ns" }],
      [{ unit: "" }],
      [{ type: 2 }],
      [{ temporality: 1 }],
      [{ monotonic: true }],
      [{ resource: { attributes: {} } }],
      [{ resource: { attributes: { "service.name": "cart" } } }, { "host.name": "a" }],
      [{ resource: { attributes: { "host.name": "a" } } }, { "service.name": "cart" }],
      [{ scope: { name: "http1", version: "" } }],
      [{ scope: { name: "", version: "http1" } }],
      [{ scope: { name: "http", version: "1", attributes: { a: "b" } } }],
      [{}, { a: "b" }],
      [{}, { ab: "" }],
      [{}, { "": "ab" }],
      [{}, { a: "b", c: "d" }],
      [{}, { a: "bcd" }],
      [{}, { a: "d", c: "b" }],
      [{}, { a: "1" }],
      [{}, { a: 1n }],
      [{}, { a: true }],
      [{}, { a: 1 }],
      [{}, { a: null }],
      [{}, { a: { bytes: Uint8Array.of(49) } }],
      [{}, { a: { array: ["1"] } }],
      [{}, { a: "1\0" }],
      [{}, { a: "1\0\0" }],
      [{}, { a: "\u0001" }],
    ];
    const ids = variants.map(([more, attributes]) => idOf(more, attributes));
    expect(new Set(ids).size).toBe(variants.length);
  });

  it("spread evenly, each lane by itself, over series that look alike", () => {
    const count = 150_000;
    // One point, its pod's name written anew for each series.
    const whole = makeMetrics([
      { ...METRIC, points: [{ ...POINT, attributes: { pod: "web-000000", zone: "a", code: 200n } }] },
    ]);
    const hasher = new SeriesHasher(whole);
    const pod = whole.numbers.attributes.low[0]!;
    const seen = new Set<bigint>();
    const lanes = [new Set<number>(), new Set<number>()];
    const halves = [new Set<number>(), new Set<number>()];
    const ones = new Uint32Array(64);
    for (let i = 0; i < count; i++) {
      const digits = String(i).padStart(6, "0");
      for (let j = 0; j < 6; j++) whole.body[pod + 4 + j] = digits.charCodeAt(j);
      const ids = hasher.ids(whole.numbers);
      seen.add((BigInt(ids[1]!) << 32n) | BigInt(ids[0]!));
      lanes[0]!.add(ids[0]!);
      lanes[1]!.add(ids[1]!);
      halves[0]!.add((ids[0]! & 0xffff) * 0x1_0000 + (ids[1]! & 0xffff));
      halves[1]!.add((ids[0]! >>> 16) * 0x1_0000 + (ids[1]! >>> 16));
      for (let bit = 0; bit < 64; bit++) ones[bit]! += (ids[bit >> 5]! >>> (bit & 31)) & 1;
    }
    expect(seen.size).toBe(count);
    // n² / 2^33 = 2.6 pairs are expected to meet in 32 bits, of one lane or of halves of both.
    for (const lane of [...lanes, ...halves]) expect(count - lane.size).toBeLessThan(15);
    // Each bit is set in half of them; five standard deviations either way.
    for (const set of ones) expect(Math.abs(set - count / 2)).toBeLessThan(2.5 * Math.sqrt(count));
  });

  it("tell tenants and hours apart", () => {
    const prints = ["", "a", "b", "ab", "a".repeat(100)].flatMap((tenant) =>
      [0, 1, 488_888, 488_889].map((hour) => {
        const { low, high } = SeriesHasher.fingerprint(new Bytes(new TextEncoder().encode(tenant)), hour);
        return `${low} ${high}`;
      }),
    );
    expect(new Set(prints).size).toBe(20);
  });
});
