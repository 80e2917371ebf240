import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { type ChaosState, openChaosState } from "./chaos-state.ts";
import { startCommandLoad } from "./command-load.ts";
import { type Experiment, parseExperiment } from "./experiment-file.ts";
import { type FaultProxies, openFaultProxies } from "./fault-proxies.ts";
import { type Journal, printJournal } from "./journal.ts";
import type { LoadOutcome, LoadRequest, LoadUnderway, Phase, StartLoad } from "./load-underway.ts";
import { findProcess } from "./process/process-table.ts";
import { runExperiment } from "./run-experiment.ts";

let built: Compiled;
let directory: string;
let state: ChaosState;
let web: Server;
let webPort: number;
let proxies: FaultProxies;
let target: { readonly pid: number };
let targetCommand: string;
let status: number;

beforeAll(() => {
  built = compile([
    "chaos/injector/injector-worker.ts",
    "chaos/process/cpu-worker.ts",
    "chaos/kubernetes/chaos-mesh.ts",
  ]);
});
afterAll(() => built[Symbol.dispose]());

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "traceo-experiment-"));
  state = await openChaosState(directory);
  status = 200;
  web = createServer((_, response) => response.writeHead(status, { connection: "close" }).end("shop"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  webPort = (web.address() as { port: number }).port;
  proxies = await openFaultProxies({
    port: 0,
    random: Math.random,
    nowMs: () => performance.now(),
    proxies: [{ name: "shop", listen: "127.0.0.1:0", upstream: `127.0.0.1:${webPort}`, enabled: true }],
  });
  // A line of its own for each test, so that tests side by side do not find each other's.
  targetCommand = `sleep ${1000 + Math.floor(Math.random() * 1e9)}`;
  target = startOrphan(targetCommand);
});
afterEach(async () => {
  process.kill(target.pid, "SIGKILL");
  await proxies[Symbol.asyncDispose]();
  await new Promise((resolve) => web.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

/** A process that does not belong to ours: its parent is gone. */
function startOrphan(command: string): { readonly pid: number } {
  return { pid: Number(execFileSync("sh", ["-c", `${command} >/dev/null 2>&1 & echo $!`], { encoding: "utf8" })) };
}

interface Given {
  readonly faults: string;
  readonly limits?: string;
  readonly probes?: string;
  readonly rest?: string;
  readonly hold?: string;
}

function experiment({ faults, limits, probes, rest, hold }: Given): Experiment {
  const proxied = proxies.list()[0]!.listen;
  return parseExperiment(
    `name: test
steadyState:
  title: the shop answers
  every: 50ms
  during: required
  probes: ${probes ?? `[{ type: http, name: shop, url: "http://${proxied}/", within: 2s, contains: shop }]`}
phases: { baseline: 100ms, hold: ${hold ?? "300ms"}, recover: 20s }
faults: ${faults}
limits: ${limits ?? '{ targets: ["proxy:shop"] }'}
${rest ?? ""}`,
    "/test.yaml",
  );
}

const toxic = (type: string, attributes: string): string =>
  `[{ type: toxic, name: f, api: "${proxies.url}", proxy: shop, toxic: ${type}, attributes: ${attributes} }]`;
const pauseTarget = (): string => `[{ type: pause, name: f, target: { command: "${targetCommand}" } }]`;
const processLimits = (): string => `{ targets: ["process:${targetCommand}"] }`;

/** Load as the runner will offer it, its phases and its end in the test's hands. */
class HeldLoad implements LoadUnderway {
  readonly phases: Phase[] = [];
  saturation: string | undefined;
  outcome: LoadOutcome = { passed: true, thresholds: [] };
  request: LoadRequest | undefined;
  onPhase: (phase: Phase) => void = () => undefined;
  end: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });
  setPhase(phase: Phase): void {
    this.phases.push(phase);
    this.onPhase(phase);
  }
  async stop(): Promise<LoadOutcome> {
    return this.saturation === undefined ? this.outcome : { ...this.outcome, saturation: this.saturation };
  }
  readonly start: StartLoad = async (request) => {
    this.request = request;
    return this;
  };
}

function run(
  given: Experiment,
  load: StartLoad = new HeldLoad().start,
  stop = new AbortController().signal,
  onProgress: (line: string) => void = () => undefined,
): Promise<Journal> {
  return runExperiment(
    given,
    "/test.yaml",
    {
      state,
      ask: { sql: async () => 0.01, metric: async () => undefined },
      startLoad: load,
      random: Math.random,
      onProgress,
      workerScript: join(built.directory, "chaos/injector/injector-worker.js"),
    },
    stop,
  );
}

const toxics = async (): Promise<unknown> => await (await fetch(`${proxies.url}/proxies/shop/toxics`)).json();
const isStopped = async (): Promise<boolean> => (await findProcess({ pid: target.pid }))!.isStopped;

describe("an experiment", () => {
  it("passes when the steady state holds under the fault; its load is told every phase", async () => {
    const load = new HeldLoad();
    const during: unknown[] = [];
    const given = experiment({
      faults: toxic("latency", "{ latency: 20 }"),
      rest: "load: { script: shop.js, args: [--vus=3] }",
    });
    const journal = await run(given, load.start, undefined, (line) => {
      if (line === "hold") void toxics().then((seen) => during.push(seen));
    });
    expect(journal.reasons).toEqual([]);
    expect(journal.verdict).toBe("passed");
    expect(load.phases).toEqual(["baseline", "inject", "hold", "remove", "recover"]);
    expect(load.request).toMatchObject({ script: "/shop.js", args: ["--vus=3"], experiment: "test" });
    expect(during).toMatchObject([[{ type: "latency", attributes: { latency: 20, jitter: 0 } }]]);
    expect(await toxics()).toEqual([]);
    expect(await state.records.list()).toEqual([]);
    expect(journal.faults[0]).toMatchObject({ seenMs: expect.any(Number), goneMs: expect.any(Number) });
    expect(journal.recoveredAfterMs).toBeGreaterThanOrEqual(0);
    expect(new Set(journal.probes.map(({ phase }) => phase))).toEqual(new Set(["baseline", "hold", "recover"]));
    expect(printJournal(journal)).toMatch(/^PASSED {2}test/);
    await state.keepJournal(journal);
    expect(await state.journals(5)).toEqual([JSON.parse(JSON.stringify(journal))]);
  });

  it("fails when the steady state does not hold, and says what was seen", async () => {
    const journal = await run(experiment({ faults: toxic("http_error", "{ status: 503 }") }));
    expect(journal.verdict).toBe("failed");
    expect(journal.reasons).toEqual(["The steady state did not hold under the fault: shop: status 503"]);
    expect(printJournal(journal)).toContain("shop: status 503");
  });

  it("only watches, when told so", async () => {
    const given = experiment({ faults: toxic("http_error", "{ status: 503 }") });
    const journal = await run({ ...given, steadyState: { ...given.steadyState, during: "watched" } });
    expect([journal.verdict, journal.reasons]).toEqual(["passed", []]);
    expect(journal.probes.some(({ phase, ok }) => phase === "hold" && !ok)).toBe(true);
  });

  it("fails when the steady state does not come back", async () => {
    const given = experiment({ faults: toxic("latency", "{ latency: 1 }") });
    const journal = await run({ ...given, phases: { ...given.phases, recover: 100 } }, undefined, undefined, (line) => {
      if (line === "remove") status = 500;
    });
    expect(journal.verdict).toBe("failed");
    expect(journal.reasons[0]).toBe("The steady state did not come back within 100 ms: shop: status 500");
  });

  it("is void, and injects nothing, when there is no steady state to begin with", async () => {
    status = 500;
    const journal = await run(experiment({ faults: toxic("timeout", "{}") }));
    expect(journal.verdict).toBe("void");
    expect(journal.reasons).toEqual(["No steady state to begin with: shop: status 500. Nothing was injected."]);
    expect(journal.faults).toEqual([]);
  });

  it("is void when the load generator is the bottleneck, and removes its faults at once", async () => {
    const load = new HeldLoad();
    load.onPhase = (phase) => {
      if (phase === "hold") load.saturation = "12 iterations were dropped";
    };
    const given = experiment({
      faults: pauseTarget(),
      limits: processLimits(),
      hold: "1h",
      rest: "load: { script: x.js }",
    });
    const journal = await run(given, load.start);
    expect(journal.verdict).toBe("void");
    expect(journal.reasons[0]).toBe("The load generator was the bottleneck: 12 iterations were dropped");
    expect(await isStopped()).toBe(false);
  });

  it("is aborted when a probe fails so many times in a row, when the load ends, and by a person", async () => {
    const failing = experiment({
      faults: toxic("http_error", "{ status: 500 }"),
      hold: "1h",
      rest: "abort: [{ probe: shop, failures: 2 }]",
    });
    const byProbe = await run(failing);
    expect(byProbe.verdict).toBe("aborted");
    expect(byProbe.reasons).toContain("shop: status 500, 2 times in a row");
    expect(await toxics()).toEqual([]);

    const load = new HeldLoad();
    load.onPhase = (phase) => {
      if (phase === "hold") load.end();
    };
    const paused = experiment({
      faults: pauseTarget(),
      limits: processLimits(),
      hold: "1h",
      rest: "load: { script: x.js }",
    });
    expect((await run(paused, load.start)).reasons).toEqual([
      "The load ended before the experiment did, in the phase hold.",
    ]);

    const stop = new AbortController();
    const byPerson = await run(paused, undefined, stop.signal, (line) => {
      if (line === "hold") stop.abort();
    });
    expect([byPerson.verdict, byPerson.reasons]).toEqual(["aborted", ["Stopped by the operator."]]);
    expect(await isStopped()).toBe(false);
    expect(await state.records.list()).toEqual([]);
  });

  it("is aborted when the fault cannot be injected, or ends before its time", async () => {
    const nowhere = experiment({
      faults: toxic("latency", "{}").replace("proxy: shop", "proxy: none"),
      limits: '{ targets: ["proxy:none"] }',
    });
    const refused = await run(nowhere);
    expect(refused.verdict).toBe("aborted");
    expect(refused.reasons[0]).toMatch(/^Could not inject f: POST .*proxy not found/);
    expect(refused.faults[0]).toMatchObject({
      problem: expect.stringContaining("proxy not found"),
      goneMs: expect.any(Number),
    });

    const short = experiment({
      faults: pauseTarget(),
      limits: `{ targets: ["process:${targetCommand}"], deadline: 1s }`,
      hold: "1h",
    });
    const early = await run(short);
    expect([early.verdict, early.reasons]).toEqual(["aborted", ["The fault `f` ended early: deadline"]]);
    expect(await isStopped()).toBe(false);
  });

  it("fails when a threshold of the load is crossed", async () => {
    const load = new HeldLoad();
    load.outcome = {
      passed: false,
      thresholds: [{ name: "http_req_failed{phase:hold} rate<0.02", passed: false, value: "4.1%" }],
    };
    const journal = await run(
      experiment({ faults: toxic("latency", "{ latency: 1 }"), rest: "load: { script: x.js }" }),
      load.start,
    );
    expect(journal.verdict).toBe("failed");
    expect(journal.reasons).toEqual(["The load's thresholds were crossed: http_req_failed{phase:hold} rate<0.02"]);
  });

  it("takes any program as its load, judged by its exit code and told the phase in a file", async () => {
    const seen = join(directory, "seen");
    const script = `const { readFileSync, appendFileSync } = require("node:fs"); let last = "";
      process.on("SIGINT", () => process.exit(Number(process.argv[2])));
      setInterval(() => { let now; try { now = readFileSync(process.env.TRACEO_CHAOS_PHASE, "utf8"); } catch { return; }
        if (now !== "" && now !== last) appendFileSync(process.env.SEEN, now + " "); last = now; }, 1);`;
    writeFileSync(join(directory, "generator.cjs"), script);
    const given = (code: number): Experiment =>
      experiment({
        faults: toxic("latency", "{ latency: 1 }"),
        rest: `load: { command: ["${process.execPath}", "${join(directory, "generator.cjs")}", "${code}"], environment: { SEEN: "${seen}" } }`,
      });
    expect((await run(given(0), startCommandLoad)).verdict).toBe("passed");
    const failed = await run(given(99), startCommandLoad);
    expect(failed.verdict).toBe("failed");
    expect(failed.load?.thresholds[0]?.value).toMatch(/^exit code 99/);
  });
});

describe("blast radius", () => {
  it("touches nothing that is not on the list", async () => {
    await expect(run(experiment({ faults: pauseTarget() }))).rejects.toMatchObject({
      code: "forbidden",
      message: `f: \`process:${targetCommand}\` is not among limits.targets.`,
    });
    expect(await isStopped()).toBe(false);
  });

  it("never touches its own process tree", async () => {
    const own = (await findProcess({ pid: process.ppid }))!;
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    for (const pid of [process.pid, own.pid, child.pid])
      await expect(
        run(
          experiment({
            faults: `[{ type: kill, name: f, target: { pid: ${pid} } }]`,
            limits: `{ targets: ["pid:${pid}"] }`,
          }),
        ),
      ).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining("belongs to this experiment") });
    expect((await findProcess({ pid: child.pid! }))?.isStopped).toBe(false);
    child.kill("SIGKILL");
  });

  it("keeps to the greatest count and share", async () => {
    const more = startOrphan(targetCommand);
    try {
      const both = `[{ type: pause, name: f, target: { command: "${targetCommand}", count: 2 } }]`;
      await expect(run(experiment({ faults: both, limits: processLimits() }))).rejects.toThrow(
        "2 processes are more than limits.maxTargets (1)",
      );
      await expect(
        run(
          experiment({
            faults: both,
            limits: `{ targets: ["process:${targetCommand}"], maxTargets: 2, maxPercent: 50 }`,
          }),
        ),
      ).rejects.toThrow("2 of 2 processes are more than limits.maxPercent (50)");
    } finally {
      process.kill(more.pid, "SIGKILL");
    }
  });

  it("never runs two experiments on one target", async () => {
    let second: Promise<unknown> | undefined;
    const given = experiment({ faults: toxic("latency", "{}") });
    const first = await run(given, undefined, undefined, (line) => {
      if (line === "baseline")
        second = expect(run(given)).rejects.toMatchObject({
          code: "conflict",
          message: expect.stringMatching(/^proxy:.*\/shop is under experiment already: test \(process \d+/),
        });
    });
    await second;
    expect(first.verdict).toBe("passed");
    expect(await state.leases()).toEqual([]);
    expect((await run(given)).verdict).toBe("passed");
  });

  it("injects nothing while frozen", async () => {
    const given = experiment({
      faults: toxic("latency", "{}"),
      limits: '{ targets: ["proxy:shop"], freeze: [{ from: "00:00", to: "24:00" }] }',
    });
    await expect(run(given)).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("frozen from 00:00 to 24:00 UTC"),
    });
  });

  it("says which command nobody runs", async () => {
    const given = experiment({
      faults: '[{ type: kill, name: f, target: { command: "no such thing" } }]',
      limits: '{ targets: ["process:no such thing"] }',
    });
    await expect(run(given)).rejects.toMatchObject({ code: "not-found", message: "f: no process is `no such thing`." });
  });
});
