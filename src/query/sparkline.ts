import type { Buckets } from "./time.ts";
import { unixMs } from "./time.ts";

/** A small chart: values at equal steps, null where there is no data. */
export interface SparklineValues {
  readonly startMs: number;
  readonly stepMs: number;
  readonly values: readonly (number | null)[];
}

export function sparkline(buckets: Buckets, values: readonly (number | null)[]): SparklineValues {
  return { startMs: unixMs(buckets.startUnixNano), stepMs: Number(buckets.stepNs) / 1e6, values };
}
