// `npm run demo [-- break|reveal|stop|delete]`: builds what is not built yet, then hands over to `traceo demo`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const args = process.argv.slice(2);
const starts = args.length === 0 || args[0].startsWith("-");

function newest(path) {
  const entry = statSync(path);
  if (!entry.isDirectory()) return entry.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const sources = ["src", "demo", "web", "package.json", "scripts/build.mjs"].filter((path) => existsSync(path));
const stale =
  !existsSync("dist/package.json") || statSync("dist/package.json").mtimeMs < Math.max(...sources.map(newest));
if (starts && stale) {
  const { status } = spawnSync(process.execPath, ["scripts/build.mjs"], { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
if (!existsSync("dist/main.js")) {
  console.error("Nothing is built yet: run `npm run demo` first.");
  process.exit(1);
}
const child = spawn(process.execPath, ["dist/main.js", "demo", ...args], { stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
