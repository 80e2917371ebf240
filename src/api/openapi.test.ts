import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenApi } from "./openapi.ts";
import { apiRoutes } from "./routes.ts";
import { openTestApi, type TestApi } from "./test-api.suite.ts";

let api: TestApi;
let described: OpenApi;
beforeAll(async () => {
  api = await openTestApi();
  described = await api.get<OpenApi>("/api/openapi.json");
});
afterAll(() => api[Symbol.asyncDispose]());

describe("the API's description", () => {
  it("has every route, once, with all of its parameters", () => {
    const routes = apiRoutes(0);
    const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(operations.sort()).toEqual(routes.map(({ method, path }) => `${method} /api${path}`).sort());
    for (const { method, path, pathParameters, query } of routes) {
      const { parameters } = described.paths[`/api${path}`]![method]!;
      const named = (where: string) => parameters.filter((each) => each.in === where).map(({ name }) => name);
      expect(named("path")).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      expect(named("path")).toEqual(Object.keys(pathParameters.shape));
      expect(named("query")).toEqual(Object.keys(query.shape));
    }
    const ids = Object.values(described.paths).flatMap((methods) =>
      Object.values(methods).map((each) => each.operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.filter((id) => !/^[a-zA-Z.]+$/.test(id))).toEqual([]);
  });

  it("refers to shapes that are there, and has none that nobody refers to", () => {
    const text = JSON.stringify(described);
    expect(text).not.toContain("$defs");
    const referred = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]!));
    expect([...referred].sort()).toEqual(Object.keys(described.components.schemas).sort());
    expect(referred).toContain("Problem");
  });

  it("describes what requests give and answers hold", () => {
    const traces = described.paths["/api/traces"]!["get"]!;
    expect(traces.parameters.find(({ name }) => name === "where")).toMatchObject({
      required: false,
      description: expect.stringContaining("filter"),
      schema: { type: "array", items: { type: "string" } },
    });
    expect(traces.responses["2XX"]).toMatchObject({
      content: { "application/json": { schema: { $ref: "#/components/schemas/Traces" } } },
    });
    const put = described.paths["/api/documents/{kind}/{id}"]!["put"]!;
    expect(put.requestBody).toMatchObject({
      content: { "application/json": { schema: { required: ["name", "content"], additionalProperties: false } } },
    });
    expect(described.components.schemas["Status"]).toMatchObject({
      required: expect.arrayContaining(["version", "ledger"]),
      properties: { version: { type: "string" } },
    });
  });

  it("reads as a page without script or anything from elsewhere", async () => {
    const response = await api.fetch("/api/docs");
    const html = await response.text();
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const style = /<style>([\s\S]*?)<\/style>/.exec(html)![1]!;
    const hash = createHash("sha256").update(style).digest("base64");
    expect(response.headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    );
    expect(html).not.toMatch(/<script|<link|<img|\bsrc=|https?:\/\/|\bstyle=|\bon\w+=/i);
    for (const { method, path } of apiRoutes(0)) expect(html).toContain(`<h2>${method.toUpperCase()} /api${path}</h2>`);
    const targets = new Set([...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]));
    const links = [...html.matchAll(/ href="#([^"]+)"/g)].map((match) => match[1]);
    expect(links.filter((link) => !targets.has(link))).toEqual([]);
    expect(links.length).toBeGreaterThan(apiRoutes(0).length);
  });
});
