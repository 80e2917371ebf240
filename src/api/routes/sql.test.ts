import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SqlSchema } from "../contract/shapes.ts";
import { openTestApi, type TestApi } from "../test-api.suite.ts";
import { SQL_FORMATS } from "./sql.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
  await api.store.addSpans([
    { at: 0, trace: "a", span: "1", name: "mine", attributes: { k: "v" } },
    { at: 0, trace: "b", span: "2", name: "FOREIGN", tenant: "other" },
  ]);
});
afterAll(() => api[Symbol.asyncDispose]());

const sql = (body: string, format = "TSV"): Promise<Response> =>
  api.fetch(`/api/sql?format=${format}`, { method: "POST", body });

describe("SQL", () => {
  it("shows this tenant's rows and nobody else's", async () => {
    expect(await (await sql("SELECT name, attributes['k'] FROM spans")).text()).toBe("mine\tv\n");
    expect(await (await sql("SELECT name FROM spans WHERE tenant = 'other'")).text()).toBe("");
    expect(await (await sql("SELECT count() FROM traces")).text()).toBe("1\n");
    const other = await api.fetch("/api/sql?format=TSV", {
      method: "POST",
      body: "SELECT name FROM spans",
      headers: { "x-scope-orgid": "other" },
    });
    expect(await other.text()).toBe("FOREIGN\n");
  });

  it.each([
    "DROP TABLE spans",
    "INSERT INTO spans (tenant) VALUES ('default')",
    "SELECT * FROM system.parts",
    "SELECT file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
    "SELECT * FROM merge('', 'spans')",
    "SELECT 1; SELECT 2",
    "SELECT 1 FORMAT Native",
    "SELECT name FROM spans SETTINGS additional_table_filters = {}",
    "SELECT name FROM spans INTO OUTFILE '/tmp/x'",
    "SELEC 1",
    "",
  ])("refuses %s", async (statement) => {
    const response = await sql(statement);
    expect(response.status).toBe(400);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.text()).not.toContain("FOREIGN");
  });

  it("answers every format it names, with its type and what it cost", async () => {
    for (const [format, type] of Object.entries(SQL_FORMATS)) {
      const response = await sql("SELECT name, duration_nano FROM spans", format);
      expect([format, response.status, response.headers.get("content-type")]).toEqual([format, 200, type]);
      const text = await response.text();
      if (type === "application/json") JSON.parse(text);
      expect(text).toContain("mine");
    }
    const statistics = JSON.parse(
      (await sql("SELECT count() FROM spans")).headers.get("x-traceo-statistics")!,
    ) as object;
    expect(statistics).toMatchObject({ rowsRead: expect.any(Number), elapsedMs: expect.any(Number) });
  });

  it("takes parameters, and keeps its limits", async () => {
    const ask = (body: unknown): Promise<Response> =>
      api.fetch("/api/sql?format=TSV", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json" },
      });
    const hostile = "'; DROP TABLE spans; --";
    expect(await (await ask({ query: "SELECT {x:String}", parameters: { x: hostile } })).text()).toBe(
      "\\'; DROP TABLE spans; --\n",
    );
    expect(
      await (
        await ask({ query: "SELECT sum(n) FROM (SELECT arrayJoin({n:Array(UInt64)}) AS n)", parameters: { n: [1, 2] } })
      ).text(),
    ).toBe("3\n");
    expect((await ask({ query: "SELECT 1", more: 1 })).status).toBe(400);
    expect((await ask({ query: "SELECT 1", parameters: { "a b": 1 } })).status).toBe(400);
    expect((await ask("SELECT 1")).status).toBe(400);
    expect((await sql(`SELECT '${"x".repeat(300_000)}'`)).status).toBe(413);
    expect((await sql("SELECT number FROM numbers(10000000)")).status).toBe(422);
  });

  it("names its tables and functions", async () => {
    const schema = await api.get<SqlSchema>("/api/sql/schema");
    const spans = schema.tables.find(({ name }) => name === "spans")!;
    expect(spans.columns.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["attributes", "resource_attributes", "end_time"]),
    );
    expect(spans.columns.some(({ name }) => name === "tenant" || name === "load")).toBe(false);
    expect(schema.tables.map(({ name }) => name)).toContain("samples");
    for (const { comment } of schema.tables) expect(comment).not.toBe("");
    expect(schema.functions).toContain("count");
    expect(schema.functions).not.toContain("file");
  });
});
