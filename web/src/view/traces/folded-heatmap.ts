import type { Heatmap } from "../../../../src/api/contract/shapes.ts";

/**
 * A heatmap as it is shown: no more rows than one can see, and far-off rows with hardly a span in them are one row at its edge, drawn as a band of several rows'
 * height and hatched, since its range is longer than that of the others. Row 0 and the last row are those bands.
 */
export interface ShownHeatmap extends Heatmap {
  /** Height of the first row in rows: 1, or more when it stands for all that was faster. */
  readonly below: number;
  /** Height of the last row in rows: 1, or more when it stands for all that was slower. */
  readonly above: number;
}

const BAND = 4;
/** More rows than this are too low to be seen in, so that neighbours are put together. */
const MOST_ROWS = 48;
/** Fast spans are many and mean little; slow ones are few and what one looks for, so that they are hardly ever put together. */
const MOST_BELOW = 0.01;
const MOST_ABOVE = 0.0005;
/** A fold must make the rest of the map taller by this much to be worth it. */
const LEAST_ROWS = 0.2;

export function foldHeatmap(map: Heatmap): ShownHeatmap {
  const { rows, columns } = map;
  const perRow = new Array<number>(rows).fill(0);
  let total = 0;
  for (let at = 0; at < map.counts.length; at++) {
    perRow[at % rows]! += map.counts[at]!;
    total += map.counts[at]!;
  }
  const least = Math.ceil(rows * LEAST_ROWS) + BAND;
  const low = outermost(perRow, total * MOST_BELOW, least);
  const high = rows - outermost(perRow.toReversed(), total * MOST_ABOVE, least);
  const group = Math.max(1, Math.ceil((high - low) / MOST_ROWS));
  const kept = Math.ceil((high - low) / group);
  const first = low > 0 ? 1 : 0;
  const shownRows = kept + first + (high < rows ? 1 : 0);
  const fold = (values: readonly number[]): number[] => {
    const folded = new Array<number>(columns * shownRows).fill(0);
    for (let x = 0; x < columns; x++)
      for (let y = 0; y < rows; y++) {
        const row = y < low ? 0 : y >= high ? shownRows - 1 : Math.floor((y - low) / group) + first;
        folded[x * shownRows + row]! += values[x * rows + y] ?? 0;
      }
    return folded;
  };
  return {
    ...map,
    rows: shownRows,
    boundsNs: [
      ...(low > 0 ? [map.boundsNs[0]!] : []),
      ...Array.from({ length: kept }, (_, row) => map.boundsNs[low + row * group]!),
      map.boundsNs[high]!,
      ...(high < rows ? [map.boundsNs[rows]!] : []),
    ],
    counts: fold(map.counts),
    errors: fold(map.errors),
    below: low > 0 ? BAND : 1,
    above: high < rows ? BAND : 1,
  };
}

/** How many rows from the start hold no more than `most` together; 0 when they are too few to be worth a fold. */
function outermost(perRow: readonly number[], most: number, least: number): number {
  let sum = 0;
  let rows = 0;
  while (rows < perRow.length && sum + perRow[rows]! <= most) {
    sum += perRow[rows]!;
    rows++;
  }
  return rows >= least && rows < perRow.length ? rows : 0;
}

/** How many lines of equal height the map is drawn in. */
export function linesOf(map: ShownHeatmap): number {
  return map.rows + (map.below - 1) + (map.above - 1);
}

/** The row at a line from the bottom. */
export function rowAt(map: ShownHeatmap, line: number): number {
  return Math.min(Math.max(line - (map.below - 1), 0), map.rows - 1);
}

/** Where a place among the rows (1.5: the middle of the second) stands among the lines. */
export function lineOf(map: ShownHeatmap, row: number): number {
  const last = map.rows - 1;
  if (row <= 1 && map.below > 1) return row * map.below;
  if (row > last) return map.below - 1 + last + (row - last) * map.above;
  return map.below - 1 + row;
}
