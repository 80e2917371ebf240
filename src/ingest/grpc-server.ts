/**
 * An HTTP/2 server (clear text, prior knowledge) for gRPC that strangers may talk to; it knows connections, not calls.
 *
 * - Windows are large, since the default of 64 KB costs three times the CPU per megabyte; what a connection may hold is bounded
 *   by admission instead, which sees each message's length before its bytes.
 * - Connections are bounded; at the bound one without calls makes room, as in http-server.ts.
 * - A connection that sends no SETTINGS soon, resets streams or sends control frames without end, or breaks the protocol is
 *   told to calm down (GOAWAY) and destroyed. One idle for long is asked whether it is there, later closed.
 * - `close` sends GOAWAY, lets calls under way finish, and destroys what is left at the deadline.
 */
import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import type { Clock } from "#runtime/clock.ts";
import type { LimitCounts } from "./admission-counts.ts";
import { FLOOD_DEFAULTS, type FloodLimits, FloodWatch } from "./grpc-flood.ts";
import { leastUseful, listen } from "./http-server.ts";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** The flag that sets host and port, for the message when the port is taken. */
  readonly flag: string;
  readonly clock: Clock;
  readonly maxConnections?: number;
  readonly maxConcurrentStreams?: number;
  readonly maxHeaderBytes?: number;
  readonly windowBytes?: number;
  /** Longest time from a connection to its first SETTINGS. */
  readonly prefaceTimeoutMs?: number;
  /** A connection without calls and frames for so long is sent a PING, and destroyed if it does not answer by the next look. */
  readonly keepaliveMs?: number;
  /** A connection without calls for so long is closed with GOAWAY. */
  readonly idleMs?: number;
  /** How often connections are looked at for the three times above. */
  readonly lookMs?: number;
  readonly flood?: Partial<FloodLimits>;
  /** As for HttpServerOptions. */
  readonly makeRoom?: () => boolean;
}

export const GRPC_SERVER_DEFAULTS = {
  maxConnections: 1_024,
  maxConcurrentStreams: 128,
  maxHeaderBytes: 16 << 10,
  windowBytes: 16 << 20,
  prefaceTimeoutMs: 10_000,
  keepaliveMs: 60_000,
  idleMs: 600_000,
  lookMs: 5_000,
} as const;

/** What a handler tells of its call's connection. */
export interface GrpcConnection {
  /** A call was answered, whatever the answer: the peer is no flood. */
  noteAnswer(): void;
}

export type GrpcHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: GrpcConnection) => void;

export interface GrpcServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  connections(): number;
  /** Sends GOAWAY to all, waits for calls under way until `deadlineMs` have passed, then destroys what is left. */
  close(deadlineMs: number): Promise<void>;
}

const CLOSE_DEADLINE_MS = 5_000;

interface Connection extends GrpcConnection {
  readonly session: ServerHttp2Session;
  readonly flood: FloodWatch;
  readonly sinceMs: number;
  greeted: boolean;
  /** It was told to calm down. */
  calmed: boolean;
  /** Calls under way, and calls that ended. */
  active: number;
  answered: number;
  /** When a frame of it was last seen, and when it last had a call. */
  heardMs: number;
  calledMs: number;
  pinged: boolean;
  turn: number;
}

/** Listens. Throws "port-in-use" naming the flag, or "config-invalid". */
export async function openGrpcServer(
  handler: GrpcHandler,
  options: GrpcServerOptions,
  counts: LimitCounts,
): Promise<GrpcServer> {
  const settings = { ...GRPC_SERVER_DEFAULTS, ...options };
  const floodLimits = { ...FLOOD_DEFAULTS, ...options.flood };
  const { clock } = settings;
  const connections = new Map<ServerHttp2Session, Connection>();
  let turn = 0;

  const server = createServer({
    maxHeaderListPairs: 128,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    maxSessionMemory: 10,
    maxSettings: 16,
    peerMaxConcurrentStreams: 0,
    settings: {
      enablePush: false,
      initialWindowSize: settings.windowBytes,
      maxConcurrentStreams: settings.maxConcurrentStreams,
      maxHeaderListSize: settings.maxHeaderBytes,
    },
  });

  const calmDown = (connection: Connection, limit: "stream-resets" | "control-frames"): void => {
    if (connection.session.destroyed) return;
    counts.add(limit);
    connection.calmed = true;
    connection.session.destroy(new Error(`flood: ${limit}`), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };

  server.on("session", (session) => {
    if (connections.size >= settings.maxConnections) {
      counts.add("connections");
      const least = leastUseful(connections.values());
      if (least !== undefined) {
        connections.delete(least.session);
        least.session.destroy();
      } else if (settings.makeRoom?.() !== true) {
        session.destroy();
        return;
      }
    }
    const nowMs = clock.monotonicMs();
    const flood = new FloodWatch(floodLimits, clock);
    const connection: Connection = {
      session,
      flood,
      sinceMs: nowMs,
      greeted: false,
      calmed: false,
      active: 0,
      answered: 0,
      heardMs: nowMs,
      calledMs: nowMs,
      pinged: false,
      turn: turn++,
      noteAnswer: () => flood.answered(),
    };
    connections.set(session, connection);
    session.setLocalWindowSize(settings.windowBytes);
    session.on("close", () => connections.delete(session));
    session.on("error", (error: NodeJS.ErrnoException) => {
      if (!connection.calmed && error.code?.startsWith("ERR_HTTP2") === true) counts.add("malformed");
    });
    session.on("remoteSettings", () => {
      connection.greeted = true;
      connection.heardMs = clock.monotonicMs();
      if (flood.control()) calmDown(connection, "control-frames");
    });
    session.on("ping", () => {
      connection.heardMs = clock.monotonicMs();
      if (flood.control()) calmDown(connection, "control-frames");
    });
  });

  server.on("stream", (stream, headers) => {
    // A broken stream says so by closing; without a listener its error would end the process.
    stream.on("error", () => undefined);
    const connection = stream.session === undefined ? undefined : connections.get(stream.session as ServerHttp2Session);
    if (connection === undefined) {
      stream.destroy();
      return;
    }
    const ended = (): void => {
      // The peer's RST_STREAM, with an error code, before an answer went out.
      if (!stream.headersSent && connection.flood.reset()) calmDown(connection, "stream-resets");
    };
    if (stream.destroyed || stream.closed) {
      ended();
      return;
    }
    connection.active++;
    connection.heardMs = clock.monotonicMs();
    stream.on("close", () => {
      connection.active--;
      connection.answered++;
      connection.turn = turn++;
      connection.calledMs = connection.heardMs = clock.monotonicMs();
      ended();
    });
    handler(stream, headers, connection);
  });

  const look = setInterval(() => {
    const nowMs = clock.monotonicMs();
    for (const connection of connections.values()) {
      const { session } = connection;
      if (!connection.greeted) {
        if (nowMs - connection.sinceMs < settings.prefaceTimeoutMs) continue;
        counts.add("header-time");
        session.destroy();
      } else if (connection.active > 0 || session.closed) {
        connection.pinged = false;
      } else if (nowMs - connection.calledMs >= settings.idleMs) {
        session.close();
      } else if (nowMs - connection.heardMs >= settings.keepaliveMs) {
        if (connection.pinged) {
          session.destroy();
          continue;
        }
        connection.pinged = true;
        session.ping((error) => {
          if (error !== null) return;
          connection.pinged = false;
          connection.heardMs = clock.monotonicMs();
        });
      }
    }
  }, settings.lookMs);
  look.unref();

  await listen(server, settings.host, settings.port, settings.flag);
  const address = server.address() as AddressInfo;

  let closed: Promise<void> | undefined;
  const close = (deadlineMs: number): Promise<void> => {
    closed ??= new Promise((resolve) => {
      const deadline = setTimeout(() => {
        for (const { session } of connections.values()) session.destroy();
      }, deadlineMs);
      server.close(() => {
        clearTimeout(deadline);
        clearInterval(look);
        connections.clear();
        resolve();
      });
      for (const { session } of connections.values()) session.close();
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
