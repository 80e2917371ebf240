import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { core } from "@opentelemetry/sdk-node";
import { log, recordException } from "./log.ts";
import { Outage, Refusal } from "./refusal.ts";
import { loadInstrumented, SERVICE } from "./telemetry.ts";

const http = loadInstrumented("node:http");

/** A request as a handler sees it. */
export interface Call {
  /** What stood for `:name` in the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  /** The parsed JSON body; null without one. */
  readonly body: unknown;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export type Handler = (call: Call) => Promise<Answer>;
/** `"GET /listings/:id"` → handler. The first pattern that matches wins. */
export type Routes = Readonly<Record<string, Handler>>;

export interface ShopServerOptions {
  readonly routes: Routes;
  /** Called after each answer, in the request's context. Durations in milliseconds. */
  readonly onAnswer?: (request: IncomingMessage, status: number, sizeBytes: number, durationMs: number) => void;
  /** Wraps each handler; the gateway adds baggage here. */
  readonly around?: (request: IncomingMessage, next: () => Promise<Answer>) => Promise<Answer>;
}

interface Route {
  readonly method: string;
  readonly pattern: string;
  readonly segments: readonly string[];
  readonly handler: Handler;
}

const MAX_BODY_BYTES = 64 * 1024;

/** Starts an instrumented HTTP server on a free loopback port. */
export async function openShopServer(options: ShopServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const routes = Object.entries(options.routes).map(([key, handler]): Route => {
    const [method, pattern] = key.split(" ") as [string, string];
    return { method, pattern, segments: pattern.split("/"), handler };
  });
  const server: Server = http.createServer((request, response) => {
    void answer(routes, options, request, response);
  });
  server.keepAliveTimeout = 30_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(process.env["SHOP_PORT"] ?? 0), "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  routes: readonly Route[],
  options: ShopServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const started = performance.now();
  const url = new URL(request.url ?? "/", "http://shop");
  const found = findRoute(routes, request.method ?? "GET", url.pathname);
  const rpc = core.getRPCMetadata(context.active());
  if (found !== null && rpc !== undefined) rpc.route = found.route.pattern;
  const handle = async (): Promise<Answer> => {
    if (found === null) throw new Refusal(404, "no-such-page", `nothing at ${url.pathname}`);
    const body = await readBody(request);
    return once(request.headers["idempotency-key"], () =>
      found.route.handler({ params: found.params, query: url.searchParams, headers: request.headers, body }),
    );
  };
  const around = options.around ?? ((_request, next) => next());
  const { status, body } = await around(request, () => handle().catch(explain));
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
  options.onAnswer?.(request, status, text.length, performance.now() - started);
}

/** What was answered to a change, by its key, for as long as its sender may still try again. */
const answered = new Map<string, Promise<Answer>>();
const MOST_ANSWERED = 5_000;

/** A change that arrives twice (its sender lost patience with a slow network) is made once and answered alike. */
function once(key: string | string[] | undefined, make: () => Promise<Answer>): Promise<Answer> {
  if (typeof key !== "string") return make();
  const before = answered.get(key);
  if (before !== undefined) return before;
  const answer = make();
  answered.set(key, answer);
  if (answered.size > MOST_ANSWERED) answered.delete(answered.keys().next().value ?? "");
  return answer;
}

function findRoute(
  routes: readonly Route[],
  method: string,
  path: string,
): { route: Route; params: Record<string, string> } | null {
  const parts = path.split("/");
  for (const route of routes) {
    if (route.method !== method || route.segments.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const matches = route.segments.every((segment, index) => {
      const part = parts[index]!;
      if (!segment.startsWith(":")) return segment === part;
      params[segment.slice(1)] = decodeURIComponent(part);
      return part !== "";
    });
    if (matches) return { route, params };
  }
  return null;
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_BODY_BYTES)
      throw new Refusal(413, "too-large", `the body is larger than ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  if (sizeBytes === 0) return null;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw new Refusal(400, "not-json", error instanceof Error ? error.message : "the body is not JSON");
  }
}

/** Turns what a handler threw into an answer, and says it in the trace and the log. */
function explain(error: unknown): Answer {
  const span = trace.getActiveSpan();
  if (error instanceof Refusal) {
    span?.setAttribute("error.type", error.reason);
    log.warn("request refused", { "error.type": error.reason, "http.response.status_code": error.status });
    return { status: error.status, body: { error: error.reason, message: error.message } };
  }
  recordException(error);
  const message = error instanceof Error ? error.message : String(error);
  span?.setStatus({ code: SpanStatusCode.ERROR, message });
  const status = error instanceof Outage ? error.status : 500;
  log.error("request failed", error, { "http.response.status_code": status });
  return { status, body: { error: `${SERVICE}-failed`, message } };
}
