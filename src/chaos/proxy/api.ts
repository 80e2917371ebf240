import type { IncomingMessage, ServerResponse } from "node:http";
import { describeError, Failure, isFailure } from "#runtime/failure.ts";
import { type ProxyCollection, type ProxyRequest, proxyDocument } from "./collection.ts";
import type { ToxicRequest } from "./fault-proxy.ts";
import { toxicDocument } from "./toxic.ts";

/** The version of Toxiproxy whose API this is. */
export const API_VERSION = "2.12.0";

const BODY_BYTES = 1 << 20;
/** Toxiproxy's own limit for one request. */
const HANDLER_MS = 25_000;

interface Answer {
  readonly status: number;
  /** Sent as JSON; nothing for a 204. */
  readonly document?: unknown;
  readonly text?: string;
  readonly type?: string;
}

/**
 * Toxiproxy's HTTP API: its paths, documents, codes and error bodies, so that its clients work. Browsers are refused by their
 * User-Agent as there, and by their Origin, because whoever reaches this may open ports.
 */
export async function serveApi(
  proxies: ProxyCollection,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const timer = setTimeout(() => response.writeHead(503).end(), HANDLER_MS);
  const answer = await answerTo(proxies, request);
  clearTimeout(timer);
  if (response.headersSent) return;
  // By this our own injector knows that `ttl_ms` is understood.
  response.setHeader("x-traceo-fault-proxy", API_VERSION);
  if (answer.text !== undefined) {
    response.writeHead(answer.status, { "content-type": answer.type ?? "text/plain; charset=utf-8" }).end(answer.text);
  } else if (answer.document === undefined) response.writeHead(answer.status).end();
  else response.writeHead(answer.status, { "content-type": "application/json" }).end(printJson(answer.document));
}

async function answerTo(proxies: ProxyCollection, request: IncomingMessage): Promise<Answer> {
  if (request.headers["user-agent"]?.startsWith("Mozilla/") === true || request.headers.origin !== undefined)
    return { status: 403, text: "User agent not allowed\n" };
  try {
    const path = new URL(request.url ?? "/", "http://proxy").pathname;
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const method = request.method ?? "GET";
    const route = ROUTES.find(({ pattern }) => matches(pattern, parts));
    if (route === undefined) return { status: 404, text: "404 page not found\n" };
    const handler = route.methods[method];
    if (handler === undefined) return { status: 405 };
    const [name = "", toxic = ""] = route.pattern.flatMap((word, at) => (word === "*" ? [parts[at]!] : []));
    return await handler({ proxies, name, toxic, body: () => readBody(request) });
  } catch (error) {
    // As Go's http.Error sends it, which is what Toxiproxy's clients see: JSON, said to be plain text, and a line's end.
    const { status, document } = problem(error);
    return { status, text: `${printJson(document)}\n` };
  }
}

interface Call {
  readonly proxies: ProxyCollection;
  readonly name: string;
  readonly toxic: string;
  body(): Promise<unknown>;
}
type Handler = (call: Call) => Promise<Answer> | Answer;

const show = (status: number, document: unknown): Answer => ({ status, document });
const NONE: Answer = { status: 204 };

const updateProxy: Handler = async ({ proxies, name, body }) => {
  const proxy = proxies.get(name);
  const change = record(await body());
  await proxy.update({
    listen: text(change, "listen") ?? proxy.listen,
    upstream: text(change, "upstream") ?? proxy.upstream,
    enabled: flag(change, "enabled") ?? proxy.enabled,
  });
  const ttlMs = change["ttl_ms"];
  proxy.expireDown(!proxy.enabled && typeof ttlMs === "number" && ttlMs > 0 ? ttlMs : undefined);
  return show(200, proxyDocument(proxy));
};

const updateToxic: Handler = async ({ proxies, name, toxic, body }) => {
  const proxy = proxies.get(name);
  proxy.toxic(toxic);
  return show(200, toxicDocument(proxy.updateToxic(toxic, record(await body()) as ToxicRequest)));
};

const ROUTES: readonly { readonly pattern: readonly string[]; readonly methods: Readonly<Record<string, Handler>> }[] =
  [
    {
      pattern: ["version"],
      methods: {
        GET: () => ({ status: 200, text: `{"version": "${API_VERSION}"}\n`, type: "application/json;charset=utf-8" }),
      },
    },
    {
      pattern: ["metrics"],
      methods: {
        GET: ({ proxies }) => ({ status: 200, text: printMetrics(proxies), type: "text/plain; version=0.0.4" }),
      },
    },
    {
      pattern: ["reset"],
      methods: {
        POST: async ({ proxies }) => {
          await proxies.reset();
          return NONE;
        },
      },
    },
    { pattern: ["populate"], methods: { POST: populate } },
    {
      pattern: ["proxies"],
      methods: {
        GET: ({ proxies }) =>
          show(200, Object.fromEntries(proxies.list().map((proxy) => [proxy.name, proxyDocument(proxy)]))),
        POST: async ({ proxies, body }) => {
          const request = proxyRequest(await body());
          if (request.name === "") throw new Failure("bad-request", "missing required field: name");
          if (request.upstream === "") throw new Failure("bad-request", "missing required field: upstream");
          return show(201, proxyDocument(await proxies.add(request)));
        },
      },
    },
    {
      pattern: ["proxies", "*"],
      methods: {
        GET: ({ proxies, name }) => show(200, proxyDocument(proxies.get(name))),
        POST: updateProxy,
        PATCH: updateProxy,
        DELETE: async ({ proxies, name }) => {
          await proxies.remove(name);
          return NONE;
        },
      },
    },
    {
      pattern: ["proxies", "*", "toxics"],
      methods: {
        GET: ({ proxies, name }) => show(200, proxies.get(name).toxics.map(toxicDocument)),
        POST: async ({ proxies, name, body }) => {
          const proxy = proxies.get(name);
          return show(200, toxicDocument(proxy.addToxic(record(await body()) as ToxicRequest)));
        },
      },
    },
    {
      pattern: ["proxies", "*", "toxics", "*"],
      methods: {
        GET: ({ proxies, name, toxic }) => show(200, toxicDocument(proxies.get(name).toxic(toxic))),
        POST: updateToxic,
        PATCH: updateToxic,
        DELETE: ({ proxies, name, toxic }) => {
          proxies.get(name).removeToxic(toxic);
          return NONE;
        },
      },
    },
  ];

async function populate({ proxies, body }: Call): Promise<Answer> {
  const done: object[] = [];
  try {
    const given = await body();
    if (!Array.isArray(given)) throw badBody(`json: cannot unmarshal ${typeof given} into Go value`);
    const requests = given.map(proxyRequest);
    requests.forEach((request, at) => {
      const missing = request.name === "" ? "name" : request.upstream === "" ? "upstream" : undefined;
      if (missing !== undefined)
        throw new Failure("bad-request", `missing required field: ${missing} at proxy ${at + 1}`);
    });
    for (const request of requests) done.push(proxyDocument(await proxies.addOrReplace(request)));
    return show(201, { proxies: done.length === 0 ? null : done });
  } catch (error) {
    // The proxies that were made before the failure are made, and said.
    const { status, document } = problem(error);
    return show(status, { ...document, proxies: done.length === 0 ? null : done });
  }
}

function matches(pattern: readonly string[], parts: readonly string[]): boolean {
  return (
    pattern.length === parts.length &&
    pattern.every((word, at) => (word === "*" ? parts[at] !== "" : word === parts[at]))
  );
}

function problem(error: unknown): { readonly status: number; readonly document: object } {
  const status = isFailure(error) ? error.status : error instanceof URIError ? 400 : 500;
  return { status, document: { error: describeError(error), status } };
}

const badBody = (why: string): Failure => new Failure("bad-request", `bad request body: ${why}`);

async function readBody(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > BODY_BYTES) throw new Failure("too-large", `bad request body: more than ${BODY_BYTES} bytes`);
    parts.push(part);
  }
  if (bytes === 0) throw badBody("EOF");
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (error) {
    throw badBody(describeError(error));
  }
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badBody("json: cannot unmarshal into Go value");
  return value as Record<string, unknown>;
}

function text(from: Readonly<Record<string, unknown>>, field: string): string | undefined {
  const value = from[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string")
    throw badBody(`json: cannot unmarshal ${typeof value} into Go struct field Proxy.${field} of type string`);
  return value;
}

function flag(from: Readonly<Record<string, unknown>>, field: string): boolean | undefined {
  const value = from[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean")
    throw badBody(`json: cannot unmarshal ${typeof value} into Go struct field Proxy.${field} of type bool`);
  return value;
}

function proxyRequest(body: unknown): ProxyRequest {
  const from = record(body);
  return {
    name: text(from, "name") ?? "",
    listen: text(from, "listen") ?? "",
    upstream: text(from, "upstream") ?? "",
    enabled: flag(from, "enabled") ?? true,
  };
}

/** As Go's encoder: `<`, `>` and `&` escaped. */
function printJson(document: unknown): string {
  return JSON.stringify(document).replace(/[<>&]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
}

function printMetrics(proxies: ProxyCollection): string {
  const quoted = (value: string): string =>
    value.replace(/[\\"\n]/g, (letter) => (letter === "\n" ? "\\n" : `\\${letter}`));
  const lines = (["received", "sent"] as const).flatMap((what) => {
    const name = `toxiproxy_proxy_${what}_bytes_total`;
    const rows = proxies.list().flatMap((proxy) =>
      (["downstream", "upstream"] as const).map((direction) => {
        const counts = proxy.counts[direction];
        const labels = `direction="${direction}",listener="${quoted(proxy.listen)}",proxy="${quoted(proxy.name)}",upstream="${quoted(proxy.upstream)}"`;
        return `${name}{${labels}} ${what === "received" ? counts.receivedBytes : counts.sentBytes}`;
      }),
    );
    return [`# HELP ${name} `, `# TYPE ${name} counter`, ...rows];
  });
  return `${lines.join("\n")}\n`;
}
