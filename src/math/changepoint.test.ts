import { describe, expect, it } from "vitest";
import { findRise, likelihoodGain } from "./changepoint.ts";

const options = { leastBefore: 20, leastAfter: 5, longestAfter: 30 };

describe("findRise", () => {
  it("finds the minute in which errors began", () => {
    const trials = new Array(60).fill(20);
    const events = trials.map((_, minute) => (minute >= 53 ? 7 : minute % 10 === 0 ? 1 : 0));
    expect(findRise(events, trials, options)).toMatchObject({ at: 53, eventsAfter: 49, trialsAfter: 140 });
  });

  it("sees no rise in a fall or in nothing", () => {
    expect(findRise([5, 5, 5, 0, 0], [20, 20, 20, 20, 20], options)).toBeNull();
    expect(findRise([0, 0, 0], [20, 20, 20], options)).toBeNull();
  });

  it("asks for enough on both sides", () => expect(findRise([0, 3], [10, 3], options)).toBeNull());
});

describe("likelihoodGain", () => {
  // Agresti, Categorical Data Analysis, aspirin study: G² = 25.37 for 189/11034 against 104/11037.
  it("is the G statistic of the two by two table", () =>
    expect(likelihoodGain(189, 11034, 104, 11037)).toBeCloseTo(25.37, 2));
});
