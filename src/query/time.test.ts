import { describe, expect, it } from "vitest";
import { isFailure } from "#runtime/failure.ts";
import { parseDurationNs } from "./duration.ts";
import { parseTime, parseTimeRange, roundBuckets, wholeMinutes } from "./time.ts";

const NOW = BigInt(Date.UTC(2026, 0, 2, 3, 4, 5)) * 1_000_000n;

describe("parseTime", () => {
  it.each([
    ["now", NOW],
    ["now-15m", NOW - 900_000_000_000n],
    ["now - 1.5s", NOW - 1_500_000_000n],
    ["now-1h30m", NOW - 5_400_000_000_000n],
    ["now+1d", NOW + 86_400_000_000_000n],
    ["2026-01-02T03:04:05Z", NOW],
    ["2026-01-02T04:04:05+01:00", NOW],
    ["2026-01-01T19:04:05-0800", NOW],
    ["2026-01-02 03:04:05", NOW],
    ["2026-01-02T03:04:05.000000001Z", NOW + 1n],
    ["2026-01-02", BigInt(Date.UTC(2026, 0, 2)) * 1_000_000n],
    [`${NOW / 1_000_000n}`, NOW],
    [`${NOW + 7n}`, NOW + 7n],
    ["0", 0n],
  ])("reads %s", (text, unixNano) => expect(parseTime(text, NOW)).toBe(unixNano));

  it.each([
    "",
    "yesterday",
    "now-15",
    "now-x",
    "2026-13-01",
    "2026-01-02T25:00:00Z",
    "-5",
    "99999999999999999999",
    "4000000000000000000000",
    "2200-01-01",
    "1e9",
    "NaN",
  ])("refuses %s", (text) => {
    let failure: unknown;
    try {
      parseTime(text, NOW, "from");
    } catch (error) {
      failure = error;
    }
    expect(isFailure(failure, "bad-request")).toBe(true);
  });

  it("takes the last quarter of an hour where nothing is said", () => {
    expect(parseTimeRange({}, NOW)).toEqual({ fromUnixNano: NOW - 900_000_000_000n, toUnixNano: NOW });
    expect(() => parseTimeRange({ from: "now", to: "now" }, NOW)).toThrow("before");
  });
});

describe("roundBuckets", () => {
  it.each([
    [900_000, 60, 15_000, 60],
    [86_400_000, 60, 1_800_000, 48],
    [1000, 10, 100, 10],
    [40, 10, 4, 10],
  ])("%d ms in at most %d are steps of %d ms", (lengthMs, most, stepMs, count) => {
    const from = BigInt(Date.UTC(2026, 0, 2)) * 1_000_000n;
    const buckets = roundBuckets({ fromUnixNano: from, toUnixNano: from + BigInt(lengthMs) * 1_000_000n }, most);
    expect([Number(buckets.stepNs) / 1e6, buckets.count]).toEqual([stepMs, count]);
    expect(buckets.startUnixNano).toBe(from);
  });

  it("cover the range whole, from before its start to after its end", () => {
    const range = { fromUnixNano: NOW + 123n, toUnixNano: NOW + 987_654_321_000n };
    const { startUnixNano, stepNs, count } = roundBuckets(range, 30);
    expect(startUnixNano % stepNs).toBe(0n);
    expect(startUnixNano).toBeLessThanOrEqual(range.fromUnixNano);
    expect(startUnixNano + stepNs * BigInt(count)).toBeGreaterThanOrEqual(range.toUnixNano);
    expect(startUnixNano + stepNs * BigInt(count - 1)).toBeLessThan(range.toUnixNano);
    const whole = wholeMinutes(range);
    expect([whole.fromUnixNano % 60_000_000_000n, whole.toUnixNano % 60_000_000_000n]).toEqual([0n, 0n]);
  });
});

describe("parseDurationNs", () => {
  it.each([
    ["500ms", 500e6],
    ["1.5s", 1.5e9],
    ["1h30m", 5400e9],
    ["10us", 10e3],
    ["10µs", 10e3],
    ["7", 7],
    ["2 s", 2e9],
  ])("reads %s", (text, ns) => expect(parseDurationNs(text)).toBe(ns));
  it.each(["", "ms", "-5ms", "5 parsecs", "5ms!", "1,5s"])("refuses %s", (text) =>
    expect(parseDurationNs(text)).toBeUndefined(),
  );
});
