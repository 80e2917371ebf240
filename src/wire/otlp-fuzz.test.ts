import { expect, it } from "vitest";
import { fuzzDecoders } from "./otlp.fuzz.ts";

it("answers almost-right bodies with a sound batch or a refusal", () => {
  const report = fuzzDecoders({ iterations: 6000, seed: 20260101 });
  expect(report.decoded + report.refused).toBe(6000);
  // Both must happen often, or the inputs are too tame or too wild to find anything.
  expect(report.decoded).toBeGreaterThan(600);
  expect(report.refused).toBeGreaterThan(600);
  expect(report.records).toBeGreaterThan(report.decoded);
});
