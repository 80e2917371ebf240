/**
 * Two numbers in memory that a generator's thread and its coordinator share: a count that moves as long as the thread's event
 * loop does, and the user whose code runs. The coordinator can read them while the thread hangs in a loop or in a regular
 * expression.
 */
export interface Heartbeat {
  readonly memory: SharedArrayBuffer;
}

const BEATS = 0;
const USER = 1;
const BEAT_MS = 100;

export const createHeartbeat = (): Heartbeat => ({ memory: new SharedArrayBuffer(8) });

/** The thread's side. `enter` is called when a user's code begins to run (its id) and when it gives the thread back (0). */
export function beat({ memory }: Heartbeat): { enter(userId: number): void; stop(): void } {
  const cells = new Int32Array(memory);
  const timer = setInterval(() => void Atomics.add(cells, BEATS, 1), BEAT_MS);
  timer.unref();
  return {
    enter: (userId) => {
      cells[USER] = userId;
    },
    stop: () => clearInterval(timer),
  };
}

/** The coordinator's side: calls `onStuck` once, when the count has not moved for `limitMs`. */
export function watchHeartbeat(
  { memory }: Heartbeat,
  limitMs: number,
  onStuck: (userId: number, silentMs: number) => void,
): { stop(): void } {
  const cells = new Int32Array(memory);
  let seen = Atomics.load(cells, BEATS);
  let sinceMs = performance.now();
  const timer = setInterval(
    () => {
      const beats = Atomics.load(cells, BEATS);
      const now = performance.now();
      if (beats !== seen) {
        seen = beats;
        sinceMs = now;
      } else if (now - sinceMs >= limitMs) {
        clearInterval(timer);
        onStuck(Atomics.load(cells, USER), now - sinceMs);
      }
    },
    Math.min(500, limitMs / 4),
  );
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
