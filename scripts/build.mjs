// Builds everything into dist/: the program, the demo shop, the web interface. `node scripts/build.mjs [--no-web]`
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";

const withWeb = !process.argv.includes("--no-web");
const run = (label, args) => {
  const started = performance.now();
  const result = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (result.status !== 0) process.exit(result.status ?? 1);
  console.log(`built ${label} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
};

rmSync("dist", { recursive: true, force: true });
mkdirSync("dist", { recursive: true });
const tsc = "node_modules/typescript/bin/tsc";
run("program", [tsc, "-p", "tsconfig.build.json"]);
if (existsSync("demo/shop.ts")) run("demo", [tsc, "-p", "tsconfig.demo.json"]);
if (withWeb && existsSync("web/vite.config.ts"))
  run("web", ["node_modules/vite/bin/vite.js", "build", "web", "--logLevel", "warn"]);
// The nearest package scope wins: here `#module/file.ts` means the emitted file.
writeFileSync("dist/package.json", `${JSON.stringify({ type: "module", imports: { "#*.ts": "./*.js" } }, null, 2)}\n`);
if (existsSync("dist/main.js")) chmodSync("dist/main.js", 0o755);
