import type { Trace } from "../../../../src/api/contract/shapes.ts";

/**
 * The row of each span in the flame view: below its parent, in the first row that is free at that time, so that parallel
 * siblings stand under each other. Spans are placed by start; a row's last end decides whether it is free.
 */
export function lanesOf(trace: Trace): { readonly lane: Int32Array; readonly lanes: number } {
  const count = trace.spanId.length;
  const lane = new Int32Array(count);
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => trace.offsetNs[a]! - trace.offsetNs[b]! || trace.depth[a]! - trace.depth[b]! || a - b,
  );
  const ends: number[] = [];
  for (const index of order) {
    const parent = trace.parent[index]!;
    let row = parent >= 0 ? lane[parent]! + 1 : 0;
    while (row < ends.length && ends[row]! > trace.offsetNs[index]!) row++;
    lane[index] = row;
    ends[row] = trace.offsetNs[index]! + Math.max(trace.durationsNs[index]!, 1);
    for (let i = 0; i < row; i++) ends[i] ??= 0;
  }
  return { lane, lanes: ends.length };
}
