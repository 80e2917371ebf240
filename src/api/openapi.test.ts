import { describe, expect, it } from "vitest";
import { docsPage } from "./docs-page.ts";
import { openApiDocument } from "./openapi.ts";
import { apiRoutes } from "./routes.ts";

const routes = apiRoutes(0);
const document = openApiDocument(routes, "1.2.3") as {
  openapi: string;
  paths: Record<
    string,
    Record<string, { operationId: string; parameters: { name: string; required: boolean }[]; responses: object }>
  >;
  components: { schemas: Record<string, object> };
};

describe("OpenAPI", () => {
  it("has every route, each with a name of its own and an answer", () => {
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(operations).toHaveLength(routes.length);
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(routes.length);
    for (const route of routes) {
      const operation = document.paths[`/api${route.path}`]![route.method]!;
      for (const [, name] of route.path.matchAll(/\{(\w+)\}/g))
        expect(operation.parameters).toContainEqual(expect.objectContaining({ name, in: "path", required: true }));
      expect(Object.keys(operation.responses)).toHaveLength(2);
    }
  });

  it("refers to nothing that is not there", () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!);
    expect(references.length).toBeGreaterThan(20);
    expect(references.filter((name) => !(name in document.components.schemas))).toEqual([]);
    expect(text).not.toContain("#/$defs/");
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(["Problem", "Statistics", "Trace", "Logs", "Home", "SeriesAnswer"]),
    );
  });

  it("says what is required and what the defaults are", () => {
    const traces = document.paths["/api/traces"]!["get"]!.parameters;
    expect(traces.find(({ name }) => name === "sort")).toMatchObject({
      required: false,
      schema: { enum: ["start", "duration", "errors"], default: "start" },
    });
    expect(document.paths["/api/logs/context"]!["get"]!.parameters.find(({ name }) => name === "id")).toMatchObject({
      required: true,
    });
  });

  it("comes as a page without script or other hosts too", () => {
    const page = docsPage(routes, "1.2.3", "abc");
    expect(/<script|https?:\/\/|\son\w+=|style="/.test(page)).toBe(false);
    for (const route of routes) expect(page).toContain(`<code>/api${route.path}</code>`);
  });
});
