import { randomBytes, randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import type { Access } from "#access/access.ts";
import { Question } from "#query/question.ts";
import { Failure, isFailure } from "#runtime/failure.ts";
import { type AdmittedRequest, admit, guard } from "./admission.ts";
import type { ApiDependencies, Visitor } from "./dependencies.ts";
import { docsPage } from "./docs-page.ts";
import { exposition } from "./exposition.ts";
import { openApiDocument } from "./openapi.ts";
import { listParameters, readParameters, validate } from "./parameters.ts";
import { problemResponse } from "./problem.ts";
import { findRoute, matchPath, type Route } from "./route.ts";
import { apiRoutes } from "./routes.ts";
import { SECURITY_HEADERS, serveStatic } from "./static-files.ts";

const LONGEST_JSON_BODY = 2_000_000;
/** For every read that answers a route. */
const READ_LIMITS = { timeoutMs: 30_000, resultRows: 500_000, resultBytes: 200_000_000 };

/**
 * Everything under /api/, the probes, and the web interface, as a function of requests. Every request passes the guard (Host
 * and Origin) first; every error leaves as problem+json.
 */
export function createApi(dependencies: ApiDependencies): Hono {
  const app = new Hono();
  const startedMs = dependencies.clock.nowMs();
  const routes = apiRoutes(startedMs);

  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) context.res.headers.set(name, value);
    if (!context.res.headers.has("content-security-policy"))
      context.res.headers.set("content-security-policy", "default-src 'none'; frame-ancestors 'none'");
  });
  app.onError((error, context) => {
    if (isFailure(error) && error.code !== "engine-error") return problemResponse(error);
    const id = randomUUID();
    dependencies.onError?.(error, { id, method: context.req.method, path: new URL(context.req.url).pathname });
    return problemResponse(error, id);
  });

  app.get("/api/openapi.json", (context) => {
    admit(dependencies.access, requestOf(context), "read");
    return context.json(openApiDocument(routes, dependencies.version));
  });
  app.get("/api/docs", (context) => {
    guard(dependencies.access, requestOf(context));
    const nonce = randomBytes(16).toString("base64url");
    return new Response(docsPage(routes, dependencies.version, nonce), {
      headers: {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": `default-src 'none'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      },
    });
  });
  app.all("/api/*", (context) => {
    const { pathname } = new URL(context.req.url);
    const found = findRoute(routes, methodOf(context), pathname);
    if (found !== undefined) return answerRoute(found.route, found.path, context, dependencies);
    guard(dependencies.access, requestOf(context));
    const here = routes.filter((route) => matchPath(route.path, pathname) !== undefined);
    if (here.length === 0) throw new Failure("not-found", `no route ${pathname.slice(0, 200)}`);
    const response = problemResponse(
      new Failure("method-not-allowed", `${context.req.method} is not for ${pathname.slice(0, 200)}`),
    );
    response.headers.set("allow", here.map((route) => route.method.toUpperCase()).join(", "));
    return response;
  });

  app.get("/healthz", () => new Response("ok\n", { headers: { "content-type": "text/plain; charset=utf-8" } }));
  app.get("/readyz", () => {
    const { state, lastFailure } = dependencies.engine.status();
    const ready = state === "ready";
    return new Response(
      ready ? "ready\n" : `engine: ${state}${lastFailure === undefined ? "" : `: ${lastFailure}`}\n`,
      {
        status: ready ? 200 : 503,
        headers: { "content-type": "text/plain; charset=utf-8" },
      },
    );
  });

  app.get("/metrics", (context, next) => {
    // A person's browser wants the view of that name; a scraper does not ask for HTML.
    if ((context.req.header("accept") ?? "").includes("text/html")) return next();
    admit(dependencies.access, requestOf(context), "read");
    return new Response(exposition(dependencies, startedMs), {
      headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store" },
    });
  });

  app.get("*", async (context) => {
    guard(dependencies.access, requestOf(context));
    if (dependencies.webRoot !== undefined) {
      const nonce = randomBytes(16).toString("base64url");
      const found = await serveStatic(
        dependencies.webRoot,
        new URL(context.req.url).pathname,
        context.req.raw.headers,
        nonce,
      );
      if (found !== undefined) return found;
    }
    throw new Failure("not-found", "nothing here");
  });
  return app;
}

/** HEAD is answered as GET; hono leaves the body out. */
function methodOf(context: Context): Route["method"] {
  return (context.req.method === "HEAD" ? "GET" : context.req.method).toLowerCase() as Route["method"];
}

async function answerRoute(
  route: Route,
  pathParameters: Readonly<Record<string, string>>,
  context: Context,
  dependencies: ApiDependencies,
): Promise<Response> {
  const request = context.req.raw;
  const visitor = admitTo(route, context, dependencies.access);
  const query = validate(
    // A route that takes parameters of any name says so with a catchall.
    route.query.def.catchall === undefined ? route.query.strict() : route.query,
    readParameters(new URL(request.url).searchParams, listParameters(route.query)),
  );
  const path = validate(route.pathParameters, pathParameters);
  const body = await readBody(route, request);
  const newQuestion = (): Question =>
    new Question(
      dependencies.engine,
      { tenant: visitor.tenant, nowUnixNano: dependencies.clock.nowUnixNano(), limits: READ_LIMITS },
      request.signal,
    );
  const asked = {
    path,
    query,
    body,
    headers: request.headers,
    visitor,
    question: route.need === "nobody" ? undefined : newQuestion(),
    newQuestion,
    dependencies,
    signal: request.signal,
  };
  const answer = await route.handle(asked as never);
  if (answer instanceof Response) return answer;
  return new Response(JSON.stringify(answer), {
    headers: { "content-type": "application/json", "cache-control": "no-store" },
  });
}

/** Whoever asks, if the route may be used by them. */
function admitTo(route: Route, context: Context, access: Access): Visitor {
  if (route.need !== "nobody") return admit(access, requestOf(context), route.need);
  guard(access, requestOf(context));
  const none = (): never => {
    throw new Error(`${route.path} asks nobody who they are, so it has no visitor`);
  };
  return Object.defineProperties({} as Visitor, { name: { get: none }, tenant: { get: none } });
}

async function readBody(route: Route, request: Request): Promise<unknown> {
  if (route.body === undefined && route.textBody === undefined) return undefined;
  const most = route.textBody ?? LONGEST_JSON_BODY;
  const text = await readText(request, most);
  if (route.body === undefined) return text;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Failure("bad-request", "body: is no JSON", { cause: error });
  }
  return validate(route.body, json);
}

/** The body as text; throws too-large as soon as it is longer than `most` bytes. */
async function readText(request: Request, most: number): Promise<string> {
  if (request.body === null) return "";
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of request.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.byteLength;
    if (size > most) throw new Failure("too-large", `the body is longer than ${most} bytes`, { remedy: "Send less." });
    parts.push(part);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  } catch (error) {
    throw new Failure("bad-request", "body: is no UTF-8", { cause: error });
  }
}

function requestOf(context: Context): AdmittedRequest {
  const headers: Record<string, string> = {};
  context.req.raw.headers.forEach((value, name) => {
    headers[name] = value;
  });
  return { method: context.req.method, headers };
}
