import type { z } from "zod";
import type { Question } from "#query/question.ts";
import type { ApiDependencies, Visitor } from "./dependencies.ts";

/** Everything a route's handler may look at. */
export interface RouteRequest<Path, Query, Body> {
  readonly path: Path;
  readonly query: Query;
  readonly body: Body;
  readonly headers: Headers;
  readonly visitor: Visitor;
  readonly question: Question;
  /** Another question of the same visitor, asked later: for answers that go on. */
  readonly newQuestion: () => Question;
  readonly dependencies: ApiDependencies;
  readonly signal: AbortSignal;
}

/**
 * One route as data: registered by app.ts, described by openapi.ts, explained by routes/explain.ts. What stands in `answer` is
 * documentation and what the tests hold every answer to; it costs nothing at run time.
 */
export interface Route {
  readonly method: "get" | "post" | "put" | "delete";
  /** Under /api, with {name} for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly pathParameters: z.ZodObject;
  readonly query: z.ZodObject;
  /** JSON body, checked against this. */
  readonly body?: z.ZodType;
  /** The body is taken as text of at most this many bytes. */
  readonly textBody?: number;
  readonly answer: z.ZodType;
  /** Content type of the answer where it is not JSON. */
  readonly answerType?: string;
  /** "nobody": the guard alone decides; the request then has no visitor and no question. */
  readonly need: "ingest" | "read" | "admin" | "nobody";
  /** The answer comes of Selects alone, so that GET /api/explain can show them. */
  readonly explained: boolean;
  handle(request: RouteRequest<never, never, never>): Promise<unknown>;
}

type Shape = Readonly<Record<string, z.ZodType>>;

interface RouteParts<Path extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType, Answer> {
  readonly method?: Route["method"];
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly pathParameters: Path;
  readonly query: Query;
  readonly body?: Body;
  readonly textBody?: number;
  readonly answer: z.ZodType<Answer>;
  readonly answerType?: string;
  readonly need?: Route["need"];
  readonly explained?: boolean;
  /** A Response goes out as it is; anything else as JSON. */
  handle(
    request: RouteRequest<z.output<Path>, z.output<Query>, unknown extends z.output<Body> ? string : z.output<Body>>,
  ): Promise<Answer | Response>;
}

/** Checks a route's parts against each other; the list of routes forgets what is particular to each. */
export function route<
  Path extends z.ZodObject<Shape>,
  Query extends z.ZodObject<Shape>,
  Body extends z.ZodType,
  Answer,
>(parts: RouteParts<Path, Query, Body, Answer>): Route {
  return {
    ...parts,
    method: parts.method ?? "get",
    need: parts.need ?? "read",
    explained: parts.explained ?? false,
  } as Route;
}

/** The route of a path under /api, with its path parameters decoded; undefined for none. */
export function findRoute(
  routes: readonly Route[],
  method: Route["method"],
  path: string,
): { readonly route: Route; readonly path: Readonly<Record<string, string>> } | undefined {
  for (const route of routes) {
    if (route.method !== method) continue;
    const found = matchPath(route.path, path);
    if (found !== undefined) return { route, path: found };
  }
  return undefined;
}

/** Path parameters where a path is of the pattern; undefined otherwise, and where its escapes are broken. */
export function matchPath(pattern: string, path: string): Readonly<Record<string, string>> | undefined {
  const parts = `/api${pattern}`.split("/");
  const asked = path.split("/");
  if (parts.length !== asked.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const value = asked[index]!;
    if (!part.startsWith("{")) {
      if (part !== value) return undefined;
      continue;
    }
    if (value === "") return undefined;
    try {
      found[part.slice(1, -1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return found;
}
