import { describe, expect, it } from "vitest";
import { dataModule } from "./data.ts";
import { runScript } from "./module-run.suite.ts";

const run = (body: string, users = 1, init = "") =>
  runScript(
    `import { SharedArray } from "k6/data";
     const data = new SharedArray("people", () => { log("made"); return [{ name: "a", tags: [1] }, { name: "b", tags: [] }, 3]; });
     ${init}
     export default function () { ${body} }`,
    [dataModule],
    { users },
  );

describe("SharedArray", () => {
  it("is made once for all users and reads like an array", async () => {
    const { logged, answers } = await run(
      `return [data.length, data[0].name, data[9], data.map((item) => item.name ?? item), [...data].length, Array.isArray(data), Object.keys(data), 1 in data, data.indexOf(3)]`,
      3,
    );
    expect(logged).toEqual(["made"]);
    expect(answers).toEqual(Array(3).fill([3, "a", undefined, ["a", "b", 3], 3, true, ["0", "1", "2"], true, 2]));
  });

  it("cannot be changed, nor can what is read of it", async () => {
    await expect(run(`"use strict"; data[0] = 1`)).rejects.toThrow("SharedArray is immutable");
    await expect(run("data.push(1)")).rejects.toThrow("SharedArray is immutable");
    await expect(run(`data[0].name = "c"`)).rejects.toThrow(/read only|read-only/);
  });

  it("says what it is not made of", async () => {
    await expect(run(`new SharedArray("late", () => [])`)).rejects.toThrow("must be called in the init context");
    await expect(run("", 1, `new SharedArray("x", () => ({}))`)).rejects.toThrow(
      "only arrays can be made into SharedArray",
    );
    await expect(run("", 1, `new SharedArray("", () => [])`)).rejects.toThrow("empty name provided");
    await expect(run("", 1, `new SharedArray("x")`)).rejects.toThrow("a function is expected");
    await expect(run("", 1, `SharedArray("x", () => [])`)).rejects.toThrow("SharedArray is a constructor");
  });
});
