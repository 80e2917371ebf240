/**
 * An HTTP/1.1 server that strangers may talk to: receivers, and the API, listen through this.
 *
 * - Connections are bounded. At the bound one without a request under way makes room: the oldest of those that never had one
 *   answered, then the one idle longest; so a client that opens many and says nothing shuts out nobody but itself.
 * - Headers must be complete within `headersTimeoutMs` of the connection or the request's first byte (node's own check).
 * - A request that is not HTTP is answered 400, 408 or 431 and closed, and counted.
 * - `close` stops accepting, lets requests under way finish and ends idle connections at once; what is left at the deadline
 *   is destroyed.
 */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { Failure } from "#runtime/failure.ts";
import type { LimitCounts } from "./admission-counts.ts";

export interface HttpServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The flag that sets host and port, for the message when the port is taken: "--otlp-http". */
  readonly flag: string;
  readonly maxConnections?: number;
  readonly maxHeaderBytes?: number;
  readonly headersTimeoutMs?: number;
  /** Longest time from a request's first byte to its last; a backstop behind the handler's own limits. */
  readonly requestTimeoutMs?: number;
  readonly keepAliveTimeoutMs?: number;
  /** A connection on which no byte moves for so long is destroyed, even if its answer is still to come; 0 is never. */
  readonly silenceMs?: number;
  /** Called when every connection is busy and a new one waits: gives up what is slow. True if that closes connections soon. */
  readonly makeRoom?: () => boolean;
}

export const HTTP_SERVER_DEFAULTS = {
  maxConnections: 1_024,
  maxHeaderBytes: 16 << 10,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 120_000,
  keepAliveTimeoutMs: 75_000,
  silenceMs: 120_000,
} as const;

export interface HttpServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  connections(): number;
  /** Stops accepting, waits for requests under way until `deadlineMs` have passed, then destroys what is left. */
  close(deadlineMs: number): Promise<void>;
}

const CLOSE_DEADLINE_MS = 5_000;
const TIMEOUT_CHECK_MS = 1_000;

interface Connection {
  readonly socket: Socket;
  /** Requests being handled. */
  active: number;
  /** The answer begun last. */
  response: ServerResponse | undefined;
  /** Requests answered. */
  answered: number;
  /** Order of the last event (opened, answered): the lowest is idle longest. */
  turn: number;
  /** It broke the protocol and was told; what still comes is not looked at. */
  broken: boolean;
}

/** Listens. Throws "port-in-use" naming the flag, or "config-invalid" where the address cannot be listened on. */
export async function openHttpServer(
  handler: RequestListener,
  options: HttpServerOptions,
  counts: LimitCounts,
): Promise<HttpServer> {
  const settings = { ...HTTP_SERVER_DEFAULTS, ...options };
  const connections = new Map<Socket, Connection>();
  let turn = 0;
  let closing = false;

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = connections.get(request.socket);
    if (connection === undefined) {
      request.socket.destroy();
      return;
    }
    connection.active++;
    connection.response = response;
    response.on("close", () => {
      connection.active--;
      connection.answered++;
      connection.turn = turn++;
      if (closing && connection.active === 0) connection.socket.end();
    });
    if (closing) response.setHeader("connection", "close");
    handler(request, response);
  };

  const server = createServer({
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, settings.headersTimeoutMs),
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    insecureHTTPParser: false,
    requireHostHeader: true,
  });
  server.maxHeadersCount = 200;
  server.timeout = settings.silenceMs;
  server.on("request", handle);
  // A sender that asks before it sends the body is told to go on only where the handler did not refuse at once.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    handle(request, response);
    if (!response.headersSent && !response.destroyed) response.writeContinue();
  });
  server.on("connection", (socket: Socket) => {
    if (connections.size >= settings.maxConnections) {
      counts.add("connections");
      const least = leastUseful(connections.values());
      if (least !== undefined) {
        connections.delete(least.socket);
        least.socket.destroy();
      } else if (options.makeRoom?.() !== true) {
        socket.destroy();
        return;
      }
    }
    connections.set(socket, { socket, active: 0, response: undefined, answered: 0, turn: turn++, broken: false });
    socket.on("close", () => connections.delete(socket));
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connections.get(socket);
    if (connection?.broken === true) return;
    if (connection !== undefined) connection.broken = true;
    const status = answerTo(error.code, counts);
    const answering = connection !== undefined && connection.active > 0 && connection.response?.headersSent !== false;
    if (status === undefined || !socket.writable || answering) socket.destroy();
    else socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroySoon());
  });
  await listen(server, settings.host, settings.port, settings.flag);
  const address = server.address() as AddressInfo;

  let closed: Promise<void> | undefined;
  const close = (deadlineMs: number): Promise<void> => {
    closed ??= new Promise((resolve) => {
      closing = true;
      const deadline = setTimeout(() => {
        for (const { socket } of connections.values()) socket.destroy();
      }, deadlineMs);
      server.close(() => {
        clearTimeout(deadline);
        // node says that none is left a moment before each tells so itself.
        connections.clear();
        resolve();
      });
      for (const connection of connections.values()) if (connection.active === 0) connection.socket.destroySoon();
    });
    return closed;
  };
  return {
    host: address.address,
    port: address.port,
    connections: () => connections.size,
    close,
    [Symbol.asyncDispose]: () => close(CLOSE_DEADLINE_MS),
  };
}

/** Makes a server listen. Throws "port-in-use" naming the flag, or "config-invalid". */
export function listen(server: Server, host: string, port: number, flag: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      const where = `${host.includes(":") ? `[${host}]` : host}:${port}`;
      reject(
        error.code === "EADDRINUSE"
          ? new Failure("port-in-use", `another program already listens on ${where}`, {
              cause: error,
              remedy: `Stop the other program or choose another port with ${flag}.`,
            })
          : new Failure("config-invalid", `cannot listen on ${where}: ${error.message}`, {
              cause: error,
              remedy: `Choose another address with ${flag}.`,
            }),
      );
    };
    server.once("error", onError);
    server.listen({ host, port, backlog: 511 }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/** The connection to close for a new one; undefined if all are busy. */
export function leastUseful<C extends { readonly active: number; readonly answered: number; readonly turn: number }>(
  connections: Iterable<C>,
): C | undefined {
  let found: C | undefined;
  for (const connection of connections) {
    if (connection.active > 0) continue;
    const useless = connection.answered === 0;
    if (found === undefined || (useless === (found.answered === 0) ? connection.turn < found.turn : useless))
      found = connection;
  }
  return found;
}

function answerTo(code: string | undefined, counts: LimitCounts): string | undefined {
  switch (code) {
    case "ECONNRESET":
    case "EPIPE":
      return undefined;
    case "ERR_HTTP_REQUEST_TIMEOUT":
      counts.add("header-time");
      return "408 Request Timeout";
    case "HPE_HEADER_OVERFLOW":
      counts.add("header-size");
      return "431 Request Header Fields Too Large";
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      counts.add("header-size");
      return "413 Payload Too Large";
    default:
      counts.add("malformed");
      return "400 Bad Request";
  }
}
