import type { TimedSpans } from "./self-time.ts";

export interface CriticalPath {
  /** [position in tree order, start, end], by time; they touch and never overlap. */
  readonly segments: readonly (readonly [number, number, number])[];
  /** Why there is none, or what limits it. */
  readonly note: string | null;
}

/**
 * The critical path by timing: from the end of the root backwards, always through the child that finished last before the
 * moment looked at; what no child covers is the span's own work (Zhang et al., "CRISP: Critical Path Analysis of Large-Scale
 * Microservice Architectures", USENIX ATC 2022). It supposes that a parent waits for the child that ends last; spans do not
 * say so. Children that end after their parent are cut at its end; those that start after it (work put on a queue) are left out.
 */
export function criticalPath(spans: TimedSpans): CriticalPath {
  const tops = spans.parent.flatMap((parent, index) => (parent < 0 ? [index] : []));
  if (tops.length === 0) return { segments: [], note: "The trace has no spans." };
  const end = (index: number): number => spans.start[index]! + Math.max(0, spans.duration[index]!);
  const roots = tops.filter((index) => spans.parent[index] === -1);
  if (roots.length !== 1)
    return {
      segments: [],
      note:
        roots.length === 0
          ? "The root span is missing, so the critical path cannot be computed."
          : `The trace has ${roots.length} roots, so there is no one critical path.`,
    };
  const root = roots[0]!;
  const children: number[][] = spans.parent.map(() => []);
  for (const [index, parent] of spans.parent.entries()) if (parent >= 0) children[parent]!.push(index);
  for (const list of children) list.sort((a, b) => end(a) - end(b));

  const enter = (index: number, floor: number, ceiling: number) => ({
    index,
    floor,
    ceiling,
    at: ceiling,
    next: children[index]!.length - 1,
  });
  const backwards: (readonly [number, number, number])[] = [];
  const add = (index: number, from: number, to: number): void => {
    if (to > from) backwards.push([index, from, to]);
  };
  /** Spans being walked: where we stand, the bounds that are looked at, the children not yet looked at. */
  const stack = [enter(root, spans.start[root]!, end(root))];
  let left = 0;
  while (stack.length > 0) {
    const top = stack.at(-1)!;
    let entered = false;
    while (top.next >= 0) {
      const child = children[top.index]![top.next]!;
      top.next--;
      if (spans.start[child]! >= top.at) {
        if (spans.start[child]! >= end(top.index)) left++;
        continue;
      }
      const childEnd = Math.min(end(child), top.ceiling);
      const childStart = Math.max(spans.start[child]!, top.floor);
      // A child still running when the later one began did not hold it up.
      if (childEnd > top.at || childEnd <= childStart) continue;
      add(top.index, childEnd, top.at);
      top.at = childStart;
      stack.push(enter(child, childStart, childEnd));
      entered = true;
      break;
    }
    if (entered) continue;
    add(top.index, top.floor, top.at);
    stack.pop();
  }
  const missing = tops.length - roots.length;
  const notes = [
    missing > 0 ? `${missing} ${missing === 1 ? "span has" : "spans have"} no parent here and are not on it` : "",
    left > 0 ? `${left} ${left === 1 ? "span" : "spans"} began after the parent ended and are not on it` : "",
  ].filter((note) => note !== "");
  return {
    segments: backwards.reverse(),
    note: notes.length === 0 ? null : `By timing; ${notes.join("; ")}.`,
  };
}
