import { expect, it } from "vitest";
import { fuzzDecoders } from "./otlp.fuzz.ts";

it("answers almost-right bodies with a sound batch or a refusal", () => {
  const report = fuzzDecoders({ iterations: 3000, seed: 20260101 });
  expect(report.decoded + report.refused).toBe(3000);
  // Both must happen often, or the inputs are too tame or too wild to find anything.
  expect(report.decoded).toBeGreaterThan(500);
  expect(report.refused).toBeGreaterThan(500);
  expect(report.records).toBeGreaterThan(report.decoded);
});
