import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { workerThreads } from "#runtime/threads.ts";

/** No counter reaches into a call of the engine: another thread must see whose turn it is, and end this one. */
describe("a user in a catastrophic regular expression", () => {
  let compiled: Compiled;
  beforeAll(() => {
    compiled = compile(["script/open-script.ts", "runtime/threads.ts"]);
  }, 60_000);
  afterAll(() => compiled[Symbol.dispose]());

  it("is named by the beat while the thread hangs, and the thread can be ended", async () => {
    writeFileSync(
      join(compiled.directory, "stuck.js"),
      `import { runThread } from "./runtime/threads.js";
import { openScript } from "./script/open-script.js";
runThread(import.meta.url, (port) => port.onMessage(async (memory) => {
  const whose = new Int32Array(memory);
  const script = await openScript({
    entry: "/stuck.js", source: 'export default (n) => n === 2 ? /^(a+)+$/.test("a".repeat(60) + "b") : "fine"',
    readFile: () => "", ours: () => undefined, globals: {}, beat: (userId) => Atomics.store(whose, 0, userId),
  });
  const users = await Promise.all([1, 2].map((id) => script.createUser(id, undefined)));
  port.post(await users[0].call("default", [1]));
  port.post("at rest: " + Atomics.load(whose, 0));
  await users[1].call("default", [2]);
  port.post("ended");
}));`,
    );
    const memory = new SharedArrayBuffer(4);
    const said: unknown[] = [];
    let notify = (): void => undefined;
    const thread = workerThreads(pathToFileURL(join(compiled.directory, "stuck.ts")), {
      onMessage: (message) => {
        said.push(message);
        notify();
      },
      onEnd: (error) => said.push(error),
    });
    thread.post(memory);
    while (said.length < 2)
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
    const whose = new Int32Array(memory);
    while (Atomics.load(whose, 0) !== 2) await new Promise((resolve) => setImmediate(resolve));
    await thread.stop();
    expect(said).toEqual(["fine", "at rest: 0"]);
  });
});
