import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTestServer, type TestServer } from "../test-engine.ts";

/** The host process as an HTTP client that is not ours sees it. */
let server: TestServer;
beforeAll(async () => {
  server = await openTestServer();
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
const ask = async (query: Record<string, string>, body?: string | Uint8Array): Promise<Response> =>
  await fetch(`${server.url}/?${new URLSearchParams(query).toString()}`, {
    method: "POST",
    headers: { authorization: basic(server.user, server.password) },
    ...(body === undefined ? {} : { body: body as Uint8Array<ArrayBuffer> }),
  });

describe("http interface", () => {
  it("knows nobody without the secret", async () => {
    const attempts = [
      {},
      { authorization: basic(server.user, "") },
      { authorization: basic(server.user, `${server.password}x`) },
      { authorization: basic("default", server.password) },
      { authorization: `Bearer ${server.password}` },
      { authorization: "Basic !!!" },
      { "x-clickhouse-user": server.user, "x-clickhouse-key": server.password },
    ];
    for (const headers of attempts) {
      const response = await fetch(`${server.url}/`, { method: "POST", headers, body: "SELECT 1" });
      expect(response.status).toBe(401);
      expect(response.headers.get("x-clickhouse-exception-code")).toBe("516");
      expect(await response.text()).not.toMatch(/^1/);
    }
    expect(await (await fetch(`${server.url}/ping`)).text()).toBe("Ok.\n");
  });

  it("answers as ClickHouse does: format, summary, query id", async () => {
    const response = await ask({ query: "SELECT number FROM numbers(2)", default_format: "CSV", query_id: "mine" });
    expect(await response.text()).toBe("0\n1\n");
    expect(response.headers.get("x-clickhouse-query-id")).toBe("mine");
    expect(JSON.parse(response.headers.get("x-clickhouse-summary")!)).toMatchObject({ read_rows: "2" });
  });

  it("says what the engine read, not what it answered, where the format has room for it", async () => {
    await ask({}, "CREATE TABLE default.cost (n UInt64) ENGINE = MergeTree ORDER BY n");
    await ask({}, "INSERT INTO default.cost SELECT number FROM numbers(5000)");
    for (const format of ["JSON", "JSONCompact"]) {
      const response = await ask({ query: "SELECT sum(n) FROM default.cost", default_format: format });
      const summary = JSON.parse(response.headers.get("x-clickhouse-summary")!) as Record<string, string>;
      expect(summary).toMatchObject({ read_rows: "5000", read_bytes: "40000" });
    }
  });

  it("reads with every core, small as the memory is", async () => {
    const query = "EXPLAIN PIPELINE SELECT sum(number) FROM numbers_mt(1000000)";
    const plan = await ask({ query, readonly: "2", max_threads: "2", default_format: "TSVRaw" });
    expect(await plan.text()).toContain("NumbersRange × 2");
  });

  it("takes parameters longer than a statement may be", async () => {
    const values = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [`param_p${at}`, `${at}`.padEnd(50_000, "x")]),
    );
    const query = `SELECT ${Object.keys(values)
      .map((name) => `length({${name.slice("param_".length)}:String})`)
      .join(" + ")}`;
    expect(await (await ask({ query, ...values })).text()).toBe("2000000\n");
  });

  it("reports errors by status, code and text", async () => {
    const syntax = await ask({}, "SELECT 1 FROMM x WHERE");
    expect([syntax.status, syntax.headers.get("x-clickhouse-exception-code")]).toEqual([400, "62"]);
    const table = await ask({}, "SELECT * FROM nowhere");
    expect([table.status, table.headers.get("x-clickhouse-exception-code")]).toEqual([404, "60"]);
    expect(await table.text()).toMatch(/^Code: 60\. DB::Exception: .*\(UNKNOWN_TABLE\)/s);
    const setting = await ask({ "no-such; SELECT 1": "1" }, "SELECT 1");
    expect(setting.headers.get("x-clickhouse-exception-code")).toBe("115");
    const parameter = await ask({ "param_a = 1; DROP": "1" }, "SELECT 1");
    expect(parameter.headers.get("x-clickhouse-exception-code")).toBe("36");
  });

  it("takes an INSERT's data in the body, text and Native", async () => {
    await ask({}, "CREATE TABLE default.body (a UInt64, b String) ENGINE = Memory");
    expect(
      (await ask({ query: "INSERT INTO default.body FORMAT JSONEachRow" }, '{"a":1,"b":"x"}\n{"a":2,"b":"y"}')).status,
    ).toBe(200);
    const block = await ask({ default_format: "Native" }, "SELECT toUInt64(3) AS a, 'it''s' AS b");
    const insert =
      "INSERT INTO default.body SELECT a, b FROM input('`a` UInt64, `b` String') WHERE a < 10 FORMAT Native";
    expect((await ask({ query: insert }, new Uint8Array(await block.arrayBuffer()))).status).toBe(200);
    expect(await (await ask({}, "SELECT * FROM default.body ORDER BY a")).text()).toBe("1\tx\n2\ty\n3\tit\\'s\n");
  });

  it("lets no value out of its quotes", async () => {
    const hostile = "'; DROP TABLE default.body; SELECT '\\'; --\\";
    const escaped = hostile.replaceAll("\\", "\\\\").replaceAll("'", "\\'");
    const echo = await ask({ param_p: escaped, default_format: "TSVRaw" }, "SELECT {p:String}");
    expect(await echo.text()).toBe(`${hostile}\n`);
    const setting = await ask({ log_comment: hostile, default_format: "TSVRaw" }, "SELECT getSetting('log_comment')");
    expect(await setting.text()).toBe(`${hostile}\n`);
    const database = await ask({ database: "x`; DROP TABLE default.body; --" }, "SELECT 1");
    expect(database.headers.get("x-clickhouse-exception-code")).toBe("81");
    expect((await ask({}, "SELECT count() FROM default.body")).status).toBe(200);
  });
});
