import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import { natives } from "./natives.suite.ts";
import { openScript, type Script } from "./open-script.ts";

/** Files below `/s/`; the entry is the first. */
function open(files: Readonly<Record<string, string>>, source?: string): Promise<Script> {
  const [entry] = Object.keys(files);
  return openScript({
    entry: `/s/${entry}`,
    ...(source === undefined ? {} : { source }),
    readFile: (path) => {
      const text = files[path.replace(/^\/s\//, "")];
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return text;
    },
    ours: (specifier) =>
      specifier === "k6/http"
        ? { exports: natives.http }
        : specifier === "k6"
          ? { exports: { check: natives.check, group: natives.group, sleep: natives.sleep } }
          : specifier === "https://jslib.k6.io/k6-utils/1.4.0/index.js"
            ? { exports: { randomIntBetween: () => 4 } }
            : specifier === "ours/other-default"
              ? { exports: { a: 1 }, default: { b: 2 } }
              : undefined,
    globals: { log: natives.log },
    open: (path, mode, from) => `${path} ${String(mode)} ${from}`,
  });
}

async function run(files: Readonly<Record<string, string>>): Promise<string[]> {
  const script = await open(files);
  const host = { log: [] as string[] };
  const user = await script.createUser(1, host);
  await user.call("default", []);
  return host.log;
}

const refusal = async (files: Readonly<Record<string, string>>): Promise<string> =>
  open(files).then(
    () => "it was opened",
    (error: Error) => error.message,
  );

describe("modules", () => {
  it("imports and exports in every form", async () => {
    const log = await run({
      "main.js": `
        import d, { a, b as bb, "odd name" as odd, fn, K, later as l } from "./lib.js";
        import * as all from "./lib.js";
        import only from "./only.js";
        import anon from "./anon.js";
        import { default as viaDefault, passed, ns, renamed } from "./pass.js";
        import "./effect.js";
        export * as libAgain from "./lib.js";
        export { a as again, default as default2 } from "./lib.js";
        export const x = 1, { y, z: [w] } = { y: 2, z: [3] };
        export default function () {
          log([d(), a, bb, odd, fn(), new K().v, l].join());
          log(Object.keys(all).sort().join());
          log(only + anon() + viaDefault.name + passed + ns.a + renamed);
          fn.call(null); all.bump(); log(a + "," + all.a);
          log([d.name, anon.name, K.name].join());
        }`,
      "lib.js": `
        export let a = 1; let b = 2; export { b, b as "odd name" };
        export function fn() { return "fn" + hoisted(); } function hoisted() { return "!" }
        export class K { v = "k" } export default function deflt() { return "d" }
        export var later = fn(); export const bump = () => { a++ }`,
      "only.js": `const v = "only"; export { v as default };`,
      "anon.js": `export default () => "anon"`,
      "pass.js": `export { default } from "./klass.js"; export * from "./star.js"; import * as ns from "./lib.js"; export { ns }; import { b } from "./lib.js"; export { b as renamed };`,
      "klass.js": `export default class { static who = 1 }`,
      "star.js": `export const passed = "passed"; export default 1;`,
      "effect.js": `log("effect")`,
    });
    expect(log).toEqual([
      "effect",
      "d,1,2,2,fn!,k,fn!",
      "K,a,b,bump,default,fn,later,odd name",
      "onlyanondefaultpassed12",
      "2,2",
      "deflt,default,K",
    ]);
  });

  it("exports of the entry are the user's, live", async () => {
    const script = await open({
      "main.js": `export let n = 0; export const options = { vus: 2 }; export function bump() { n++; return n } export { bump as other }`,
    });
    const [first, second] = await Promise.all([script.createUser(1, null), script.createUser(2, null)]);
    await first.call("bump", []);
    expect(await first.call("other", [])).toBe(2);
    expect(first.exports["n"]).toBe(2);
    expect(second.exports["n"]).toBe(0);
    expect(Object.keys(first.exports)).toEqual(["n", "options", "bump", "other"]);
  });

  it("modules in a cycle call each other's functions before they ran", async () => {
    const log = await run({
      "main.js": `import { b } from "./b.js"; export function a() { return "a" } export const late = "late"; log("main"); export default () => log(b());`,
      "b.js": `import { a, late } from "./main.js"; log("b " + a()); let dead; try { late } catch (e) { log(e.name) } export const b = () => a() + late;`,
    });
    expect(log).toEqual(["b a", "ReferenceError", "main", "alate"]);
  });

  it("evaluates in order, once, with top-level await and blocking calls", async () => {
    const log = await run({
      "main.js": `import "./one.js"; import "./two.js"; const v = await Promise.resolve("awaited"); log(v); const r = await new Promise((done) => setTimeout(() => done("timed"), 1)); log(r); export default () => {}`,
      "one.js": `import http from "k6/http"; import "./two.js"; log(http.get("one").url); await null; log("one later")`,
      "two.js": `log("two")`,
    });
    expect(log).toEqual(["two", "one", "one later", "awaited", "timed"]);
  });

  it("an import that the scope shadows is not the import", async () => {
    const log = await run({
      "main.js": `import { a } from "./a.js"; const o = { a }; const f = (a) => a; function g() { { let a = 3; log(a) } log(a); for (const a of [4]) log(a); try { throw 5 } catch (a) { log(a) } const { b: { a: q } } = { b: o }; log(q); const h = ({ a }) => a; log(h({ a: 6 })); var k = class a { static n = a.name }; log(k.n); log(typeof a + \`\${a}\`) } export default () => { log(o.a + f(2)); g(); label: { break label } a: for (;;) break a; }`,
      "a.js": `export const a = "A"`,
    });
    expect(log).toEqual(["A2", "3", "A", "4", "5", "A", "6", "a", "stringA"]);
  });

  it("an import goes before a global, and a declaration before both", async () => {
    const log = await run({
      "main.js": `import { open, log as write, Promise as P, undefined_ as isNaN } from "./own.js"; const setTimeout = (f) => f("mine"); function require(x) { return "required " + x } export default () => { write(open("x") + P + isNaN); setTimeout(write); write(require("y")); var Math = { max: () => "own max" }; write(Math.max(1)); { const console = 1; write(console) } }`,
      "own.js": `export const open = (x) => "own " + x, Promise = "P", undefined_ = "u"; const say = log; export { say as log };`,
    });
    expect(log).toEqual(["own xPu", "mine", "required y", "own max", "1"]);
  });

  it("JSON is a module", async () => {
    const log = await run({
      "main.js": `import data, { n } from "./data.json"; import same from "./data.json" with { type: "json" }; const r = require("./data.json"); export default () => log(data.n + n + same.list[0] + r.n)`,
      "data.json": `{"n": 1, "list": [2]}`,
    });
    expect(log).toEqual(["5"]);
  });

  it("modules of ours: default, named and all; a change is the user's own", async () => {
    const script = await open({
      "main.js": `import http, { get } from "k6/http"; import * as all from "k6/http"; import o, { a } from "ours/other-default"; import { randomIntBetween as r } from "https://jslib.k6.io/k6-utils/1.4.0/index.js";
        export default (mine) => { log([http.get === get, all.get === get, all.default === http, o.b, a, r(1, 2)].join()); log(typeof http.added); http.added = mine; const k = require("k6"); log(typeof k.check + typeof require("k6/http").default.post) }`,
    });
    const logs = await Promise.all(
      [1, 2].map(async (id) => {
        const host = { log: [] as string[] };
        await (await script.createUser(id, host)).call("default", [id]);
        return host.log;
      }),
    );
    expect(logs[0]).toEqual(["true,true,true,2,1,4", "undefined", "functionfunction"]);
    expect(logs[1]).toEqual(logs[0]);
  });
});

describe("CommonJS", () => {
  it("require, module.exports, exports, this, cycles, once", async () => {
    const log = await run({
      "main.js": `const a = require("./a.js"); const { b } = require("./b.js"); const fn = require("./fn.cjs"); log(require("./a.js") === a); log(typeof module + typeof exports + (this === exports));
        module.exports.default = function () { log(a.name + b() + fn("q") + fn.extra); }; exports.options = { vus: 1 };`,
      "a.js": `exports.early = 1; const { b } = require("./b.js"); exports.name = "a" + b();`,
      "b.js": `const a = require("./a.js"); exports.b = () => "b" + a.early;`,
      "fn.cjs": `const http = require("k6/http"); module.exports = function (u) { return http.get(u).url }; module.exports.extra = "x";`,
    });
    expect(log).toEqual(["true", "objectobjecttrue", "ab1b1qx"]);
  });

  it("is imported by modules: default is module.exports, or its default; names are its properties", async () => {
    const log = await run({
      "main.js": `import c, { x } from "./c.js"; import e, { y } from "./esm-like.js"; import * as all from "./c.js"; import F from "./f.js"; export default () => { log(c.x + x + e + y + all.x + all.default.x + new F().v); log(Object.keys(all).sort().join()) }`,
      "c.js": `module.exports = { x: 1 }`,
      "esm-like.js": `Object.defineProperty(exports, "__esModule", { value: true }); exports.default = "D"; exports.y = "Y";`,
      "f.js": `module.exports = class { v = "F" }`,
    });
    expect(log).toEqual(["2DY11F", "default,x"]);
  });

  it("requires modules, by computed names too", async () => {
    const script = await open({
      "main.js": `const name = "./" + ["e", "s"].join("") + ".js"; const m = require(name); let missing = ""; try { require("./none.js") } catch (e) { missing = e.message } exports.default = () => log(m.default + m.n + missing.includes("does not exist"));`,
      "es.js": `import { k } from "./k.js"; export default "E"; export const n = k;`,
      "k.js": `export const k = "K"`,
    });
    const host = { log: [] as string[] };
    await (await script.createUser(1, host)).call("default", []);
    expect(host.log).toEqual(["EKtrue"]);
    expect([...script.files.keys()]).toEqual(["/s/main.js", "/s/es.js", "/s/k.js"]);
  });

  it("universal modules find their way", async () => {
    const umd = `(function (root, factory) { if (typeof define === "function" && define.amd) define([], factory); else if (typeof module === "object" && module.exports) module.exports = factory(); else root.Lib = factory(); })(typeof self !== "undefined" ? self : this, function () { "use strict"; return { hi: function (f) { return f("hi") } } });`;
    const log = await run({
      "main.js": `import http from "k6/http"; import lib from "./umd.js"; export default () => log(lib.hi((u) => http.get(u).url))`,
      "umd.js": umd,
    });
    expect(log).toEqual(["hi"]);
  });
});

describe("TypeScript", () => {
  it("types, enums, namespaces, parameter properties", async () => {
    const log = await run({
      "main.ts": `import http from "k6/http"; import { type T, Color, N, Api } from "./lib.ts"; import type { Nothing } from "./nowhere";
        interface Data { u: string } const f = <X,>(x: X): X => x; declare const ghost: number; abstract class B<T> { constructor(protected readonly u: T, private n = 1) {} abstract go(): string; sum() { return this.u + String(this.n) } }
        class D extends B<string> { override go(): string { return (http.get(this.u as string)! as any).url satisfies string } }
        export default function (d?: Data): void { log(Color.Green + Color[0]! + N.inner.v + f<number>(3)); const x: D = new D("u"); log(x.go() + x.sum() + new Api("p").get()); }`,
      "lib.ts": `import http from "k6/http"; export type T = string; export enum Color { Red, Green = "g" } export namespace N { export namespace inner { export const v = "ns" } } export class Api { constructor(private p: string) {} get(): string { return http.get(this.p).url } }`,
    });
    expect(log).toEqual(["gRedns3", "uu1p"]);
  });

  it("says where it cannot be read", async () => {
    expect(await refusal({ "main.ts": "const a: number = 1;\nenum {\n" })).toMatch(/^\/s\/main\.ts:2:6: SyntaxError: /);
  });
});

describe("what cannot be run", () => {
  it("a `#` remark: says to write //", async () => {
    expect(
      await refusal({
        "main.js": `export const options = {\n  stages: [\n    { duration: "1m", target: 100 },    # Ramp up\n  ],\n};\n`,
      }),
    ).toBe(
      "/s/main.js:3:41: JavaScript has no `#` remarks; write `//` instead of `#`\n" +
        `      { duration: "1m", target: 100 },    # Ramp up\n` +
        "                                          ^",
    );
    expect(await refusal({ "main.js": "# a remark\nexport default () => {}" })).toMatch(
      /^\/s\/main\.js:1:1: JavaScript has no/,
    );
    expect(await refusal({ "main.js": "const a = 1; #remark\n" })).toMatch(/^\/s\/main\.js:1:14: JavaScript has no/);
    expect(await refusal({ "main.ts": "const a: number = 1; # remark\n" })).toMatch(
      /^\/s\/main\.ts:1:22: JavaScript has no/,
    );
  });

  it("syntax errors: file, line, column, the line and a caret", async () => {
    expect(
      await refusal({ "main.js": `import "./a.js"; export default 1`, "a.js": "const a = 1;\nfunction ( {\n" }),
    ).toBe("/s/a.js:2:10: SyntaxError: Unexpected token\n  function ( {\n           ^");
  });

  it("of a minified file only the surroundings", async () => {
    const message = await refusal({ "main.js": `${"a();".repeat(2000)}b((;${"c();".repeat(2000)}` });
    expect(message).toMatch(/^\/s\/main\.js:1:8004: SyntaxError: /);
    const [, source, caret] = message.split("\n");
    expect(source!.length).toBeLessThan(200);
    expect(source![caret!.indexOf("^")]).toBe(";");
    expect(source!.slice(0, caret!.indexOf("^"))).toMatch(/a\(\);b\(\($/);
  });

  it("what is not there: file, line, and what to do", async () => {
    expect(await refusal({ "main.js": `\nimport { a } from "./none";` })).toMatch(
      /^\/s\/main\.js:2:19: "\.\/none" does not exist \(\/s\/none\); write the path with its extension\n/,
    );
    expect(await refusal({ "main.js": `import x from "lodash";` })).toMatch(
      /^\/s\/main\.js:1:15: Packages are not looked up/,
    );
    expect(await refusal({ "main.js": `import x from "k6/browser";` })).toMatch(
      /The module "k6\/browser" is not offered/,
    );
    expect(await refusal({ "main.js": `import x from "https://example.com/lib.js";` })).toMatch(
      /Modules are not fetched from the network: https:\/\/example\.com\/lib\.js\. Save the file beside the script and import it as "\.\/lib\.js"/,
    );
    expect(await refusal({ "main.js": `import { gett } from "k6/http";` })).toMatch(
      /^\/s\/main\.js:1:10: "k6\/http" has no export named "gett"/,
    );
    expect(await refusal({ "main.js": `import { q } from "./a.js";`, "a.js": "export const p = 1" })).toMatch(
      /"\.\/a\.js" has no export named "q"/,
    );
    expect(await refusal({ "main.js": `const m = await import("./a.js")` })).toMatch(/`import\(\)` is not supported/);
  });
});

describe("the file's own", () => {
  it("open, import.meta, stdin, shebang, byte order mark", async () => {
    const script = await open(
      {
        "-": "",
        "lib/a.js": `export const a = open("x.csv", "b"), m = import.meta.resolve("./y.js"), u = import.meta.url`,
      },
      `#!/usr/bin/env traceo\nimport { a, m, u } from "./lib/a.js"; export default () => { log(open("d.txt")); log([a, m, u].join()) }`,
    );
    const host = { log: [] as string[] };
    await (await script.createUser(1, host)).call("default", []);
    expect(host.log).toEqual(["d.txt undefined /s/-", "x.csv b /s/lib/a.js,file:///s/lib/y.js,file:///s/lib/a.js"]);
    expect(await run({ "main.js": `\uFEFFexport default () => log("bom")` })).toEqual(["bom"]);
  });
});

describe("libraries", () => {
  it("papaparse parses with callbacks that suspend", async () => {
    const papaparse = readFileSync(createRequire(import.meta.url).resolve("papaparse/papaparse.js"), "utf8");
    const log = await run({
      "main.js": `import http from "k6/http"; import papa from "./papaparse.js"; export default () => {
        const parsed = papa.parse("a,b\\n1,x\\n2,\\"y,z\\"", { header: true, dynamicTyping: true, transform: (v) => v + http.get("t").url });
        log(JSON.stringify(parsed.data));
        papa.parse("1,2\\n3,4", { step: (row) => log(http.get(row.data.join("+")).url), complete: () => log("complete") });
        log(papa.unparse([{ a: 1, b: "x,y" }]).replace(/\\r\\n/g, "|"));
      }`,
      "papaparse.js": papaparse,
    });
    expect(log).toEqual([`[{"a":"1t","b":"xt"},{"a":"2t","b":"y,zt"}]`, "1+2", "3+4", "complete", `a,b|1,"x,y"`]);
  });

  it("acorn, and protobufjs minified, do what they do untransformed", async () => {
    const file = (name: string): string => readFileSync(createRequire(import.meta.url).resolve(name), "utf8");
    const source = "class A extends B { static #x = async (a = 1, ...b) => { for await (const c of b) yield_?.(c) } }";
    const script = await open({
      "main.js": `const acorn = require("./acorn.js"); const protobuf = require("./protobuf.js");
        exports.parse = (source) => JSON.stringify(acorn.parse(source, { ecmaVersion: 2022 }));
        exports.message = () => { const A = protobuf.parse('syntax = "proto3"; message A { string b = 1; repeated int32 c = 2; }').root.lookupType("A"); return JSON.stringify(A.decode(A.encode({ b: "x", c: [1, 2, 300] }).finish())) };`,
      "acorn.js": file("acorn"),
      "protobuf.js": file("protobufjs/dist/protobuf.min.js"),
    });
    const user = await script.createUser(1, null);
    const acorn = createRequire(import.meta.url)("acorn") as { parse(source: string, options: object): unknown };
    expect(await user.call("parse", [source])).toBe(JSON.stringify(acorn.parse(source, { ecmaVersion: 2022 })));
    expect(await user.call("message", [])).toBe(`{"b":"x","c":[1,2,300]}`);
  });

  it("lodash-like aliases, shortcuts and wrappers", async () => {
    const log = await run({
      "main.js": `import http from "k6/http"; import _ from "./low.js"; export default () => { log(_.map(["a", "b"], (u) => http.get(u).url).join()); log(_(["c"]).map((u) => http.get(u).url).value().join()); log(_.chain([3, 1]).sortBy((n) => http.get("k").status + n).value().join()); const once = _.once(() => http.get("once").url); log(once() + once()); log(_.partial((a, b) => http.get(a + b).url, "p")("q")) }`,
      "low.js": `;(function() { var undefined; var root = typeof globalThis == 'object' && globalThis || Function('return this')(); var arrayProto = Array.prototype; var nativeMap = arrayProto.map;
        function arrayMap(array, iteratee) { var index = -1, length = array == null ? 0 : array.length, result = Array(length); while (++index < length) { result[index] = iteratee(array[index], index, array); } return result; }
        function lodash(value) { if (!(this instanceof lodash)) return new lodash(value); this.__w = value; }
        var methods = { map: function map(c, f) { return arrayMap(c, f); }, sortBy: function(c, f) { return arrayMap(c, function(v) { return { c: f(v), v: v } }).sort(function(a, b) { return a.c - b.c }).map(function(o) { return o.v }) } };
        function mixin(target, source) { var keys = Object.keys(source); for (var i = 0; i < keys.length; i++) (function(name) { var fn = source[name]; target[name] = fn; target.prototype[name] = function() { return new lodash(fn.apply(null, [this.__w].concat(arrayProto.slice.call(arguments)))) } })(keys[i]); }
        mixin(lodash, methods); lodash.prototype.value = function() { return this.__w }; lodash.chain = function(v) { return lodash(v) };
        lodash.once = function(f) { var r, done; return function() { if (!done) { r = f.apply(this, arguments); done = true } return r } };
        lodash.partial = function(f) { var first = [].slice.call(arguments, 1); return function() { return f.apply(this, first.concat([].slice.call(arguments))) } };
        if (typeof define == 'function' && typeof define.amd == 'object') {} else if (typeof module == 'object' && module.exports) { (module.exports = lodash)._ = lodash; exports._ = lodash; } else { root._ = lodash; } }.call(this));`,
    });
    expect(log).toEqual(["a,b", "c", "1,3", "onceonce", "pq"]);
  });
});
