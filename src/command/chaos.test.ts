import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";

/** The command as people run it: the compiled program, its processes, its signals. */
let built: Compiled;
let directory: string;
let web: Server;
let webAddress: string;
const children: ChildProcess[] = [];

beforeAll(() => {
  built = compile([
    "main.ts",
    "load/run/generator-thread.ts",
    "chaos/injector/injector-worker.ts",
    "chaos/process/cpu-worker.ts",
    "chaos/process/memory-worker.ts",
  ]);
});
afterAll(() => built[Symbol.dispose]());

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "traceo-chaos-command-"));
  web = createServer((_, response) => response.writeHead(200, { connection: "close" }).end("shop"));
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  webAddress = `127.0.0.1:${(web.address() as { port: number }).port}`;
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await new Promise((resolve) => web.close(resolve));
  rmSync(directory, { recursive: true, force: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Resolves when its output or errors hold `pattern`. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(built.directory, "main.js"), "chaos", ...args], {
    env: { ...process.env, XDG_STATE_HOME: join(directory, "state") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let out = "";
  let err = "";
  const listeners = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
    for (const listener of listeners) listener();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    for (const listener of listeners) listener();
  });
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, out, err }));
  });
  return {
    child,
    ended,
    says: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const match = pattern.exec(out + err);
          if (match === null) return;
          listeners.delete(look);
          resolve(match);
        };
        listeners.add(look);
        child.once("close", () => reject(new Error(`ended without ${pattern}: ${out}${err}`)));
        look();
      }),
  };
}

const run = (...args: readonly string[]): Running["ended"] => start(args).ended;

async function startProxy(): Promise<{ api: string; listen: string }> {
  const proxy = start(["proxy", "--listen", "127.0.0.1:0", "--proxy", `shop=127.0.0.1:0=${webAddress}`]);
  const [, api, listen] = await proxy.says(/API (\S+)\n {2}shop: (\S+)/);
  return { api: api!, listen: listen! };
}

function write(text: string): string {
  const file = join(directory, "experiment.yaml");
  writeFileSync(file, text);
  return file;
}

const experiment = ({ faults, targets, url, hold = "200ms" }: Record<string, string>): string => `
name: shop
steadyState:
  title: the shop answers
  every: 50ms
  probes: [{ type: http, name: shop, url: "${url}" }]
phases: { baseline: 50ms, hold: ${hold}, recover: 20s }
faults: ${faults}
limits: { targets: ["${targets}"] }
`;

/** A process whose parent is gone, so that it is not part of the experiment's own tree. */
function startOrphan(command: string): number {
  return Number(execFileSync("sh", ["-c", `${command} >/dev/null 2>&1 & echo $!`], { encoding: "utf8" }));
}
const stateOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
};

describe("traceo chaos", () => {
  it("runs an experiment through its own proxy: passed, failed and void have their exit codes, list shows them", async () => {
    const { api, listen } = await startProxy();
    const given = (toxic: string): string =>
      experiment({
        faults: `[{ type: toxic, name: f, api: "${api}", proxy: shop, ${toxic} }]`,
        targets: "proxy:shop",
        url: `http://${listen}/`,
      });
    const journal = join(directory, "journal.json");
    const passed = await run("run", write(given("toxic: latency, attributes: { latency: 5 }")), "--journal", journal);
    expect([passed.code, passed.out]).toEqual([0, expect.stringMatching(/PASSED {2}shop/)]);
    expect(JSON.parse(readFileSync(journal, "utf8"))).toMatchObject({ verdict: "passed", faults: [{ type: "toxic" }] });
    const failed = await run("run", write(given("toxic: http_error, attributes: { status: 500 }")), "--json");
    expect([failed.code, JSON.parse(failed.out)]).toMatchObject([10, { verdict: "failed" }]);
    const wrong = given("toxic: latency").replace(listen, "127.0.0.1:9");
    expect((await run("run", write(wrong))).code).toBe(12);
    const list = JSON.parse((await run("list", "--json")).out) as { verdict: string }[];
    expect(list.map(({ verdict }) => verdict)).toEqual(["void", "failed", "passed"]);
    expect((await run("status")).out).toBe("No experiment runs, and no fault is open.\n");
  });

  it("drives a k6 script, whose samples carry the phase: a threshold of a phase decides", async () => {
    const { api, listen } = await startProxy();
    const script = join(directory, "load.js");
    const given = (toxic: string): string =>
      `${experiment({
        faults: `[{ type: toxic, name: f, api: "${api}", proxy: shop, ${toxic} }]`,
        targets: "proxy:shop",
        url: `http://${webAddress}/`,
        hold: "2s",
      })}load: { script: load.js, args: ["--rps", "100"] }`;
    const writeScript = (phase: string): void =>
      writeFileSync(
        script,
        `import http from "k6/http";
         export const options = {
           scenarios: { s: { executor: "constant-arrival-rate", rate: 20, duration: "1h", preAllocatedVUs: 5, maxVUs: 50 } },
           thresholds: { "http_req_failed{phase:${phase}}": ["rate<0.5"], "http_reqs{phase:hold}": ["count>5"] },
         };
         export default () => http.get(__ENV.SHOP);`,
      );
    const error = "toxic: http_error, attributes: { status: 503 }";
    writeScript("hold");
    const failed = await run("run", write(given(error)), "--env", `SHOP=http://${listen}/`, "--json");
    const seen = JSON.parse(failed.out) as {
      reasons: string[];
      load: { thresholds: { name: string; passed: boolean }[] };
    };
    expect([failed.code, seen.reasons]).toEqual([
      10,
      ["The load's thresholds were crossed: http_req_failed{phase:hold} rate<0.5"],
    ]);
    expect(seen.load.thresholds).toMatchObject([{ passed: false, value: "1" }, { passed: true }]);
    writeScript("baseline");
    expect((await run("run", write(given(error)), "--env", `SHOP=http://${listen}/`)).code).toBe(0);
    writeFileSync(script, "export default () => {");
    const broken = await run("run", write(given(error)), "--env", `SHOP=http://${listen}/`);
    expect([broken.code, broken.err]).toEqual([1, expect.stringContaining("load.js:1:23: SyntaxError")]);
  });

  it("says what is wrong with a file, where", async () => {
    const file = write("name: x\nsteadyState: 7\n");
    const { code, err } = await run("run", file, "--check");
    expect(code).toBe(1);
    expect(err).toContain(`${file}:2: steadyState: `);
    expect(err).toContain(`${file}:1: faults: `);
    expect((await run("run")).code).toBe(2);
    expect((await run("break")).code).toBe(2);
    expect((await run("--help")).out).toContain("10 failed, 11 aborted, 12 void");
  });
});

describe.runIf(process.platform === "linux")("traceo chaos, ended in the middle", () => {
  let pid: number;
  let file: string;
  beforeEach(() => {
    const command = `sleep ${1000 + Math.floor(Math.random() * 1e9)}`;
    pid = startOrphan(command);
    file = write(
      experiment({
        faults: `[{ type: pause, name: f, target: { command: "${command}" } }]`,
        targets: `process:${command}`,
        url: `http://${webAddress}/`,
        hold: "1h",
      }),
    );
  });
  afterEach(() => void process.kill(pid, "SIGKILL"));

  it("takes the fault away at Ctrl-C and answers a journal", async () => {
    const running = start(["run", file]);
    await running.says(/hold/);
    expect(stateOf(pid)).toBe("T");
    expect((await run("status")).out).toMatch(/is under experiment: shop[\s\S]*f \(pause\) of shop ends by/);
    running.child.kill("SIGINT");
    const { code, out } = await running.ended;
    expect([code, out]).toEqual([11, expect.stringContaining("Stopped by the operator.")]);
    expect(stateOf(pid)).not.toBe("T");
  });

  it("takes the fault away after kill -9, by itself and by `undo`", async () => {
    const running = start(["run", file]);
    await running.says(/hold/);
    running.child.kill("SIGKILL");
    await running.ended;
    while (stateOf(pid) === "T") await new Promise((resolve) => setImmediate(resolve));
    expect((await run("undo")).code).toBe(0);
    expect((await run("undo")).out).toBe("No fault is open.\n");
  });
});
