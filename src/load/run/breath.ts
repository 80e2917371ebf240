/** How long iterations may follow each other without giving the event loop a turn. */
const HOLD_MS = 2;

/**
 * Iterations that never wait (no request, no sleep) would keep timers and sockets from ever running. Between two of them
 * this says whether to wait for a turn of the event loop first.
 */
export function createBreath(): () => Promise<void> | undefined {
  let isWatching = false;
  let sinceMs = 0;
  return () => {
    if (!isWatching) {
      isWatching = true;
      sinceMs = performance.now();
      setImmediate(() => {
        isWatching = false;
      });
      return undefined;
    }
    if (performance.now() - sinceMs < HOLD_MS) return undefined;
    return new Promise((resolve) => setImmediate(resolve));
  };
}
