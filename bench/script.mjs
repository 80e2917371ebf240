// What transformed scripts cost: calls through twins beside the same code untransformed, a suspension, a virtual user's
// memory and init, an iteration like the founding script's, a library, and a call that really blocks its thread.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { blocking, callingBack } from "../dist/script/blocking.js";
import { openScript } from "../dist/script/open-script.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

const never = () => {
  throw new Error("none");
};
const globals = {
  /** Ends at once: what is measured is the calls around it. */
  instant: blocking(
    { name: "instant", begin: (_user, url) => url, perform: (url) => ({ status: 200, url }), finish: (_user, r) => r },
    import.meta.url,
  ),
  /** Suspends for one round of microtasks. */
  pause: blocking({ name: "pause", begin: () => 0, perform: async () => 0, finish: (_user, r) => r }, import.meta.url),
  check: callingBack("check", function* (_user, value, checks) {
    let passed = true;
    for (const name in checks) if (!(yield { callee: checks[name], self: undefined, args: [value] })) passed = false;
    return passed;
  }),
  group: callingBack("group", function* (_user, _name, callee) {
    return yield { callee, self: undefined, args: [] };
  }),
};

const forever = blocking(
  { name: "forever", begin: () => 0, perform: () => new Promise(() => undefined), finish: () => 0 },
  import.meta.url,
);

const CALLS = `
function inner(x) { return touch(x) + 1 } const touch = (x) => x & 1; const again = (x) => touch(x);
exports.calls = (n) => { let s = 0; for (let i = 0; i < n; i++) s += inner(i); return s };
exports.closures = (n) => { let s = 0; for (let i = 0; i < n; i++) { const f = (x) => again(x) + i; s += f(i) } return s };`;

const ITERATION = `
export default function () {
  group("metrics", () => {
    const response = instant("https://api.traceo.io/metrics");
    check(response, { "status is 200": (r) => r.status === 200, "fast": (r) => r.url.length < 500, "has data": (r) => r.url.length > 0 });
  });
}`;

const DEEP = `
function down(n) { return n === 0 ? pause() : down(n - 1) + 1 }
exports.default = (times, depth) => { for (let i = 0; i < times; i++) down(depth) };`;

const open = (source, extra = {}) =>
  openScript({ entry: "/bench.js", source, readFile: never, ours: () => undefined, globals, ...extra });

/** Nanoseconds of one: the best of `rounds`. */
async function best(rounds, times, run) {
  let ns = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const from = process.hrtime.bigint();
    await run(times);
    ns = Math.min(ns, Number(process.hrtime.bigint() - from) / times);
  }
  return ns;
}
const round = (value) => Number(value.toPrecision(3));

export async function run(print) {
  const script = await open(CALLS);
  const user = await script.createUser(1, undefined);
  const plain = {};
  new Function("exports", CALLS)(plain);
  for (const name of ["calls", "closures"]) {
    const ours = await best(6, 500_000, (n) => user.call(name, [n]));
    const untouched = await best(6, 500_000, (n) => plain[name](n));
    print({
      figure: `${name} through twins`,
      ns: round(ours),
      plainNs: round(untouched),
      perSecond: Math.round(1e9 / ours),
    });
  }

  const deep = await (await open(DEEP)).createUser(1, undefined);
  for (const depth of [1, 10]) {
    const ns = await best(5, 20_000, (n) => deep.call("default", [n, depth]));
    print({ figure: "suspension", depth, us: round(ns / 1000) });
  }

  const iteration = await open(ITERATION);
  const worker = await iteration.createUser(1, undefined);
  const ns = await best(5, 20_000, async (n) => {
    for (let index = 0; index < n; index++) await worker.call("default", []);
  });
  print({
    figure: "iteration with a group and three checks, requests instant",
    us: round(ns / 1000),
    perSecond: Math.round(1e9 / ns),
  });

  const users = [];
  collect();
  const before = process.memoryUsage().heapUsed;
  const started = performance.now();
  for (let id = 1; id <= 10_000; id++) users.push(await iteration.createUser(id, undefined));
  const ms = performance.now() - started;
  collect();
  print({
    figure: "virtual user of a small script",
    heapBytes: Math.round((process.memoryUsage().heapUsed - before) / users.length),
    initUs: round((ms * 1000) / users.length),
  });
  users.length = 0;

  const sleeping = await open(
    `import { held } from "ours"; const deeper = () => held(); export default () => { group("g", () => { deeper() }) }`,
    {
      ours: () => ({ exports: { held: forever } }),
    },
  );
  const asleep = [];
  for (let id = 1; id <= 10_000; id++) asleep.push(await sleeping.createUser(id, undefined));
  collect();
  const atRest = process.memoryUsage().heapUsed;
  const calls = asleep.map((each) => each.call("default", []).catch(() => undefined));
  collect();
  print({
    figure: "suspension of 10,000 users at depth 4",
    heapBytesEach: Math.round((process.memoryUsage().heapUsed - atRest) / calls.length),
  });
  for (const each of asleep) each.interrupt("over");
  await Promise.all(calls);

  const text = readFileSync(createRequire(import.meta.url).resolve("papaparse/papaparse.js"), "utf8");
  const parse = `const papa = require("./papaparse.js"); exports.default = (csv) => papa.parse(csv, { header: true }).data.length;`;
  const from = performance.now();
  const library = await openScript({
    entry: "/main.js",
    source: parse,
    readFile: () => text,
    ours: () => undefined,
    globals,
  });
  const libraryUser = await library.createUser(1, undefined);
  const openMs = performance.now() - from;
  const csv = `a,b,c\n${"1,2,three\n".repeat(2000)}`;
  const papa = createRequire(import.meta.url)("papaparse");
  const ours = await best(8, 5, async (n) => {
    for (let index = 0; index < n; index++) await libraryUser.call("default", [csv]);
  });
  const theirs = await best(8, 5, (n) => {
    for (let index = 0; index < n; index++) papa.parse(csv, { header: true });
  });
  print({
    figure: "papaparse, 2,000 lines",
    ms: round(ours / 1e6),
    plainMs: round(theirs / 1e6),
    times: round(ours / theirs),
    openMs: round(openMs),
    sourceBytes: text.length,
  });

  // The helper thread imports the performer's module: a small one of its own.
  const folder = mkdtempSync(join(tmpdir(), "traceo-bench-"));
  const url = new URL("../dist/script/blocking.js", import.meta.url).href;
  const file = join(folder, "performer.mjs");
  writeFileSync(
    file,
    `import { blocking } from ${JSON.stringify(url)};\nexport const held = blocking({ name: "held", begin: () => 0, perform: (x) => x, finish: (_user, r) => r }, import.meta.url);\n`,
  );
  const { held } = await import(file);
  const holding = await openScript({
    entry: "/hold.js",
    source: `const o = { get v() { return held() } }; exports.default = (n) => { let s = 0; for (let i = 0; i < n; i++) s += o.v; return s };`,
    readFile: never,
    ours: () => undefined,
    globals: { held },
  });
  const holder = await holding.createUser(1, undefined);
  await holder.call("default", [100]);
  const blockedNs = await best(3, 2000, (n) => holder.call("default", [n]));
  print({ figure: "call that really blocks its thread", us: round(blockedNs / 1000) });
  await holding[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}
