/**
 * Values as a line is drawn through them: null breaks it, undefined is passed over. A sender that reports each minute
 * leaves steps of ten seconds empty between its points, and that is no gap; what is much longer than its usual distance is.
 */
export function joinedValues(values: readonly (number | null)[]): (number | null | undefined)[] {
  const distances: number[] = [];
  let last = -1;
  for (let i = 0; i < values.length; i++) {
    if (values[i] == null) continue;
    if (last >= 0) distances.push(i - last);
    last = i;
  }
  const joined: (number | null | undefined)[] = [...values];
  if (distances.length < LEAST) return joined;
  const longest = percentile(distances, 0.75) * SLACK;
  last = -1;
  for (let i = 0; i < values.length; i++) {
    if (values[i] == null) continue;
    if (last >= 0 && i - last > 1 && i - last <= longest) joined.fill(undefined, last + 1, i);
    last = i;
  }
  return joined;
}

/** Fewer distances than this tell nothing about a habit. */
const LEAST = 3;
/** One report that is late or lost is no gap either. */
const SLACK = 1.5;

function percentile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)]!;
}
