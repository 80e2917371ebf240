/** When nothing may be injected: from `from` to before `to` on `days`, over midnight if `to` comes first. */
export interface FreezeWindow {
  readonly days: readonly string[];
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
}

/** Minutes after midnight; undefined for what is no time. */
export function parseFreezeTime(text: string): number | undefined {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text);
  if (match === null) return undefined;
  const minutes = Number(match[1]) * 60 + Number(match[2]);
  return minutes <= 24 * 60 ? minutes : undefined;
}

/** The window that `ms` (Unix) falls into. A window over midnight belongs to the day on which it begins. */
export function frozenBy(windows: readonly FreezeWindow[], ms: number): FreezeWindow | undefined {
  return windows.find((window) => {
    const { day, minutes } = localTime(ms, window.timeZone);
    const yesterday = localTime(ms - 24 * 3_600_000, window.timeZone).day;
    const from = parseFreezeTime(window.from)!;
    const to = parseFreezeTime(window.to)!;
    if (from <= to) return window.days.includes(day) && minutes >= from && minutes < to;
    return (window.days.includes(day) && minutes >= from) || (window.days.includes(yesterday) && minutes < to);
  });
}

function localTime(ms: number, timeZone: string): { readonly day: string; readonly minutes: number } {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }).formatToParts(ms);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? "";
  return { day: part("weekday").toLowerCase(), minutes: Number(part("hour")) * 60 + Number(part("minute")) };
}
