import { fisherGreater, poissonGreater, signFlipGreater } from "#math/exact-count-test.ts";
import { holmAdjusted } from "#math/holm.ts";
import { median } from "#math/robust.ts";
import { signedRankInterval, signedRankPValue } from "#math/signed-rank.ts";

/**
 * Tells a slower version from a noisy machine. Both versions run in turns, A B B A A B B A …, a slot each; neighbouring slots
 * are a pair, so that what drifts over minutes hits both sides alike. The pairs' log-ratios of a quantile are the data:
 *
 *   estimate     Hodges-Lehmann centre of the log-ratios
 *   interval     exact signed-rank, 95% (2.5% a side)
 *   regression   Holm-adjusted p <= 2.5% over all metrics (so the interval lies above 0) and estimate > tolerance
 *   pass         upper end < tolerance, for every metric
 *   otherwise    inconclusive: the data say neither
 *
 * Errors and drops are counts and have tests of their own (see CountResult). Under six pairs nothing can be shown at 2.5%.
 */
export interface GateSlot {
  readonly version: "baseline" | "candidate";
  readonly startedUnixMs: number;
  readonly durationMs: number;
  readonly requests: number;
  readonly errors: number;
  readonly droppedIterations: number;
  /** By name (`p50`, `p95`), milliseconds. */
  readonly quantiles: Readonly<Record<string, number>>;
  /** Why this slot does not count (the generator was saturated, the version did not start); its pair is left out. */
  readonly void?: string | undefined;
}

export interface GateOptions {
  /** Quantiles that decide. */
  readonly metrics: readonly string[];
  /** Slower by more than this share is a regression: 0.1. */
  readonly tolerance: number;
  /** More failed requests by more than this share of all requests is a regression: 0.001. */
  readonly errorTolerance: number;
  /** More dropped iterations than this share of all requests and drops is a regression: 0.001. */
  readonly dropTolerance: number;
  readonly minPairs: number;
}

export const GATE_DEFAULTS: GateOptions = {
  metrics: ["p50", "p95"],
  tolerance: 0.1,
  errorTolerance: 0.001,
  dropTolerance: 0.001,
  minPairs: 12,
};

/** Chance of a false alarm over all metrics, and of missing the true value at either end of an interval. */
export const GATE_TAIL = 0.025;
/** Below this many the exact test cannot reach GATE_TAIL: (1/2)^6 < 0.025 < (1/2)^5. */
export const LEAST_PAIRS = 6;

export type GateVerdict = "regression" | "pass" | "inconclusive";

/**
 * Exit codes of `traceo load gate`: k6's own for crossed thresholds, and one that k6 leaves free.
 * @public
 */
export const GATE_EXIT_CODES: Readonly<Record<GateVerdict, number>> = { pass: 0, regression: 99, inconclusive: 112 };

export interface GateResult {
  readonly verdict: GateVerdict;
  /** For people, one sentence for each thing that decided. */
  readonly reasons: readonly string[];
  readonly pairs: number;
  /** Pairs left out, with why. */
  readonly leftOut: readonly string[];
  readonly metrics: readonly QuantileResult[];
  readonly errors: CountResult;
  readonly drops: CountResult;
  readonly options: GateOptions;
}

export interface QuantileResult {
  readonly name: string;
  /** Medians over the slots, ms. */
  readonly baselineMs: number;
  readonly candidateMs: number;
  /** Candidate over baseline, less 1: 0.12 is 12% slower. */
  readonly change: number;
  readonly low: number;
  readonly high: number;
  /** One-sided, for "not slower", adjusted over all metrics. */
  readonly pValue: number;
  readonly verdict: GateVerdict;
  /** A slowdown of this share would have been called a regression in four of five such runs. */
  readonly smallestEffect: number;
}

/**
 * Two tests of one count: `burstsAllowed` (sign-flips of pairs) holds although errors come in bursts, `independent` (Fisher for
 * shares, Poisson for drops) only if each comes by itself. Regression: the former and more than the tolerance. Inconclusive:
 * only the latter, since a few slots of many decided it.
 */
export interface CountResult {
  readonly baseline: number;
  readonly candidate: number;
  readonly baselineShare: number;
  readonly candidateShare: number;
  readonly burstsAllowed: number;
  readonly independent: number;
  readonly verdict: GateVerdict;
}

interface Pair {
  readonly baseline: GateSlot;
  readonly candidate: GateSlot;
}

/** Versions of the slots to run, in order: A B B A A B B A …, `pairs` of them. */
export function abbaSchedule(pairs: number): readonly GateSlot["version"][] {
  return Array.from({ length: pairs }, (_, pair): GateSlot["version"][] =>
    pair % 2 === 0 ? ["baseline", "candidate"] : ["candidate", "baseline"],
  ).flat();
}

/** Judges slots in the order in which they ran, each two a pair. */
export function judge(slots: readonly GateSlot[], given: Partial<GateOptions> = {}): GateResult {
  const options = { ...GATE_DEFAULTS, ...given };
  const { pairs, leftOut } = pairUp(slots, options.metrics);
  const raw = options.metrics.map((name) => logRatios(pairs, name));
  const adjusted = holmAdjusted(raw.map(signedRankPValue));
  const metrics = options.metrics.map((name, index) =>
    quantileResult(name, pairs, raw[index]!, adjusted[index]!, options),
  );
  const errors = countResult(
    pairs,
    ({ errors: count }) => count,
    ({ requests }) => requests,
    options.errorTolerance,
    (one, two) => fisherGreater(one.count, one.of, two.count, two.of),
  );
  const drops = countResult(
    pairs,
    ({ droppedIterations }) => droppedIterations,
    ({ droppedIterations, requests }) => droppedIterations + requests,
    options.dropTolerance,
    (one, two) => poissonGreater(one.count, one.durationMs, two.count, two.durationMs),
  );
  const { verdict, reasons } = decide(pairs.length, metrics, errors, drops, options);
  return { verdict, reasons, pairs: pairs.length, leftOut, metrics, errors, drops, options };
}

function pairUp(slots: readonly GateSlot[], metrics: readonly string[]) {
  const pairs: Pair[] = [];
  const leftOut: string[] = [];
  for (let at = 0; at + 1 < slots.length; at += 2) {
    const [one, two] = [slots[at]!, slots[at + 1]!];
    if (one.version === two.version) throw new Error(`slots ${at + 1} and ${at + 2} are both of the ${one.version}`);
    const reason = [one, two].map((slot) => unusable(slot, metrics)).find((text) => text !== undefined);
    if (reason !== undefined) leftOut.push(`pair ${at / 2 + 1}: ${reason}`);
    else pairs.push(one.version === "baseline" ? { baseline: one, candidate: two } : { baseline: two, candidate: one });
  }
  if (slots.length % 2 === 1) leftOut.push(`the last slot has no partner`);
  return { pairs, leftOut };
}

function unusable(slot: GateSlot, metrics: readonly string[]): string | undefined {
  if (slot.void !== undefined) return `${slot.version}: ${slot.void}`;
  const missing = metrics.find((name) => !((slot.quantiles[name] ?? 0) > 0));
  return missing === undefined ? undefined : `${slot.version} has no ${missing}`;
}

function logRatios(pairs: readonly Pair[], name: string): readonly number[] {
  return pairs.map(({ baseline, candidate }) => Math.log(candidate.quantiles[name]! / baseline.quantiles[name]!));
}

function quantileResult(
  name: string,
  pairs: readonly Pair[],
  ratios: readonly number[],
  pValue: number,
  { tolerance }: GateOptions,
): QuantileResult {
  const { estimate, low, high } = signedRankInterval(ratios, GATE_TAIL);
  const slower = pValue <= GATE_TAIL && Math.expm1(estimate) > tolerance;
  const verdict = slower ? "regression" : Math.expm1(high) < tolerance ? "pass" : "inconclusive";
  return {
    name,
    baselineMs: median(pairs.map(({ baseline }) => baseline.quantiles[name]!)),
    candidateMs: median(pairs.map(({ candidate }) => candidate.quantiles[name]!)),
    change: Math.expm1(estimate),
    low: Math.expm1(low),
    high: Math.expm1(high),
    pValue,
    verdict,
    smallestEffect: smallestEffect(estimate, low, high, tolerance),
  };
}

const Z_TAIL = 1.959963984540054;
/** Standard normal quantile of 0.8. */
const Z_POWER = 0.8416212335729143;

/**
 * The true slowdown that would be called a regression with a chance of 80% on data that scatter like these: it must lie so far
 * above both hurdles (0 with its interval, the tolerance with its estimate) that the estimate clears them four times in five.
 * The scatter of the estimate is read from the interval as if it were normal.
 */
function smallestEffect(estimate: number, low: number, high: number, tolerance: number): number {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return Number.POSITIVE_INFINITY;
  const deviation = (high - low) / (2 * Z_TAIL);
  return Math.expm1(Math.max(estimate - low, Math.log1p(tolerance)) + Z_POWER * deviation);
}

interface Side {
  readonly count: number;
  readonly of: number;
  readonly durationMs: number;
}

function countResult(
  pairs: readonly Pair[],
  count: (slot: GateSlot) => number,
  of: (slot: GateSlot) => number,
  tolerance: number,
  test: (baseline: Side, candidate: Side) => number,
): CountResult {
  const side = (pick: (pair: Pair) => GateSlot): Side => {
    const slots = pairs.map(pick);
    const sum = (value: (slot: GateSlot) => number): number => slots.reduce((total, slot) => total + value(slot), 0);
    return { count: sum(count), of: sum(of), durationMs: sum(({ durationMs }) => durationMs) };
  };
  const baseline = side((pair) => pair.baseline);
  const candidate = side((pair) => pair.candidate);
  const share = ({ count: events, of: all }: Side): number => (all > 0 ? events / all : 0);
  const burstsAllowed = signFlipGreater(pairs.map((pair) => count(pair.candidate) - count(pair.baseline)));
  const independent = test(baseline, candidate);
  const matters = share(candidate) - share(baseline) > tolerance;
  return {
    baseline: baseline.count,
    candidate: candidate.count,
    baselineShare: share(baseline),
    candidateShare: share(candidate),
    burstsAllowed,
    independent,
    verdict: !matters
      ? "pass"
      : burstsAllowed <= GATE_TAIL
        ? "regression"
        : independent <= GATE_TAIL
          ? "inconclusive"
          : "pass",
  };
}

function decide(
  pairs: number,
  metrics: readonly QuantileResult[],
  errors: CountResult,
  drops: CountResult,
  { tolerance, minPairs }: GateOptions,
): { verdict: GateVerdict; reasons: readonly string[] } {
  const reasons: string[] = [];
  for (const { name, verdict, change, low, high, smallestEffect: effect } of metrics) {
    if (verdict === "regression") reasons.push(`${name} is slower by ${percent(change)} (at least ${percent(low)})`);
    if (verdict === "inconclusive")
      reasons.push(
        Number.isFinite(effect)
          ? `${name}: between ${percent(low)} and ${percent(high)}, so neither slower by more than ${percent(tolerance)} nor surely not; these data could have shown ${percent(effect)}`
          : `${name}: ${pairs} pairs cannot show anything`,
      );
  }
  for (const [what, result] of [
    ["failed requests", errors],
    ["dropped iterations", drops],
  ] as const) {
    const counts = `${result.candidate} against ${result.baseline} ${what}`;
    if (result.verdict === "regression") reasons.push(counts);
    if (result.verdict === "inconclusive") reasons.push(`${counts}, but in so few slots that it can be chance`);
  }
  const verdicts = [...metrics, errors, drops].map(({ verdict }) => verdict);
  if (verdicts.includes("regression")) return { verdict: "regression", reasons };
  if (pairs < minPairs) reasons.push(`only ${pairs} of ${minPairs} pairs count`);
  if (pairs < minPairs || verdicts.includes("inconclusive")) return { verdict: "inconclusive", reasons };
  reasons.push(`no metric is slower by ${percent(tolerance)} or more, errors and drops are no more than before`);
  return { verdict: "pass", reasons };
}

/** `+12.3%`; infinite bounds as words. */
export function percent(share: number): string {
  if (share === Number.POSITIVE_INFINITY) return "any slowdown";
  // A log-ratio without a lower bound.
  if (share <= -1) return "any speed-up";
  return `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(1)}%`;
}
