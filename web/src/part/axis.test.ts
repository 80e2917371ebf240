import { describe, expect, it } from "vitest";
import { axisText, incrementsOf, linearMarks, logarithmicMarks, logarithmicRange } from "./axis.ts";

const plain = (texts: readonly string[]): string[] => texts.map((text) => text.replaceAll("\u00a0", " "));

describe("axis", () => {
  it.each(["count", "bytes", "ns", "seconds", "per-second", "ratio", "plain"] as const)(
    "has rising increments for %s",
    (unit) => {
      const steps = incrementsOf(unit);
      expect(steps.every((step, i) => step > (steps[i - 1] ?? 0))).toBe(true);
    },
  );

  it("marks whole counts, powers of two for bytes, and minutes for long durations", () => {
    expect(incrementsOf("count")[0]).toBe(1);
    expect(incrementsOf("bytes")).toContain(1024 ** 2 * 256);
    expect(incrementsOf("ns")).toContain(15 * 60e9);
    expect(incrementsOf("ns")).not.toContain(1e11);
  });

  it("marks an axis from zero within its room", () => {
    expect(linearMarks(3.2, "count", 4)).toEqual([0, 1, 2, 3]);
    expect(linearMarks(0.4, "count", 4)).toEqual([0]);
    expect(linearMarks(4 / 60, "per-second", 4)).toEqual([0, 2 / 60, 4 / 60]);
    expect(linearMarks(3.5 * 1024 ** 2, "bytes", 5)).toEqual([0, 1, 2, 3].map((n) => n * 1024 ** 2));
    expect(linearMarks(200e9, "ns", 5)).toEqual([0, 60e9, 120e9, 180e9]);
    for (let high = 1e-7; high < 1e12; high *= 3.7)
      for (const unit of ["bytes", "ns", "per-second", "plain"] as const)
        expect(linearMarks(high, unit, 5).length).toBeLessThanOrEqual(6);
  });

  it("writes the rates of one axis in one unit", () => {
    expect(plain(axisText([0, 0.5, 1], "per-second", ""))).toEqual(["0", "0.5/s", "1/s"]);
    expect(plain(axisText([0, 1 / 60, 2 / 60], "per-second", ""))).toEqual(["0", "1/min", "2/min"]);
  });

  it("runs a logarithmic axis from one round value to another", () => {
    expect(logarithmicRange(54e6, 2.06e9, "ns")).toEqual([50e6, 5e9]);
    expect(logarithmicRange(100e6, 100e6, "ns")).toEqual([100e6, 200e6]);
    expect(logarithmicRange(3000, 90_000, "bytes")).toEqual([2048, 131_072]);
  });

  it("marks a logarithmic axis within its room, its end always", () => {
    expect(logarithmicMarks(50e6, 5e9, "ns", 9)).toEqual([50e6, 100e6, 200e6, 500e6, 1e9, 2e9, 5e9]);
    expect(logarithmicMarks(50e6, 5e9, "ns", 4)).toEqual([50e6, 200e6, 1e9, 5e9]);
    for (let most = 1; most < 8; most++) {
      const marks = logarithmicMarks(1, 1e12, "plain", most);
      expect(marks.length).toBeLessThanOrEqual(most);
      expect(marks.at(-1)).toBe(1e12);
    }
  });
});
