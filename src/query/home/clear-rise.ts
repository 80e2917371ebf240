import { likelihoodGain } from "#math/likelihood-gain.ts";
import { proportionDifference } from "#math/proportion.ts";
import type { Steps } from "./history.ts";

/** Three and a third standard deviations: hundreds of operations are looked at every few seconds, and every split of each. */
const Z = 3.3;
/** What one step may have more of than usual before it counts as a past trouble, in standard deviations. */
const Z_STEP = 3;
const ROUNDS = 5;
const LEAST_BEFORE = 20;
const LEAST_AFTER = 10;
/** An operation is known for as long before it can differ from before: nothing is usual while a system starts. */
const LEAST_KNOWN_MS = 45_000;
/** A change is looked for within the last half hour; what is older has become normal. */
const LONGEST_AFTER_MS = 1_800_000;
/** Whether it goes on is asked of the last minute, or of as much more as holds enough trials. */
const STILL_MS = 60_000;
const MOST_STILL_MS = 180_000;
/** It goes on while the end shows at least half of the rise, and each quarter since; of few events, each part that would hold some. */
const STILL = 0.5;
const MOST_PARTS = 4;
const LEAST_EVENTS_OF_PART = 6;
/** One in a hundred. */
const Z_PART = 2.33;

/** A share of events that rose, beyond doubt, and stayed up. */
export interface ClearRise {
  /** First step of the part after the rise. */
  readonly at: number;
  /** Events among the trials before; past troubles count as what was usual around them. */
  readonly eventsBefore: number;
  readonly trialsBefore: number;
  readonly eventsAfter: number;
  readonly trialsAfter: number;
  /** G statistic of the two shares against one. */
  readonly gain: number;
  /** Lower end of the interval of the rise. */
  readonly low: number;
  readonly difference: number;
}

/**
 * Where the share of events rose most clearly: the split with the greatest likelihood ratio (Hinkley and Hinkley, Biometrika 57
 * (1970) 477-488) of those after which the share stayed up. Null unless the rise is beyond doubt: its interval excludes none,
 * it holds without the one step that speaks most for it (a pause of the host, a burst of one customer), and it goes on.
 */
export function findClearRise(
  steps: Steps,
  events: readonly number[],
  trials: readonly number[],
  leastEvents: number,
): ClearRise | null {
  const first = trials.findIndex((count) => count > 0);
  if (first < 0) return null;
  const earliestMs = Math.max(steps.startMs[first]! + LEAST_KNOWN_MS, steps.endMs - LONGEST_AFTER_MS);
  const tail = endOf(steps, events, trials);
  let eventsAfter = 0;
  let trialsAfter = 0;
  let best: ClearRise | null = null;
  for (let at = events.length - 1; at > first && steps.startMs[at]! >= earliestMs; at--) {
    eventsAfter += events[at]!;
    trialsAfter += trials[at]!;
    // A rise begins with an event.
    if (events[at] === 0 || eventsAfter < leastEvents || trialsAfter < LEAST_AFTER) continue;
    const now = eventsAfter / trialsAfter;
    const usual = usualBefore(events, trials, at);
    if (usual.trials < LEAST_BEFORE || now * usual.trials <= usual.events) continue;
    const before = usual.events / usual.trials;
    const least = before + STILL * (now - before);
    if (tail.trials >= LEAST_AFTER && tail.events < least * tail.trials) continue;
    if (!stayedUp(events, trials, at, { events: eventsAfter, trials: trialsAfter }, least)) continue;
    const gain = likelihoodGain(usual.events, usual.trials, eventsAfter, trialsAfter);
    if (best !== null && best.gain >= gain) continue;
    const { low, difference } = proportionDifference(eventsAfter, trialsAfter, usual.events, usual.trials, Z);
    if (low <= 0 || !holdsWithoutStrongest(events, trials, at, usual, leastEvents)) continue;
    best = {
      at,
      eventsBefore: usual.events,
      trialsBefore: usual.trials,
      eventsAfter,
      trialsAfter,
      gain,
      low,
      difference,
    };
  }
  return best;
}

interface Counted {
  readonly events: number;
  readonly trials: number;
}

/**
 * What was usual: each step counts with no more events than the rest makes likely, so that a trouble that is over does not
 * (Winsor's means, as in Huber, Robust Statistics (1981), for shares).
 */
function usualBefore(events: readonly number[], trials: readonly number[], at: number): Counted {
  let total = 0;
  let usual = 0;
  for (let step = 0; step < at; step++) {
    total += trials[step]!;
    usual += events[step]!;
  }
  for (let round = 0; round < ROUNDS && usual > 0; round++) {
    const share = usual / total;
    usual = 0;
    for (let step = 0; step < at; step++) {
      const expected = share * trials[step]!;
      usual += Math.min(events[step]!, 1 + expected + Z_STEP * Math.sqrt(expected * (1 - share)));
    }
  }
  return { events: usual, trials: total };
}

/**
 * Whether the rise shows in every part of the time since: none has less than half of it and less than chance explains.
 * Otherwise it came later, or was several that are over.
 */
function stayedUp(
  events: readonly number[],
  trials: readonly number[],
  at: number,
  after: Counted,
  least: number,
): boolean {
  const parts = Math.min(MOST_PARTS, Math.floor(after.events / LEAST_EVENTS_OF_PART));
  let step = at;
  for (let part = 1, counted = 0; part <= parts; part++) {
    let seen = 0;
    let of = 0;
    for (; step < trials.length && counted < (part * after.trials) / parts; step++) {
      seen += events[step]!;
      of += trials[step]!;
      counted += trials[step]!;
    }
    const now = after.events / after.trials;
    if (seen < least * of && seen < of * now - Z_PART * Math.sqrt(of * now * (1 - now))) return false;
  }
  return true;
}

function holdsWithoutStrongest(
  events: readonly number[],
  trials: readonly number[],
  at: number,
  usual: Counted,
  leastEvents: number,
): boolean {
  const before = usual.events / usual.trials;
  const excess = (step: number): number => events[step]! - before * trials[step]!;
  let strongest = at;
  let seen = 0;
  let of = 0;
  for (let step = at; step < events.length; step++) {
    if (excess(step) > excess(strongest)) strongest = step;
    seen += events[step]!;
    of += trials[step]!;
  }
  seen -= events[strongest]!;
  of -= trials[strongest]!;
  return seen >= leastEvents - 1 && proportionDifference(seen, of, usual.events, usual.trials).low > 0;
}

/** The last minute, or as much more as holds enough to tell. */
function endOf(steps: Steps, events: readonly number[], trials: readonly number[]): Counted {
  let seen = 0;
  let of = 0;
  for (let step = trials.length - 1; step >= 0; step--) {
    const ageMs = steps.endMs - steps.startMs[step]!;
    if (ageMs > MOST_STILL_MS || (ageMs > STILL_MS && of >= LEAST_AFTER)) break;
    seen += events[step]!;
    of += trials[step]!;
  }
  return { events: seen, trials: of };
}
