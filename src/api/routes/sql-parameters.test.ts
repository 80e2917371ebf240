import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestApi, query, type TestApi } from "../test-api.suite.ts";
import { SQL_FORMATS } from "./sql.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addSpans([
    { at: 0, trace: "a".repeat(32), span: "a1", name: "GET /cart", attributes: { "http.route": "/cart" } },
    { at: 1, trace: "b".repeat(32), span: "b1", name: "GET /it's", attributes: { "http.route": "/it's" } },
    { at: 1, trace: "c".repeat(32), span: "c1", name: "secret", tenant: "other" },
  ]);
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (sql: string, parameters: Readonly<Record<string, string>> = {}): [string, RequestInit] => [
  `/api/sql?${query({ format: "TSVRaw", ...parameters })}`,
  { method: "POST", body: sql, headers: { "content-type": "text/plain" } },
];
const run = async (...asked: Parameters<typeof ask>): Promise<string> => (await api.fetch(...ask(...asked))).text();

describe("SQL", () => {
  it("takes values as param_ beside the format", async () => {
    const sql = "SELECT name FROM spans WHERE attributes['http.route'] = {route:String}";
    for (const route of ["/cart", "/it's"]) expect(await run(sql, { param_route: route })).toBe(`GET ${route}\n`);
    expect(await run("SELECT sum(arrayJoin({n:Array(UInt8)}))", { param_n: "[1,2,3]" })).toBe("6\n");
    for (const name of ["route", "param_", "param_a-b", "parameter"])
      expect(await api.problem(...ask(sql, { [name]: "x" }))).toMatchObject({
        code: "bad-request",
        detail: expect.stringContaining(name),
      });
  });

  it("answers in every format it offers", async () => {
    for (const format of Object.keys(SQL_FORMATS)) {
      const response = await api.fetch(...ask("SELECT 42 AS answer", { format }));
      const text = await response.text();
      expect(`${format} ${response.status} ${text}`).toContain("42");
      expect(`${format} ${response.status}`).toBe(`${format} 200`);
    }
  });

  it("explains a statement that it would run, and no other", async () => {
    for (const how of ["EXPLAIN", "explain plan", "EXPLAIN indexes = 1"])
      expect(await run(`${how} SELECT name FROM spans WHERE service_name = 'x'`)).toContain("ReadFromMergeTree");
    expect(await run("EXPLAIN\nWITH 1 AS one SELECT one")).toContain("ReadFromSystemOne");
    const refused = { code: "query-refused", status: 400 };
    expect(await api.problem(...ask("EXPLAIN SELECT * FROM system.parts"))).toMatchObject({
      ...refused,
      position: "EXPLAIN SELECT * FROM ".length,
    });
    for (const sql of [
      "EXPLAIN AST SELECT 1",
      "EXPLAIN SYNTAX SELECT 1",
      "EXPLAIN PIPELINE SELECT 1",
      "EXPLAIN ESTIMATE SELECT 1",
      "EXPLAIN PLAN json = 1 SELECT 1",
      "EXPLAIN EXPLAIN SELECT 1",
      "EXPLAIN (DROP TABLE spans)",
    ])
      expect(`${sql}: ${(await api.problem(...ask(sql))).code}`).toMatch(/: query-(refused|invalid)$/);
  });
});
