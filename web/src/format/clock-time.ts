/** Times in the one zone the person chose. Answers carry Unix nanoseconds as decimal strings; charts carry milliseconds. */
export type Zone = "local" | "utc";

const two = (value: number): string => String(value).padStart(2, "0");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

export interface ClockParts {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly weekday: number;
}

export function partsOf(ms: number, zone: Zone): ClockParts {
  const date = new Date(ms);
  return zone === "utc"
    ? {
        year: date.getUTCFullYear(),
        month: date.getUTCMonth(),
        day: date.getUTCDate(),
        hour: date.getUTCHours(),
        minute: date.getUTCMinutes(),
        second: date.getUTCSeconds(),
        weekday: date.getUTCDay(),
      }
    : {
        year: date.getFullYear(),
        month: date.getMonth(),
        day: date.getDate(),
        hour: date.getHours(),
        minute: date.getMinutes(),
        second: date.getSeconds(),
        weekday: date.getDay(),
      };
}

/** Milliseconds of a clock reading in a zone; months count from 0 and fields may overflow, as in Date. */
export function msOf(zone: Zone, year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  return zone === "utc"
    ? Date.UTC(year, month, day, hour, minute, second)
    : new Date(year, month, day, hour, minute, second).getTime();
}

/** Whole milliseconds of a nanosecond string. */
export function msOfNano(nano: string): number {
  return nano.length <= 6 ? 0 : Number(nano.slice(0, -6));
}

/** "14:03:22.123", digits of a second 0, 3, 6 or 9. */
export function formatClock(nano: string, zone: Zone, digits = 3): string {
  const p = partsOf(msOfNano(nano), zone);
  const fraction = nano.padStart(10, "0").slice(-9, -9 + digits || undefined);
  const clock = `${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
  return digits === 0 ? clock : `${clock}.${fraction.slice(0, digits)}`;
}

/** "14:03:22.123" on the reference's day, "Nov 24 14:03:22.123" on another. */
export function formatMoment(nano: string, zone: Zone, referenceMs: number, digits = 3): string {
  const p = partsOf(msOfNano(nano), zone);
  const r = partsOf(referenceMs, zone);
  const clock = formatClock(nano, zone, digits);
  if (p.year === r.year && p.month === r.month && p.day === r.day) return clock;
  const day = `${MONTHS[p.month]} ${p.day}`;
  return p.year === r.year ? `${day} ${clock}` : `${day} ${p.year} ${clock}`;
}

/** "+02:00" or "Z". */
export function offsetOf(ms: number, zone: Zone): string {
  if (zone === "utc") return "Z";
  const minutes = -new Date(ms).getTimezoneOffset();
  const sign = minutes < 0 ? "-" : "+";
  return `${sign}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** The exact time with offset, for hover and copies: "2026-11-24T14:03:22.123456789+01:00". */
export function formatExact(nano: string, zone: Zone): string {
  const ms = msOfNano(nano);
  const p = partsOf(ms, zone);
  return `${p.year}-${two(p.month + 1)}-${two(p.day)}T${formatClock(nano, zone, 9)}${offsetOf(ms, zone)}`;
}

/** "Nov 24 14:03" or, with seconds, "Nov 24 14:03:22"; the year where it is not the reference's. */
export function formatMinute(ms: number, zone: Zone, referenceMs: number, seconds = false): string {
  const p = partsOf(ms, zone);
  const r = partsOf(referenceMs, zone);
  const clock = `${two(p.hour)}:${two(p.minute)}${seconds ? `:${two(p.second)}` : ""}`;
  if (p.year === r.year && p.month === r.month && p.day === r.day) return clock;
  return `${MONTHS[p.month]} ${p.day}${p.year === r.year ? "" : ` ${p.year}`} ${clock}`;
}

/** "3 min ago", "just now", "in 2 h". */
export function formatAgo(ms: number, nowMs: number): string {
  const seconds = Math.round((nowMs - ms) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const text =
    size < 60
      ? `${size} s`
      : size < 3600
        ? `${Math.floor(size / 60)} min`
        : size < 86_400
          ? `${Math.floor(size / 3600)} h`
          : `${Math.floor(size / 86_400)} d`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** Labels of a time axis whose ticks stand `stepMs` apart. */
export function formatTick(ms: number, zone: Zone, stepMs: number, first: boolean): string {
  const p = partsOf(ms, zone);
  const day = `${MONTHS[p.month]} ${p.day}`;
  if (stepMs >= 86_400_000) return day;
  const clock = `${two(p.hour)}:${two(p.minute)}${stepMs < 60_000 ? `:${two(p.second)}` : ""}`;
  return first || (p.hour === 0 && p.minute === 0 && p.second === 0) ? `${clock}\n${day}` : clock;
}
