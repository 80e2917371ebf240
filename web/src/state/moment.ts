import { useSyncExternalStore } from "react";

/**
 * What `now` means. One moment for the whole page, so that its charts and rows speak of the same range, and the same
 * moment after Back, so that a list comes back as it was left. It moves on refresh, while live, and on a new range.
 */
let skewMs = 0;
let moment = Date.now();
const listeners = new Set<() => void>();

/** The server's clock, as far as known. */
export function serverNow(): number {
  return Date.now() + skewMs;
}

/** Takes note of the server's clock; small differences are network time. */
export function noteServerTime(nowMs: number): void {
  const skew = nowMs - Date.now();
  if (Math.abs(skew - skewMs) > 2000) {
    skewMs = Math.abs(skew) > 2000 ? skew : 0;
    renewMoment();
  }
}

export function renewMoment(): void {
  moment = serverNow();
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useMoment(): number {
  return useSyncExternalStore(subscribe, () => moment);
}
