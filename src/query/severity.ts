/** OpenTelemetry severity numbers: four to each name (logs data model, "Severity Fields"). */
const FIRST: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  information: 9,
  warn: 13,
  warning: 13,
  error: 17,
  err: 17,
  fatal: 21,
  critical: 21,
};

/** First and last severity number of a name, or of a number 0 to 24 itself. */
export function severityRange(text: string): { readonly first: number; readonly last: number } | undefined {
  const name = text.toLowerCase();
  if (name === "unspecified") return { first: 0, last: 0 };
  if (Object.hasOwn(FIRST, name)) return { first: FIRST[name]!, last: FIRST[name]! + 3 };
  const number = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return number <= 24 ? { first: number, last: number } : undefined;
}

/** `error` for 17 to 20 and so on; `unspecified` for 0. */
export function severityName(number: number): string {
  return ["unspecified", "trace", "debug", "info", "warn", "error", "fatal"][Math.min(6, Math.ceil(number / 4))]!;
}
