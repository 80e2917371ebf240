/** The time of a run: milliseconds since it started, and calls at a time. Tests drive one that moves only when told to. */
export interface Timeline {
  /** Monotonic, with fractions. */
  nowMs(): number;
  unixMs(): number;
  /** Calls `run` once `atMs` has come (never before). */
  at(atMs: number, run: () => void): Cancel;
  /** Calls `run` about once a millisecond. */
  pulse(run: () => void): Cancel;
}

export type Cancel = () => void;

/** setTimeout takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Real time from now on. */
export function startTimeline(): Timeline {
  const origin = performance.now();
  const originUnixMs = performance.timeOrigin + origin;
  const nowMs = (): number => performance.now() - origin;
  const pulses = new Set<() => void>();
  let pulse: NodeJS.Timeout | undefined;
  return {
    nowMs,
    unixMs: () => originUnixMs + nowMs(),
    at: (atMs, run) => {
      let timer: NodeJS.Timeout;
      const wait = (): void => {
        const left = atMs - nowMs();
        // Node's timers may fire up to a millisecond early.
        if (left <= 0) run();
        else timer = setTimeout(wait, Math.min(Math.ceil(left), MAX_TIMER_MS));
      };
      timer = setTimeout(wait, Math.min(Math.max(0, Math.ceil(atMs - nowMs())), MAX_TIMER_MS));
      return () => clearTimeout(timer);
    },
    pulse: (run) => {
      pulses.add(run);
      pulse ??= setInterval(() => {
        for (const each of [...pulses]) each();
      }, 1);
      return () => {
        pulses.delete(run);
        if (pulses.size > 0) return;
        clearInterval(pulse);
        pulse = undefined;
      };
    },
  };
}
