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
