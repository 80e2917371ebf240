const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
  d: 86_400e9,
};

/** Nanoseconds of `500ms`, `1.5s`, `1h30m` or a bare number of nanoseconds; undefined for anything else. Not negative. */
export function parseDurationNs(text: string): number | undefined {
  if (/^\d{1,18}(\.\d+)?$/.test(text)) return Number(text);
  const parts = [...text.matchAll(/(\d{1,12}(?:\.\d{1,9})?)\s*(ns|us|µs|μs|ms|min|s|m|h|d)/gy)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== text) return undefined;
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNITS[unit!]!, 0);
}
