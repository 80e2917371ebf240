import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ManualClock, systemClock } from "#runtime/clock.ts";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { workerThreads } from "#runtime/threads.ts";
import { openHeartbeat, watchHeartbeat } from "./heartbeat.ts";

describe("watchdog", () => {
  it("names the user whose turn lasts too long, once", () => {
    const clock = new ManualClock(0);
    const { memory, beat } = openHeartbeat();
    const stuck: number[] = [];
    using watchdog = watchHeartbeat(memory, 1000, clock, (userId) => stuck.push(userId));
    const pass = (ms: number): void => {
      clock.advance(ms);
      watchdog.look();
    };
    beat(7);
    pass(900);
    pass(900);
    expect(stuck).toEqual([]);
    beat(8);
    pass(10);
    pass(900);
    beat(0);
    pass(10);
    pass(5000);
    expect(stuck).toEqual([]);
    beat(9);
    pass(10);
    pass(1001);
    pass(5000);
    expect(stuck).toEqual([9]);
  });
});

describe("a stuck thread", () => {
  let compiled: Compiled;
  beforeAll(() => {
    compiled = compile(["script/open-script.ts", "script/heartbeat.ts", "runtime/threads.ts"]);
  }, 60_000);
  afterAll(() => compiled[Symbol.dispose]());

  it("of a catastrophic regular expression is terminated and its user named", async () => {
    writeFileSync(
      join(compiled.directory, "stuck.js"),
      `import { runThread } from "./runtime/threads.js";
import { openHeartbeat } from "./script/heartbeat.js";
import { openScript } from "./script/open-script.js";
runThread(import.meta.url, (port) => port.onMessage(async (memory) => {
  const script = await openScript({
    entry: "/stuck.js", source: 'export default (n) => n === 2 ? /^(a+)+$/.test("a".repeat(40) + "b") : "fine"',
    readFile: () => "", ours: () => undefined, globals: {}, beat: openHeartbeat(memory).beat,
  });
  const users = await Promise.all([1, 2].map((id) => script.createUser(id, undefined)));
  port.post(await users[0].call("default", [1]));
  await users[1].call("default", [2]);
}));`,
    );
    const { memory } = openHeartbeat();
    const said: unknown[] = [];
    const userId = await new Promise<number>((resolve, reject) => {
      const thread = workerThreads(pathToFileURL(join(compiled.directory, "stuck.ts")), {
        onMessage: (message) => said.push(message),
        onEnd: reject,
      });
      const watchdog = watchHeartbeat(memory, 200, systemClock, (id) => {
        watchdog[Symbol.dispose]();
        thread.stop().then(() => resolve(id), reject);
      });
      thread.post(memory);
    });
    expect(userId).toBe(2);
    expect(said).toEqual(["fine"]);
  });
});
