import { z } from "zod";
import { FAILURES } from "#runtime/failure.ts";
import type { Route } from "./route.ts";
import { problem } from "./schema/statistics.ts";

type Json = { readonly [key: string]: unknown };

export interface OpenApi {
  readonly openapi: "3.1.1";
  readonly info: Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>>; readonly securitySchemes: Json };
  readonly security: readonly Json[];
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Json;
  readonly responses: Readonly<Record<string, Json>>;
  readonly security?: readonly Json[];
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description?: string;
  readonly schema: Json;
}

const TENANT: Parameter = {
  name: "X-Scope-OrgID",
  in: "header",
  required: false,
  description: "The tenant; without it the token's only one, or `default`.",
  schema: { type: "string" },
};

/** The description of all routes (OpenAPI 3.1), made of the schemas that check requests and answers. */
export function describeRoutes(routes: readonly Route[], version: string): OpenApi {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Record<string, Operation>> = {};
  const problemRef = describeSchema(problem, "output", schemas);
  for (const route of routes) {
    const at = `/api${route.path}`;
    paths[at] ??= {};
    paths[at][route.method] = describeRoute(route, schemas, problemRef);
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Traceo",
      version,
      description:
        "Times in answers are decimal strings of Unix nanoseconds (`time`) or numbers of Unix milliseconds (`…Ms`); durations are nanoseconds.",
    },
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "A token of the token file, where there is one." },
        session: { type: "apiKey", in: "cookie", name: "traceo_session" },
      },
    },
    security: [{ token: [] }, { session: [] }, {}],
  };
}

function describeRoute(route: Route, schemas: Record<string, Json>, problemRef: Json): Operation {
  const answer = describeSchema(route.answer, "output", schemas);
  const anything = Object.keys(answer).length === 0;
  return {
    operationId: `${route.method}${route.path.replaceAll(/[/{}-]+(\w?)/g, (_, letter: string) => letter.toUpperCase())}`,
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    parameters: [
      ...describeParameters(route.pathParameters, "path", schemas),
      ...describeParameters(route.query, "query", schemas),
      ...(route.need === "nobody" ? [] : [TENANT]),
    ],
    ...describeBody(route, schemas),
    responses: {
      "2XX": {
        description: "The answer.",
        ...(anything ? {} : { content: { "application/json": { schema: answer } } }),
      },
      default: {
        description: `A problem (RFC 9457); \`code\` is one of ${Object.keys(FAILURES).join(", ")}.`,
        content: { "application/problem+json": { schema: problemRef } },
      },
    },
    ...(route.need === "nobody" ? { security: [{}] } : {}),
  };
}

function describeBody(route: Route, schemas: Record<string, Json>): { requestBody?: Json } {
  if (route.body !== undefined) {
    const schema = describeSchema(route.body, "input", schemas);
    return { requestBody: { required: true, content: { "application/json": { schema } } } };
  }
  if (route.textBody === undefined) return {};
  return {
    requestBody: {
      required: true,
      content: { "text/plain": { schema: { type: "string" } }, "application/json": { schema: { type: "object" } } },
    },
  };
}

function describeParameters(
  object: z.ZodObject,
  where: "path" | "query",
  schemas: Record<string, Json>,
): readonly Parameter[] {
  return Object.entries(object.shape).map(([name, schema]): Parameter => {
    const { description, ...rest } = describeSchema(schema as z.ZodType, "input", schemas);
    return {
      name,
      in: where,
      required: where === "path" || !(schema as z.ZodType).safeParse(undefined).success,
      ...(typeof description === "string" ? { description } : {}),
      schema: rest,
    };
  });
}

/** JSON Schema of one zod schema; those with an id go to `schemas` and are referred to. */
function describeSchema(schema: z.ZodType, io: "input" | "output", schemas: Record<string, Json>): Json {
  // Within an object a schema with an id becomes a reference; at the root it would stand written out.
  const { $defs, properties } = z.toJSONSchema(z.object({ root: schema }), {
    io,
    unrepresentable: "any",
  }) as unknown as { $defs?: Record<string, Json>; properties: { root: Json } };
  for (const [id, definition] of Object.entries($defs ?? {})) {
    const { id: _, ...rest } = definition;
    schemas[id] = refer(rest) as Json;
  }
  return refer(properties.root) as Json;
}

/** References into `$defs` as references into the components. */
function refer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(refer);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) =>
      key === "$ref" && typeof inner === "string"
        ? [key, inner.replace("#/$defs/", "#/components/schemas/")]
        : [key, refer(inner)],
    ),
  );
}
