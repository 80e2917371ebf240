import { afterAll, beforeAll, expect, it } from "vitest";
import type { EngineValue } from "../engine.ts";
import { openTestEngine, type TestEngine } from "../test-engine.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

async function rows(sql: string, parameters: Record<string, EngineValue> = {}): Promise<unknown[][]> {
  const { bytes } = await engine.read({ sql, parameters, format: "JSONCompactEachRow" });
  const text = Buffer.from(bytes).toString();
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as unknown[]]));
}

it("defines a table, inserts a staged block by recipe and reads with parameters", async () => {
  await engine.execute("CREATE TABLE thing (a UInt64, b String, load UInt64) ENGINE = MergeTree ORDER BY a");
  const { bytes } = await engine.read({
    sql: "SELECT number AS a, concat('n', toString(number)) AS b FROM numbers(1000)",
    format: "Native",
  });
  const columns = [
    { name: "a", type: "UInt64" },
    { name: "b", type: "String" },
  ];
  await using block = await engine.stage(columns, [bytes]);
  await engine.insert("INSERT INTO thing SELECT a, b, {load:UInt64} FROM {block}", block, { load: 7 });
  expect(await rows("SELECT count(), sum(a), max(load) FROM thing WHERE a < {limit:UInt64}", { limit: 10 })).toEqual([
    ["10", "45", "7"],
  ]);
  expect(await rows("SELECT b FROM thing WHERE b = {b:String}", { b: "n42" })).toEqual([["n42"]]);
});
