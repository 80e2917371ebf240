import { and, call, column, compare, literal, or } from "#plan/expression.ts";
import type { Predicate, TimeRange } from "#plan/select.ts";

const SLICES = 4;
const MOST_SLICES = 32;

/**
 * Evenly spaced pieces of a range that together are about `share` (0 to 1) of it: a sample of rows that the engine finds by
 * its index, where one by a hash would read every row to leave most of them out. Undefined where all of it is taken. A fine
 * spread follows what changes over the range, and reads more granules for as many rows.
 */
export function timeSlices(
  timeColumn: string,
  range: TimeRange,
  share: number,
  spread: "rough" | "fine" = "rough",
): Predicate | undefined {
  if (share >= 1) return undefined;
  const slices = spread === "rough" ? SLICES : MOST_SLICES;
  const length = range.toUnixNano - range.fromUnixNano;
  const every = length / BigInt(slices);
  const piece = BigInt(Math.max(1, Math.round(Number(every) * share)));
  return or(
    ...Array.from({ length: slices }, (_, index) => {
      // From the middle of each part: the ends of a range are often special (a start, a deploy).
      const start = range.fromUnixNano + every * BigInt(index) + (every - piece) / 2n;
      return and(
        compare(column(timeColumn), ">=", call("time", literal(start))),
        compare(column(timeColumn), "<", call("time", literal(start + piece))),
      )!;
    }),
  );
}
