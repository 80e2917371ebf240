/** A sequence of trials cut in two at the place that explains it best. */
export interface ProportionChange {
  /** First index of the part after the change. */
  readonly at: number;
  readonly eventsBefore: number;
  readonly trialsBefore: number;
  readonly eventsAfter: number;
  readonly trialsAfter: number;
  /** Twice the logarithm of the likelihood ratio of two proportions against one (G statistic). */
  readonly gain: number;
}

export interface ProportionChangeOptions {
  readonly leastBefore: number;
  readonly leastAfter: number;
  /** The part after the change is at most this long. */
  readonly longestAfter: number;
}

/**
 * Where the share of events rose most clearly: the split with the greatest likelihood ratio (Hinkley and Hinkley, "Inference
 * about the change-point in a sequence of binomial variables", Biometrika 57 (1970) 477-488). Rises only; null without one.
 */
export function findRise(
  events: readonly number[],
  trials: readonly number[],
  options: ProportionChangeOptions,
): ProportionChange | null {
  const total = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0);
  const allEvents = total(events);
  const allTrials = total(trials);
  let eventsAfter = 0;
  let trialsAfter = 0;
  let best: ProportionChange | null = null;
  const earliest = Math.max(1, events.length - options.longestAfter);
  for (let at = events.length - 1; at >= earliest; at--) {
    eventsAfter += events[at]!;
    trialsAfter += trials[at]!;
    const eventsBefore = allEvents - eventsAfter;
    const trialsBefore = allTrials - trialsAfter;
    if (trialsAfter < options.leastAfter || trialsBefore < options.leastBefore) continue;
    if (eventsAfter * trialsBefore <= eventsBefore * trialsAfter) continue;
    const gain = likelihoodGain(eventsBefore, trialsBefore, eventsAfter, trialsAfter);
    if (best === null || gain > best.gain) best = { at, eventsBefore, trialsBefore, eventsAfter, trialsAfter, gain };
  }
  return best;
}

/** G statistic of two proportions against one common proportion. */
export function likelihoodGain(events1: number, trials1: number, events2: number, trials2: number): number {
  const loglik = (events: number, trials: number, p: number): number =>
    (events === 0 ? 0 : events * Math.log(p)) + (events === trials ? 0 : (trials - events) * Math.log(1 - p));
  const common = (events1 + events2) / (trials1 + trials2);
  return (
    2 *
    (loglik(events1, trials1, events1 / trials1) +
      loglik(events2, trials2, events2 / trials2) -
      loglik(events1, trials1, common) -
      loglik(events2, trials2, common))
  );
}
