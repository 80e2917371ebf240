import type { Batch, LogBatch, MetricBatch, SpanBatch } from "#model/batch.ts";

/**
 * Which times are accepted, decided once at receive time and kept with the journal's record, so that a replay under other
 * settings makes the same rows.
 *
 * The time of a row is what its table is partitioned by: a span's start, a log's time, a data point's time. One outside
 * would open a partition far from today (a load is refused whole beyond 100), so it is moved to the border or left out.
 * - A log without any time takes the time it was received, whatever the setting.
 * - A span without a start, a point without a time: left out under "reject"; under "clamp" a span stands at its end if that
 *   is inside, and everything else at the time it was received.
 * - Exemplars are no records of their own: they are always clamped, and go with their point if that is left out.
 * Both borders are inside. Times are unsigned Unix nanoseconds; a window ends before 2^63 (the engine's DateTime64).
 */
export interface TimeWindow {
  readonly acceptFromUnixNano: bigint;
  readonly acceptToUnixNano: bigint;
  readonly outside: "clamp" | "reject";
}

/** How many records' times were outside, by reason: clamped or rejected, as the window says. */
export interface OutsideCounts {
  /** Before the window: older than retention, as a rule. */
  tooOld: number;
  /** After the window. */
  tooNew: number;
  /** No time at all. */
  missing: number;
}

/** A column of 64-bit times as pairs of 32-bit halves, low half first. */
export type TimeHalves = Uint32Array;

export function halvesOf(times: BigUint64Array): TimeHalves {
  return new Uint32Array(times.buffer, times.byteOffset, times.length * 2);
}

/**
 * The receiver's question before it answers: how many records of the batch the window does not take as they are. Under
 * "reject" these are the rejected ones, for OTLP's partial success; the block builder makes the same decision later.
 */
export function countOutside(batch: Batch, window: TimeWindow): OutsideCounts {
  const counts: OutsideCounts = { tooOld: 0, tooNew: 0, missing: 0 };
  const bounds = new Bounds(window);
  if (batch.signal === "metrics") {
    for (const kind of pointKinds(batch)) bounds.count(halvesOf(kind.time), kind.count, true, counts);
  } else {
    const times = batch.signal === "traces" ? batch.startTime : batch.time;
    bounds.count(halvesOf(times), batch.count, batch.signal === "traces", counts);
  }
  return counts;
}

export function outsideTotal(counts: OutsideCounts): number {
  return counts.tooOld + counts.tooNew + counts.missing;
}

/** Rows and their accepted times. `runs` holds pairs (from, to): the rows kept, in order; all rows are one run as a rule. */
export interface PlacedRows {
  readonly times: TimeHalves;
  readonly runs: readonly number[];
}

export function placeSpans(
  batch: SpanBatch,
  window: TimeWindow,
  receivedUnixNano: bigint,
  counts: OutsideCounts,
): PlacedRows {
  return new Bounds(window).place(
    halvesOf(batch.startTime),
    batch.count,
    receivedUnixNano,
    counts,
    halvesOf(batch.endTime),
    true,
  );
}

export function placeLogs(
  batch: LogBatch,
  window: TimeWindow,
  receivedUnixNano: bigint,
  counts: OutsideCounts,
): PlacedRows {
  return new Bounds(window).place(halvesOf(batch.time), batch.count, receivedUnixNano, counts, undefined, false);
}

/** For one of a metric batch's four kinds of points. */
export function placePoints(
  points: { readonly count: number; readonly time: BigUint64Array },
  window: TimeWindow,
  receivedUnixNano: bigint,
  counts: OutsideCounts,
): PlacedRows {
  return new Bounds(window).place(halvesOf(points.time), points.count, receivedUnixNano, counts, undefined, true);
}

/** Exemplars: always clamped, never counted. */
export function clampTimes(times: TimeHalves, count: number, window: TimeWindow, receivedUnixNano: bigint): TimeHalves {
  const ignored: OutsideCounts = { tooOld: 0, tooNew: 0, missing: 0 };
  return new Bounds({ ...window, outside: "clamp" }).place(times, count, receivedUnixNano, ignored, undefined, false)
    .times;
}

function pointKinds(batch: MetricBatch): readonly { readonly count: number; readonly time: BigUint64Array }[] {
  return [batch.numbers, batch.histograms, batch.exponentials, batch.summaries];
}

class Bounds {
  readonly #fromLow: number;
  readonly #fromHigh: number;
  readonly #toLow: number;
  readonly #toHigh: number;
  readonly #reject: boolean;

  constructor(window: TimeWindow) {
    const { acceptFromUnixNano, acceptToUnixNano } = window;
    if (acceptFromUnixNano < 0n || acceptToUnixNano < acceptFromUnixNano || acceptToUnixNano >= 1n << 63n)
      throw new RangeError(`no time window: ${acceptFromUnixNano} to ${acceptToUnixNano}`);
    // 0 is never inside: it says that there is no time.
    const from = acceptFromUnixNano === 0n ? 1n : acceptFromUnixNano;
    this.#fromLow = Number(from & 0xffff_ffffn);
    this.#fromHigh = Number(from >> 32n);
    this.#toLow = Number(acceptToUnixNano & 0xffff_ffffn);
    this.#toHigh = Number(acceptToUnixNano >> 32n);
    this.#reject = window.outside === "reject";
  }

  /** -1 before, 0 inside, 1 after. */
  #side(low: number, high: number): number {
    if (high < this.#fromHigh || (high === this.#fromHigh && low < this.#fromLow)) return -1;
    if (high > this.#toHigh || (high === this.#toHigh && low > this.#toLow)) return 1;
    return 0;
  }

  count(times: TimeHalves, count: number, missingCounts: boolean, counts: OutsideCounts): void {
    for (let row = 0; row < count; row++) {
      const low = times[row * 2]!;
      const high = times[row * 2 + 1]!;
      if (this.#side(low, high) !== 0) this.#add(low, high, missingCounts, counts);
    }
  }

  /** Returns whether it counted. */
  #add(low: number, high: number, missingCounts: boolean, counts: OutsideCounts): boolean {
    if (low === 0 && high === 0) {
      if (missingCounts) counts.missing++;
      return missingCounts;
    }
    if (this.#side(low, high) < 0) counts.tooOld++;
    else counts.tooNew++;
    return true;
  }

  place(
    times: TimeHalves,
    count: number,
    receivedUnixNano: bigint,
    counts: OutsideCounts,
    instead: TimeHalves | undefined,
    missingCounts: boolean,
  ): PlacedRows {
    let row = 0;
    while (row < count && this.#side(times[row * 2]!, times[row * 2 + 1]!) === 0) row++;
    if (row === count) return { times, runs: count === 0 ? [] : [0, count] };

    const received = receivedUnixNano < 0n ? 0n : receivedUnixNano >= 1n << 63n ? (1n << 63n) - 1n : receivedUnixNano;
    const receivedLow = Number(received & 0xffff_ffffn);
    const receivedHigh = Number(received >> 32n);
    const placed = times.slice(0, count * 2);
    const runs: number[] = [];
    let runStart = 0;
    for (; row < count; row++) {
      let low = times[row * 2]!;
      let high = times[row * 2 + 1]!;
      if (this.#side(low, high) === 0) continue;
      if (this.#add(low, high, missingCounts, counts) && this.#reject) {
        if (row > runStart) runs.push(runStart, row);
        runStart = row + 1;
        continue;
      }
      if (low === 0 && high === 0) {
        low = receivedLow;
        high = receivedHigh;
        if (instead !== undefined && this.#side(instead[row * 2]!, instead[row * 2 + 1]!) === 0) {
          low = instead[row * 2]!;
          high = instead[row * 2 + 1]!;
        }
      }
      const side = this.#side(low, high);
      placed[row * 2] = side < 0 ? this.#fromLow : side > 0 ? this.#toLow : low;
      placed[row * 2 + 1] = side < 0 ? this.#fromHigh : side > 0 ? this.#toHigh : high;
    }
    if (count > runStart) runs.push(runStart, count);
    return { times: placed, runs };
  }
}
