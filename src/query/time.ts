import type { TimeRange } from "#plan/select.ts";
import { Failure } from "#runtime/failure.ts";
import { parseDurationNs } from "./duration.ts";

const DEFAULT_RANGE_NS = 15n * 60n * 1_000_000_000n;
/** The engine's DateTime ends in 2106; a question beyond that is a mistake in its unit. */
const LATEST_UNIX_NANO = BigInt(Date.UTC(2106, 0, 1)) * 1_000_000n;

/**
 * Unix nanoseconds of a time as people and links write it: `now`, `now-15m`, RFC 3339 with any number of fraction digits,
 * Unix milliseconds (up to 14 digits) or Unix nanoseconds (more). Throws bad-request.
 */
export function parseTime(text: string, nowUnixNano: bigint, name = "time"): bigint {
  const relative = /^now(?:\s*([-+])\s*(\S+))?$/.exec(text.trim());
  if (relative !== null) {
    if (relative[1] === undefined) return nowUnixNano;
    const shift = /^\d+$/.test(relative[2]!) ? undefined : parseDurationNs(relative[2]!);
    if (shift === undefined) throw bad(name, text);
    return inRange(nowUnixNano + BigInt(Math.round(shift)) * (relative[1] === "-" ? -1n : 1n), name, text);
  }
  if (/^\d{1,14}$/.test(text)) return inRange(BigInt(text) * 1_000_000n, name, text);
  if (/^\d{15,19}$/.test(text)) return inRange(BigInt(text), name, text);
  const absolute = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?\s*([Zz]|[-+]\d\d:?\d\d)?)?$/.exec(
    text,
  );
  if (absolute === null) throw bad(name, text);
  const [, date, minutes = "00:00", seconds = "00", fraction = "", zone = "Z"] = absolute;
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const ms = Date.parse(`${date}T${minutes}:${seconds}${offset}`);
  if (Number.isNaN(ms)) throw bad(name, text);
  return inRange(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0")), name, text);
}

function inRange(unixNano: bigint, name: string, text: string): bigint {
  if (unixNano < 0n || unixNano > LATEST_UNIX_NANO) throw bad(name, text);
  return unixNano;
}

function bad(name: string, text: string): Failure {
  return new Failure(
    "bad-request",
    `${name}: ${JSON.stringify(text.slice(0, 60))} is no time between 1970 and 2105; write RFC 3339, Unix milliseconds, now or now-15m`,
  );
}

/** The asked range; by default the last 15 minutes before `to`. Throws bad-request when it is empty. */
export function parseTimeRange(
  asked: { readonly from?: string | undefined; readonly to?: string | undefined },
  nowUnixNano: bigint,
): TimeRange {
  const toUnixNano = asked.to === undefined ? nowUnixNano : parseTime(asked.to, nowUnixNano, "to");
  const fromUnixNano =
    asked.from === undefined
      ? toUnixNano > DEFAULT_RANGE_NS
        ? toUnixNano - DEFAULT_RANGE_NS
        : 0n
      : parseTime(asked.from, nowUnixNano, "from");
  if (fromUnixNano >= toUnixNano) throw new Failure("bad-request", "from: must be before `to`");
  return { fromUnixNano, toUnixNano };
}

/** Equal buckets of a range: `count` at most, each a round number of seconds where the range allows. */
export interface Buckets {
  readonly startUnixNano: bigint;
  readonly stepNs: bigint;
  readonly count: number;
}

const ROUND_STEPS_S = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
  2_592_000,
];

/** Buckets aligned to their step, so that neighbouring ranges share them and summaries by the minute can answer. */
export function roundBuckets(range: TimeRange, most: number, leastStepNs = 1n): Buckets {
  const length = range.toUnixNano - range.fromUnixNano;
  const wanted = Number(length) / 1e9 / most;
  const stepS = ROUND_STEPS_S.find((step) => step >= wanted) ?? Math.ceil(wanted / 2_592_000) * 2_592_000;
  const fitting = wanted < 0.5 ? BigInt(Math.max(1, Math.ceil(wanted * 1e9))) : BigInt(stepS) * 1_000_000_000n;
  const stepNs = later(fitting, leastStepNs);
  const startUnixNano = (range.fromUnixNano / stepNs) * stepNs;
  const count = Number((range.toUnixNano - startUnixNano + stepNs - 1n) / stepNs);
  return { startUnixNano, stepNs, count };
}

/** The greater of two times or lengths; Math.max knows no bigint. */
export function later(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}

export function earlier(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

export const unixMs = (unixNano: bigint): number => Number(unixNano / 1_000_000n);

/** Every time that can be stored; a planner rule narrows it where an id says more. */
export const ALL_TIME: TimeRange = { fromUnixNano: 0n, toUnixNano: LATEST_UNIX_NANO };

const MINUTE_NS = 60_000_000_000n;

/** Whole minutes that hold the range: `span_stats` counts by the minute. */
export function wholeMinutes(range: TimeRange): TimeRange {
  return {
    fromUnixNano: (range.fromUnixNano / MINUTE_NS) * MINUTE_NS,
    toUnixNano: ((range.toUnixNano + MINUTE_NS - 1n) / MINUTE_NS) * MINUTE_NS,
  };
}

/** Seconds of a range that have passed by now, at least one: a rate over minutes that are not over yet would be too low. */
export function passedSeconds(range: TimeRange, nowUnixNano: bigint): number {
  const end = range.fromUnixNano < nowUnixNano && nowUnixNano < range.toUnixNano ? nowUnixNano : range.toUnixNano;
  return Math.max(1, Number(end - range.fromUnixNano) / 1e9);
}
