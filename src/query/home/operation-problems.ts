import { logBucketLow, logBucketOf, logBucketQuantile, mergeLogBuckets } from "#math/log-buckets.ts";
import { median } from "#math/robust.ts";
import type { FieldFilter } from "../filter-predicate.ts";
import { sparkline } from "../sparkline.ts";
import { type ClearRise, findClearRise } from "./clear-rise.ts";
import type { History, OperationHistory } from "./history.ts";
import { FOR_A_PART, type FoundProblem, type OperationProblem } from "./problem.ts";
import { sparklineOf } from "./problem-sparkline.ts";
import { sayDuration, sayShare, sayTime } from "./wording.ts";

const LEAST_BEFORE = 20;
const LEAST_AFTER = 10;
const LEAST_FAILED = 3;
const LEAST_SLOW = 5;
/** A twentieth was as slow before, by definition; troubles hit a part of the traffic, which is more. */
const LEAST_SLOW_SHARE = 0.1;
const LEAST_ERROR_RISE = 0.02;
/** What takes less than twice as long in the middle is no trouble to anybody; the slowest twentieth varies more. */
const SLOWDOWNS = [
  { quantile: 0.5, factor: 2, excessNs: 10e6 },
  { quantile: 0.95, factor: 3, excessNs: 25e6 },
] as const;
/** Ages of a trouble that are tried to learn what was usual before it. */
const AGES_MS = [30, 60, 120, 300, 900, 1800].map((seconds) => seconds * 1000);
/** So many operations must be there before one can speak of what they all do. */
const LEAST_COMMON = 8;
const LEAST_COMMON_SERVICES = 3;
const LEAST_COMMON_SLOWDOWN = 3;

/** Operations that began to fail, or to fail more often. */
export function findErrorProblems(history: History): OperationProblem[] {
  return history.operations.flatMap((operation) => {
    const { count, errors } = operation.byStep;
    const rise = findClearRise(history.steps, errors, count, LEAST_FAILED);
    if (rise === null || rise.difference < LEAST_ERROR_RISE) return [];
    const before = rise.eventsBefore / rise.trialsBefore;
    const now = rise.eventsAfter / rise.trialsAfter;
    const sinceMs = history.steps.startMs[rise.at]!;
    return [
      {
        id: `errors:${operation.service}:${operation.name}:${operation.kind}`,
        kind: "errors",
        title: `${operation.service}: ${operation.name} fails${now < 0.6 ? FOR_A_PART : ""}`,
        detail: `${sayShare(now)} of ${rise.trialsAfter} failed since ${sayTime(sinceMs)}; before it was ${sayShare(before)}.`,
        service: operation.service,
        operation: operation.name,
        spanKind: operation.kind,
        sinceMs,
        score: 0.95 * Math.sqrt(Math.min(1, rise.low + rise.difference / 2)),
        now,
        before,
        unit: "ratio",
        sparkline: sparklineOf(history, operation, sinceMs, ({ count, errors }) => errors / count),
        differences: [],
        slowerThanNs: null,
        target: {
          ...tracesSince(history, operation, sinceMs),
          select: { field: "status", op: "=", values: ["error"] },
        },
      },
    ];
  });
}

/**
 * Operations that became slower, all of them or a part: the share of spans much longer than nearly all were before has risen,
 * and the 95th percentile or the median with it. What slows every operation alike, as a busy host does, is none of theirs.
 */
export function findLatencyProblems(history: History): OperationProblem[] {
  const common = new Map(AGES_MS.map((ageMs) => [ageMs, commonSlowdown(history, ageMs)]));
  return history.operations.flatMap((operation) => {
    const found = slowdown(history, operation, common);
    if (found === null) return [];
    const { rise, durationsBefore, durationsAfter } = found;
    const sinceMs = history.steps.startMs[rise.at]!;
    const share = rise.eventsAfter / rise.trialsAfter;
    const whole = share > 0.6;
    const quantile = whole ? 0.5 : 0.95;
    const before = logBucketQuantile(durationsBefore, quantile)!;
    const now = logBucketQuantile(durationsAfter, quantile)!;
    const slowerThanNs = roundUp(found.slowerThanNs);
    return [
      {
        id: `latency:${operation.service}:${operation.name}:${operation.kind}`,
        kind: "latency",
        title: `${operation.service}: ${operation.name} is slow${whole ? "" : FOR_A_PART}`,
        detail: `${whole ? "The median" : "p95"} is ${sayDuration(now)} since ${sayTime(sinceMs)}; before it was ${sayDuration(before)}. ${sayShare(share)} of ${rise.trialsAfter} took longer than ${sayDuration(slowerThanNs)}.`,
        service: operation.service,
        operation: operation.name,
        spanKind: operation.kind,
        sinceMs,
        score: 0.9 * Math.min(1, Math.log2(found.factor) / 5 + 0.35) * Math.sqrt(Math.min(1, 0.25 + share)),
        now,
        before,
        unit: "ns",
        sparkline: sparklineOf(history, operation, sinceMs, ({ durations }) => logBucketQuantile(durations, quantile)),
        differences: [],
        slowerThanNs,
        target: {
          ...tracesSince(history, operation, sinceMs),
          select: {
            field: "duration",
            op: ">=",
            values: [slowerThanNs >= 1e6 ? `${slowerThanNs / 1e6}ms` : `${slowerThanNs / 1e3}us`],
          },
          sort: "duration",
        },
      },
    ];
  });
}

/**
 * What slowed every operation alike, as one problem of no service: a busy host, or something that all depend on. It is what
 * `findLatencyProblems` leaves aside.
 */
export function findCommonSlowdown(history: History): FoundProblem | null {
  const last = commonFactors(history, AGES_MS[1]!).medians;
  if (last.length < LEAST_COMMON || median(last) < SLOWDOWNS[0].factor) return null;
  let best: { ageMs: number; factor: number; operations: number } | null = null;
  for (const ageMs of AGES_MS.slice(1)) {
    const { medians } = commonFactors(history, ageMs);
    const factor = medians.length < LEAST_COMMON ? 1 : median(medians);
    if (factor >= LEAST_COMMON_SLOWDOWN && factor > (best?.factor ?? 0))
      best = { ageMs, factor, operations: medians.length };
  }
  const services = new Set(history.operations.map(({ service }) => service)).size;
  if (best === null || services < LEAST_COMMON_SERVICES) return null;
  const sinceMs = history.steps.startMs[stepAt(history, history.steps.endMs - best.ageMs)]!;
  const minutes = Array.from({ length: history.minutes.count }, (_, minute) => {
    const values = history.operations.flatMap(
      ({ byMinute }) => logBucketQuantile(byMinute.durations[minute]!, 0.5) ?? [],
    );
    return values.length < LEAST_COMMON ? null : median(values);
  });
  return {
    id: "latency:everything",
    kind: "latency",
    title: "Everything is slower",
    detail: `The ${best.operations} operations of ${services} services take ${best.factor.toFixed(1)} times as long in the middle since ${sayTime(sinceMs)}: a busy host, or what they all depend on.`,
    service: "",
    operation: null,
    sinceMs,
    score: 0.4,
    now: best.factor,
    before: 1,
    unit: "count",
    sparkline: sparkline(history.minutes, minutes),
    differences: [],
    target: { view: "services", fromMs: sinceMs, toMs: history.steps.endMs, where: [] },
  };
}

interface Slowdown {
  readonly rise: ClearRise;
  readonly factor: number;
  readonly slowerThanNs: number;
  readonly durationsBefore: ReadonlyMap<number, number>;
  readonly durationsAfter: ReadonlyMap<number, number>;
}

function slowdown(history: History, operation: OperationHistory, common: ReadonlyMap<number, number>): Slowdown | null {
  const { count, durations } = operation.byStep;
  let best: Slowdown | null = null;
  for (const ageMs of AGES_MS) {
    const at = stepAt(history, history.steps.endMs - ageMs);
    if (countWithin(operation, 0, at) < LEAST_BEFORE) continue;
    const before = durationsBefore(history, operation, at);
    const usual = logBucketQuantile(before, 0.95)! * common.get(ageMs)!;
    // Well beyond the 95th percentile: what was rare before, by definition.
    const limit = logBucketOf(Math.max(usual * Math.SQRT2, usual + SLOWDOWNS[0].excessNs / 2)) + 1;
    const slow = durations.map((step) => {
      let spans = 0;
      for (const [bucket, many] of step) if (bucket >= limit) spans += many;
      return spans;
    });
    const rise = findClearRise(history.steps, slow, count, LEAST_SLOW);
    if (
      rise === null ||
      rise.eventsAfter < LEAST_SLOW_SHARE * rise.trialsAfter ||
      (best !== null && best.rise.gain >= rise.gain)
    )
      continue;
    const until = durationsBefore(history, operation, rise.at);
    const since = durationsWithin(history, operation, rise.at, durations.length);
    const factor = factorOf(until, since, common.get(ageMs)!);
    if (factor === null) continue;
    best = { rise, factor, slowerThanNs: logBucketLow(limit), durationsBefore: until, durationsAfter: since };
  }
  return best;
}

/** How many times as long as all others became, by the quantile that grew most; null where neither grew enough to care. */
function factorOf(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  common: number,
): number | null {
  let most: number | null = null;
  for (const { quantile, factor, excessNs } of SLOWDOWNS) {
    const was = logBucketQuantile(before, quantile)! * common;
    const is = logBucketQuantile(after, quantile)!;
    if (is / was < factor || is - was < excessNs) continue;
    most = Math.max(most ?? 0, is / was);
  }
  return most;
}

/**
 * How many times as long an operation takes since, in the middle of all operations: what a busy host does to all alike. At
 * least 1. A trouble of one service is far from half of the operations and does not move it.
 */
function commonSlowdown(history: History, ageMs: number): number {
  const { medians, tails } = commonFactors(history, ageMs);
  return medians.length < LEAST_COMMON ? 1 : Math.max(1, median(medians), median(tails));
}

/** Of each operation known well enough, how many times as long its median and its 95th percentile are since. */
function commonFactors(history: History, ageMs: number): { medians: number[]; tails: number[] } {
  const at = stepAt(history, history.steps.endMs - ageMs);
  const medians: number[] = [];
  const tails: number[] = [];
  for (const operation of history.operations) {
    // Counting is a hundred times quicker than adding durations up, and most operations are called rarely.
    const steps = history.steps.startMs.length;
    if (countWithin(operation, at, steps) < LEAST_AFTER || countWithin(operation, 0, at) < LEAST_BEFORE) continue;
    const before = durationsBefore(history, operation, at);
    const after = durationsWithin(history, operation, at, steps);
    medians.push(logBucketQuantile(after, 0.5)! / logBucketQuantile(before, 0.5)!);
    tails.push(logBucketQuantile(after, 0.95)! / logBucketQuantile(before, 0.95)!);
  }
  return { medians, tails };
}

/** The first step that begins at a time or after it. */
function stepAt(history: History, unixMs: number): number {
  const at = history.steps.startMs.findIndex((startMs) => startMs >= unixMs);
  return at < 0 ? history.steps.startMs.length : at;
}

function countWithin({ byStep }: OperationHistory, from: number, to: number): number {
  let count = 0;
  for (let step = from; step < Math.min(to, byStep.count.length); step++) count += byStep.count[step]!;
  return count;
}

/** Asked of the same few steps again and again. */
const sumsBefore = new WeakMap<OperationHistory, Map<number, ReadonlyMap<number, number>>>();

function durationsBefore(history: History, operation: OperationHistory, at: number): ReadonlyMap<number, number> {
  const known = sumsBefore.get(operation) ?? new Map<number, ReadonlyMap<number, number>>();
  sumsBefore.set(operation, known);
  const sum = known.get(at) ?? durationsWithin(history, operation, 0, at);
  known.set(at, sum);
  return sum;
}

function durationsWithin(history: History, operation: OperationHistory, from: number, to: number): Map<number, number> {
  const sum = new Map<number, number>();
  for (let step = from; step < Math.min(to, history.steps.startMs.length); step++)
    mergeLogBuckets(sum, operation.byStep.durations[step]!);
  return sum;
}

/** The next longer duration of two figures: as a person would write the filter. */
function roundUp(ns: number): number {
  const unit = 10 ** Math.max(3, Math.floor(Math.log10(ns)) - 1);
  return Math.ceil(ns / unit) * unit;
}

/** All traces of the operation since then: those that are hit, and those to compare them with. */
function tracesSince(
  history: History,
  operation: OperationHistory,
  sinceMs: number,
): { view: "traces"; fromMs: number; toMs: number; where: readonly FieldFilter[] } {
  return {
    view: "traces",
    fromMs: sinceMs,
    toMs: history.steps.endMs,
    where: [
      { field: "service", op: "=", values: [operation.service] },
      { field: "name", op: "=", values: [operation.name] },
    ],
  };
}
