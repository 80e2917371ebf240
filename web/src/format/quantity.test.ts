import { describe, expect, it } from "vitest";
import {
  exact,
  formatBytes,
  formatChange,
  formatCount,
  formatDuration,
  formatMeasure,
  formatNumberOf,
  formatPoints,
  formatRate,
  formatRatio,
  parseDuration,
  unitOf,
} from "./quantity.ts";

const plain = (text: string): string => text.replaceAll("\u00a0", " ");

describe("quantity", () => {
  it.each([
    [0, "0"],
    [7, "7"],
    [999, "999"],
    [999.6, "1 k"],
    [1234, "1.23 k"],
    [999_499, "999 k"],
    [999_500, "1 M"],
    [12_400_000, "12.4 M"],
    [0.5, "0.5"],
  ])("counts %d as %s", (value, text) => {
    expect(plain(formatCount(value))).toBe(text);
  });

  it.each([
    [1200, "1.2 k/s"],
    [0.9999, "1/s"],
    [0.25, "15/min"],
    [0.0335, "2/min"],
    [0.001, "3.6/h"],
    [0, "0/s"],
  ])("rates %d as %s", (value, text) => {
    expect(plain(formatRate(value))).toBe(text);
  });

  it.each([
    [0, "0"],
    [85, "85 ns"],
    [340_000, "340 µs"],
    [999_600, "1 ms"],
    [1_800_000_000, "1.8 s"],
    [59_000_000_000, "59 s"],
    [59_960_000_000, "1 min"],
    [95_000_000_000, "1 min 35 s"],
    [7_500_000_000_000, "2 h 5 min"],
    [277_200_000_000_000, "3 d 5 h"],
    [-340_000, "−340 µs"],
  ])("durations %d as %s", (value, text) => {
    expect(plain(formatDuration(value))).toBe(text);
  });

  it("writes bytes, ratios, changes and points", () => {
    expect(plain(formatBytes(13_314_398_617))).toBe("12.4 GiB");
    expect(formatRatio(0.0123)).toBe("1.23%");
    expect(formatRatio(0.00001)).toBe("<0.01%");
    expect(formatRatio(1)).toBe("100%");
    expect(formatChange(134, 100)).toBe("+34%");
    expect(formatChange(92, 100)).toBe("−8%");
    expect(formatChange(320, 100)).toBe("×3.2");
    expect(formatChange(1, 0)).toBe("new");
    expect(formatChange(0, 0)).toBe("same");
    expect(plain(formatPoints(-0.1234))).toBe("−12.3 pp");
    expect(plain(formatPoints(0.00903))).toBe("+0.9 pp");
    expect(plain(formatPoints(-0.0002))).toBe("0 pp");
  });

  it("never shows more than three significant digits", () => {
    for (let i = 0; i < 400; i++) {
      const value = 1.237 ** i / 1000;
      const digits = formatCount(value)
        .replaceAll(/[^0-9]/g, "")
        .replace(/^0+/, "")
        .replace(/0+$/, "");
      if (value < 1e15) expect([value, digits.length <= 3]).toEqual([value, true]);
    }
  });

  it("has the exact value and no-data", () => {
    expect(exact(1_234_567, "ns")).toBe("1,234,567 ns");
    expect(exact(null, "ns")).toBe("no data");
    expect(formatDuration(null)).toBe("–");
  });

  it("reads durations", () => {
    expect(parseDuration("500ms")).toBe(5e8);
    expect(parseDuration("1.5 s")).toBe(1.5e9);
    expect(parseDuration("fast")).toBeNull();
  });

  it("knows the units metrics use", () => {
    expect(unitOf("By").unit).toBe("bytes");
    expect(unitOf("{request}")).toEqual({ unit: "plain", suffix: "{request}" });
    const measure = (value: number, suffix: string): string => plain(formatMeasure(value, "plain", suffix));
    expect(measure(79, "{item}")).toBe("79 items");
    expect(measure(1, "{item}")).toBe("1 item");
    expect(measure(0, "{body}/s")).toBe("0 bodies/s");
    expect(measure(2, "{process}")).toBe("2 processes");
    expect(measure(2, "{}")).toBe("2");
    expect(measure(20, "Cel")).toBe("20 Cel");
    expect(measure(20, "/s")).toBe("20/s");
    expect(formatNumberOf(1, "row")).toBe("1 row");
    expect(formatNumberOf(2345, "row")).toBe("2,345 rows");
  });
});
