import { findRise } from "#math/changepoint.ts";
import { logBucketCount, logBucketLow, logBucketOf, logBucketQuantile, mergeLogBuckets } from "#math/log-buckets.ts";
import { proportionDifference } from "#math/proportion.ts";
import { sparkline } from "../sparkline.ts";
import { unixMs } from "../time.ts";
import { HISTORY_MINUTES, type MinuteHistory, type OperationHistory } from "./minute-history.ts";
import type { OperationProblem } from "./problem.ts";
import { sayDuration, sayShare, sayTime } from "./wording.ts";

/** Three standard deviations: with hundreds of operations looked at every few seconds, two would cry wolf. */
const Z = 3;
const LEAST_BEFORE = 20;
const LEAST_AFTER = 6;
/** A change is looked for within the last half hour; what is older has become normal. */
const LONGEST_AFTER = 30;
const STILL_MINUTES = 2;
const LEAST_EVENTS = 3;
const LEAST_ERROR_RISE = 0.02;
const LEAST_SLOWDOWN = 1.5;
const LEAST_SLOWDOWN_NS = 5e6;
/** Lengths of "now" that are tried to learn what "before" was like. */
const AFTER_LENGTHS = [1, 2, 3, 5, 8, 13, 21, 30];

/** Operations that began to fail, or to fail more often. */
export function findErrorProblems(history: MinuteHistory): OperationProblem[] {
  return history.operations.flatMap((operation) => {
    const rise = findRise(operation.errors, operation.count, {
      leastBefore: LEAST_BEFORE,
      leastAfter: LEAST_AFTER,
      longestAfter: LONGEST_AFTER,
    });
    if (rise === null || rise.eventsAfter < LEAST_EVENTS) return [];
    const interval = proportionDifference(rise.eventsAfter, rise.trialsAfter, rise.eventsBefore, rise.trialsBefore, Z);
    if (interval.low <= 0 || interval.difference < LEAST_ERROR_RISE) return [];
    const before = rise.eventsBefore / rise.trialsBefore;
    const now = rise.eventsAfter / rise.trialsAfter;
    if (!isStill(operation.errors, operation.count, before, now)) return [];
    const sinceMs = startOf(history, rise.at);
    return [
      {
        id: `errors:${operation.service}:${operation.name}:${operation.kind}`,
        kind: "errors",
        title: `${operation.service}: ${operation.name} fails`,
        detail: `${sayShare(now)} of ${rise.trialsAfter} failed since ${sayTime(sinceMs)}; before it was ${sayShare(before)}.`,
        service: operation.service,
        operation: operation.name,
        spanKind: operation.kind,
        sinceMs,
        score: 0.95 * Math.sqrt(Math.min(1, interval.low + interval.difference / 2)),
        now,
        before,
        unit: "ratio",
        sparkline: sparkline(
          history.minutes,
          operation.count.map((count, minute) => (count === 0 ? null : operation.errors[minute]! / count)),
        ),
        differences: [],
        slowerThanNs: null,
        target: {
          view: "traces",
          ...window(history, rise.at),
          where: [...operationFilters(operation), { field: "status", op: "=", values: ["error"] }],
        },
      },
    ];
  });
}

/**
 * Operations that became slower, all of them or a part: the share of spans longer than nearly all were before has risen, and
 * the 95th percentile or the median with it.
 */
export function findLatencyProblems(history: MinuteHistory): OperationProblem[] {
  return history.operations.flatMap((operation) => {
    const found = slowdown(operation);
    if (found === null) return [];
    const sinceMs = startOf(history, found.at);
    const share = found.slow / found.after;
    const whole = share > 0.6;
    const quantile = whole ? 0.5 : 0.95;
    const before = logBucketQuantile(found.durationsBefore, quantile)!;
    const now = logBucketQuantile(found.durationsAfter, quantile)!;
    const name = whole ? "the median" : "p95";
    return [
      {
        id: `latency:${operation.service}:${operation.name}:${operation.kind}`,
        kind: "latency",
        title: `${operation.service}: ${operation.name} is ${whole ? "slow" : "slow for a part"}`,
        detail: `${name} is ${sayDuration(now)} since ${sayTime(sinceMs)}; before it was ${sayDuration(before)}. ${sayShare(share)} of ${found.after} took longer than ${sayDuration(found.slowerThanNs)}.`,
        service: operation.service,
        operation: operation.name,
        spanKind: operation.kind,
        sinceMs,
        score: 0.9 * Math.min(1, Math.log2(found.factor) / 5 + 0.35) * Math.sqrt(Math.min(1, 0.25 + share)),
        now,
        before,
        unit: "ns",
        sparkline: sparkline(
          history.minutes,
          operation.durations.map((durations) => logBucketQuantile(durations, quantile)),
        ),
        differences: [],
        slowerThanNs: found.slowerThanNs,
        target: {
          view: "traces",
          ...window(history, found.at),
          where: [
            ...operationFilters(operation),
            { field: "duration", op: ">=", values: [`${Math.round(found.slowerThanNs / 1e3)}us`] },
          ],
          sort: "duration",
        },
      },
    ];
  });
}

interface Slowdown {
  readonly at: number;
  readonly slow: number;
  readonly after: number;
  readonly factor: number;
  readonly slowerThanNs: number;
  readonly durationsBefore: ReadonlyMap<number, number>;
  readonly durationsAfter: ReadonlyMap<number, number>;
}

function slowdown(operation: OperationHistory): Slowdown | null {
  let best: (Slowdown & { readonly gain: number }) | null = null;
  for (const length of AFTER_LENGTHS) {
    const before = new Map<number, number>();
    for (let minute = 0; minute < HISTORY_MINUTES - length; minute++)
      mergeLogBuckets(before, operation.durations[minute]!);
    if (logBucketCount(before) < LEAST_BEFORE) continue;
    // A bucket beyond the 95th percentile: what was rare before, by definition.
    const limit = logBucketOf(logBucketQuantile(before, 0.95)!) + 1;
    const slow = operation.durations.map((durations) => {
      let count = 0;
      for (const [bucket, spans] of durations) if (bucket > limit) count += spans;
      return count;
    });
    const rise = findRise(slow, operation.count, {
      leastBefore: LEAST_BEFORE,
      leastAfter: LEAST_AFTER,
      longestAfter: LONGEST_AFTER,
    });
    if (rise === null || rise.eventsAfter < LEAST_EVENTS || (best !== null && best.gain >= rise.gain)) continue;
    const interval = proportionDifference(rise.eventsAfter, rise.trialsAfter, rise.eventsBefore, rise.trialsBefore, Z);
    if (interval.low <= 0) continue;
    const durationsBefore = new Map<number, number>();
    const durationsAfter = new Map<number, number>();
    for (const [minute, durations] of operation.durations.entries())
      mergeLogBuckets(minute < rise.at ? durationsBefore : durationsAfter, durations);
    const factor = factorOf(durationsBefore, durationsAfter);
    if (factor === null) continue;
    if (!isStill(slow, operation.count, rise.eventsBefore / rise.trialsBefore, rise.eventsAfter / rise.trialsAfter))
      continue;
    best = {
      at: rise.at,
      gain: rise.gain,
      slow: rise.eventsAfter,
      after: rise.trialsAfter,
      factor,
      slowerThanNs: logBucketLow(limit + 1),
      durationsBefore,
      durationsAfter,
    };
  }
  return best;
}

/** How many times as long, by the quantile that grew most; null where neither grew enough to care. */
function factorOf(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number | null {
  let most: number | null = null;
  for (const q of [0.5, 0.95]) {
    const was = logBucketQuantile(before, q)!;
    const is = logBucketQuantile(after, q)!;
    if (is / was < LEAST_SLOWDOWN || is - was < LEAST_SLOWDOWN_NS) continue;
    most = Math.max(most ?? 0, is / was);
  }
  return most;
}

/** Whether the last minutes still look like after the change rather than before it. Too little to tell counts as still. */
function isStill(events: readonly number[], trials: readonly number[], before: number, now: number): boolean {
  let seen = 0;
  let of = 0;
  for (let minute = HISTORY_MINUTES - STILL_MINUTES; minute < HISTORY_MINUTES; minute++) {
    seen += events[minute]!;
    of += trials[minute]!;
  }
  return of < LEAST_AFTER || seen / of > before + (now - before) / 4;
}

function startOf(history: MinuteHistory, minute: number): number {
  return unixMs(history.minutes.startUnixNano + BigInt(minute) * history.minutes.stepNs);
}

/** From the minute of the change to the end of the present one. */
function window(history: MinuteHistory, at: number): { fromMs: number; toMs: number } {
  return { fromMs: startOf(history, at), toMs: startOf(history, HISTORY_MINUTES) };
}

function operationFilters(operation: OperationHistory) {
  return [
    { field: "service", op: "=" as const, values: [operation.service] },
    { field: "name", op: "=" as const, values: [operation.name] },
  ];
}
