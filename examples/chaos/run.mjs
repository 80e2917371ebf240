// Runs one of the scenarios against a demo shop of its own: `node examples/chaos/run.mjs packet-loss|spike|sustained [--env NAME=VALUE …]`.
// Starts a fault proxy, Traceo (for `sustained`, which asks it), and the shop, each on free ports with its data in a temporary
// folder, and ends them by their pids. Everything after the scenario's name goes to `traceo chaos run`. Needs `npm run build`.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const [scenario = "", ...rest] = process.argv.slice(2);
const root = resolve(import.meta.dirname, "../..");
const file = join(import.meta.dirname, `${scenario}.yaml`);
if (!existsSync(file)) exit("say packet-loss, spike or sustained");
if (!existsSync(join(root, "dist/demo/shop.js"))) exit("build first: npm run build");

const folder = mkdtempSync(join(tmpdir(), "traceo-scenario-"));
const children = [];
let code = 1;
try {
  const main = join(root, "dist/main.js");
  const proxy = await start([main, "chaos", "proxy", "--listen", "127.0.0.1:0"], /API (\S+)/);
  const environment = ["--env", `FAULT_PROXY=${proxy[1]}`];
  const options = [];
  // Nobody listens on port 9: the shop's telemetry is dropped, and the machine is left to the shop.
  let otlp = "http://127.0.0.1:9";
  if (scenario === "sustained") {
    const listen = ["--listen", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "off"];
    const ready = await start(
      [main, "serve", "--data", join(folder, "traceo"), ...listen],
      /traceo ready: (http:\S+) · OTLP\/HTTP (http:\S+)/,
    );
    options.push("--url", ready[1]);
    otlp = ready[2];
  }
  const shop = ["--data", join(folder, "shop"), "--otlp", otlp, "--customers-per-second", "0.2"];
  const open = await start(
    [join(root, "dist/demo/shop.js"), ...shop, "--fault-proxy", proxy[1]],
    /its gateway on (\S+)/,
  );
  environment.push("--env", `SHOP=${open[1]}`);
  const run = spawn(process.execPath, [main, "chaos", "run", file, ...environment, ...options, ...rest], {
    stdio: "inherit",
  });
  process.on("SIGINT", () => undefined);
  code = await new Promise((done) => run.once("exit", (status) => done(status ?? 1)));
} finally {
  // The shop first: it goes through the proxy.
  for (const child of children.reverse()) {
    const gone = new Promise((done) => child.once("exit", done));
    if (child.exitCode === null && child.kill("SIGTERM")) await gone;
  }
  rmSync(folder, { recursive: true, force: true });
}
process.exit(code);

/** Resolves when it has said `pattern`. */
function start(args, pattern) {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], detached: true });
  children.push(child);
  return new Promise((done, fail) => {
    let said = "";
    const hear = (text) => {
      said = (said + text).slice(-20_000);
      const match = pattern.exec(said);
      if (match !== null) done(match);
    };
    child.stdout.setEncoding("utf8").on("data", hear);
    child.stderr.setEncoding("utf8").on("data", hear);
    child.once("exit", (status) => fail(new Error(`${args[0]} ended with ${status}: ${said}`)));
  });
}

function exit(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
