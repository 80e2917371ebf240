import type { Cancel, Timeline } from "./timeline.ts";

/** Time that moves only by `runUntil`, from one event to the next; whatever events set off settles before the next one. */
export interface VirtualTimeline extends Timeline {
  runUntil(atMs: number): Promise<void>;
  /** Promise that settles `ms` from now. */
  wait(ms: number): Promise<void>;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export function virtualTimeline(): VirtualTimeline {
  let now = 0;
  let order = 0;
  const events = new Set<Event>();
  const at = (atMs: number, run: () => void): Cancel => {
    order += 1;
    const event = { atMs: Math.max(now, atMs), order, run };
    events.add(event);
    return () => void events.delete(event);
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    nowMs: () => now,
    unixMs: () => 1_700_000_000_000 + now,
    at,
    pulse: (run) => {
      let cancel: Cancel = () => undefined;
      const next = (): void => {
        cancel = at(now + 1, () => {
          next();
          run();
        });
      };
      next();
      return () => cancel();
    },
    wait: (ms) => new Promise((resolve) => void at(now + ms, resolve)),
    runUntil: async (atMs) => {
      await settle();
      for (;;) {
        let first: Event | undefined;
        for (const event of events)
          if (
            first === undefined ||
            event.atMs < first.atMs ||
            (event.atMs === first.atMs && event.order < first.order)
          )
            first = event;
        if (first === undefined || first.atMs > atMs) break;
        now = first.atMs;
        events.delete(first);
        first.run();
        await settle();
      }
      now = Math.max(now, atMs);
    },
  };
}
