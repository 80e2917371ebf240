import { describe, expect, it } from "vitest";
import { BUILT_IN_METRICS, METRIC } from "./built-in.ts";
import { MetricRegistry } from "./metric-registry.ts";
import { OVERFLOW_SET, OVERFLOW_VALUE } from "./tag-set-table.ts";

describe("metric registry", () => {
  it("has the built-in metrics under their constant ids", () => {
    const registry = new MetricRegistry();
    for (const metric of BUILT_IN_METRICS) expect(registry.find(metric.name)).toBe(registry.get(metric.id));
    expect(registry.get(METRIC.data_sent)).toMatchObject({ name: "data_sent", type: "counter", contains: "data" });
  });

  it("makes a metric once and refuses it under another type or with other contents", () => {
    const registry = new MetricRegistry();
    const made = registry.define("my_metric", "trend", "time");
    expect(registry.define("my_metric", "trend", "time")).toBe(made);
    expect(() => registry.define("my_metric", "counter", "time")).toThrow("already exists as a trend");
    expect(() => registry.define("my_metric", "trend", "default")).toThrow("values of kind time");
    expect(() => registry.define("http_reqs", "rate", "default")).toThrow("already exists as a counter");
  });

  it.each([["a"], ["1a"], ["with space"], ["dash-ed"], [""], ["x".repeat(130)]])("refuses the name %j", (name) => {
    expect(() => new MetricRegistry().define(name, "counter", "default")).toThrow("invalid metric name");
  });

  it.each([["ab"], ["_a"], ["A1_b"], ["x".repeat(129)]])("takes the name %j", (name) => {
    expect(new MetricRegistry().define(name, "counter", "default").name).toBe(name);
  });
});

describe("tag sets", () => {
  it("leads to one set whatever the order, replaces and takes away", () => {
    const { tags } = new MetricRegistry();
    const ab = tags.with(tags.with(0, "a", "1"), "b", "2");
    expect(tags.with(tags.with(0, "b", "2"), "a", "1")).toBe(ab);
    expect(tags.entries(ab)).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(tags.get(tags.with(ab, "a", "3"), "a")).toBe("3");
    expect(tags.with(tags.with(ab, "a", ""), "b", "")).toBe(0);
    expect(tags.matches(ab, [["a", "1"]])).toBe(true);
    expect(tags.matches(ab, [["c", ""]])).toBe(true);
    expect(tags.matches(ab, [["a", ""]])).toBe(false);
  });

  it("folds the values of a key past its most, and leaves the other tags true", () => {
    const { tags } = new MetricRegistry({ maxSets: 1000, maxValuesPerKey: 3 });
    const base = tags.with(0, "status", "200");
    const sets = Array.from({ length: 50 }, (_, index) => tags.with(base, "url", `/${index}`));
    expect(new Set(sets).size).toBe(4);
    expect(tags.entries(sets[49]!)).toEqual([
      ["status", "200"],
      ["url", OVERFLOW_VALUE],
    ]);
    expect(tags.folds).toBe(47);
  });

  it("stops making sets at the limit", () => {
    const { tags } = new MetricRegistry({ maxSets: 10, maxValuesPerKey: 1000 });
    const sets = Array.from({ length: 50 }, (_, index) => tags.with(0, "user", `${index}`));
    expect(tags.size).toBe(10);
    expect(sets.at(-1)).toBe(OVERFLOW_SET);
    expect(tags.with(OVERFLOW_SET, "a", "1")).toBe(OVERFLOW_SET);
    expect(tags.with(0, "user", "3")).toBe(sets[3]);
  });
});
