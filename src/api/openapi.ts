import { z } from "zod";
import { FAILURES } from "#runtime/failure.ts";
import type { Route } from "./route.ts";
import { SQL_FORMATS } from "./routes/sql.ts";
import { problem } from "./schema/statistics.ts";

type Json = { [key: string]: unknown };

/** The API as an OpenAPI 3.1 document, made of the very schemas that check requests and that the tests check answers by. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = `/api${route.path}`;
    paths[path] = { ...paths[path], [route.method]: operation(route, components) };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Traceo",
      version,
      description:
        "Times in answers are decimal strings of Unix nanoseconds (`time`) or numbers of Unix milliseconds (`…Ms`); durations are nanoseconds. Lists answer `next`, a cursor for the following page. Errors are `application/problem+json` with a `code` and a `remedy`.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      responses: {
        Problem: {
          description: `Codes: ${Object.keys(FAILURES).join(", ")}.`,
          content: { "application/problem+json": { schema: components.of(problem) } },
        },
      },
    },
  };
}

const TENANT: Json = {
  name: "X-Scope-OrgID",
  in: "header",
  required: false,
  description: "Tenant; default `default`.",
  schema: { type: "string" },
};

function operation(route: Route, components: Components): Json {
  const body = bodyOf(route, components);
  return {
    operationId: operationName(route),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    tags: [route.path.split("/")[1]!],
    parameters: [
      ...parameters(route.pathParameters, "path", components),
      ...parameters(route.query, "query", components),
      ...(route.need === "nobody" ? [] : [TENANT]),
    ],
    ...(route.need === "nobody" ? { security: [{}] } : {}),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...answerOf(route, components), default: { $ref: "#/components/responses/Problem" } },
  };
}

function operationName(route: Route): string {
  const words = route.path
    .split("/")
    .filter((part) => part !== "")
    .map((part) => part.replaceAll(/[{}]/g, ""));
  return [route.method, ...words].join("-").replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function parameters(schema: z.ZodObject, place: "path" | "query", components: Components): Json[] {
  return Object.entries(schema.shape).map(([name, of]) => {
    const json = components.of(of as z.ZodType, "input");
    const description = json["description"];
    return {
      name,
      in: place,
      required: place === "path" || !(of as z.ZodType).safeParse(undefined).success,
      ...(description === undefined ? {} : { description }),
      ...(json["type"] === "array" ? { style: "form", explode: true } : {}),
      schema: json,
    };
  });
}

function bodyOf(route: Route, components: Components): Json | undefined {
  if (route.body !== undefined)
    return { required: true, content: { "application/json": { schema: components.of(route.body, "input") } } };
  if (route.textBody === undefined) return undefined;
  return {
    required: true,
    content: {
      "text/plain": { schema: { type: "string" } },
      "application/json": {
        schema: {
          type: "object",
          required: ["query"],
          properties: { query: { type: "string" }, parameters: { type: "object" } },
        },
      },
    },
  };
}

function answerOf(route: Route, components: Components): Json {
  if (route.path === "/sql") {
    const types = [...new Set(Object.values(SQL_FORMATS).map((type) => type.replace(/;.*/, "")))];
    return {
      200: {
        description: "The result in the format asked for.",
        headers: {
          "X-Traceo-Statistics": { description: "Statistics as JSON.", schema: { type: "string" } },
        },
        content: Object.fromEntries(types.map((type) => [type, {}])),
      },
    };
  }
  if (route.answer instanceof z.ZodUndefined) return { 204: { description: "Done." } };
  const type = route.answerType ?? "application/json";
  const schema = type === "application/json" ? components.of(route.answer) : { type: "string" };
  return { 200: { description: route.summary, content: { [type]: { schema } } } };
}

/** JSON Schemas, those with a name once under components. */
class Components {
  readonly schemas: Record<string, Json> = {};

  of(schema: z.ZodType, io: "input" | "output" = "output"): Json {
    const {
      $schema: _,
      $defs,
      ...json
    } = z.toJSONSchema(schema, { io, unrepresentable: "any" }) as Json & {
      $defs?: Record<string, Json>;
    };
    for (const [name, definition] of Object.entries($defs ?? {})) this.schemas[name] = rename(definition) as Json;
    const { id } = schema.meta() ?? {};
    const renamed = rename(json) as Json;
    if (typeof id !== "string" || io === "input") return renamed;
    this.schemas[id] = renamed;
    return { $ref: `#/components/schemas/${id}` };
  }
}

/** References within a schema as references within the document. */
function rename(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rename);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      if (key === "id" && typeof inner === "string") return [];
      if (key === "$ref" && typeof inner === "string")
        return [[key, inner.replace("#/$defs/", "#/components/schemas/")]];
      return [[key, rename(inner)]];
    }),
  );
}
