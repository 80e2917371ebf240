import { getHeapStatistics } from "node:v8";
import { log } from "./log.ts";
import { closeTelemetry, meter } from "./telemetry.ts";

const CHECK_INTERVAL_MS = 200;
const WARN_AT = 0.7;
const LEAVE_AT = 0.88;
const MEGABYTE = 1024 * 1024;

/**
 * Leaves, and says why, shortly before V8 would abort the process without a word; the supervisor starts it again.
 * Warns once on the way there.
 */
export function openHeapGuard(): { close(): void } {
  let warned = false;
  let leaving = false;
  meter
    .createObservableGauge("shop.heap.limit_ratio", { unit: "1", description: "Used part of the heap's limit." })
    .addCallback((result) => {
      const { used_heap_size, heap_size_limit } = getHeapStatistics();
      result.observe(used_heap_size / heap_size_limit);
    });
  const check = (): void => {
    const { used_heap_size, heap_size_limit } = getHeapStatistics();
    const ratio = used_heap_size / heap_size_limit;
    const attributes = {
      "shop.heap.used_mb": Math.round(used_heap_size / MEGABYTE),
      "shop.heap.limit_mb": Math.round(heap_size_limit / MEGABYTE),
    };
    if (ratio > WARN_AT && !warned) {
      warned = true;
      log.warn("heap is filling up", attributes);
    }
    if (ratio < LEAVE_AT || leaving) return;
    leaving = true;
    log.fatal("heap limit reached, process exits to be restarted", attributes);
    // Whatever the export brings: a full heap is the reason to go.
    void closeTelemetry().then(
      () => process.exit(1),
      () => process.exit(1),
    );
  };
  const timer = setInterval(check, CHECK_INTERVAL_MS);
  return { close: () => clearInterval(timer) };
}
