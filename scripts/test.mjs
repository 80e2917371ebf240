// Runs every check and test and ends with one line: `N passed, N failed`. `node scripts/test.mjs [--only check|e2e]`
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const only = process.argv.includes("--only") ? process.argv[process.argv.indexOf("--only") + 1] : undefined;
const work = mkdtempSync(join(tmpdir(), "traceo-test-"));
let passed = 0;
let failed = 0;
let skipped = 0;

function step(label, args, required = true) {
  console.log(`\n── ${label}`);
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status === 0) passed++;
  else if (required) failed++;
  return status === 0;
}

function suite(label, config) {
  console.log(`\n── ${label}`);
  const output = join(work, `${label.replaceAll(/\W/g, "-")}.json`);
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    config,
    "--reporter=default",
    "--reporter=json",
    `--outputFile=${output}`,
  ];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (!existsSync(output)) {
    failed++;
    return;
  }
  const report = JSON.parse(readFileSync(output, "utf8"));
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests;
  if (status !== 0 && report.numFailedTests === 0) failed++;
}

const check = only === undefined || only === "check";
const e2e = only === undefined || only === "e2e";
const tsc = "node_modules/typescript/bin/tsc";
if (check) {
  step("format and lint", ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."]);
  step("types", [tsc, "-p", "tsconfig.json"]);
  if (existsSync("web/src/main.tsx")) step("types of the web interface", [tsc, "-p", "web/tsconfig.json"]);
  step("unused code", ["node_modules/knip/bin/knip.js"]);
  suite("unit tests", "vitest.config.ts");
}
if (e2e && step("build", ["scripts/build.mjs"]) && existsSync("test/vitest.e2e.config.ts"))
  suite("end to end", "test/vitest.e2e.config.ts");
rmSync(work, { recursive: true, force: true });
console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exit(failed === 0 ? 0 : 1);
