import { describe, expect, it } from "vitest";
import type { Heatmap } from "../../../../src/api/contract/shapes.ts";
import { foldHeatmap, lineOf, linesOf, rowAt } from "./folded-heatmap.ts";
import { cellAt, placeOf, regionOf } from "./heatmap-pixels.ts";

/** One column; a row is a doubling from 1 µs. */
function mapOf(counts: readonly number[]): Heatmap {
  return {
    startMs: 0,
    stepMs: 10,
    columns: 1,
    rows: counts.length,
    boundsNs: Array.from({ length: counts.length + 1 }, (_, i) => 1000 * 2 ** i),
    counts,
    errors: counts.map(() => 0),
    statistics: { elapsedMs: 0, rowsRead: 0, bytesRead: 0, partial: false },
  };
}

const dense = (length: number): number[] => new Array<number>(length).fill(1000);
const none = (length: number): number[] => new Array<number>(length).fill(0);

describe("folded heatmap", () => {
  it("leaves a map alone whose rows are all used, or whose far rows are few", () => {
    expect(foldHeatmap(mapOf(dense(20)))).toMatchObject({ rows: 20, below: 1, above: 1 });
    expect(foldHeatmap(mapOf([3, ...none(2), ...dense(17)]))).toMatchObject({ rows: 20, below: 1, above: 1 });
  });

  it("puts far and rare fast spans into one row with its true range", () => {
    const map = foldHeatmap(mapOf([2, ...none(8), 1, ...dense(10)]));
    expect(map).toMatchObject({ rows: 11, below: 4, above: 1 });
    expect(map.counts.slice(0, 2)).toEqual([3, 1000]);
    expect(map.boundsNs.slice(0, 3)).toEqual([1000, 1000 * 2 ** 10, 1000 * 2 ** 11]);
    expect(map.boundsNs).toHaveLength(12);
  });

  it("does so with slow ones only when they are a very few", () => {
    expect(foldHeatmap(mapOf([...dense(10), ...none(9), 50]))).toMatchObject({ rows: 20, above: 1 });
    const map = foldHeatmap(mapOf([...dense(10), ...none(9), 2]));
    expect(map).toMatchObject({ rows: 11, below: 1, above: 4 });
    expect(map.counts.at(-1)).toBe(2);
    expect(map.boundsNs.at(-1)).toBe(1000 * 2 ** 20);
  });

  it("puts neighbours together where rows would be too low", () => {
    const map = foldHeatmap(mapOf(dense(100)));
    expect(map).toMatchObject({ rows: 34, below: 1, above: 1 });
    expect(map.counts.slice(0, 2)).toEqual([3000, 3000]);
    expect(map.counts.at(-1)).toBe(1000);
    expect(map.boundsNs).toHaveLength(35);
    expect([map.boundsNs[1], map.boundsNs[34]]).toEqual([1000 * 2 ** 3, 1000 * 2 ** 100]);
  });

  it("keeps every span", () => {
    const map = foldHeatmap(mapOf([1, ...none(9), ...dense(10), ...none(9), 1]));
    expect(map).toMatchObject({ below: 4, above: 4 });
    expect(map.counts.reduce((a, b) => a + b)).toBe(10_002);
  });

  it("says the same place by lines and rows", () => {
    const map = foldHeatmap(mapOf([1, ...none(9), ...dense(10), ...none(9), 1]));
    expect(linesOf(map)).toBe(18);
    for (let line = 0; line < linesOf(map); line++) {
      const row = rowAt(map, line);
      expect(lineOf(map, row)).toBeLessThanOrEqual(line);
      expect(lineOf(map, row + 1)).toBeGreaterThanOrEqual(line + 1);
    }
    const band = regionOf(map, cellAt(map, 0, 0.99), cellAt(map, 0, 0.99));
    expect([band.lowNs, band.highNs]).toEqual([1000, 1000 * 2 ** 10]);
    expect(placeOf(map, band)).toMatchObject({ top: 14 / 18, height: expect.closeTo(4 / 18) });
  });
});
