import { afterAll, beforeAll, expect, it } from "vitest";
import { readerGrants } from "../remote/reader-grants.ts";
import { readRows } from "../rows.ts";
import { openTestEngine, type TestEngine } from "../test-engine.ts";
import { createTableSql, createViewSql, insertSql } from "./ddl.ts";
import { MIGRATIONS, type Migration, migrate, migrationsTableSql } from "./migrate.ts";
import { PROMOTED_SPAN_ATTRIBUTES, promotedColumn } from "./promoted.ts";
import { resourceAttribute, TABLES, VIEWS } from "./tables.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await openTestEngine();
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

it("makes every table and view once, and nothing the second time", async () => {
  const to = Math.max(...MIGRATIONS.map(({ version }) => version));
  expect(await migrate(engine)).toEqual({ from: 0, to });
  const tables = await readRows<[string]>(engine, "SELECT name FROM system.tables WHERE database = currentDatabase()");
  expect(new Set(tables.map(([name]) => name))).toEqual(
    new Set(["migrations", ...TABLES.map(({ name }) => name), ...VIEWS.map(({ name }) => name)]),
  );
  expect(await migrate(engine)).toEqual({ from: to, to });
  expect(await readRows(engine, "SELECT count() FROM migrations")).toEqual([[String(MIGRATIONS.length)]]);
}, 60_000);

it("goes on where it was cut off", async () => {
  const ran: string[] = [];
  let broken = true;
  const step = (version: number, ...names: string[]): Migration => ({
    version,
    name: `step ${version}`,
    statements: () =>
      names.map((name) => {
        ran.push(name);
        return name === "b" && broken ? "no SQL" : `CREATE TABLE IF NOT EXISTS step_${name} (x UInt8) ENGINE = Memory`;
      }),
  });
  const steps = [...MIGRATIONS, step(1001, "a"), step(1002, "x", "b", "c"), step(1003, "d")];
  await expect(migrate(engine, steps)).rejects.toMatchObject({ code: "query-invalid" });
  expect(await readRows(engine, "SELECT max(version) FROM migrations")).toEqual([[1001]]);
  broken = false;
  ran.length = 0;
  expect(await migrate(engine, steps)).toEqual({ from: 1001, to: 1003 });
  expect(ran).toEqual(["x", "b", "c", "d"]);
}, 60_000);

it("refuses data that a newer program has written", async () => {
  await expect(migrate(engine, MIGRATIONS)).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.stringContaining("schema 1003") as string,
  });
}, 60_000);

it("writes statements for a cluster that the engine itself can read", async () => {
  const statements = [
    ...TABLES.flatMap((table) => createTableSql(table, "my cluster")),
    ...TABLES.map((table) => insertSql(table, "1", "my cluster").replaceAll("{block}", "input('x String')")),
    ...VIEWS.map((view) => createViewSql(view, "my cluster")),
    migrationsTableSql("my cluster"),
    ...readerGrants("o'brien", "tra`ceo", "my cluster"),
    ...readerGrants("reader", "traceo"),
  ];
  for (const sql of statements) {
    const [row] = await readRows<[string]>(engine, "SELECT formatQuery({sql:String})", { sql });
    expect(row![0].length).toBeGreaterThan(10);
  }
  const [formatted] = await readRows<[string]>(engine, "SELECT formatQuerySingleLine({sql:String})", {
    sql: createTableSql(TABLES[0]!, "my cluster")[1]!,
  });
  expect(formatted![0]).toBe(
    "CREATE TABLE IF NOT EXISTS spans ON CLUSTER `my cluster` AS spans_local ENGINE = Distributed(`my cluster`, currentDatabase(), spans_local, load)",
  );
  const local = createTableSql(TABLES[0]!, "c")[0]!;
  expect(local).toContain("ENGINE = ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')");
  // The engine does understand what it was given: a wrong clause is an error.
  await expect(
    readRows(engine, "SELECT formatQuery({sql:String})", { sql: local.replace("PARTITION BY", "PARTITION OF") }),
  ).rejects.toMatchObject({ code: "query-invalid" });
}, 60_000);

it("answers every attribute, promoted or not, whatever its key and value", async () => {
  const odd = [
    "plain",
    'a "quoted" key',
    "back\\slash",
    "it's",
    "new\nline",
    "日本",
    "a.b.c",
    "$.x",
    "k8s.io/name",
    "",
  ];
  const values = ["v", 'q"q', "b\\s", "n\nl", "日本😀", "</script>", "[1]", ""];
  const pairs = odd.flatMap((key, at) => [key, values[at % values.length]!]);
  const keys = [...odd, ...PROMOTED_SPAN_ATTRIBUTES];
  const all = Object.fromEntries([
    ...odd.map((key, at) => [key, pairs[at * 2 + 1]!] as const),
    ...PROMOTED_SPAN_ATTRIBUTES.map((key) => [key, `value of ${key}`] as const),
  ]);
  await engine.execute(
    `INSERT INTO spans (tenant, trace_id, attributes, resource)
      SELECT 't', 'odd', {all:Map(String, String)}, toJSONString({all:Map(String, String)})`,
    { all },
  );
  for (const key of keys) {
    const [row] = await readRows<[string, string, string]>(
      engine,
      `SELECT attributes[{key:String}], resource_attributes[{key:String}], ${resourceAttribute(key)} FROM spans WHERE trace_id = 'odd'`,
      { key },
    );
    expect([key, row]).toEqual([key, [all[key], all[key], all[key]]]);
  }
  for (const key of PROMOTED_SPAN_ATTRIBUTES) {
    const [row] = await readRows(
      engine,
      `SELECT ${promotedColumn("attributes", key)} FROM spans WHERE trace_id = 'odd'`,
    );
    expect(row).toEqual([all[key]]);
  }
  expect(await readRows(engine, `SELECT res_host_name, ${resourceAttribute("missing")} FROM spans`)).toEqual([
    ["", ""],
  ]);
}, 60_000);
