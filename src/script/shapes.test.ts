import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Compiled, compile } from "#runtime/compiled.suite.ts";
import { asWritten, type natives as Natives } from "./natives.suite.ts";
import type { openScript as OpenScript, Script } from "./open-script.ts";
import { randomProgram } from "./program.suite.ts";

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

beforeAll(async () => {
  compiled = compile(["script/open-script.ts", "script/natives.suite.ts", "script/realm/blocking-worker.ts"]);
  const load = (file: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(compiled.directory, "script", file)).href);
  ({ openScript } = (await load("open-script.js")) as { openScript: typeof OpenScript });
  ({ natives } = (await load("natives.suite.js")) as { natives: typeof Natives });
}, 60_000);
afterAll(async () => {
  await (await open(""))[Symbol.asyncDispose]();
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

  it("are counted by file and line where a call really blocked", async () => {
    const script = await open(
      `const o = {\n  get v() {\n    return http.get("g").url\n  },\n};\nexports.default = () => {\n  log(o.v + o.v);\n  new (class {\n    x = http.get("THROW");\n  })();\n};`,
    );
    const host = { log: [] as string[] };
    const user = await script.createUser(1, host);
    await expect(user.call("default", [])).rejects.toMatchObject({
      message: "Error: net",
      trace: expect.stringMatching(
        /^Error: net\n.*\/shape\.js:9:14\)?\n(?:.*\n)*.*default \(\/shape\.js:8:3\)$/,
      ) as unknown,
    });
    expect(host.log).toEqual(["gg"]);
    const blocked = script.reallyBlocked();
    expect(blocked.map(({ file, line, times }) => `${file}:${line} ${times}`).sort()).toEqual([
      "/shape.js:3 2",
      "/shape.js:9 1",
    ]);
    expect(blocked.every(({ ms }) => ms > 0)).toBe(true);
  });

  it("random programs that block in such places log the same", async () => {
    const seeds = Array.from({ length: Number(process.env["PROGRAMS"] ?? 60) }, (_, index) => index + 1);
    let blocked = 0;
    for (const seed of seeds) {
      const program = randomProgram(seed, { withPlacesThatBlock: true });
      const end = (error: unknown): string[] => [String(error)];
      const expected = await asWritten(program).catch(end);
      const script = await open(program);
      const logs = await Promise.all([1, 2].map((id) => run(script, id).catch(end)));
      expect(logs, `seed ${seed}:\n${program}`).toEqual([expected, expected]);
      blocked += script.reallyBlocked().length;
    }
    expect(blocked).toBeGreaterThan(seeds.length / 4);
  });

  it("log the same when all run at once", async () => {
    const expected = await Promise.all(Object.values(shapes).map(asWritten));
    const scripts = await Promise.all(Object.values(shapes).map(open));
    const logs = await Promise.all(scripts.map((script, index) => run(script, index + 1)));
    expect(logs).toEqual(expected);
  });
});
