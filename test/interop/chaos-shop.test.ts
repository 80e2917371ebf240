/**
 * The first scenario of examples/chaos for real: the demo shop, its services talking over a network that loses half of the
 * packets. With its second attempts it answers with under 2% errors; without them it does not, which is what the experiment is
 * there to find.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openChaosState } from "#chaos/chaos-state.ts";
import { startCommandLoad } from "#chaos/command-load.ts";
import { parseExperiment } from "#chaos/experiment-file.ts";
import { type FaultProxies, openFaultProxies } from "#chaos/fault-proxies.ts";
import type { Journal } from "#chaos/journal.ts";
import { runExperiment } from "#chaos/run-experiment.ts";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const MOST_ERRORS = 0.02;

interface Counts {
  readonly hold: { readonly requests: number; readonly errors: number; readonly slowestMs: number };
}

let built: Compiled;
let demo: string;
let folder: string;
let proxies: FaultProxies;

beforeAll(async () => {
  built = compile(["chaos/injector/injector-worker.ts"]);
  const cache = join(ROOT, "node_modules/.cache");
  mkdirSync(cache, { recursive: true });
  // Its real path: the shop looks whether it is the program that was started.
  demo = realpathSync(mkdtempSync(join(cache, "traceo-demo-")));
  execFileSync(process.execPath, [
    join(ROOT, "node_modules/typescript/bin/tsc"),
    ...["-p", join(ROOT, "tsconfig.demo.json"), "--outDir", demo],
  ]);
  writeFileSync(join(demo, "package.json"), '{ "type": "module" }');
  folder = mkdtempSync(join(tmpdir(), "traceo-chaos-shop-"));
  proxies = await openFaultProxies({ port: 0, random: Math.random, nowMs: () => performance.now() });
});
afterAll(async () => {
  built[Symbol.dispose]();
  await proxies[Symbol.asyncDispose]();
  for (const made of [demo, folder]) rmSync(made, { recursive: true, force: true });
});

/** Runs examples/chaos/packet-loss.yaml against a shop of its own. */
async function run(hedgeAfterMs: number): Promise<{ readonly journal: Journal; readonly counts: Counts }> {
  const shop = spawn(
    process.execPath,
    [
      join(demo, "shop.js"),
      ...["--data", join(folder, "shop"), "--otlp", "http://127.0.0.1:9", "--customers-per-second", "0.1"],
      ...["--fault-proxy", proxies.url, "--hedge-after-ms", String(hedgeAfterMs)],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const address = await gatewayOf(shop);
    const file = join(ROOT, "examples/chaos/packet-loss.yaml");
    const given = parseExperiment(readFileSync(file, "utf8"), file, {
      SHOP: address,
      FAULT_PROXY: proxies.url,
      HOLD: "25s",
    });
    const counts = join(folder, "counts.json");
    const journal = await runExperiment(
      {
        ...given,
        load: {
          command: [process.execPath, join(import.meta.dirname, "chaos-shop-load.mjs")],
          args: [],
          out: [],
          environment: { SHOP: address, RATE: "20", MOST_ERRORS: String(MOST_ERRORS), COUNTS: counts },
        },
      },
      file,
      {
        state: await openChaosState(join(folder, "state")),
        ask: { sql: async () => undefined, metric: async () => undefined },
        startLoad: startCommandLoad,
        random: Math.random,
        workerScript: join(built.directory, "chaos/injector/injector-worker.js"),
      },
      new AbortController().signal,
    );
    return { journal, counts: JSON.parse(readFileSync(counts, "utf8")) as Counts };
  } finally {
    const gone = new Promise((done) => shop.once("exit", done));
    if (shop.exitCode === null && shop.kill("SIGTERM")) await gone;
  }
}

function gatewayOf(shop: ChildProcess): Promise<string> {
  return new Promise((done, fail) => {
    let said = "";
    shop.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const match = /its gateway on (\S+)/.exec(said);
      if (match !== null) done(match[1]!);
    });
    shop.once("exit", (code) => fail(new Error(`the shop ended with ${code}: ${said}`)));
  });
}

describe("the shop under 50% packet loss", () => {
  it("answers with under 2% errors", async () => {
    const { journal, counts } = await run(500);
    const share = counts.hold.errors / counts.hold.requests;
    console.log(
      `with second attempts: ${counts.hold.errors} errors of ${counts.hold.requests}, slowest ${counts.hold.slowestMs} ms`,
    );
    expect(journal.reasons).toEqual([]);
    expect(journal.verdict).toBe("passed");
    expect(counts.hold.requests).toBeGreaterThan(300);
    expect(share).toBeLessThan(MOST_ERRORS);
    expect(journal.faults[0]).toMatchObject({ seenMs: expect.any(Number), goneMs: expect.any(Number) });
  });

  it("does not without its second attempts: the experiment finds it", async () => {
    const { journal, counts } = await run(0);
    console.log(
      `without: ${counts.hold.errors} errors of ${counts.hold.requests}, slowest ${counts.hold.slowestMs} ms`,
    );
    expect(counts.hold.errors / counts.hold.requests).toBeGreaterThan(MOST_ERRORS);
    expect(journal.verdict).not.toBe("passed");
  });
});
