import type { Stage } from "../options.ts";
import type { Share } from "./segment.ts";

/** When the iterations of an open model are to start: `next()` answers times in order, Infinity after the last. */
export interface ArrivalSchedule {
  peek(): number;
  next(): number;
}

/** One iteration every `timeUnitMs / rate`, the first at 0; the share's own ones of them. */
export function constantArrivals(rate: number, timeUnitMs: number, durationMs: number, share: Share): ArrivalSchedule {
  return schedule((index) => {
    const atMs = (share.placeOf(index) * timeUnitMs) / rate;
    return atMs < durationMs ? atMs : Number.POSITIVE_INFINITY;
  }, share);
}

/**
 * The rate moves linearly through the stages. Iteration n (1, 2, …) starts when the area under the rate reaches n: the root
 * of `from·t + (to − from)·t² / 2d = n − done` within its stage.
 */
export function rampingArrivals(
  startRate: number,
  timeUnitMs: number,
  stages: readonly Stage[],
  share: Share,
): ArrivalSchedule {
  const pieces = arrivalPieces(startRate / timeUnitMs, timeUnitMs, stages);
  let piece = 0;
  return schedule((index) => {
    const wanted = share.placeOf(index) + 1;
    while (piece < pieces.length && pieces[piece]!.done + pieces[piece]!.area + EPSILON < wanted) piece += 1;
    const at = pieces[piece];
    if (at === undefined) return Number.POSITIVE_INFINITY;
    return at.startMs + timeOfArea(at, Math.min(at.area, wanted - at.done));
  }, share);
}

/** Sums of many stages may miss a whole number by rounding; an iteration is not lost for that. */
const EPSILON = 1e-9;

interface Piece {
  readonly startMs: number;
  readonly durationMs: number;
  /** Iterations a millisecond. */
  readonly from: number;
  readonly to: number;
  /** Iterations of the pieces before, and of this one. */
  readonly done: number;
  readonly area: number;
}

function arrivalPieces(startRate: number, timeUnitMs: number, stages: readonly Stage[]): readonly Piece[] {
  let [startMs, from, done] = [0, startRate, 0];
  return stages.map(({ durationMs, target }) => {
    const to = target / timeUnitMs;
    const piece = { startMs, durationMs, from, to, done, area: (durationMs * (from + to)) / 2 };
    startMs += durationMs;
    done += piece.area;
    from = to;
    return piece;
  });
}

/** When within the piece the area reaches `area`. The form of the root that neither cancels nor divides by zero at from = to. */
function timeOfArea({ durationMs, from, to }: Piece, area: number): number {
  if (area <= 0) return 0;
  const slope = (to - from) / durationMs;
  return Math.min(durationMs, (2 * area) / (from + Math.sqrt(Math.max(0, from * from + 2 * slope * area))));
}

function schedule(timeOf: (index: number) => number, share: Share): ArrivalSchedule {
  let index = 0;
  const isEmpty = share.length.numerator === 0;
  let upcoming = isEmpty ? Number.POSITIVE_INFINITY : timeOf(0);
  return {
    peek: () => upcoming,
    next: () => {
      const now = upcoming;
      if (now !== Number.POSITIVE_INFINITY) {
        index += 1;
        upcoming = timeOf(index);
      }
      return now;
    },
  };
}

/** Iterations a second that the schedule wants at `atMs`, of the whole. For the progress display. */
export function arrivalRateAt(startRate: number, timeUnitMs: number, stages: readonly Stage[], atMs: number): number {
  let [startMs, from] = [0, startRate];
  for (const { durationMs, target } of stages) {
    if (atMs < startMs + durationMs)
      return ((from + ((target - from) * (atMs - startMs)) / durationMs) / timeUnitMs) * 1000;
    startMs += durationMs;
    from = target;
  }
  return (from / timeUnitMs) * 1000;
}
