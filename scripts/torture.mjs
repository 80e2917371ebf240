// The long rounds: 50 kills of the program and 50 of its engine, every trouble of the demo. `npm run torture`
import { spawnSync } from "node:child_process";

const run = (args, env = {}) =>
  spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, ...env } }).status ?? 1;
const vitest = ["node_modules/vitest/vitest.mjs", "run"];
const results = [
  run(["scripts/build.mjs"]),
  run([...vitest, "--config", "test/vitest.e2e.config.ts", "reliability", "demo"], {
    TORTURE_ROUNDS: "50",
    DEMO_TROUBLES: "all",
  }),
  run([...vitest, "src/journal"], { JOURNAL_SEEDS: "500", JOURNAL_KILLS: "50" }),
];
process.exit(results.every((status) => status === 0) ? 0 : 1);
