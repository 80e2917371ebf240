import { describe, expect, it } from "vitest";
import { parseJson, selectJson } from "./json-path.ts";

/** The document of gjson's own SYNTAX.md, so that its examples can be read beside these. */
const DOCUMENT = {
  name: { first: "Tom", last: "Anderson" },
  age: 37,
  children: ["Sara", "Alex", "Jack"],
  "fav.movie": "Deer Hunter",
  friends: [
    { first: "Dale", last: "Murphy", age: 44, nets: ["ig", "fb", "tw"] },
    { first: "Roger", last: "Craig", age: 68, nets: ["fb", "tw"] },
    { first: "Jane", last: "Murphy", age: 47, nets: ["ig", "tw"] },
  ],
};

describe("gjson paths", () => {
  const cases: readonly (readonly [path: string, found: unknown])[] = [
    ["name.last", "Anderson"],
    ["age", 37],
    ["children", ["Sara", "Alex", "Jack"]],
    ["children.#", 3],
    ["children.1", "Alex"],
    ["child*.2", "Jack"],
    ["c?ildren.0", "Sara"],
    ["fav\\.movie", "Deer Hunter"],
    ["friends.#.first", ["Dale", "Roger", "Jane"]],
    ["friends.1.last", "Craig"],
    ['friends.#(last=="Murphy").first', "Dale"],
    ['friends.#(last=="Murphy")#.first', ["Dale", "Jane"]],
    ["friends.#(age>45)#.last", ["Craig", "Murphy"]],
    ['friends.#(first%"D*").last', "Murphy"],
    ['friends.#(first!%"D*").last', "Craig"],
    ['friends.#(nets.#(=="fb"))#.first', ["Dale", "Roger"]],
    ["children.@reverse.0", "Jack"],
    ["children|@reverse|0", "Jack"],
    ["name.@keys", ["first", "last"]],
    ["friends.#.nets.#", [3, 2, 2]],
    ["friends.#.first|0", "Dale"],
    ['{name.first,age,"m":friends.0.last}', { first: "Tom", age: 37, m: "Murphy" }],
    ["[name.first,age]", ["Tom", 37]],
    ["nothing", undefined],
    ["name.first.deeper", undefined],
    ["children.7", undefined],
    ["toString", undefined],
    ["__proto__", undefined],
  ];
  for (const [path, found] of cases) it(path, () => expect(selectJson(DOCUMENT, path)).toEqual(found));

  it("is linear in hostile patterns", () => {
    expect(selectJson({ [`${"a".repeat(5000)}b`]: 1 }, `${"*a".repeat(200)}c`)).toBeUndefined();
    expect(selectJson({}, "@this|".repeat(1000))).toBeUndefined();
  });
});

describe("parsing", () => {
  it("says where a body stops being JSON", () => {
    expect(() => parseJson('{"a": 1,\n  oops}')).toThrow(/line 2, character 3/);
    expect(() => parseJson('{"a":')).toThrow(/line 1, character 6/);
  });
});
