let knownSecond = Number.NaN;
let knownPrefix = "";

/** RFC 3339 with microseconds, UTC: `2026-01-02T03:04:05.000001Z`. Samples come second by second, so the part before the point is made once. */
export function isoTime(unixMs: number): string {
  const micros = Math.round(unixMs * 1000);
  const second = Math.floor(micros / 1_000_000);
  if (second !== knownSecond) {
    knownSecond = second;
    knownPrefix = new Date(second * 1000).toISOString().slice(0, 20);
  }
  return `${knownPrefix}${String(micros - second * 1_000_000).padStart(6, "0")}Z`;
}
