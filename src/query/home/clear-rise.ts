import { findRise, type ProportionChange } from "#math/changepoint.ts";
import { proportionDifference } from "#math/proportion.ts";
import type { Steps } from "./history.ts";

/** Three and a third standard deviations: hundreds of operations are looked at every few seconds, and every split of each. */
const Z = 3.3;
const LEAST_BEFORE = 20;
const LEAST_AFTER = 6;
const LEAST_EVENTS = 3;
/** An operation is known for as long before it can differ from before: nothing is usual while a system starts. */
const LEAST_KNOWN_MS = 45_000;
/** A change is looked for within the last half hour; what is older has become normal. */
const LONGEST_AFTER_MS = 1_800_000;
/** Whether it goes on is asked of the last minute, or of as much more as holds enough trials. */
const STILL_MS = 60_000;
const MOST_STILL_MS = 180_000;

/** A share that rose, beyond doubt, and has not fallen back. */
export interface ClearRise extends ProportionChange {
  /** Lower end of the interval of the rise. */
  readonly low: number;
  readonly difference: number;
}

/**
 * The clearest rise of a share of events, if it is one beyond doubt: its interval excludes no rise, it holds without the one
 * step that speaks most for it (a pause of the host, a burst of one customer), and the last minute still shows it.
 */
export function findClearRise(steps: Steps, events: readonly number[], trials: readonly number[]): ClearRise | null {
  const first = trials.findIndex((count) => count > 0);
  if (first < 0) return null;
  const earliestMs = Math.max(steps.startMs[first]! + LEAST_KNOWN_MS, steps.endMs - LONGEST_AFTER_MS);
  const earliest = steps.startMs.findIndex((startMs) => startMs >= earliestMs);
  if (earliest < 0) return null;
  const rise = findRise(events, trials, {
    leastBefore: LEAST_BEFORE,
    leastAfter: LEAST_AFTER,
    longestAfter: trials.length - earliest,
  });
  if (rise === null || rise.eventsAfter < LEAST_EVENTS) return null;
  const before = rise.eventsBefore / rise.trialsBefore;
  const interval = proportionDifference(rise.eventsAfter, rise.trialsAfter, rise.eventsBefore, rise.trialsBefore, Z);
  if (interval.low <= 0) return null;
  const strongest = strongestStep(events, trials, rise.at, before);
  const eventsLeft = rise.eventsAfter - events[strongest]!;
  const trialsLeft = rise.trialsAfter - trials[strongest]!;
  if (eventsLeft < LEAST_EVENTS - 1) return null;
  if (proportionDifference(eventsLeft, trialsLeft, rise.eventsBefore, rise.trialsBefore).low <= 0) return null;
  return goesOn(steps, events, trials, before, rise.eventsAfter / rise.trialsAfter)
    ? { ...rise, low: interval.low, difference: interval.difference }
    : null;
}

function strongestStep(events: readonly number[], trials: readonly number[], from: number, before: number): number {
  const excess = (step: number): number => events[step]! - before * trials[step]!;
  let strongest = from;
  for (let step = from + 1; step < events.length; step++) if (excess(step) > excess(strongest)) strongest = step;
  return strongest;
}

/** Whether the end looks like after the change rather than before it. Too little to tell counts as going on. */
function goesOn(
  steps: Steps,
  events: readonly number[],
  trials: readonly number[],
  before: number,
  now: number,
): boolean {
  let seen = 0;
  let of = 0;
  for (let step = trials.length - 1; step >= 0; step--) {
    const ageMs = steps.endMs - steps.startMs[step]!;
    if (ageMs > MOST_STILL_MS || (ageMs > STILL_MS && of >= LEAST_AFTER)) break;
    seen += events[step]!;
    of += trials[step]!;
  }
  return of < LEAST_AFTER || seen / of > before + (now - before) / 3;
}
