import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { METRIC } from "./built-in.ts";
import { frameTransfers, type SampleFrame } from "./frame.ts";
import { HISTOGRAM_RELATIVE_ERROR } from "./log-histogram.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { Recorder, type RecorderLimits } from "./recorder.ts";
import { OVERFLOW_SET, OVERFLOW_VALUE } from "./tag-set-table.ts";
import { MAX_EXACT_SAMPLES, Totals } from "./totals.ts";

const T = 1_700_000_000_000;

function generator(id: number, limits: Partial<RecorderLimits> = {}, raw = false) {
  const registry = new MetricRegistry();
  return { registry, recorder: new Recorder(registry, { generator: id, raw, limits }, T) };
}

/** As it arrives from another thread. */
function sent(frame: SampleFrame): SampleFrame {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(frame, frameTransfers(frame));
  const received = receiveMessageOnPort(port2) as { message: SampleFrame };
  port1.close();
  return received.message;
}

/** k6's definition, on all samples. */
function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length === 0) return 0;
  const i = p * (sorted.length - 1);
  const j = sorted[Math.floor(i)]!;
  const k = sorted[Math.ceil(i)]!;
  return j + (k - j) * (i - Math.floor(i));
}

describe("recorder and totals", () => {
  it("adds up each type of metric over generators and intervals that number their metrics and tags differently", () => {
    const one = generator(1);
    const two = generator(2);
    const totals = new Totals();
    two.registry.define("unrelated", "counter", "default");
    two.registry.tags.of([["status", "500"]]);
    for (const { registry, recorder } of [one, two]) {
      const latency = registry.define("my_latency", "trend", "time");
      const ok = registry.tags.of([
        ["status", "200"],
        ["method", "GET"],
      ]);
      recorder.add(latency.id, ok, 10, T);
      recorder.add(latency.id, ok, 30, T);
      recorder.add(METRIC.http_reqs, ok, 1, T);
      recorder.add(METRIC.http_req_failed, ok, 0, T);
    }
    two.recorder.add(METRIC.http_req_failed, 0, 1, T + 1);
    one.recorder.add(METRIC.vus, 0, 7, T + 5);
    two.recorder.add(METRIC.vus, 0, 3, T + 9);
    for (const { recorder } of [one, two]) totals.merge(sent(recorder.drain(T + 1000)));
    one.recorder.add(one.registry.find("my_latency")!.id, 0, 50, T + 1500);
    totals.merge(sent(one.recorder.drain(T + 2000)));

    const sink = (name: string) => totals.whole(totals.registry.find(name)!)!;
    expect(sink("my_latency")).toMatchObject({ count: 5, sum: 130, min: 10, max: 50 });
    expect(sink("my_latency").quantile(0.5)).toBe(30);
    expect(sink("http_reqs").sum).toBe(2);
    expect(sink("http_req_failed")).toMatchObject({ count: 3, sum: 1 });
    expect(sink("vus")).toMatchObject({ last: 3, min: 3, max: 7 });
    const tagged = totals.view(totals.registry.find("my_latency")!, [["status", "200"]]);
    expect(tagged.sink).toMatchObject({ count: 4, sum: 80 });
    expect([...totals.series()].map((series) => series.metric.name)).toEqual([
      "my_latency",
      "http_reqs",
      "http_req_failed",
      "vus",
      "http_req_failed",
      "my_latency",
    ]);
  });

  it("drains an empty interval after a full one", () => {
    const { recorder } = generator(1);
    recorder.add(METRIC.iterations, 0, 1, T);
    expect(recorder.drain(T + 1).series.length).toBe(1);
    const next = recorder.drain(T + 2);
    expect(next).toMatchObject({ fromUnixMs: T + 1, toUnixMs: T + 2, metrics: [], tagSets: [] });
    expect(next.series.length).toBe(0);
  });

  it("refuses a frame whose numbers were never described", () => {
    const { recorder } = generator(1);
    recorder.drain(T);
    recorder.add(METRIC.iterations, 0, 1, T);
    expect(() => new Totals().merge(recorder.drain(T + 1))).toThrow("no frame before it describes");
  });

  it("computes k6's percentiles to the bit while samples are few, whatever the order and the intervals", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        (values, p, each) => {
          const { recorder } = generator(1);
          const totals = new Totals();
          for (const [index, value] of values.entries()) {
            recorder.add(METRIC.http_req_duration, index % 3 === 0 ? 0 : OVERFLOW_SET, value, T);
            if (index % each === 0) totals.merge(recorder.drain(T));
          }
          totals.merge(recorder.drain(T));
          const sink = totals.whole(totals.registry.find("http_req_duration")!)!;
          // Zero has a sign that sorting typed arrays heeds and sorting arrays does not.
          expect(sink.quantile(p) + 0).toBe(percentile(values, p) + 0);
        },
      ),
    );
  });

  it("stays within the stated error when samples are many, and says so", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 1e-4, max: 1e5, noNaN: true }), fc.constant(0)), {
          minLength: 20,
          maxLength: 300,
        }),
        fc.constantFrom(0, 0.5, 0.9, 0.95, 0.99, 0.999, 1),
        (values, p) => {
          const { recorder } = generator(1, { maxExactPerMetric: 5, maxExactPerSeries: 2 });
          const totals = new Totals();
          for (const value of values) recorder.add(METRIC.http_req_duration, 0, value, T);
          totals.merge(sent(recorder.drain(T)));
          const sink = totals.whole(totals.registry.find("http_req_duration")!)!;
          expect(sink.count).toBe(values.length);
          expect(sink.distribution!.relativeError).toBe(HISTOGRAM_RELATIVE_ERROR);
          const exact = percentile(values, p);
          expect(Math.abs(sink.quantile(p) - exact)).toBeLessThanOrEqual(exact * HISTOGRAM_RELATIVE_ERROR + 1e-12);
        },
      ),
    );
    expect(HISTOGRAM_RELATIVE_ERROR).toBeLessThan(0.01);
  });

  it("counts exactly as many as it keeps on the border between values and buckets", () => {
    const { recorder } = generator(1);
    const totals = new Totals();
    const metric = totals.registry.find("http_req_duration")!;
    for (let sample = 1; sample <= MAX_EXACT_SAMPLES; sample++)
      recorder.add(metric.id, sample % 2 === 0 ? 0 : 1, sample, T);
    totals.merge(recorder.drain(T));
    expect(totals.whole(metric)!.distribution!.relativeError).toBe(0);
    expect(totals.whole(metric)!.quantile(0.95)).toBeCloseTo(0.95 * (MAX_EXACT_SAMPLES - 1) + 1, 6);
    recorder.add(metric.id, 0, 1, T);
    totals.merge(recorder.drain(T));
    const sink = totals.whole(metric)!;
    expect([sink.count, sink.distribution!.count]).toEqual([MAX_EXACT_SAMPLES + 1, MAX_EXACT_SAMPLES + 1]);
    expect(sink.quantile(0.95) / (0.95 * MAX_EXACT_SAMPLES)).toBeCloseTo(1, 2);
  });

  it("keeps negative values and zeros in order among buckets", () => {
    const { recorder } = generator(1, { maxExactPerMetric: 0, maxExactPerSeries: 0 });
    const totals = new Totals();
    for (const value of [-100, -1, 0, 0, 1, 100]) recorder.add(METRIC.http_req_duration, 0, value, T);
    totals.merge(sent(recorder.drain(T)));
    const sink = totals.whole(totals.registry.find("http_req_duration")!)!;
    expect(sink.quantile(0)).toBe(-100);
    expect(sink.quantile(0.2)).toBeCloseTo(-1, 1);
    expect(sink.quantile(0.5)).toBe(0);
    expect(sink.quantile(1)).toBe(100);
  });

  it("folds url and name when there are too many series, and keeps status and the metric's sums right", () => {
    const { registry, recorder } = generator(1, { maxSeries: 10 });
    const totals = new Totals();
    const slow = totals.view(totals.registry.find("http_reqs")!, [["status", "500"]]);
    for (let request = 0; request < 100; request++) {
      const tags = registry.tags.of([
        ["url", `/item/${request}`],
        ["name", `/item/${request}`],
        ["status", request % 4 === 0 ? "500" : "200"],
      ]);
      recorder.add(METRIC.http_reqs, tags, 1, T);
    }
    totals.merge(sent(recorder.drain(T)));
    expect(totals.whole(totals.registry.find("http_reqs")!)!.sum).toBe(100);
    expect(slow.sink.sum).toBe(25);
    expect([...totals.series()].length).toBe(12);
    expect(totals.foldedSamples).toBe(90);
  });

  it("counts folded samples each time and keeps adding them where they went the first time", () => {
    const { registry, recorder } = generator(1, { maxSeries: 4 });
    const totals = new Totals();
    const sets = Array.from({ length: 10 }, (_, index) => registry.tags.of([["url", `/${index}`]]));
    for (let interval = 0; interval < 3; interval++) {
      for (const tags of sets) recorder.add(METRIC.http_req_duration, tags, 5, T);
      totals.merge(recorder.drain(T));
    }
    expect(totals.foldedSamples).toBe(18);
    const folded = totals.view(totals.registry.find("http_req_duration")!, [["url", OVERFLOW_VALUE]]);
    expect(folded.sink).toMatchObject({ count: 18, sum: 90 });
  });

  it("falls back to one overflow set when folding does not help", () => {
    const { registry, recorder } = generator(1, { maxSeries: 8 });
    const totals = new Totals();
    for (let user = 0; user < 50; user++) recorder.add(METRIC.http_reqs, registry.tags.of([["user", `${user}`]]), 1, T);
    totals.merge(sent(recorder.drain(T)));
    expect(totals.whole(totals.registry.find("http_reqs")!)!.sum).toBe(50);
    const overflow = totals.view(totals.registry.find("http_reqs")!, [["overflow", "true"]]);
    expect(overflow.sink.sum).toBe(42);
  });

  it("carries raw samples with their own tags, counts those without room", () => {
    const { registry, recorder } = generator(1, { maxRawSamples: 1024 }, true);
    const totals = new Totals();
    totals.registry.tags.of([["other", "x"]]);
    const tags = registry.tags.of([["status", "200"]]);
    for (let sample = 0; sample < 1030; sample++) recorder.add(METRIC.http_reqs, tags, 1, T + sample / 4);
    const merged = totals.merge(sent(recorder.drain(T)));
    expect(merged.raw).toMatchObject({ length: 1024, dropped: 6 });
    expect(totals.registry.tags.entries(merged.raw!.tags[5]!)).toEqual([["status", "200"]]);
    expect(merged.raw!.unixMs[5]).toBe(T + 1.25);
    expect(totals.droppedRawSamples).toBe(6);
  });

  it("keeps the slowest requests of an interval by their trace", () => {
    const { recorder } = generator(1, { maxExemplars: 2 });
    const totals = new Totals();
    for (const [value, trace] of [
      [5, "a"],
      [50, "b"],
      [1, "c"],
      [20, "d"],
    ] as const)
      recorder.add(METRIC.http_req_duration, 0, value, T, trace);
    recorder.add(METRIC.iteration_duration, 0, 99, T, "e");
    totals.merge(sent(recorder.drain(T)));
    expect(totals.exemplars.map(({ traceId, value }) => [traceId, value])).toEqual([
      ["b", 50],
      ["d", 20],
    ]);
    expect(recorder.drain(T).exemplars).toEqual([]);
  });
});
