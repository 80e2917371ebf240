// At least a million almost-right bodies through every decoder: `npm run fuzz [-- ITERATIONS [SEED]]`. The seed is printed; a finding
// is printed as base64 with the limits it met, and fails.
import { spawnSync } from "node:child_process";

const [iterations = "1000000", seed = String(Math.floor(Math.random() * 2 ** 31))] = process.argv.slice(2);
const ROUND = 100_000; // a new process each: its memory is bounded, and a finding comes with a short way back to it
let left = Number(iterations);
if (!Number.isSafeInteger(left) || left < 1 || !/^\d+$/.test(seed)) {
  console.error("npm run fuzz -- ITERATIONS [SEED]: both are whole numbers.");
  process.exit(2);
}
for (let round = 0; left > 0; round++, left -= ROUND) {
  const env = {
    ...process.env,
    FUZZ_ITERATIONS: String(Math.min(ROUND, left)),
    FUZZ_SEED: String(Number(seed) + round),
  };
  const args = ["node_modules/vitest/vitest.mjs", "run", "src/wire/otlp-fuzz.test.ts"];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit", env });
  if (status !== 0) {
    console.error(`Failed: run it again with \`FUZZ_ITERATIONS=${env.FUZZ_ITERATIONS} FUZZ_SEED=${env.FUZZ_SEED}\`.`);
    process.exit(1);
  }
}
console.log(`${iterations} inputs, no finding (seed ${seed}).`);
