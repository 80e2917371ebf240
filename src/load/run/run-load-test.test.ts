import { describe, expect, it } from "vitest";
import { twinThreads } from "#runtime/threads.ts";
import type { LoadConfig, LoadObserver, LogLine, RunControl, RunProgress, RunResult } from "../load-run.ts";
import { threadGenerators } from "./generator-handle.ts";
import type { ToGenerator } from "./generator-link.ts";
import { MemoryLedger, MemorySamples } from "./memory-samples.suite.ts";
import { type PlainFunction, plainScript } from "./plain-script.suite.ts";
import { runLoadTest } from "./run-load-test.ts";
import { serveGenerator } from "./serve-generator.ts";

interface Ran {
  readonly result: RunResult;
  readonly ledger: MemoryLedger;
  readonly log: readonly LogLine[];
  readonly progress: readonly RunProgress[];
}

async function run(
  options: unknown,
  functions: Readonly<Record<string, PlainFunction>>,
  config: Partial<LoadConfig> = {},
  more: { readonly observer?: LoadObserver; readonly ledger?: MemoryLedger } = {},
): Promise<Ran> {
  const ledger = more.ledger ?? new MemoryLedger();
  const log: LogLine[] = [];
  const progress: RunProgress[] = [];
  const startThread = twinThreads((port) => {
    const receive = serveGenerator(
      { openScript: async () => plainScript(options, functions), openSamples: () => new MemorySamples() },
      port.post,
    );
    port.onMessage((message) => {
      if (!("heartbeat" in (message as object))) receive(message as ToGenerator);
    });
  });
  const result = await runLoadTest(
    // Twins share this thread, which beats no heart of its own.
    {
      startGenerator: threadGenerators(startThread, new URL(import.meta.url), { stuckMs: 3_600_000 }),
      openLedger: async () => ledger,
    },
    {
      source: { entry: "/script.js", files: {}, isClosed: false },
      scriptEnvironment: { WHO: "test" },
      weaker: [],
      stronger: [],
      ...config,
    },
    { log: (line) => log.push(line), progress: (state) => progress.push(state), ...more.observer },
  );
  return { result, ledger, log, progress };
}

describe("a run", () => {
  it("goes from setup over iterations to teardown and summary", async () => {
    const calls: string[] = [];
    const { result, ledger } = await run(
      { iterations: 6, vus: 2, tags: { version: "7" } },
      {
        setup: ({ state, user }) => {
          calls.push(`setup ${user.id} ${ledgerTags(state)}`);
          return { when: new Date(0), drop: undefined, list: [1] };
        },
        default: ({ state, user }, data) => {
          calls.push(`iteration ${user.id > 0} ${JSON.stringify(data)} ${state.environment["WHO"]}`);
        },
        teardown: (_, data) => void calls.push(`teardown ${JSON.stringify(data)}`),
      },
    );
    expect(result).toMatchObject({ exitCode: 0, verdict: "passed", iterations: { completed: 6 }, maxUsers: 2 });
    expect(calls[0]).toBe('setup 0 {"version":"7","group":"::setup"}');
    const data = '{"when":"1970-01-01T00:00:00.000Z","list":[1]}';
    expect(calls.slice(1, -1)).toEqual(Array.from({ length: 6 }, () => `iteration true ${data} test`));
    expect(calls.at(-1)).toBe(`teardown ${data}`);
    expect(result.outputs).toEqual({ stdout: "iterations: 6\n" });
    expect(ledger.of("iteration_duration")[0]?.tags).toEqual({ version: "7", scenario: "default" });
    expect(ledger.ending).toMatchObject({ status: "passed", exitCode: 0, reason: "", phases: [] });
  });

  const ledgerTags = (state: { metrics: MemorySamples["metrics"]; tags: number }): string =>
    JSON.stringify(Object.fromEntries(state.metrics.tags.entries(state.tags)));

  it("numbers iterations and users over generators without gap or double", async () => {
    const seen: number[] = [];
    const ids = new Set<number>();
    const { result } = await run(
      { scenarios: { a: { executor: "shared-iterations", vus: 6, iterations: 30 } } },
      {
        default: async ({ state, sleep }) => {
          seen.push(state.scenario!.iterationInTest);
          ids.add(state.idInTest);
          await sleep(1);
        },
      },
      { generators: 3 },
    );
    expect(result.iterations.completed).toBe(30);
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, index) => index));
    expect([...ids].sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("records both starts of an open model's iterations, and says what was dropped", async () => {
    const { result, ledger } = await run(
      {
        scenarios: {
          open: {
            executor: "constant-arrival-rate",
            rate: 100,
            duration: "500ms",
            preAllocatedVUs: 2,
            gracefulStop: "1s",
          },
        },
      },
      { default: ({ sleep }) => sleep(100) },
    );
    const { completed, dropped } = result.iterations;
    expect(completed + dropped).toBe(50);
    expect(completed).toBeGreaterThanOrEqual(4);
    expect(dropped).toBeGreaterThan(20);
    expect(ledger.counter("dropped_iterations")).toBe(dropped);
    const [delay, total, own] = ["iteration_start_delay", "iteration_duration_from_schedule", "iteration_duration"].map(
      (name) => ledger.of(name).map(({ value }) => value),
    );
    for (const [index, value] of total!.entries()) expect(value).toBeCloseTo(delay![index]! + own![index]!, 6);
  });

  it("goes on when an iteration throws, and logs what the script threw", async () => {
    const { result, log } = await run(
      { iterations: 3 },
      {
        default: () => {
          throw new Error("broken");
        },
      },
    );
    expect([result.exitCode, result.iterations.completed]).toEqual([0, 3]);
    expect(log.filter(({ level, text }) => level === "error" && text.includes("broken"))).toHaveLength(3);
  });

  it("gives each scenario its function, environment and tags", async () => {
    const seen: string[] = [];
    await run(
      {
        scenarios: {
          a: { executor: "per-vu-iterations", exec: "one", env: { WHO: "a" }, tags: { kind: "x" } },
          b: { executor: "per-vu-iterations", exec: "two", startTime: "50ms" },
        },
      },
      {
        one: ({ state }) => void seen.push(`one ${state.environment["WHO"]} ${ledgerTags(state)}`),
        two: ({ state }) => void seen.push(`two ${state.environment["WHO"]} ${ledgerTags(state)}`),
      },
    );
    expect(seen).toEqual(['one a {"scenario":"a","kind":"x"}', 'two test {"scenario":"b"}']);
  });

  it("tags samples with the phase from the moment it is set", async () => {
    let control: RunControl | undefined;
    const { ledger, result } = await run(
      { iterations: 4 },
      {
        default: async ({ state, sleep }) => {
          if (state.iterationInScenario === 2) control!.setPhase("inject");
          if (state.iterationInScenario === 3) control!.setPhase("");
          await sleep(5);
        },
      },
      {},
      {
        observer: {
          started: (given) => {
            control = given;
            given.setPhase("baseline");
          },
        },
      },
    );
    expect(ledger.of("iterations").map(({ tags }) => tags["phase"])).toEqual([
      "baseline",
      "baseline",
      "inject",
      undefined,
    ]);
    expect(result.record?.phases.map(({ name }) => name)).toEqual(["baseline", "inject"]);
  });
});

describe("the end of a run", () => {
  const forever = { scenarios: { a: { executor: "constant-vus", vus: 2, duration: "1h" } } };

  it("104: options that cannot be used", async () => {
    const { result } = await run({ vuss: 1 }, { default: () => undefined });
    expect([result.exitCode, result.verdict]).toEqual([104, "failed"]);
    expect(result.failure).toContain("did you mean `vus`?");
  });

  it("104: a function that is not exported", async () => {
    const { result } = await run({ scenarios: { a: { executor: "per-vu-iterations", exec: "nix" } } }, {});
    expect(result.exitCode).toBe(104);
    expect(result.failure).toContain("scenario a wants to run `nix`");
  });

  it("107: setup throws; nothing iterates", async () => {
    const { result } = await run(
      {},
      {
        setup: () => {
          throw new Error("no login");
        },
        default: () => undefined,
      },
    );
    expect([result.exitCode, result.iterations.completed]).toEqual([107, 0]);
    expect(result.failure).toContain("setup(): Error: no login");
  });

  it("100 and 101: setup and teardown take too long", async () => {
    const slow: PlainFunction = ({ sleep }) => sleep(60_000);
    const setup = await run({ setupTimeout: "20ms" }, { setup: slow, default: () => undefined });
    expect(setup.result.exitCode).toBe(100);
    const teardown = await run({ teardownTimeout: "20ms" }, { teardown: slow, default: () => undefined });
    expect([teardown.result.exitCode, teardown.result.iterations.completed]).toEqual([101, 1]);
  });

  it("105: interrupted; teardown and summary still run", async () => {
    const stop = new AbortController();
    let isTornDown = false;
    const { result } = await run(
      forever,
      {
        default: async ({ sleep }) => {
          setImmediate(() => stop.abort());
          await sleep(3_600_000);
        },
        teardown: () => {
          isTornDown = true;
        },
      },
      { signal: stop.signal },
    );
    expect([result.exitCode, result.verdict, result.iterations.interrupted, isTornDown]).toEqual([
      105,
      "aborted",
      2,
      true,
    ]);
    expect(result.outputs["stdout"]).toBe("iterations: 0\n");
  });

  it("108: the script aborts", async () => {
    const { result } = await run(forever, {
      default: async ({ state, sleep }) => {
        if (state.idInTest === 1) state.run.abort("enough");
        await sleep(3_600_000);
      },
    });
    expect([result.exitCode, result.failure]).toEqual([108, "test aborted: enough"]);
  });

  it("110: the script calls the test failed and goes on", async () => {
    const { result } = await run({ iterations: 2 }, { default: ({ state }) => state.run.fail("wrong") });
    expect([result.exitCode, result.iterations.completed]).toEqual([110, 2]);
  });

  it("99: a threshold is crossed, at the end or on the way", async () => {
    const ledger = new MemoryLedger();
    ledger.judgement = (isEnd) => ({
      thresholds: [{ metric: "checks", source: "rate>0.9", verdict: isEnd ? "failed" : "passed", observed: 0.1 }],
      isAbort: false,
    });
    const { result } = await run({ iterations: 1 }, { default: () => undefined }, {}, { ledger });
    expect([result.exitCode, result.failure]).toEqual([99, "thresholds on metrics 'checks' have been crossed"]);

    const aborting = new MemoryLedger();
    aborting.judgement = () => ({
      thresholds: [{ metric: "checks", source: "rate>0.9", verdict: "failed", observed: 0 }],
      isAbort: true,
    });
    const early = await run(forever, { default: ({ sleep }) => sleep(100) }, {}, { ledger: aborting });
    expect(early.result.exitCode).toBe(99);
    expect(early.result.failure).toContain("asks for the end of the run: checks rate>0.9");
  });

  it("writes what handleSummary answers, in place of the summary", async () => {
    const { result } = await run(
      { iterations: 2 },
      { default: () => undefined, handleSummary: (_, data) => ({ "out.json": JSON.stringify(data) }) },
    );
    expect(result.outputs).toEqual({ "out.json": '{"iterations":2}' });
    const broken = await run(
      {},
      {
        default: () => undefined,
        handleSummary: () => {
          throw new Error("oops");
        },
      },
    );
    expect([broken.result.exitCode, broken.result.outputs["stdout"]]).toEqual([0, "iterations: 1\n"]);
    expect(broken.log.some(({ text }) => text.includes("handleSummary(): Error: oops"))).toBe(true);
  });
});
