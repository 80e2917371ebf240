/**
 * Numbers as people read them: at most three significant digits and a unit that keeps them between 1 and 1000. The exact
 * value belongs in the title beside it (`exact`). A no-break space stands between number and unit.
 */
export type Unit = "count" | "per-second" | "ns" | "bytes" | "ratio" | "seconds" | "plain";

const SPACE = "\u00a0";
const NONE = "–";

/** At most three significant digits, no exponent, no trailing zeros. */
export function threeDigits(value: number): string {
  if (!Number.isFinite(value)) return NONE;
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(3));
  if (Math.abs(rounded) >= 1e21 || Math.abs(rounded) < 1e-6) return rounded.toExponential();
  return rounded.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 9 });
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let scale = 0;
  let rest = value;
  // 999.6 would print as 1000: step up as soon as rounding would.
  while (Math.abs(Number(rest.toPrecision(3))) >= base && scale < units.length - 1) {
    rest /= base;
    scale++;
  }
  return units[scale] === "" ? threeDigits(rest) : `${threeDigits(rest)}${SPACE}${units[scale]}`;
}

/** 1234 → "1.23 k". */
export function formatCount(value: number | null): string {
  return value === null ? NONE : scaled(value, 1000, ["", "k", "M", "G", "T", "P"]);
}

/** How often, in the unit of time in which there is at least one, or nearly: 1234 → "1.23 k/s", 0.25 → "15/min". */
export function formatRate(value: number | null): string {
  if (value === null) return NONE;
  const size = Math.abs(value);
  if (size === 0 || Number(size.toPrecision(3)) >= 1) return `${formatCount(value)}/s`;
  const [times, unit] = size * 60 >= 0.1 ? [value * 60, "min"] : [value * 3600, "h"];
  return `${threeDigits(Number(times.toPrecision(2)))}/${unit}`;
}

/** Nanoseconds: 340_000 → "340 µs", 95e9 → "1 min 35 s". */
export function formatDuration(ns: number | null): string {
  if (ns === null || !Number.isFinite(ns)) return NONE;
  if (ns < 0) return `−${formatDuration(-ns)}`;
  if (ns === 0) return "0";
  const units: readonly (readonly [number, string])[] = [
    [1, "ns"],
    [1e3, "µs"],
    [1e6, "ms"],
    [1e9, "s"],
  ];
  const seconds = ns / 1e9;
  if (seconds >= 59.95) return twoParts(Math.round(seconds));
  let [size, name] = units[0]!;
  for (const [unitSize, unitName] of units)
    if (Number((ns / unitSize).toPrecision(3)) >= 1) [size, name] = [unitSize, unitName];
  return `${threeDigits(ns / size)}${SPACE}${name}`;
}

function twoParts(seconds: number): string {
  const parts: readonly (readonly [number, string])[] = [
    [86_400, "d"],
    [3600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  const first = parts.findIndex(([size]) => seconds >= size);
  const [size, name] = parts[first]!;
  const whole = Math.floor(seconds / size);
  const next = parts[first + 1];
  if (next === undefined) return `${whole}${SPACE}${name}`;
  const rest = Math.floor((seconds - whole * size) / next[0]);
  return rest === 0 ? `${whole}${SPACE}${name}` : `${whole}${SPACE}${name} ${rest}${SPACE}${next[1]}`;
}

/** 13_314_398_617 → "12.4 GiB". */
export function formatBytes(bytes: number | null): string {
  return bytes === null ? NONE : scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
}

/** 0.0123 → "1.23%". */
export function formatRatio(ratio: number | null): string {
  if (ratio === null || !Number.isFinite(ratio)) return NONE;
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.01) return "<0.01%";
  return `${threeDigits(Number(percent.toFixed(2)))}%`;
}

/** How `now` compares with `before`: "+34%", "−8%", "×3.2", "new", "same". */
export function formatChange(now: number, before: number): string {
  if (before === 0) return now === 0 ? "same" : "new";
  const ratio = now / before;
  if (ratio >= 2) return `×${threeDigits(Number(ratio.toPrecision(2)))}`;
  const percent = Math.round((ratio - 1) * 100);
  if (percent === 0) return "same";
  return percent > 0 ? `+${percent}%` : `−${-percent}%`;
}

/** Percentage points: 0.123 → "+12.3 pp". */
export function formatPoints(difference: number): string {
  const points = Number((difference * 100).toFixed(1));
  return `${points < 0 ? "−" : points > 0 ? "+" : ""}${threeDigits(Math.abs(points))}${SPACE}pp`;
}

/** A value with what it counts or measures, a suffix of `unitOf`: 79 and `{item}` → "79 items", 3 and `Cel` → "3 Cel". */
export function formatMeasure(value: number | null, unit: Unit, suffix: string): string {
  const number = formatQuantity(value, unit);
  if (value === null || suffix === "") return number;
  const counted = /^\{([^{}]*)\}(.*)$/.exec(suffix);
  if (counted !== null) {
    const [, word = "", rest = ""] = counted;
    return word === "" ? `${number}${rest}` : `${number}${SPACE}${number === "1" ? word : pluralOf(word)}${rest}`;
  }
  return suffix.startsWith("/") ? number + suffix : `${number}${SPACE}${suffix}`;
}

/** 1 and "row" → "1 row", 2345 → "2,345 rows": in full, for what can be counted on the page. */
export function formatNumberOf(count: number, word: string): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? word : pluralOf(word)}`;
}

/** English plurals as far as units need them; what is no plain lower-case word stays. */
function pluralOf(word: string): string {
  if (!/^[a-z]{3,}$/.test(word)) return word;
  if (/(s|x|z|ch|sh)$/.test(word)) return `${word}es`;
  return /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : `${word}s`;
}

export function formatQuantity(value: number | null, unit: Unit): string {
  if (value === null) return NONE;
  switch (unit) {
    case "count":
      return formatCount(value);
    case "per-second":
      return formatRate(value);
    case "ns":
      return formatDuration(value);
    case "seconds":
      return formatDuration(value * 1e9);
    case "bytes":
      return formatBytes(value);
    case "ratio":
      return formatRatio(value);
    case "plain":
      return formatCount(value);
  }
}

/** The value in full, for titles and copies. */
export function exact(value: number | null, unit: Unit): string {
  if (value === null) return "no data";
  const digits = value.toLocaleString("en-US", { maximumFractionDigits: 12 });
  switch (unit) {
    case "ns":
      return `${digits} ns`;
    case "seconds":
      return `${digits} s`;
    case "bytes":
      return `${digits} bytes`;
    case "per-second":
      return `${digits} a second`;
    case "ratio":
      return `${(value * 100).toLocaleString("en-US", { maximumFractionDigits: 6 })}%`;
    default:
      return digits;
  }
}

/** Reads "500ms", "1.5 s", "2m", "250µs" as nanoseconds. */
export function parseDuration(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|μs|ms|s|m|min|h|d)\s*$/i.exec(text);
  if (match === null) return null;
  const unit = match[2]!.toLowerCase();
  const size: Record<string, number> = {
    ns: 1,
    us: 1e3,
    µs: 1e3,
    μs: 1e3,
    ms: 1e6,
    s: 1e9,
    m: 6e10,
    min: 6e10,
    h: 3.6e12,
    d: 8.64e13,
  };
  return Number(match[1]) * size[unit]!;
}

/** UCUM units of metrics as what `formatMeasure` prints; what is counted stays in braces. */
export function unitOf(ucum: string): { readonly unit: Unit; readonly suffix: string } {
  switch (ucum) {
    case "s":
      return { unit: "seconds", suffix: "" };
    case "ms":
      return { unit: "plain", suffix: "ms" };
    case "ns":
      return { unit: "ns", suffix: "" };
    case "By":
      return { unit: "bytes", suffix: "" };
    case "1":
    case "":
      return { unit: "plain", suffix: "" };
    default:
      return { unit: "plain", suffix: ucum };
  }
}
