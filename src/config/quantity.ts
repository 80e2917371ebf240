/** Sizes and durations as people write them: `64MiB`, `1.5 GB`, `500ms`, `30d`; a bare number is bytes or milliseconds. */
const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Bytes, or undefined if the text is no size. */
export function parseSize(text: string): number | undefined {
  return parse(text, (unit) => SIZE_UNITS[unit.toUpperCase()]);
}

/** Milliseconds, or undefined if the text is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, (unit) => DURATION_UNITS[unit]);
}

function parse(text: string, factorOf: (unit: string) => number | undefined): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(text);
  const factor = match === null ? undefined : factorOf(match[2]!);
  return factor === undefined ? undefined : Math.round(Number(match![1]) * factor);
}

/** `67108864` → `64 MiB`; exact where a binary unit divides it, else two digits. */
export function printSize(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(2)} ${units[unit]}`;
}

/** `86400000` → `1d`; the largest unit that divides it. */
export function printDuration(ms: number): string {
  for (const unit of ["w", "d", "h", "m", "s"]) {
    const factor = DURATION_UNITS[unit]!;
    if (ms !== 0 && ms % factor === 0) return `${ms / factor}${unit}`;
  }
  return `${ms}ms`;
}
