import { formatMinute, msOf, partsOf, type Zone } from "../format/clock-time.ts";
import { DEFAULT_FROM, DEFAULT_TO } from "./address.ts";

/** A range as typed and as links carry it. */
export interface TimeRange {
  readonly from: string;
  readonly to: string;
}
export interface ResolvedRange {
  readonly fromMs: number;
  readonly toMs: number;
}
export interface TimeProblem {
  readonly message: string;
}

export const PRESETS: readonly { readonly label: string; readonly from: string }[] = [
  { label: "Last 5 minutes", from: "now-5m" },
  { label: "Last 15 minutes", from: "now-15m" },
  { label: "Last hour", from: "now-1h" },
  { label: "Last 3 hours", from: "now-3h" },
  { label: "Last 12 hours", from: "now-12h" },
  { label: "Last day", from: "now-1d" },
  { label: "Last 3 days", from: "now-3d" },
  { label: "Last week", from: "now-1w" },
];

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Milliseconds of one end of a range, or null when it is malformed. */
export function resolveTime(text: string, nowMs: number): number | null {
  const relative = /^now(?:([+-])(\d+)([smhdw]))?$/.exec(text);
  if (relative !== null) {
    if (relative[1] === undefined) return nowMs;
    const size = Number(relative[2]) * UNIT_MS[relative[3]!]!;
    return relative[1] === "-" ? nowMs - size : nowMs + size;
  }
  if (/^\d{11,14}$/.test(text)) return Number(text);
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

/** Both ends; a malformed or empty range falls back to the default. */
export function resolveRange(from: string | undefined, to: string | undefined, nowMs: number): ResolvedRange {
  const toMs = resolveTime(to ?? DEFAULT_TO, nowMs) ?? nowMs;
  const fromMs = resolveTime(from ?? DEFAULT_FROM, nowMs) ?? toMs - 900_000;
  return fromMs < toMs ? { fromMs, toMs } : { fromMs: toMs - 900_000, toMs };
}

export function isRelative(range: { readonly from?: string | undefined; readonly to?: string | undefined }): boolean {
  return (range.to ?? DEFAULT_TO).startsWith("now");
}

/** A range in absolute terms, as copied links carry it. */
export function absoluteRange(range: ResolvedRange): TimeRange {
  return { from: new Date(range.fromMs).toISOString(), to: new Date(range.toMs).toISOString() };
}

/** The same length of time earlier (-1) or later (1). */
export function stepRange(range: ResolvedRange, direction: -1 | 1): TimeRange {
  const length = range.toMs - range.fromMs;
  return absoluteRange({ fromMs: range.fromMs + direction * length, toMs: range.toMs + direction * length });
}

/** Twice the length around the same middle, never past now. */
export function zoomOut(range: ResolvedRange, nowMs: number): TimeRange {
  const length = range.toMs - range.fromMs;
  const toMs = Math.min(range.toMs + length / 2, Math.max(nowMs, range.toMs));
  return absoluteRange({ fromMs: toMs - 2 * length, toMs });
}

/** What the picker's button says. */
export function describeRange(
  range: { readonly from?: string | undefined; readonly to?: string | undefined },
  zone: Zone,
  nowMs: number,
): string {
  const from = range.from ?? DEFAULT_FROM;
  const to = range.to ?? DEFAULT_TO;
  if (to === "now") {
    const match = /^now-(\d+)([smhdw])$/.exec(from);
    if (match !== null) {
      const names: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };
      const count = Number(match[1]);
      const name = names[match[2]!]!;
      return count === 1 ? `Last ${name}` : `Last ${count} ${name}s`;
    }
  }
  const { fromMs, toMs } = resolveRange(from, to, nowMs);
  const short = toMs - fromMs < 300_000;
  const end = to === "now" ? "now" : formatMinute(toMs, zone, sameDay(fromMs, toMs, zone) ? fromMs : nowMs, short);
  return `${formatMinute(fromMs, zone, nowMs, short)} – ${end}`;
}

function sameDay(a: number, b: number, zone: Zone): boolean {
  const x = partsOf(a, zone);
  const y = partsOf(b, zone);
  return x.year === y.year && x.month === y.month && x.day === y.day;
}

const UNIT_WORDS: readonly (readonly [RegExp, string])[] = [
  [/^(s|secs?|seconds?)$/, "s"],
  [/^(m|mins?|minutes?)$/, "m"],
  [/^(h|hrs?|hours?)$/, "h"],
  [/^(d|days?)$/, "d"],
  [/^(w|wks?|weeks?)$/, "w"],
];
const WEEKDAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const EXAMPLES = "try `last 3h`, `yesterday 14:00-15:30`, `2026-07-01 10:00 - 12:00`";

/**
 * Reads what a person types: `3h`, `last 15 min`, `today`, `yesterday 14:00-15:30`, `14:00 - now`, `monday 9:00-10:00`,
 * `jul 1 10:00 - jul 2 11:00`, `around 14:30`, RFC 3339, Unix seconds, milliseconds or nanoseconds, `now-3h to now-1h`.
 */
export function parseTimeRange(input: string, zone: Zone, nowMs: number): TimeRange | TimeProblem {
  const text = input.trim().toLowerCase().replaceAll(/\s+/g, " ").replaceAll(/[–—]/g, "-");
  if (text === "") return { message: EXAMPLES };
  const last = /^(?:last |past |the last )?(\d+)? ?([a-z]+)$/.exec(text);
  if (last !== null) {
    const unit = unitOf(last[2]!);
    if (unit !== null && (last[1] !== undefined || /^(last|past|the last) /.test(text)))
      return { from: `now-${last[1] ?? 1}${unit}`, to: "now" };
  }
  const around = /^(?:around|about|at) (.+)$/.exec(text);
  if (around !== null) {
    const middle = parseMoment(around[1]!, zone, nowMs, null);
    if (middle === null) return { message: `cannot read \`${around[1]!}\`; ${EXAMPLES}` };
    return absoluteRange({ fromMs: middle.ms - 300_000, toMs: middle.ms + 300_000 });
  }
  for (const [left, right] of splits(text)) {
    const start = parseMoment(left, zone, nowMs, null);
    if (start === null) continue;
    const end = parseMoment(right, zone, nowMs, start);
    if (end === null) continue;
    if (end.ms + end.spanMs <= start.ms) return { message: "the range ends before it begins" };
    // A day at the end is meant whole: `jul 1 - jul 3` holds the third.
    return { from: start.text ?? iso(start.ms), to: end.text ?? iso(end.ms + end.spanMs) };
  }
  const single = parseMoment(text, zone, nowMs, null);
  if (single !== null) {
    if (single.spanMs > 0)
      return absoluteRange({
        fromMs: single.ms,
        toMs: Math.min(single.ms + single.spanMs, Math.max(nowMs, single.ms + 1000)),
      });
    return { from: single.text ?? iso(single.ms), to: "now" };
  }
  return { message: `cannot read \`${input.trim()}\`; ${EXAMPLES}` };
}

interface Moment {
  readonly ms: number;
  /** Length of what was named: a day for `yesterday`, 0 for an instant. */
  readonly spanMs: number;
  /** Kept when relative. */
  readonly text: string | null;
  readonly day: readonly [number, number, number];
}

const iso = (ms: number): string => new Date(ms).toISOString();

function unitOf(word: string): string | null {
  return UNIT_WORDS.find(([pattern]) => pattern.test(word))?.[1] ?? null;
}

/** Every way to cut the text at " to ", " - ", ".." or "-", the plainest first. */
function splits(text: string): (readonly [string, string])[] {
  const out: (readonly [string, string])[] = [];
  for (const separator of [" to ", " until ", " - ", "..", "-"]) {
    for (let at = text.indexOf(separator); at > 0; at = text.indexOf(separator, at + 1))
      out.push([text.slice(0, at).trim(), text.slice(at + separator.length).trim()]);
  }
  return out.filter(([left, right]) => left !== "" && right !== "");
}

function parseMoment(text: string, zone: Zone, nowMs: number, start: Moment | null): Moment | null {
  const today = partsOf(nowMs, zone);
  const dayOf = (ms: number): readonly [number, number, number] => {
    const p = partsOf(ms, zone);
    return [p.year, p.month, p.day];
  };
  const instant = (ms: number, kept: string | null = null): Moment => ({ ms, spanMs: 0, text: kept, day: dayOf(ms) });

  const relative = /^now(?: ?- ?(\d+) ?([a-z]+))?$/.exec(text);
  if (relative !== null) {
    const unit = relative[2] === undefined ? "" : unitOf(relative[2]);
    if (unit === null) return null;
    const spelled = relative[1] === undefined ? "now" : `now-${relative[1]}${unit}`;
    return instant(resolveTime(spelled, nowMs)!, spelled);
  }
  const ago = /^(\d+) ?([a-z]+) ago$/.exec(text);
  if (ago !== null) {
    const unit = unitOf(ago[2]!);
    return unit === null ? null : instant(resolveTime(`now-${ago[1]!}${unit}`, nowMs)!, `now-${ago[1]!}${unit}`);
  }
  if (/^\d{10}$/.test(text)) return instant(Number(text) * 1000);
  if (/^\d{13}$/.test(text)) return instant(Number(text));
  if (/^\d{19}$/.test(text)) return instant(Number(text.slice(0, 13)));
  if (/^\d{4}-\d\d-\d\dt[\d:.]+(z|[+-]\d\d:\d\d)$/.test(text)) {
    const ms = Date.parse(text.toUpperCase());
    return Number.isNaN(ms) ? null : instant(ms);
  }

  const match =
    /^(?:(?<date>[a-z0-9][a-z0-9 ./-]*?)[ t,]+)?(?<hour>\d{1,2}):(?<minute>\d\d)(?::(?<second>\d\d))?$/.exec(text);
  const dateText = match === null ? text : match.groups?.["date"];
  const day =
    dateText === undefined
      ? (start?.day ?? [today.year, today.month, today.day])
      : parseDay(dateText.trim(), zone, nowMs);
  if (day === null) return null;
  if (match === null)
    return {
      ms: msOf(zone, ...day),
      spanMs: msOf(zone, day[0], day[1], day[2] + 1) - msOf(zone, ...day),
      text: null,
      day,
    };
  const hour = Number(match.groups!["hour"]);
  const minute = Number(match.groups!["minute"]);
  const second = Number(match.groups!["second"] ?? 0);
  if (hour > 24 || minute > 59 || second > 59) return null;
  let ms = msOf(zone, day[0], day[1], day[2], hour, minute, second);
  // `23:30-00:30` ends on the following day; a bare clock later than now means yesterday's.
  if (start !== null && dateText === undefined && ms <= start.ms)
    ms = msOf(zone, day[0], day[1], day[2] + 1, hour, minute, second);
  if (start === null && dateText === undefined && ms > nowMs)
    ms = msOf(zone, day[0], day[1], day[2] - 1, hour, minute, second);
  return { ms, spanMs: 0, text: null, day: dayOf(ms) };
}

function parseDay(text: string, zone: Zone, nowMs: number): readonly [number, number, number] | null {
  const now = partsOf(nowMs, zone);
  const shifted = (days: number): readonly [number, number, number] => {
    const p = partsOf(msOf(zone, now.year, now.month, now.day + days, 12), zone);
    return [p.year, p.month, p.day];
  };
  if (text === "today") return shifted(0);
  if (text === "yesterday") return shifted(-1);
  const weekday = WEEKDAYS.findIndex((name) => name === text || (text.length >= 3 && name.startsWith(text)));
  if (weekday >= 0) return shifted(-((now.weekday - weekday + 7) % 7 || 7));
  const isoDay = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text);
  if (isoDay !== null) return valid(Number(isoDay[1]), Number(isoDay[2]) - 1, Number(isoDay[3]));
  const named = /^([a-z]{3,9}) (\d{1,2})(?:,? (\d{4}))?$/.exec(text) ?? null;
  const turned = /^(\d{1,2}) ([a-z]{3,9})(?: (\d{4}))?$/.exec(text);
  const [monthText, dayText, yearText] =
    named !== null
      ? [named[1]!, named[2]!, named[3]]
      : turned !== null
        ? [turned[2]!, turned[1]!, turned[3]]
        : ["", "", undefined];
  const month = MONTHS.findIndex((name) => monthText.startsWith(name));
  if (month < 0) return null;
  const day = Number(dayText);
  const year = yearText === undefined ? now.year : Number(yearText);
  // Without a year, a day that has not come yet is last year's.
  return valid(yearText === undefined && msOf(zone, year, month, day) > nowMs ? year - 1 : year, month, day);
}

function valid(year: number, month: number, day: number): readonly [number, number, number] | null {
  const date = new Date(Date.UTC(year, month, day));
  return date.getUTCMonth() === month && date.getUTCDate() === day ? [year, month, day] : null;
}
