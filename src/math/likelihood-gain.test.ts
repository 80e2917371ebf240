import { describe, expect, it } from "vitest";
import { likelihoodGain } from "./likelihood-gain.ts";

describe("likelihoodGain", () => {
  // Agresti, Categorical Data Analysis, aspirin study: G² = 25.37 for 189/11034 against 104/11037.
  it("is the G statistic of the two by two table", () =>
    expect(likelihoodGain(189, 11034, 104, 11037)).toBeCloseTo(25.37, 2));
});
