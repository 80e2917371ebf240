import { expect, it } from "vitest";
import { fuzzDecoders } from "./otlp.fuzz.ts";

/** A seeded sample of what `npm run fuzz` does with a million inputs or more. */
const ITERATIONS = Number(process.env["FUZZ_ITERATIONS"] ?? 3000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 20260101);

it(`answers ${ITERATIONS} almost-right bodies of seed ${SEED} with a sound batch or a refusal`, () => {
  const report = fuzzDecoders({ iterations: ITERATIONS, seed: SEED });
  expect(report.decoded + report.refused).toBe(ITERATIONS);
  // Both must happen often, or the inputs are too tame or too wild to find anything.
  expect(report.decoded).toBeGreaterThan(ITERATIONS / 6);
  expect(report.refused).toBeGreaterThan(ITERATIONS / 6);
  expect(report.records).toBeGreaterThan(report.decoded);
}, 3_600_000);
