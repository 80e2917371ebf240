/** What spans in tree order need to say: parents stand before their children. */
export interface TimedSpans {
  /** Position of the parent; below 0 for none. */
  readonly parent: readonly number[];
  readonly start: readonly number[];
  readonly duration: readonly number[];
}

/** Of each span the time in which none of its children ran: its duration less the union of its children within it. */
export function selfTimes(spans: TimedSpans): number[] {
  const count = spans.parent.length;
  const self = Array.from({ length: count }, (_, index) => Math.max(0, spans.duration[index]!));
  /** End of what is covered so far, by parent. Children of one parent come by start. */
  const covered = new Float64Array(count).fill(Number.NEGATIVE_INFINITY);
  const byStart = Array.from({ length: count }, (_, index) => index).sort((a, b) => spans.start[a]! - spans.start[b]!);
  for (const index of byStart) {
    const parent = spans.parent[index]!;
    if (parent < 0) continue;
    const parentStart = spans.start[parent]!;
    const parentEnd = parentStart + Math.max(0, spans.duration[parent]!);
    const from = Math.max(spans.start[index]!, parentStart, covered[parent]!);
    const to = Math.min(spans.start[index]! + Math.max(0, spans.duration[index]!), parentEnd);
    if (to <= from) continue;
    self[parent]! -= to - from;
    covered[parent] = to;
  }
  return self.map((ns) => Math.max(0, ns));
}
