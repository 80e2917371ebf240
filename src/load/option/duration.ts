/** Milliseconds of each unit that k6 knows (Go's, and days). */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `1m30s`, `500ms`, `1.5h`, `2d4h`; a number without a unit is milliseconds. Undefined when it is none. Answers milliseconds. */
export function parseDuration(text: string): number | undefined {
  const trimmed = text.trim();
  if (/^[+-]?\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  const match = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d))+$/.exec(trimmed);
  if (match === null) return undefined;
  let sum = 0;
  for (const [, amount, unit] of trimmed.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/g))
    sum += Number(amount) * UNITS[unit!]!;
  return match[1] === "-" ? -sum : sum;
}

/** As Go prints it, which is how k6 shows durations: `1m30s`, `1.5s`, `250ms`, `0s`. */
export function printDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 0) return `-${printDuration(-ms)}`;
  if (ms < 1) return ms < 0.001 ? `${Math.round(ms * 1e6)}ns` : `${trim(ms * 1000, 3)}µs`;
  if (ms < 1000) return `${trim(ms, 6)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = trim((ms % 60_000) / 1000, 9);
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}

const trim = (value: number, digits: number): string => String(Number(value.toFixed(digits)));
