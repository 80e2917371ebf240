import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TABLES, VIEWS } from "#engine/schema/tables.ts";
import type { SqlSchema } from "../contract/shapes.ts";
import { openTestApi, type TestApi } from "../test-api.suite.ts";
import { TABLE_COMMENTS } from "./sql-schema.ts";

let api: TestApi;
let schema: SqlSchema;
beforeAll(async () => {
  api = await openTestApi();
  schema = await api.get<SqlSchema>("/api/sql/schema");
});
afterAll(() => api[Symbol.asyncDispose]());

const typeOf = (table: string, column: string): string | undefined =>
  schema.tables.find(({ name }) => name === table)?.columns.find(({ name }) => name === column)?.type;

describe("the schema for SQL", () => {
  it("has every table and view that confined SQL may read, each explained", () => {
    const readable = [...TABLES, ...VIEWS].map(({ name }) => name).sort();
    expect(schema.tables.map(({ name }) => name).sort()).toEqual(readable);
    expect(Object.keys(TABLE_COMMENTS).sort()).toEqual(readable);
    expect(schema.tables[0]!.name).toBe("spans");
  });

  it("knows columns, aliases and the columns of views with their types", () => {
    expect(typeOf("spans", "start_time")).toBe("DateTime64(9, 'UTC')");
    expect(typeOf("spans", "resource_attributes")).toBe("Map(String, String)");
    expect(typeOf("samples", "attributes")).toBe("Map(String, String)");
    expect(typeOf("samples", "value")).toBe("Float64");
  });

  it("names columns and functions that a confined statement may use", async () => {
    const run = async (sql: string): Promise<string> => {
      const response = await api.fetch("/api/sql?format=TSVRaw", { method: "POST", body: sql });
      return response.status === 200 ? "" : `${sql}: ${await response.text()}`;
    };
    for (const { name, columns } of schema.tables)
      expect(await run(`SELECT ${columns.map((column) => `\`${column.name}\``).join(", ")} FROM ${name} LIMIT 0`)).toBe(
        "",
      );
    expect(schema.functions).toEqual(expect.arrayContaining(["count", "quantile", "toStartOfMinute", "numbers"]));
    expect(schema.functions.filter((name) => name.startsWith("_"))).toEqual([]);
    expect(new Set(schema.functions).size).toBe(schema.functions.length);
  });
});
