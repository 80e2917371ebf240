import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LogBatch, MetricBatch, SpanBatch } from "#model/batch.ts";
import {
  clampTimes,
  countOutside,
  halvesOf,
  type OutsideCounts,
  outsideTotal,
  type PlacedRows,
  placeLogs,
  placePoints,
  placeSpans,
  type TimeWindow,
} from "./time-window.ts";

const FROM = 1_759_000_000_000_000_001n;
const TO = 1_760_000_000_000_000_002n;
const RECEIVED = 1_759_999_999_999_999_999n;
const clamp: TimeWindow = { acceptFromUnixNano: FROM, acceptToUnixNano: TO, outside: "clamp" };
const reject: TimeWindow = { ...clamp, outside: "reject" };

const spans = (times: readonly bigint[], ends = times) =>
  ({
    signal: "traces",
    count: times.length,
    startTime: BigUint64Array.from(times),
    endTime: BigUint64Array.from(ends),
  }) as unknown as SpanBatch;
const logs = (times: readonly bigint[]) =>
  ({ signal: "logs", count: times.length, time: BigUint64Array.from(times) }) as unknown as LogBatch;
const points = (times: readonly bigint[]) => ({ count: times.length, time: BigUint64Array.from(times) });
const metrics = (times: readonly bigint[]) =>
  ({
    signal: "metrics",
    numbers: points(times),
    histograms: points(times),
    exponentials: points([]),
    summaries: points(times.slice(1)),
  }) as unknown as MetricBatch;

const none = (): OutsideCounts => ({ tooOld: 0, tooNew: 0, missing: 0 });

/** The rows kept and their times. */
function kept({ times, runs }: PlacedRows): (readonly [row: number, time: bigint])[] {
  const rows: (readonly [number, bigint])[] = [];
  for (let run = 0; run < runs.length; run += 2)
    for (let row = runs[run]!; row < runs[run + 1]!; row++)
      rows.push([row, (BigInt(times[row * 2 + 1]!) << 32n) | BigInt(times[row * 2]!)]);
  return rows;
}

describe("the window of accepted times", () => {
  it("leaves times inside alone, borders included, and makes no copy", () => {
    const times = [FROM, TO, RECEIVED];
    const counts = none();
    const placed = placeSpans(spans(times), reject, RECEIVED, counts);
    expect(kept(placed)).toEqual(times.map((time, row) => [row, time]));
    expect(placed.runs).toEqual([0, 3]);
    expect(counts).toEqual(none());
    expect(placePoints(points([]), reject, RECEIVED, counts).runs).toEqual([]);
  });

  it("moves what is outside to the border", () => {
    const times = [1n, FROM - 1n, FROM, TO + 1n, 2n ** 63n, 2n ** 64n - 1n];
    const counts = none();
    expect(kept(placeLogs(logs(times), clamp, RECEIVED, counts)).map(([, time]) => time)).toEqual([
      FROM,
      FROM,
      FROM,
      TO,
      TO,
      TO,
    ]);
    expect(counts).toEqual({ tooOld: 2, tooNew: 3, missing: 0 });
  });

  it("leaves out what is outside if told to", () => {
    const counts = none();
    const placed = placePoints(points([1n, RECEIVED, RECEIVED, TO + 1n, 0n, FROM]), reject, RECEIVED, counts);
    expect(placed.runs).toEqual([1, 3, 5, 6]);
    expect(counts).toEqual({ tooOld: 1, tooNew: 1, missing: 1 });
  });

  it("gives a log without time the time it was received, whatever the setting, and counts nothing", () => {
    for (const window of [clamp, reject]) {
      const counts = none();
      expect(kept(placeLogs(logs([0n, FROM]), window, RECEIVED, counts))).toEqual([
        [0, RECEIVED],
        [1, FROM],
      ]);
      expect(counts).toEqual(none());
      // Even a clock that was wrong at that moment opens no partition outside the window.
      expect(kept(placeLogs(logs([0n]), window, TO + 5n, counts))).toEqual([[0, TO]]);
      expect(kept(placeLogs(logs([0n]), window, 2n ** 70n, counts))).toEqual([[0, TO]]);
    }
    const open = { ...clamp, acceptFromUnixNano: 0n };
    expect(kept(placeLogs(logs([0n]), open, RECEIVED, none()))).toEqual([[0, RECEIVED]]);
  });

  it("puts a span without start at its end, or where it was received", () => {
    const counts = none();
    const batch = spans([0n, 0n, 0n], [FROM + 7n, 0n, TO + 9n]);
    expect(kept(placeSpans(batch, clamp, RECEIVED, counts)).map(([, time]) => time)).toEqual([
      FROM + 7n,
      RECEIVED,
      RECEIVED,
    ]);
    expect(counts).toEqual({ tooOld: 0, tooNew: 0, missing: 3 });
    expect(placeSpans(batch, reject, RECEIVED, none()).runs).toEqual([]);
  });

  it("clamps exemplars, whatever the setting", () => {
    const times = halvesOf(BigUint64Array.from([0n, 1n, RECEIVED]));
    const placed = clampTimes(times, 3, reject, RECEIVED);
    expect(kept({ times: placed, runs: [0, 3] }).map(([, time]) => time)).toEqual([RECEIVED, FROM, RECEIVED]);
  });

  it("refuses a window that cannot be", () => {
    for (const window of [
      { ...clamp, acceptToUnixNano: FROM - 1n },
      { ...clamp, acceptFromUnixNano: -1n },
      { ...clamp, acceptToUnixNano: 2n ** 63n },
    ])
      expect(() => countOutside(logs([]), window)).toThrow(RangeError);
  });

  it("tells the receiver what the builder will do later", () => {
    const time = fc.oneof(
      fc.constantFrom(0n, 1n, FROM - 1n, FROM, TO, TO + 1n, 2n ** 64n - 1n),
      fc.bigInt({ min: FROM - 10n, max: TO + 10n }),
    );
    fc.assert(
      fc.property(fc.array(time, { maxLength: 20 }), fc.array(time, { maxLength: 20 }), (times, ends) => {
        const padded = times.map((_, i) => ends[i] ?? 0n);
        for (const window of [clamp, reject]) {
          const cases = [
            [
              countOutside(spans(times, padded), window),
              (counts) => [placeSpans(spans(times, padded), window, RECEIVED, counts)],
            ],
            [countOutside(logs(times), window), (counts) => [placeLogs(logs(times), window, RECEIVED, counts)]],
            [
              countOutside(metrics(times), window),
              (counts) =>
                [times, times, times.slice(1)].map((each) => placePoints(points(each), window, RECEIVED, counts)),
            ],
          ] satisfies [OutsideCounts, (counts: OutsideCounts) => PlacedRows[]][];
          for (const [told, build] of cases) {
            const counts = none();
            const placed = build(counts);
            expect(counts).toEqual(told);
            const rows = placed.flatMap(kept);
            for (const [, at] of rows) expect(at >= FROM && at <= TO).toBe(true);
            const records = placed.reduce((sum, { times: all }) => sum + all.length / 2, 0);
            expect(rows.length).toBe(window === reject ? records - outsideTotal(told) : records);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
