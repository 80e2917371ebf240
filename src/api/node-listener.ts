import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";

/**
 * The API as a listener of node's HTTP server. A request's signal aborts when its connection goes away before the answer is
 * out, which stops what it asked of the engine.
 */
export function nodeListener(app: Hono): (request: IncomingMessage, response: ServerResponse) => void {
  const listen = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return (request, response) => {
    void listen(request, response);
  };
}
