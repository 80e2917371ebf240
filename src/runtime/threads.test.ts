import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "./compiled.suite.ts";
import { type StartThread, type Thread, type ThreadMain, twinThreads, workerThreads } from "./threads.ts";

/** What the thread of these tests does, as text for a real worker's file too. */
const echo: ThreadMain = (port) => {
  port.post("hello");
  port.onMessage((message) => {
    if (message === "die") throw new Error("as told");
    if (message === "hang") for (;;);
    const bytes = message as Uint8Array;
    port.post(bytes, [bytes.buffer as ArrayBuffer]);
  });
};

let compiled: Compiled;
beforeAll(() => {
  compiled = compile(["runtime/threads.ts"]);
  writeFileSync(
    join(compiled.directory, "echo.js"),
    `import { runThread } from "./runtime/threads.js";\nrunThread(import.meta.url, ${echo.toString()});\n`,
  );
}, 60_000);
afterAll(() => compiled[Symbol.dispose]());

interface Conversation {
  readonly thread: Thread;
  readonly said: unknown[];
  readonly ended: Promise<unknown>;
  until(count: number): Promise<void>;
}

function converse(start: StartThread): Conversation {
  const said: unknown[] = [];
  let notify = (): void => undefined;
  let end: (error: unknown) => void;
  const ended = new Promise((resolve) => {
    end = resolve;
  });
  const thread = start(pathToFileURL(join(compiled.directory, "echo.ts")), {
    onMessage: (message) => {
      said.push(message);
      notify();
    },
    onEnd: (error) => end(error),
  });
  const until = async (count: number): Promise<void> => {
    while (said.length < count)
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
  };
  return { thread, said, ended, until };
}

for (const [name, start] of [
  ["worker threads", workerThreads],
  ["twin threads", twinThreads(echo)],
] as const)
  describe(name, () => {
    it("passes messages in order and moves what is transferred", async () => {
      const { thread, said, until } = converse(start);
      const bytes = new Uint8Array([1, 2, 3]);
      thread.post(bytes, [bytes.buffer]);
      expect(bytes.length).toBe(0);
      thread.post(new Uint8Array([4]));
      await until(3);
      expect(said).toEqual(["hello", new Uint8Array([1, 2, 3]), new Uint8Array([4])]);
      await thread.stop();
    });

    it("tells the end of a thread behind all that it said", async () => {
      const { thread, said, ended } = converse(start);
      thread.post(new Uint8Array([1]));
      thread.post("die");
      thread.post(new Uint8Array([2]));
      expect(await ended).toMatchObject({ message: "as told" });
      expect(said).toEqual(["hello", new Uint8Array([1])]);
    });
  });

describe("worker threads", () => {
  it("can be stopped while they hang", async () => {
    const { thread, until } = converse(workerThreads);
    await until(1);
    thread.post("hang");
    await thread.stop();
  });

  it("end at once when their file is missing", async () => {
    const ended = new Promise((resolve) => {
      workerThreads(pathToFileURL(join(compiled.directory, "none.ts")), { onMessage: () => undefined, onEnd: resolve });
    });
    expect(await ended).toMatchObject({ code: "MODULE_NOT_FOUND" });
  });
});
