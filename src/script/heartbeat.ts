import type { Clock } from "#runtime/clock.ts";

/**
 * A script may hold its thread in one call of the engine that no counter reaches (a catastrophic regular expression). The
 * thread of the scripts writes whose turn it is and that turns pass into shared memory; the thread that started it looks,
 * and terminates it when one turn lasts too long.
 *
 * Layout, in 32-bit integers: 0 the user whose turn it is, 0 for nobody; 1 turns begun.
 */
export interface Heartbeat {
  /** To be passed to the thread of the scripts. */
  readonly memory: SharedArrayBuffer;
  /** For `ScriptOptions.beat`. */
  readonly beat: (userId: number) => void;
}

/** @param memory of another thread's heartbeat; a new one when left out. */
export function openHeartbeat(memory = new SharedArrayBuffer(8)): Heartbeat {
  const view = new Int32Array(memory);
  return {
    memory,
    beat: (userId) => {
      Atomics.store(view, 0, userId);
      Atomics.add(view, 1, 1);
    },
  };
}

export interface Watchdog extends Disposable {
  /** Looks once. To be called at intervals shorter than the limit. */
  look(): void;
}

/**
 * Watches a heartbeat from another thread.
 * @param limitMs how long one turn may last; above `turnLimitMs`, which gives better messages.
 * @param onStuck told once, with the user whose turn it is; ends the thread.
 */
export function watchHeartbeat(
  memory: SharedArrayBuffer,
  limitMs: number,
  clock: Clock,
  onStuck: (userId: number) => void,
): Watchdog {
  const view = new Int32Array(memory);
  let turns = Atomics.load(view, 1);
  let sinceMs = clock.monotonicMs();
  let isOver = false;
  const look = (): void => {
    const userId = Atomics.load(view, 0);
    const now = Atomics.load(view, 1);
    if (isOver) return;
    if (now !== turns || userId === 0) {
      turns = now;
      sinceMs = clock.monotonicMs();
    } else if (clock.monotonicMs() - sinceMs > limitMs) {
      isOver = true;
      onStuck(userId);
    }
  };
  const timer = setInterval(look, Math.max(50, limitMs / 4));
  timer.unref();
  return {
    look,
    [Symbol.dispose]: () => {
      isOver = true;
      clearInterval(timer);
    },
  };
}
