import { performance } from "node:perf_hooks";

/** How busy the thread of a generator was in about a second. */
export interface LoopSecond {
  /** 0 to 1: part of the time in which the event loop ran something. */
  readonly busy: number;
  /** How late a timer came, on average and at most: what any measurement of this thread may be wrong by. */
  readonly lateMeanMs: number;
  readonly lateMaxMs: number;
}

const PROBE_MS = 20;

/** Watches the event loop of this thread. */
export function watchLoop(): { second(): LoopSecond; stop(): void } {
  let before = performance.eventLoopUtilization();
  let dueMs = performance.now() + PROBE_MS;
  let [sum, count, max] = [0, 0, 0];
  const timer = setInterval(() => {
    const now = performance.now();
    const late = Math.max(0, now - dueMs);
    sum += late;
    count += 1;
    max = Math.max(max, late);
    dueMs = now + PROBE_MS;
  }, PROBE_MS);
  timer.unref();
  return {
    second: () => {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      const second = { busy: utilization, lateMeanMs: count === 0 ? max : sum / count, lateMaxMs: max };
      [sum, count, max] = [0, 0, 0];
      return second;
    },
    stop: () => clearInterval(timer),
  };
}

/** A second counts as saturated when the generator's own delay would show in what it measures. */
export function isSaturated({ busy, lateMeanMs }: LoopSecond): boolean {
  return lateMeanMs >= 20 || (busy >= 0.97 && lateMeanMs >= 5);
}

const LEAST_SECONDS = 3;
const LEAST_SHARE = 0.1;

/**
 * Why the measurements of a run do not count, if so: the generator was saturated in a tenth of its seconds, and in three at
 * least. Short stalls (a garbage collection, a neighbour on the machine) do not void a run; they show in the latencies.
 */
export function saturationOf(seconds: readonly LoopSecond[]): string | undefined {
  const saturated = seconds.filter(isSaturated);
  if (saturated.length < LEAST_SECONDS || saturated.length < seconds.length * LEAST_SHARE) return undefined;
  const busy = saturated.reduce((sum, second) => sum + second.busy, 0) / saturated.length;
  const late = saturated.reduce((sum, second) => sum + second.lateMeanMs, 0) / saturated.length;
  return `the load generator was saturated in ${saturated.length} of ${seconds.length} seconds: its thread was ${Math.round(busy * 100)}% busy and came ${late.toFixed(1)} ms late on average, which is in every latency. Use fewer users, \`--generators N\` or more machines.`;
}
