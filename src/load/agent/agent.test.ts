import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import type { LoadConfig, LoadObserver, LogLine, RunProgress, RunResult } from "../load-run.ts";
import { parseAgentAddress } from "./agent-generators.ts";
import { openMessageStream } from "./message-stream.ts";

describe("messages over a connection", () => {
  it("arrive whole and in order, however the bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.anything({ withTypedArray: true }), { maxLength: 5 }),
        fc.infiniteStream(fc.nat(7)),
        (messages, cuts) => {
          const wire = new PassThrough();
          const written: Buffer[] = [];
          wire.write = ((chunk: Buffer) => written.push(chunk) > 0) as typeof wire.write;
          const sender = openMessageStream(
            wire,
            () => undefined,
            () => undefined,
          );
          for (const message of messages) sender.send(message);
          const received: unknown[] = [];
          const other = new PassThrough();
          openMessageStream(
            other,
            (message) => received.push(message),
            () => undefined,
          );
          let rest = Buffer.concat(written);
          for (const cut of cuts) {
            if (rest.byteLength === 0) break;
            other.emit("data", rest.subarray(0, cut + 1));
            rest = rest.subarray(cut + 1);
          }
          expect(received).toEqual(messages);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("end when a message is too large or makes no sense", () => {
    const reasons: string[] = [];
    for (const bytes of [Buffer.from([255, 255, 255, 255]), Buffer.from([2, 0, 0, 0, 1, 2])]) {
      const socket = new PassThrough();
      openMessageStream(
        socket,
        () => undefined,
        (reason) => reasons.push(reason),
      );
      socket.emit("data", bytes);
    }
    expect(reasons).toHaveLength(2);
    expect(reasons[0]).toContain("too large");
  });
});

it.each([
  ["127.0.0.1:7075", { host: "127.0.0.1", port: 7075 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["load.test:1", { host: "load.test", port: 1 }],
  ["load.test", undefined],
  ["a:99999", undefined],
])("reads %s", (text, address) => expect(parseAgentAddress(text)).toEqual(address));

describe("a run spread over agents", () => {
  let compiled: Compiled;
  let folder: string;
  let load: typeof import("../load-test.ts");
  let agents: typeof import("../load-agent.ts");
  const token = "a token of this test";

  beforeAll(async () => {
    compiled = compile([
      "load/load-test.ts",
      "load/load-agent.ts",
      "load/run/generator-thread.ts",
      "script/realm/blocking-worker.ts",
    ]);
    folder = mkdtempSync(join(tmpdir(), "traceo-agent-"));
    const at = (name: string): string => pathToFileURL(join(compiled.directory, name)).href;
    load = (await import(at("load/load-test.js"))) as typeof load;
    agents = (await import(at("load/load-agent.js"))) as typeof agents;
  });
  afterAll(() => {
    compiled[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });

  const openAgent = () =>
    agents.openLoadAgent({ host: "127.0.0.1", port: 0, token, maxGenerators: 2, log: () => undefined });

  async function run(
    text: string,
    ports: readonly number[],
    config: Partial<LoadConfig> = {},
    observer: LoadObserver = {},
  ): Promise<{ readonly result: RunResult; readonly lines: readonly string[] }> {
    const entry = join(folder, "script.js");
    writeFileSync(entry, text);
    const log: LogLine[] = [];
    const result = await load.runLoadTest(
      {
        source: { entry, files: {}, isClosed: false },
        scriptEnvironment: { WHO: "us" },
        weaker: [],
        stronger: [],
        agents: ports.map((port) => ({ host: "127.0.0.1", port, token })),
        ...config,
      },
      { log: (line) => log.push(line), ...observer },
    );
    return { result, lines: log.filter(({ source }) => source === "console").map((line) => line.text) };
  }

  it("does each iteration once, with the script's files and setup's data, judged as one", async () => {
    await using one = await openAgent();
    await using other = await openAgent();
    writeFileSync(join(folder, "data.json"), '{"from":"file"}');
    const { result, lines } = await run(
      `
      import exec from "k6/execution";
      import { sleep } from "k6";
      const data = JSON.parse(open("./data.json"));
      export const options = {
        scenarios: { a: { executor: "shared-iterations", vus: 4, iterations: 12 } },
        thresholds: { iterations: ["count==12"] },
      };
      export function setup() { return { token: "t" }; }
      export default function (setup) { sleep(0.01); console.log(exec.scenario.iterationInTest, data.from, setup.token, __ENV.WHO); }
      export function teardown(setup) { console.log("down", setup.token); }
    `,
      [one.port, other.port],
    );
    expect([result.failure, result.exitCode]).toEqual([undefined, 0]);
    expect(lines.at(-1)).toBe("down t");
    expect(lines.slice(0, -1).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))).toEqual(
      Array.from({ length: 12 }, (_, at) => `${at} file t us`),
    );
    expect(result.record!.generators.map(({ name }) => name)).toEqual([
      "1",
      `127.0.0.1:${one.port}`,
      `127.0.0.1:${other.port}`,
    ]);
    // The same machine: its clock is our clock.
    for (const { clockOffsetMs } of result.record!.generators) expect(Math.abs(clockOffsetMs)).toBeLessThan(1000);
  });

  it("names an agent that goes away, and keeps what it had sent", async () => {
    await using one = await openAgent();
    const other = await openAgent();
    let isGone = false;
    const progress = ({ scenarios }: RunProgress): void => {
      if (isGone || (scenarios[0]?.completed ?? 0) < 4) return;
      isGone = true;
      void other[Symbol.asyncDispose]();
    };
    const { result } = await run(
      `
      import { sleep } from "k6";
      export const options = { vus: 2, duration: "1h" };
      export default function () { sleep(0.1); }
    `,
      [one.port, other.port],
      {},
      { progress },
    );
    expect([result.exitCode, result.verdict]).toEqual([109, "void"]);
    expect(result.voidReasons[0]).toContain(`127.0.0.1:${other.port} the connection was closed`);
    expect(result.record!.generators.filter(({ lostUnixMs }) => lostUnixMs !== undefined)).toHaveLength(1);
    expect(result.iterations.completed).toBeGreaterThanOrEqual(4);
  });

  it("says what is wrong with the token, the address, or too many runs", async () => {
    await using agent = await openAgent();
    const script = "export default function () {}";
    const wrong = await run(script, [], { agents: [{ host: "127.0.0.1", port: agent.port, token: "guess" }] });
    expect([wrong.result.exitCode, wrong.result.failure]).toEqual([
      109,
      expect.stringContaining("refused the token") as string,
    ]);
    const nobody = await run(script, [1]);
    expect(nobody.result.failure).toContain("cannot be reached");
    const full = await run(script, [agent.port, agent.port, agent.port]);
    expect(full.result.failure).toContain("answered 503");
  });
});
