import type { MetricContents, MetricType } from "../samples.ts";

/** Values as k6's end-of-test summary writes them. */
export type TimeUnit = "" | "s" | "ms" | "us";

export function humanizeValue(value: number, type: MetricType, contains: MetricContents, unit: TimeUnit): string {
  if (type === "rate") return `${(Math.trunc(value * 100 * 100) / 100).toFixed(2)}%`;
  if (contains === "data") return humanizeBytes(value);
  if (contains === "time") return humanizeDuration(value, unit);
  return shortFixed(value, 6);
}

/** Decimal units of a thousand; one digit after the point below ten. */
export function humanizeBytes(bytes: number): string {
  if (bytes < 10) return `${bytes} B`;
  const units = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1000)));
  const value = Math.floor((bytes / 1000 ** power) * 10 + 0.5) / 10;
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}

const UNITS = { s: ["s", 0.001], ms: ["ms", 1], us: ["µs", 1000] } as const;

/** Milliseconds in the given unit, or in the one that suits: `12.34ms`, `1m30s`. */
export function humanizeDuration(ms: number, unit: TimeUnit): string {
  if (unit !== "") return `${(ms * UNITS[unit][1]).toFixed(2)}${UNITS[unit][0]}`;
  if (ms === 0) return "0s";
  if (ms < 0.001) return `${Math.trunc(ms * 1_000_000)}ns`;
  if (ms < 1) return `${cut(ms * 1000, 2)}µs`;
  if (ms < 1000) return `${cut(ms, 2)}ms`;
  const seconds = `${cut((ms % 60_000) / 1000, ms > 60_000 ? 0 : 2)}s`;
  const minutes = Math.trunc(ms / 60_000);
  if (minutes < 1) return seconds;
  const hours = Math.trunc(minutes / 60);
  return hours < 1 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

function shortFixed(value: number, digits: number): string {
  return Number.parseFloat(value.toFixed(digits)).toString();
}

/** Cut off, not rounded. */
function cut(value: number, digits: number): string {
  const scale = 10 ** digits;
  return shortFixed(Math.trunc(scale * value) / scale, digits);
}
