import { describe, expect, it } from "vitest";
import { blocking, callingBack, currentUser, promising } from "./blocking.ts";
import { openScript, type Script, type ScriptOptions } from "./open-script.ts";
import { Interrupted, Runaway, ScriptError, type Settle, type User } from "./user.ts";

interface Host {
  readonly log: string[];
  /** Ends the calls of `wait`, by name. */
  readonly waits: Map<string, (outcome: string) => void>;
  readonly settles: Settle[];
}

const waiting = new Map<string, { resolve: (outcome: string) => void; reject: (error: Error) => void }>();

const wait = blocking<Host, [unknown], string, string, string>(
  {
    name: "wait",
    begin: (user, name) => `${user.id}${String(name)}`,
    perform: (key, signal) =>
      new Promise<string>((resolve, reject) => {
        waiting.set(key, { resolve, reject });
        signal?.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      }),
    finish: (_user, outcome) => outcome,
  },
  import.meta.url,
);

const wants = promising<Host, [unknown], string, string, string>({
  name: "wants",
  begin: (user, name) => {
    if (name === "bad") throw new TypeError("bad name");
    return `${user.id}${String(name)}`;
  },
  perform: (key) => new Promise((resolve, reject) => waiting.set(key, { resolve, reject })),
  finish: (user, outcome) => `${outcome}@${user.id}`,
});

const globals = {
  wait,
  wants,
  /** Ends at once. */
  now: blocking(
    {
      name: "now",
      begin: (_user, value: unknown) => value,
      perform: (value) => value,
      finish: (_user, value) => value,
    },
    import.meta.url,
  ),
  group: callingBack<Host, [string, (...args: never[]) => unknown], unknown>("group", function* (user, name, callee) {
    user.host.log.push(`+${name}`);
    try {
      return yield { callee, self: undefined, args: [] };
    } finally {
      user.host.log.push(`-${name}`);
    }
  }),
  on: (callee: (...args: never[]) => unknown) => {
    const user = currentUser<Host>();
    user.host.settles.push((task) => {
      void task;
      user.pending()(function* () {
        yield { callee, self: undefined, args: ["event"] };
      });
    });
  },
  hold: () => currentUser<Host>().host.settles.push(currentUser<Host>().pending()),
  log: (text: unknown) => currentUser<Host>().host.log.push(String(text)),
  get turn() {
    return currentUser().id;
  },
};

const open = (source: string, options: Partial<ScriptOptions> = {}): Promise<Script> =>
  openScript({
    entry: "/s/user.js",
    source,
    readFile: (path) => {
      throw new Error(`reads ${path}`);
    },
    ours: () => undefined,
    globals,
    ...options,
  });

const createUser = (script: Script, id = 1): Promise<User<Host>> =>
  script.createUser(id, { log: [], waits: new Map(), settles: [] });

/** Until what was settled has come through. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function release(key: string, outcome: string | Error): Promise<void> {
  const { resolve, reject } = waiting.get(key)!;
  if (outcome instanceof Error) reject(outcome);
  else resolve(outcome);
  await settled();
}

describe("a call", () => {
  it("waits for what blocks, while other users go on", async () => {
    const script = await open(
      `let n = 0; export default (x) => { n++; log(turn + wait("a")); log(turn + wait("b")); return n + x }`,
    );
    const [one, two] = await Promise.all([createUser(script, 1), createUser(script, 2)]);
    const calls = [one.call("default", [10]), two.call("default", [20])];
    await settled();
    await release("2a", "two");
    expect([one.host.log, two.host.log]).toEqual([[], ["2two"]]);
    await release("1a", "one");
    await release("1b", "one again");
    expect(await calls[0]).toBe(11);
    await release("2b", "end");
    expect(await calls[1]).toBe(21);
    expect([one.host.log, two.host.log]).toEqual([
      ["1one", "1one again"],
      ["2two", "2end"],
    ]);
  });

  it("runs no callback of a user that is blocked", async () => {
    const script = await open(
      `export default () => { Promise.resolve().then(() => log("job")); setTimeout(() => log("timer"), 0); log(wait("x")); log("after") }`,
    );
    const user = await createUser(script);
    const call = user.call("default", []);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(user.host.log).toEqual([]);
    await release("1x", "x");
    await call;
    expect(user.host.log).toEqual(["x", "after", "job", "timer"]);
  });

  it("ends when its event loop is empty, and answers what its promise is fulfilled with", async () => {
    const script = await open(
      `export default async () => { hold(); setTimeout(() => log("t"), 1); on(async (e) => { log(e + await wants("late")); }); return wants("w") }`,
    );
    const user = await createUser(script);
    let isOver = false;
    const call = user.call("default", []).then((value) => {
      isOver = true;
      return value;
    });
    await settled();
    await release("1w", "W");
    user.host.settles[1]!();
    await settled();
    user.host.settles[0]!();
    await settled();
    expect(isOver).toBe(false);
    await release("1late", "L");
    expect(await call).toBe("W@1");
    expect(user.host.log.sort()).toEqual(["eventL@1", "t"]);
  });

  it("rejects what an asynchronous call of ours throws", async () => {
    const script = await open(
      `export default async () => { try { await wants("bad") } catch (e) { log(e.message) } try { await wants("no") } catch (e) { log(e.message); return "end" } }`,
    );
    const user = await createUser(script);
    const call = user.call("default", []);
    await settled();
    await release("1no", new Error("refused"));
    expect(await call).toBe("end");
    expect(user.host.log).toEqual(["bad name", "refused"]);
  });

  it("rejects at once when a function that is exported is missing, and works on", async () => {
    const user = await createUser(await open("export default () => 1"));
    await expect(user.call("nope", [])).rejects.toThrow("The script exports no function `nope`.");
    expect(await user.call("default", [])).toBe(1);
  });

  it("a call back passes returns and exceptions through, suspended or not", async () => {
    const script = await open(
      `export default () => { log(group("a", () => now(1))); log(group("b", () => wait("g"))); try { group("c", () => { wait("h"); throw new Error("inside") }) } catch (e) { log(e.message) } }`,
    );
    const user = await createUser(script);
    const call = user.call("default", []);
    await settled();
    await release("1g", "G");
    await release("1h", "H");
    await call;
    expect(user.host.log).toEqual(["+a", "-a", "1", "+b", "-b", "G", "+c", "-c", "inside"]);
  });
});

describe("errors", () => {
  const failure = async (source: string, options: Partial<ScriptOptions> = {}): Promise<ScriptError> => {
    const user = await createUser(await open(source, options));
    const error: unknown = await user.call("default", []).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ScriptError);
    return error as ScriptError;
  };

  it("carry the place as written, and the script's own frames", async () => {
    const error = await failure(`
function deep(x) {
  const before = now(x)
  throw new Error("broken " + before)
}
class Api { call(x) { return [x].map((each) => deep(each)) } }
export default function main() {
  new Api().call(1);
}`);
    expect(error.message).toBe("Error: broken 1");
    expect(error.trace).toBe(
      `Error: broken 1
  at deep (/s/user.js:4:9)
  at /s/user.js:6:48
  at Api.call (/s/user.js:6:34)
  at main (/s/user.js:8:13)`,
    );
  });

  it("carry it over suspensions, those of the functions of ours too", async () => {
    const script = await open(`
const deep = (x) => {
  wait("d");
  if (x) throw new Error("own");
  wait("e");
};
function middle(x) { return group("g", () => [x].map(deep)) }
export default async (x) => {
  await null;
  middle(x);
};`);
    for (const [x, message, at] of [
      [true, "own", "4:16"],
      [false, "ours", "5:3"],
    ] as const) {
      const user = await createUser(script);
      const call = user.call("default", [x]).catch((error: unknown) => error);
      await settled();
      await release("1d", "");
      if (!x) await release("1e", new Error("ours"));
      expect((await call) as ScriptError).toMatchObject({
        trace: `Error: ${message}
  at deep (/s/user.js:${at})
  at /s/user.js:7:50
  at middle (/s/user.js:7:29)
  at default (/s/user.js:10:3)`,
      });
    }
  });

  it("carry it through TypeScript", async () => {
    const error = await failure(
      `interface Long { a: string }\n\nenum E { A }\nexport default function (x: Long): void {\n  const y: number = 1;\n  (null as any).foo(y, E.A);\n}\n`,
      { entry: "/s/user.ts" },
    );
    expect(error.message).toBe("TypeError: Cannot read properties of null (reading 'foo')");
    expect(error.trace).toContain("/s/user.ts:6:");
  });

  it("name what is not a function", async () => {
    expect((await failure("const o = {};\nexport default () => {\n  o.inner?.x;\n  o.missing(1);\n}")).trace).toMatch(
      /^TypeError: o\.missing is not a function\n {2}at default \(\/s\/user\.js:4:5\)/,
    );
    expect((await failure("export default () => { const f = 1; return now(f()) }")).message).toBe(
      "TypeError: f is not a function",
    );
  });

  it("of timers, tasks and promises without handlers end the call", async () => {
    expect((await failure(`export default () => { setTimeout(() => { throw new Error("late") }, 0) }`)).trace).toMatch(
      /^Error: late\n {2}at \/s\/user\.js:1:49/,
    );
    expect((await failure(`export default () => { Promise.reject(new Error("lost")) }`)).message).toBe(
      "Uncaught (in promise) Error: lost",
    );
    expect((await failure("export default async () => { throw 'text' }")).thrown).toBe("text");
  });

  it("of the init context reject createUser", async () => {
    await expect(createUser(await open("const a = 1;\nnow(missing)"))).rejects.toMatchObject({
      message: "ReferenceError: missing is not defined",
      trace: expect.stringContaining("/s/user.js:2:5") as unknown,
    });
  });

  it("leave the user usable, and drop what was left of the call", async () => {
    const script = await open(
      `let n = 0; export default () => { setTimeout(() => log("never"), 1); if (n++ === 0) throw new Error("first"); return n }`,
    );
    const user = await createUser(script);
    await expect(user.call("default", [])).rejects.toThrow("first");
    expect(await user.call("default", [])).toBe(2);
    expect(user.host.log).toEqual(["never"]);
  });
});

describe("interrupt", () => {
  it("ends a blocking call; scripts cannot catch it", async () => {
    const script = await open(
      `export default () => { try { try { wait("i") } catch (e) { log("caught") } finally { log("finally") } } catch (e) { log("again") } }; export const other = async () => { try { await new Promise(() => hold()) } catch (e) { log("no") } }`,
    );
    const user = await createUser(script);
    const call = user.call("default", []);
    await settled();
    user.interrupt("time is over");
    await expect(call).rejects.toEqual(new Interrupted("time is over"));
    const next = user.call("other", []);
    await settled();
    user.interrupt("again over");
    await expect(next).rejects.toEqual(new Interrupted("again over"));
    expect(user.host.log).toEqual([]);
    expect(user.signal.aborted).toBe(true);
  });

  it("ends what awaits and blocks in jobs", async () => {
    const script = await open(
      `export default () => Promise.resolve().then(async () => { await null; wait("j"); log("never") }).catch((e) => log("caught"))`,
    );
    const user = await createUser(script);
    const call = user.call("default", []);
    await settled();
    user.interrupt("stop");
    await expect(call).rejects.toBeInstanceOf(Interrupted);
    await settled();
    expect(user.host.log).toEqual([]);
  });

  it("does nothing to a user at rest", async () => {
    const user = await createUser(await open("export default () => 1"));
    user.interrupt("early");
    expect(await user.call("default", [])).toBe(1);
  });
});

describe("isolation", () => {
  it.each([
    ["a loop", "for (;;);", 3],
    ["a loop that catches", "while (true) { try { now(1) } catch (e) { continue } }", 3],
    ["a loop in a getter", "({ get x() { while (true) ; } }).x", 3],
    ["calls of calls", "const f = (n) => n === 0 ? now(0) : f(n - 1) + f(n - 1); f(64)", 3],
    ["a loop of awaits", "return (async () => { for (;;) await null })()", 3],
  ])("stops a user in %s, with file and line, while others go on", async (_name, body, line) => {
    const script = await open(`export const ok = () => now("fine");\nexport default () => {\n${body}\n}`, {
      turnLimitMs: 30,
    });
    const [one, two] = await Promise.all([createUser(script, 1), createUser(script, 2)]);
    const call = one.call("default", []).catch((error: unknown) => error);
    expect(await two.call("ok", [])).toBe("fine");
    const error = await call;
    expect(error).toBeInstanceOf(Runaway);
    expect((error as Runaway).trace).toContain(`/s/user.js:${line}:`);
    expect(await one.call("ok", [])).toBe("fine");
  });

  it("users have their own globals, Math.random and no process", async () => {
    const script = await open(
      `export default (x) => { const before = typeof globalThis.mine + typeof Math.mine; globalThis.mine = x; Math.mine = x; return [before, mine, typeof process, typeof Buffer, typeof fetch, typeof require, globalThis.Array === Array, global === globalThis, Math.random()].join() }`,
    );
    const [one, two] = await Promise.all([createUser(script, 1), createUser(script, 2)]);
    one.random = () => 0.25;
    two.random = () => 0.5;
    expect(await one.call("default", ["a"])).toBe(
      "undefinedundefined,a,undefined,undefined,undefined,function,true,true,0.25",
    );
    expect(await two.call("default", ["b"])).toBe(
      "undefinedundefined,b,undefined,undefined,undefined,function,true,true,0.5",
    );
    expect("mine" in globalThis).toBe(false);
  });

  it("a function that one user gave the language's prototypes runs for whom calls it", async () => {
    const script =
      await open(`Array.prototype.waitAll = function () { for (const each of this) { try { log(turn + wait(each)); } catch (e) { log("no"); } finally { log(turn) } } return turn };
export default () => [["p", "q"].waitAll(), turn].join()`);
    const [one, two] = await Promise.all([createUser(script, 1), createUser(script, 2)]);
    const calls = [one.call("default", []), two.call("default", [])];
    await settled();
    await release("1p", "P");
    await release("2p", "P");
    await release("1q", new Error("refused"));
    await release("2q", "Q");
    expect(await Promise.all(calls)).toEqual(["1,1", "2,2"]);
    expect([one.host.log, two.host.log]).toEqual([
      ["1P", "1", "no", "1"],
      ["2P", "2", "2Q", "2"],
    ]);
    Reflect.deleteProperty(Array.prototype, "waitAll");
  });

  it("weighs the modules", async () => {
    const script = await open("export default () => 1");
    await createUser(script);
    expect(script.modules()).toMatchObject([{ path: "/s/user.js", sourceBytes: 22, users: 1 }]);
  });
});
