import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import type { LoadConfig, LogLine, RunResult } from "./load-run.ts";

/** Scripts on real threads, as the command runs them. */
let compiled: Compiled;
let folder: string;
let module: typeof import("./load-test.ts");

beforeAll(async () => {
  compiled = compile(["load/load-test.ts", "load/run/generator-thread.ts", "script/realm/blocking-worker.ts"]);
  folder = mkdtempSync(join(tmpdir(), "traceo-load-"));
  module = (await import(pathToFileURL(join(compiled.directory, "load/load-test.js")).href)) as typeof module;
});
afterAll(() => {
  compiled[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

async function run(
  text: string,
  config: Partial<LoadConfig> = {},
): Promise<RunResult & { readonly log: readonly LogLine[] }> {
  const entry = file("main.js", text);
  const log: LogLine[] = [];
  const result = await module.runLoadTest(
    {
      source: { entry, files: {}, isClosed: false },
      scriptEnvironment: { NAME: "world" },
      weaker: [],
      stronger: [],
      ...config,
    },
    { log: (line) => log.push(line) },
  );
  return { ...result, log };
}

const consoleOf = (log: readonly LogLine[]): readonly string[] =>
  log.filter(({ source }) => source === "console").map(({ text }) => text);

/** `name: value` lines of a summary's metrics. */
const metricsOf = (result: RunResult): Record<string, Record<string, number>> =>
  Object.fromEntries(
    Object.entries((result.summaryData as { metrics: Record<string, { values: Record<string, number> }> }).metrics).map(
      ([name, { values }]) => [name, values],
    ),
  );

describe("a script on a thread", () => {
  it("has k6's globals, groups, checks, custom metrics and execution state", async () => {
    const result = await run(`
      import { check, fail, group, randomSeed, sleep } from "k6";
      import exec from "k6/execution";
      import { Counter, Gauge, Rate, Trend } from "k6/metrics";
      import { setTimeout } from "k6/timers";
      const made = { counter: new Counter("cc"), gauge: new Gauge("gg"), rate: new Rate("rr"), trend: new Trend("tt", true) };
      export const options = {
        iterations: 4, vus: 2, tags: { run: "7" },
        thresholds: { "tt{kind:a}": ["max<10"], "group_duration{group:::outer::inner}": ["count>0", "min>15"].slice(1) },
      };
      export function setup() { return { when: new Date(0), name: __ENV.NAME }; }
      export default function (data) {
        const result = group("outer", () => {
          const inner = group("inner", () => { sleep(0.02); return exec.vu.tags.group; });
          check(data, { "has name": (d) => d.name === "world", "is odd": () => exec.scenario.iterationInTest % 2 === 1 }, { extra: "x" });
          return inner + "|" + exec.vu.tags.group;
        });
        made.counter.add(2);
        made.gauge.add(__VU);
        made.rate.add(__ITER === 0);
        made.trend.add(5, { kind: "a" });
        made.trend.add(50);
        exec.vu.tags.mine = "set";
        if (exec.scenario.iterationInTest === 0) {
          randomSeed(1);
          const first = Math.random();
          randomSeed(1);
          console.log(result, exec.scenario.name, exec.scenario.executor, exec.test.options.scenarios.default.vus, first === Math.random(), data);
          setTimeout(() => console.warn("later", Object.keys(exec.vu.tags).sort().join()), 5);
        }
        if (exec.scenario.iterationInTest === 3) fail("enough");
      }
      export function teardown(data) { console.log("teardown", data.when); }
    `);
    expect(result.failure).toBeUndefined();
    expect(consoleOf(result.log)).toEqual([
      '::outer::inner|::outer default shared-iterations 2 true {"when":"1970-01-01T00:00:00.000Z","name":"world"}',
      "later mine,run,scenario",
      "teardown 1970-01-01T00:00:00.000Z",
    ]);
    expect(result.log.filter(({ level }) => level === "error").map(({ text }) => text.split("\n")[0])).toEqual([
      "Error: enough",
    ]);
    expect(metricsOf(result)).toMatchObject({
      iterations: { count: 4 },
      cc: { count: 8 },
      rr: { passes: 2, fails: 2 },
      tt: { min: 5, max: 50 },
      "tt{kind:a}": { max: 5 },
      checks: { passes: 6, fails: 2 },
      vus_max: { value: 2 },
    });
    expect(metricsOf(result)["group_duration"]!["min"]).toBeGreaterThanOrEqual(19);
    expect(result.thresholds.map(({ verdict }) => verdict)).toEqual(["passed", "passed"]);
    expect(result.record).toMatchObject({ name: "main.js", status: "passed", exitCode: 0, tags: { run: "7" } });
    expect(result.outputs["stdout"]).toContain("✗ is odd");
  });

  it("reads its files in the init context, and nowhere else", async () => {
    file("data.json", '{"a":1}');
    file(
      "lib.ts",
      'export const double = (n: number): number => n * 2;\nexport const bytes = open("./data.json", "b").byteLength;',
    );
    const result = await run(`
      import { bytes, double } from "./lib.ts";
      const data = JSON.parse(open("./data.json"));
      export default function () {
        console.log(double(data.a), bytes);
        try { open("./data.json"); } catch (error) { console.log(error.message); }
      }
    `);
    expect(consoleOf(result.log)[0]).toBe("2 7");
    expect(consoleOf(result.log)[1]).toContain("only possible in the init context");
  });

  it.each([
    ["a syntax error", "export default function () { let x = ; }", 107, "main.js:1:38"],
    ["an exception of the init code", "\n\nnope();\nexport default function () {}", 107, "main.js:3:1"],
    [
      "a module that is refused",
      'import { browser } from "k6/browser";\nexport default function () {}',
      107,
      "k6/browser",
    ],
    [
      "an unknown option",
      "export const options = { vuz: 1 };\nexport default function () {}",
      104,
      "did you mean `vus`?",
    ],
    ["no function", "export const options = {};", 104, "no default export"],
    [
      "a threshold on nothing",
      'export const options = { thresholds: { nix: ["count>1"] } };\nexport default function () {}',
      104,
      'there is no metric "nix"',
    ],
    [
      "an exception in setup",
      "export function setup() {\n  throw new TypeError('no');\n}\nexport default function () {}",
      107,
      "setup(): TypeError: no\n  at setup",
    ],
    [
      "test.abort",
      'import exec from "k6/execution";\nexport default function () { exec.test.abort("why"); console.log("never"); }',
      108,
      "test aborted: why",
    ],
    [
      "test.fail",
      'import exec from "k6/execution";\nexport default function () { exec.test.fail("why"); }',
      110,
      "test failed: why",
    ],
    [
      "an output that there is not",
      "export default function () {}",
      104,
      'there is no output "kafka"',
      { outputs: ["kafka"] },
    ],
  ] as [string, string, number, string, Partial<LoadConfig>?][])(
    "ends by %s with its exit code and place",
    async (_, text, exitCode, message, config) => {
      const result = await run(text, config ?? {});
      expect(result.exitCode).toBe(exitCode);
      expect(result.failure).toContain(message);
      expect(consoleOf(result.log)).toEqual([]);
    },
  );

  it("runs the founding document's script against a server", async () => {
    let requests = 0;
    const traced = new Set<boolean>();
    const server = createServer((request, response) => {
      requests += 1;
      traced.add(String(request.headers["traceparent"]).startsWith("00-"));
      response.setHeader("content-type", "application/json");
      response.end('{"data":[1,2,3]}');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const result = await run(`// K6 Load Test Script (Modern Approach)
import http from 'k6/http';
import { check, group } from 'k6';

export let options = {
  stages: [
    { duration: '300ms', target: 5 },    // Ramp up
    { duration: '900ms', target: 5 },    // Sustain
    { duration: '300ms', target: 0 }       // Ramp down
  ],
  thresholds: {
    'http_req_duration': ['p(95)<500', 'p(99)<1000'],
    'http_req_failed': ['rate<0.1'],    // <10% failure rate
    'checks': ['rate>0.95']              // >95% check pass rate
  }
};

export default function() {
  group('metrics', () => {
    let response = http.get('http://127.0.0.1:${port}/metrics');
    check(response, {
      'status is 200': (r) => r.status === 200,
      'response time < 500ms': (r) => r.timings.duration < 500,
      'has data': (r) => r.json().data.length > 0
    });
  });
}
`);
    await new Promise((resolve) => server.close(resolve));
    expect([result.failure, result.exitCode]).toEqual([undefined, 0]);
    expect(result.thresholds).toHaveLength(4);
    const metrics = metricsOf(result);
    // Requests that the end of the ramp interrupted have reached the server too.
    expect(metrics["http_reqs"]!["count"]).toBeLessThanOrEqual(requests);
    expect(metrics["http_reqs"]!["count"]).toBeGreaterThanOrEqual(metrics["iterations"]!["count"]!);
    expect(metrics["checks"]).toMatchObject({ rate: 1, passes: 3 * metrics["iterations"]!["count"]! });
    expect(result.outputs["stdout"]).toContain("✓ has data");
    expect([...traced]).toEqual([true]);
    expect(result.record!.exemplars.length).toBeGreaterThan(0);
  });

  it("shares a test between threads: every iteration once", async () => {
    const result = await run(
      `
      import exec from "k6/execution";
      import { sleep } from "k6";
      export const options = { scenarios: { a: { executor: "shared-iterations", vus: 5, iterations: 20 } } };
      export default function () { console.log(exec.scenario.iterationInTest, exec.vu.idInTest); sleep(0.005); }
    `,
      { generators: 2 },
    );
    const lines = consoleOf(result.log).map((line) => line.split(" ").map(Number));
    expect(lines.map(([iteration]) => iteration).sort((a, b) => a! - b!)).toEqual(
      Array.from({ length: 20 }, (_, at) => at),
    );
    expect(new Set(lines.map(([, user]) => user)).size).toBe(5);
    expect(metricsOf(result)["iterations"]).toMatchObject({ count: 20 });
  });

  it("writes every sample to outputs that want them", async () => {
    const path = join(folder, "samples.json");
    await run("export const options = { iterations: 3 };\nexport default function () {}", {
      outputs: [`json=${path}`],
    });
    const points = readFileSync(path, "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; metric: string; data: { tags?: { scenario?: string } } })
      .filter(({ type, metric }) => type === "Point" && metric === "iteration_duration");
    expect(points.map(({ data }) => data.tags?.scenario)).toEqual(["default", "default", "default"]);
  });

  it("runs from an archive without the files that went into it", async () => {
    file("gone.txt", "kept");
    const entry = file(
      "archived.js",
      'const text = open("./gone.txt");\nexport const options = { iterations: 2 };\nexport default function () { console.log(text, __ENV.HOST); }',
    );
    const config = { source: { entry, files: {}, isClosed: false }, scriptEnvironment: {}, weaker: [], stronger: [] };
    const archive = module.readLoadArchive(await module.archiveLoadTest(config, { HOST: "x" }))!;
    rmSync(entry);
    rmSync(join(folder, "gone.txt"));
    const log: LogLine[] = [];
    const result = await module.runLoadTest(
      {
        ...config,
        source: archive.source,
        archivedOptions: archive.archivedOptions,
        scriptEnvironment: archive.environment,
      },
      { log: (line) => log.push(line) },
    );
    expect([result.failure, consoleOf(log)]).toEqual([undefined, ["kept x", "kept x"]]);
  });

  it("ends a thread that a regular expression holds, and names the user", async () => {
    const result = await run(`
      import { sleep } from "k6";
      export const options = { vus: 3, duration: "1h" };
      export default function () { if (__VU === 2) /^(a+)+$/.test("a".repeat(60) + "b"); sleep(1); }
    `);
    expect([result.exitCode, result.verdict]).toEqual([109, "void"]);
    expect(result.voidReasons[0]).toContain("stuck in the code of virtual user 2");
  });

  it("refuses users that do not fit into memory, and says what weighs", async () => {
    const result = await run(`
      export const options = { vus: 100000, duration: "1s" };
      const heavy = new Array(1000000).fill(__VU).map((n, at) => n + at / 2);
      export default function () { return heavy.length; }
    `);
    expect(result.exitCode).toBe(104);
    expect(result.failure).toMatch(/100000 virtual users|may open/);
  });
});
