import { describe, expect, it } from "vitest";
import { findClearRise } from "./clear-rise.ts";

const STEP_MS = 10_000;

/** Steps of ten seconds with ten trials each, and these events among them. */
function rise(events: readonly number[], trials = 10, leastEvents = 3) {
  const startMs = events.map((_, step) => step * STEP_MS);
  return findClearRise(
    { startMs, endMs: events.length * STEP_MS },
    events,
    events.map(() => trials),
    leastEvents,
  );
}

const quiet = (steps: number): number[] => new Array<number>(steps).fill(0);

describe("findClearRise", () => {
  it("finds where a share rose, within half a minute", () =>
    expect(rise([...quiet(12), 3, 4, 3])).toMatchObject({ at: 12, eventsBefore: 0, eventsAfter: 10, trialsAfter: 30 }));

  it("finds a rise that goes on for long, at its beginning", () =>
    expect(rise([...quiet(60), ...new Array<number>(60).fill(4)])).toMatchObject({ at: 60, trialsAfter: 600 }));

  it.each([
    ["nothing happens", quiet(30)],
    ["it was always so", new Array<number>(30).fill(3)],
    ["all happens in one step, as a pause of the host makes it", [...quiet(14), 9, 0]],
    ["too few events", [...quiet(14), 1, 1]],
    ["there was hardly a before", [0, 0, 0, 5, 5, 5]],
    ["it is over", [...quiet(12), 4, 5, 4, 5, ...quiet(7)]],
    ["it fell", [...new Array<number>(12).fill(5), ...quiet(6)]],
  ])("finds none where %s", (_, events) => expect(rise(events)).toBeNull());

  it("does not take an old trouble for the beginning of usual failures", () => {
    // A twentieth fails always; nearly all did for a while, long ago.
    const usual = (steps: number): number[] => Array.from({ length: steps }, (_, step) => (step % 2 === 0 ? 1 : 0));
    expect(rise([...usual(20), ...new Array<number>(6).fill(9), ...usual(40)])).toBeNull();
  });

  it("sees a new trouble although there was an old one", () => {
    const found = rise([...quiet(20), ...new Array<number>(6).fill(9), ...quiet(30), 4, 3, 4, 4]);
    expect(found).toMatchObject({ at: 56 });
    expect(found!.eventsBefore).toBeLessThan(20);
  });
});
