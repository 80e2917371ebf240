import type { Trace } from "../../../../src/api/contract/shapes.ts";

/**
 * Clocks of different machines disagree: a callee may seem to begin before its caller. Corrected as Jaeger does: a span of
 * another service that does not lie within its parent is moved, with all below it, so that it does, centred, as network time
 * is taken to be the same both ways; one longer than its parent is moved to begin with it. Raw times stay the default.
 * https://www.jaegertracing.io/docs/latest/architecture/ (clock skew adjustment)
 */
export interface Skew {
  readonly trace: Trace;
  /** Spans that were moved because of their own clock; those below them moved along. */
  readonly moved: number;
}

export function correctSkew(trace: Trace): Skew {
  const count = trace.spanId.length;
  const shift = new Float64Array(count);
  let moved = 0;
  for (let i = 0; i < count; i++) {
    const parent = trace.parent[i]!;
    // Tree order: the parent's shift is known before its children's.
    if (parent < 0 || parent >= i) continue;
    shift[i] = shift[parent]!;
    if (trace.service[i] === trace.service[parent]) continue;
    const parentStart = trace.offsetNs[parent]! + shift[parent]!;
    const parentEnd = parentStart + trace.durationsNs[parent]!;
    const start = trace.offsetNs[i]! + shift[i]!;
    const end = start + trace.durationsNs[i]!;
    if (start >= parentStart && end <= parentEnd) continue;
    const slack = trace.durationsNs[parent]! - trace.durationsNs[i]!;
    // Work that outlives its caller is asynchronous, not skewed, unless it also began too early.
    if (start >= parentStart) continue;
    shift[i]! += parentStart + Math.max(slack, 0) / 2 - start;
    moved++;
  }
  if (moved === 0) return { trace, moved };
  return {
    moved,
    trace: {
      ...trace,
      offsetNs: trace.offsetNs.map((offset, i) => Math.round(offset + shift[i]!)),
      events: trace.events.map((ticks, i) => (shift[i] === 0 ? ticks : ticks.map((tick) => tick + shift[i]!))),
      criticalPath: { segments: [], note: "Computed from raw times; turn the correction off to see it." },
    },
  };
}
