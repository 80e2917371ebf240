import { scaleColour } from "../../look/palette.ts";
import { lineOf, linesOf, rowAt, type ShownHeatmap } from "./folded-heatmap.ts";

/**
 * The heatmap as pixels, one a cell, scaled up by CSS: 0.8 ms for 240 × 60. Shade is the logarithm of the count. Row 0 of the
 * answer is the fastest, and stands at the bottom.
 */
export function paintHeatmap(map: ShownHeatmap, scale: readonly string[], pixels: Uint8ClampedArray): void {
  const { columns, rows, counts } = map;
  const lines = linesOf(map);
  const top = Math.log1p(scaleTop(counts));
  const steps = Array.from({ length: 256 }, (_, i) => scaleColour(scale, i / 255));
  for (let x = 0; x < columns; x++)
    for (let line = 0; line < lines; line++) {
      const count = counts[x * rows + rowAt(map, line)] ?? 0;
      const at = ((lines - 1 - line) * columns + x) * 4;
      if (count === 0) {
        pixels[at + 3] = 0;
        continue;
      }
      // One span must be visible: the lowest step of the scale is kept for it.
      const [r, g, b] = steps[Math.round((0.12 + 0.88 * (Math.log1p(count) / top)) * 255)]!;
      pixels[at] = r;
      pixels[at + 1] = g;
      pixels[at + 2] = b;
      pixels[at + 3] = 255;
    }
}

const LEAST_TOP = 8;

/** The count at the scale's upper end. A map of lone spans must not look like one of crowds. */
export function scaleTop(counts: readonly number[]): number {
  let most = LEAST_TOP;
  for (const count of counts) if (count > most) most = count;
  return most;
}

export interface Cell {
  readonly column: number;
  readonly row: number;
}

/** The cell under a point given as shares of width and height, from the top left. */
export function cellAt(map: ShownHeatmap, x: number, y: number): Cell {
  const clamp = (value: number, most: number): number => Math.min(Math.max(Math.floor(value), 0), most - 1);
  return { column: clamp(x * map.columns, map.columns), row: rowAt(map, clamp((1 - y) * linesOf(map), linesOf(map))) };
}

/** What two corners enclose: time in ms and duration in ns, whole cells. */
export function regionOf(
  map: ShownHeatmap,
  a: Cell,
  b: Cell,
): { readonly fromMs: number; readonly toMs: number; readonly lowNs: number; readonly highNs: number } {
  const left = Math.min(a.column, b.column);
  const right = Math.max(a.column, b.column) + 1;
  const bottom = Math.min(a.row, b.row);
  const top = Math.max(a.row, b.row) + 1;
  return {
    fromMs: map.startMs + left * map.stepMs,
    toMs: map.startMs + right * map.stepMs,
    lowNs: map.boundsNs[bottom]!,
    highNs: map.boundsNs[top]!,
  };
}

/** Where a region stands, as shares of the map from its top left; null when it is wholly outside. */
export function placeOf(
  map: ShownHeatmap,
  region: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly lowNs: number | null;
    readonly highNs: number | null;
  },
): { readonly left: number; readonly top: number; readonly width: number; readonly height: number } | null {
  const total = map.columns * map.stepMs;
  const left = Math.max(0, (region.fromMs - map.startMs) / total);
  const right = Math.min(1, (region.toMs - map.startMs) / total);
  if (right <= left) return null;
  const share = (ns: number): number => {
    const above = map.boundsNs.findIndex((bound) => bound >= ns);
    if (above < 0) return 1;
    if (above === 0) return 0;
    const low = map.boundsNs[above - 1]!;
    const high = map.boundsNs[above]!;
    const row = above - 1 + Math.log(ns / Math.max(low, 1)) / Math.log(high / Math.max(low, 1));
    return lineOf(map, row) / linesOf(map);
  };
  const bottom = region.lowNs === null ? 0 : share(region.lowNs);
  const top = region.highNs === null ? 1 : share(region.highNs);
  return { left, top: 1 - top, width: right - left, height: Math.max(0, top - bottom) };
}

export function sumOf(map: ShownHeatmap, a: Cell, b: Cell): { readonly count: number; readonly errors: number } {
  let count = 0;
  let errors = 0;
  for (let x = Math.min(a.column, b.column); x <= Math.max(a.column, b.column); x++)
    for (let y = Math.min(a.row, b.row); y <= Math.max(a.row, b.row); y++) {
      count += map.counts[x * map.rows + y] ?? 0;
      errors += map.errors[x * map.rows + y] ?? 0;
    }
  return { count, errors };
}
