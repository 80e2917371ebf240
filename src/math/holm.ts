/**
 * Holm's step-down adjustment (Scandinavian Journal of Statistics 6 (1979) 65-70): p-values that can be held against one level
 * for all hypotheses together, in the order given.
 */
export function holmAdjusted(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => pValues[a]! - pValues[b]!);
  const adjusted = new Array<number>(pValues.length);
  let highest = 0;
  for (const [rank, index] of order.entries()) {
    highest = Math.max(highest, Math.min(1, pValues[index]! * (pValues.length - rank)));
    adjusted[index] = highest;
  }
  return adjusted;
}
