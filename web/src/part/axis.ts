import { formatCount, formatMeasure, type Unit } from "../format/quantity.ts";

const SECOND = 1e9;
/** What a clock has marks for, from a minute up, in seconds. */
const CLOCK = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];

function oneTwoFive(low: number, high: number): number[] {
  const steps: number[] = [];
  for (let power = low; power <= high; power++) for (const digit of [1, 2, 5]) steps.push(Number(`${digit}e${power}`));
  return steps;
}

const COUNTS = oneTwoFive(0, 18);
const DECIMALS = oneTwoFive(-9, 18);
const NANOSECONDS = [...oneTwoFive(0, 8), ...CLOCK.map((seconds) => seconds * SECOND)];
const SECONDS = [...oneTwoFive(-9, -1), ...CLOCK];
const BYTES = Array.from({ length: 61 }, (_, power) => 2 ** power);
const RATES = [
  ...oneTwoFive(0, 0).map((rate) => rate / 3600),
  ...[...oneTwoFive(-1, 0), 10, 20, 30].map((rate) => rate / 60),
  ...oneTwoFive(0, 15),
];

/**
 * Marks of an axis from zero, at most so many. uPlot finds its own only at decimal distances: other increments make its loop
 * end at the first mark.
 */
export function linearMarks(high: number, unit: Unit, most: number): number[] {
  const steps = incrementsOf(unit);
  const step = steps.find((size) => high / size < most) ?? steps.at(-1)!;
  return Array.from({ length: Math.min(most, Math.floor(high / step)) + 1 }, (_, i) => i * step);
}

/** Distances between marks that read as round in the unit: powers of two for bytes, the clock's for long durations. */
export function incrementsOf(unit: Unit): number[] {
  switch (unit) {
    case "count":
      return COUNTS;
    case "bytes":
      return BYTES;
    case "ns":
      return NANOSECONDS;
    case "seconds":
      return SECONDS;
    case "per-second":
      return RATES;
    default:
      return DECIMALS;
  }
}

/** Marks of one axis, all in the same unit of time where they are rates. */
export function axisText(marks: readonly number[], unit: Unit, suffix: string): string[] {
  if (unit === "per-second")
    return Math.max(...marks) >= 1
      ? marks.map((mark) => (mark === 0 ? "0" : `${formatCount(mark)}/s`))
      : marks.map((mark) => (mark === 0 ? "0" : formatMeasure(mark, unit, suffix)));
  return marks.map((mark) => formatMeasure(mark, unit, suffix));
}

/** The round values next to a range, between which a logarithmic axis runs. Both are above zero. */
export function logarithmicRange(low: number, high: number, unit: Unit): readonly [number, number] {
  const round = roundValues(unit);
  const from = round.findLast((value) => value <= low * 1.0001) ?? round[0]!;
  const to = round.find((value) => value >= high * 0.9999 && value > from) ?? round.at(-1)!;
  return [from, to];
}

/** Marks of a logarithmic axis: 1, 2 and 5 of each decade while there is room, then fewer. */
export function logarithmicMarks(low: number, high: number, unit: Unit, most: number): number[] {
  const inside = roundValues(unit).filter((value) => value >= low * 0.9999 && value <= high * 1.0001);
  if (inside.length <= most) return inside;
  for (const every of [2, 3, 6, 9, 12]) {
    const kept = inside.filter((_, i) => (inside.length - 1 - i) % every === 0);
    if (kept.length <= most) return kept;
  }
  return inside.slice(-1);
}

function roundValues(unit: Unit): readonly number[] {
  return unit === "ns" || unit === "seconds" || unit === "bytes" ? incrementsOf(unit) : DECIMALS;
}
