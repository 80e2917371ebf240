import { describe, expect, it } from "vitest";
import { PALETTES } from "../../look/palette.ts";
import type { ShownHeatmap } from "./folded-heatmap.ts";
import { cellAt, paintHeatmap, placeOf, regionOf, sumOf } from "./heatmap-pixels.ts";

const map: ShownHeatmap = {
  below: 1,
  above: 1,
  startMs: 1000,
  stepMs: 10,
  columns: 4,
  rows: 3,
  boundsNs: [1e3, 1e4, 1e5, 1e6],
  // Cell (x, y) is counts[x * rows + y].
  counts: [0, 0, 0, 1, 0, 0, 0, 500, 0, 0, 0, 7],
  errors: [0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 7],
  statistics: { elapsedMs: 0, rowsRead: 0, bytesRead: 0, partial: false },
};

describe("heatmap", () => {
  it("paints fast at the bottom, empty cells clear, one span visible", () => {
    const pixels = new Uint8ClampedArray(4 * 3 * 4);
    paintHeatmap(map, PALETTES.dark.amount, pixels);
    const pixel = (x: number, line: number): number[] => [...pixels.slice((line * 4 + x) * 4, (line * 4 + x) * 4 + 4)];
    expect(pixel(0, 0)).toEqual([0, 0, 0, 0]);
    // (1, 0): one span, the lowest row, so the last line.
    expect(pixel(1, 2)[3]).toBe(255);
    // (2, 1): the most, so the scale's end.
    expect(pixel(2, 1).slice(0, 3)).toEqual([0xf7, 0xe7, 0x85]);
    expect(pixel(1, 2).slice(0, 3)).not.toEqual([0x1b, 0x1e, 0x2e]);
  });

  it("turns a drag into whole cells and back", () => {
    const a = cellAt(map, 0.26, 0.1);
    const b = cellAt(map, 0.74, 0.5);
    expect([a, b]).toEqual([
      { column: 1, row: 2 },
      { column: 2, row: 1 },
    ]);
    const region = regionOf(map, a, b);
    expect(region).toEqual({ fromMs: 1010, toMs: 1030, lowNs: 1e4, highNs: 1e6 });
    const place = placeOf(map, region)!;
    expect(place.left).toBeCloseTo(0.25);
    expect(place.width).toBeCloseTo(0.5);
    expect(place.top).toBeCloseTo(0);
    expect(place.height).toBeCloseTo(2 / 3);
  });

  it("keeps a drag past the edge inside", () => {
    expect(cellAt(map, 1.5, -0.2)).toEqual({ column: 3, row: 2 });
    expect(placeOf(map, { fromMs: 0, toMs: 900, lowNs: null, highNs: null })).toBeNull();
    expect(placeOf(map, { fromMs: 0, toMs: 9000, lowNs: null, highNs: null })).toEqual({
      left: 0,
      top: 0,
      width: 1,
      height: 1,
    });
  });

  it("sums what is inside", () => {
    expect(sumOf(map, { column: 2, row: 0 }, { column: 3, row: 2 })).toEqual({ count: 507, errors: 27 });
  });
});
