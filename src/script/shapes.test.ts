import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { asWritten, type natives as Natives } from "./natives.suite.ts";
import type { openScript as OpenScript, Script } from "./open-script.ts";

/**
 * The 47 shapes in which a blocking call hides (shapes.json): what they log as they stand, with stubs that answer at once,
 * they must log when their calls suspend, whatever other users do meanwhile. Run as built, since the helper thread that
 * blocks where nothing can suspend is a real one.
 */
const shapes = JSON.parse(readFileSync(new URL("./shapes.json", import.meta.url), "utf8")) as Record<string, string>;

/** Those in which a call stands where nothing can suspend. */
const CANNOT_SUSPEND = new Set(["ctor", "getter", "toStr", "gen", "iter", "newfn", "fieldinit", "proxy", "evalf"]);

let compiled: Compiled;
let openScript: typeof OpenScript;
let natives: typeof Natives;
let stopHelper: () => Promise<void>;

beforeAll(async () => {
  compiled = compile(["script/open-script.ts", "script/natives.suite.ts", "script/realm/blocking-worker.ts"]);
  const load = (file: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(compiled.directory, "script", file)).href);
  ({ openScript } = (await load("open-script.js")) as { openScript: typeof OpenScript });
  ({ natives } = (await load("natives.suite.js")) as { natives: typeof Natives });
  ({ stopHelper } = (await load("realm/really-block.js")) as { stopHelper: typeof stopHelper });
}, 60_000);
afterAll(async () => {
  await stopHelper();
  compiled[Symbol.dispose]();
});

const open = (source: string): Promise<Script> =>
  openScript({
    entry: "/shape.js",
    source,
    readFile: (path) => {
      throw new Error(`reads ${path}`);
    },
    ours: () => undefined,
    globals: natives,
  });

async function run(script: Script, id: number): Promise<string[]> {
  const host = { log: [] as string[] };
  const user = await script.createUser(id, host);
  await user.call("default", []);
  return host.log;
}

describe("script shapes", () => {
  it.each(Object.entries(shapes))("%s logs the same in three users at once", async (name, body) => {
    const expected = await asWritten(body);
    const script = await open(body);
    const logs = await Promise.all([1, 2, 3].map((id) => run(script, id)));
    expect(logs).toEqual([expected, expected, expected]);
    const blocked = script.reallyBlocked().reduce((sum, { times }) => sum + times, 0);
    expect(blocked > 0).toBe(CANNOT_SUSPEND.has(name));
  });

  it("log the same when all run at once", async () => {
    const expected = await Promise.all(Object.values(shapes).map(asWritten));
    const scripts = await Promise.all(Object.values(shapes).map(open));
    const logs = await Promise.all(scripts.map((script, index) => run(script, index + 1)));
    expect(logs).toEqual(expected);
  });
});
