import { mergeLogBuckets } from "#math/log-buckets.ts";
import type { SparklineValues } from "../sparkline.ts";
import { unixMs } from "../time.ts";
import type { History, OperationCounts, OperationHistory } from "./history.ts";

const MINUTE_MS = 60_000;
/** A young trouble is drawn in half minutes: in minutes it would be a point. */
const YOUNG_MS = 240_000;
const FINE_MS = 30_000;
const MOST_MINUTES = 30;

interface Point {
  readonly count: number;
  readonly errors: number;
  readonly durations: ReadonlyMap<number, number>;
}

/** An operation over the time that shows the change: its before and its after. Null where it did nothing. */
export function sparklineOf(
  history: History,
  operation: OperationHistory,
  sinceMs: number,
  drawnValue: (point: Point) => number | null,
): SparklineValues {
  const { startMs: starts, endMs } = history.steps;
  const firstFine = starts.findIndex((start, step) => (starts[step + 1] ?? endMs) - start < MINUTE_MS);
  if (firstFine >= 0 && endMs - sinceMs < YOUNG_MS)
    return drawn(starts.slice(firstFine), sliceOf(operation.byStep, firstFine), FINE_MS, drawnValue);
  const minutes = Array.from({ length: history.minutes.count }, (_, minute) =>
    unixMs(history.minutes.startUnixNano + BigInt(minute) * history.minutes.stepNs),
  );
  // As much before as after, so that a week-old system and one that began minutes ago both fill the width.
  const first = Math.max(
    0,
    operation.byMinute.count.findIndex((count) => count > 0),
    minutes.length - Math.max(MOST_MINUTES, Math.ceil((2 * (endMs - sinceMs)) / MINUTE_MS)),
  );
  return drawn(minutes.slice(first), sliceOf(operation.byMinute, first), MINUTE_MS, drawnValue);
}

function sliceOf(counts: OperationCounts, first: number): OperationCounts {
  return {
    count: counts.count.slice(first),
    errors: counts.errors.slice(first),
    durations: counts.durations.slice(first),
  };
}

function drawn(
  starts: readonly number[],
  counts: OperationCounts,
  stepMs: number,
  drawnValue: (point: Point) => number | null,
): SparklineValues {
  const startMs = starts[0]!;
  const points: { count: number; errors: number; durations: Map<number, number> }[] = [];
  for (const [step, start] of starts.entries()) {
    const index = Math.floor((start - startMs) / stepMs);
    const point = points[index] ?? { count: 0, errors: 0, durations: new Map<number, number>() };
    points[index] = point;
    point.count += counts.count[step]!;
    point.errors += counts.errors[step]!;
    mergeLogBuckets(point.durations, counts.durations[step]!);
  }
  return { startMs, stepMs, values: points.map((point) => (point.count === 0 ? null : drawnValue(point))) };
}
