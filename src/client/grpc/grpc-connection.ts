import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
} from "node:http2";
import type { Socket } from "node:net";
import { gunzipSync } from "node:zlib";
import { Failure } from "#runtime/failure.ts";

/** Where and how to connect. Plain data, so that a helper thread can open the same connection. */
export interface GrpcTarget {
  /** `host:port` */
  readonly address: string;
  readonly isPlaintext: boolean;
  readonly connectTimeoutMs: number;
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  /** The `:authority` if it is not the address. */
  readonly authority?: string | undefined;
  readonly tls?: GrpcTls | undefined;
}

/** PEM texts. */
export interface GrpcTls {
  readonly ca?: readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphrase?: string | undefined;
  readonly insecureSkipVerify?: boolean | undefined;
}

export type GrpcMetadata = readonly (readonly [name: string, value: string])[];

export interface GrpcCall {
  /** `/package.Service/Method` */
  readonly path: string;
  readonly metadata: GrpcMetadata;
  readonly timeoutMs: number;
}

/** How a call ended. `status` is a gRPC status code; bytes include the five of each message's frame. */
export interface GrpcOutcome {
  readonly status: number;
  readonly statusMessage: string;
  /** `grpc-status-details-bin`: a google.rpc.Status, if the server sent one. */
  readonly details: Uint8Array | undefined;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
  readonly startUnixMs: number;
  readonly durationMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface UnaryOutcome extends GrpcOutcome {
  readonly message: Uint8Array | undefined;
}

export interface GrpcStreamEvents {
  readonly onMessage: (message: Uint8Array) => void;
  readonly onHeaders: (headers: Readonly<Record<string, readonly string[]>>) => void;
  readonly onEnd: (outcome: GrpcOutcome) => void;
}

export interface GrpcStream {
  write(message: Uint8Array): void;
  /** No more messages from this side. */
  end(): void;
  /** Gives the call up: it ends with CANCELLED. */
  cancel(): void;
}

export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

export const GRPC_MAX_RECEIVE_BYTES = 4 << 20;
export const GRPC_MAX_SEND_BYTES = 2 ** 31 - 1;

const FRAME_BYTES = 5;
const WINDOW_BYTES = 4 << 20;

/** One HTTP/2 connection that speaks gRPC (grpc/doc/PROTOCOL-HTTP2.md). Calls share it. */
export class GrpcConnection {
  readonly target: GrpcTarget;
  readonly #session: ClientHttp2Session;

  private constructor(target: GrpcTarget, session: ClientHttp2Session) {
    this.target = target;
    this.#session = session;
  }

  /** Rejects with "unavailable" or "timeout", naming the address. */
  static open(target: GrpcTarget, signal?: AbortSignal): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const { tls } = target;
      const session = connect(`${target.isPlaintext ? "http" : "https"}://${target.address}`, {
        settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
        ...(tls?.ca === undefined ? {} : { ca: [...tls.ca] }),
        ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
        ...(tls?.key === undefined ? {} : { key: tls.key }),
        ...(tls?.passphrase === undefined ? {} : { passphrase: tls.passphrase }),
        rejectUnauthorized: tls?.insecureSkipVerify !== true,
      });
      const timer = setTimeout(
        () => give(new Failure("timeout", `no connection to ${target.address} within ${target.connectTimeoutMs} ms`)),
        target.connectTimeoutMs,
      );
      const abort = (): void => give(new Failure("cancelled", "the connection was given up"));
      const give = (failure: Failure): void => {
        settle();
        session.destroy();
        reject(failure);
      };
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", abort);
      };
      signal?.addEventListener("abort", abort, { once: true });
      session.once("error", (error) =>
        give(new Failure("unavailable", `cannot connect to ${target.address}: ${error.message}`, { cause: error })),
      );
      session.once("close", () => give(new Failure("unavailable", `${target.address} closed the connection`)));
      // Connected is not enough: only a server's SETTINGS tell that it speaks HTTP/2.
      session.once("remoteSettings", () => {
        settle();
        session.removeAllListeners("close");
        session.removeAllListeners("error");
        session.on("error", () => {}); // calls under way are told by their streams
        session.setLocalWindowSize?.(WINDOW_BYTES);
        resolve(new GrpcConnection(target, session));
      });
    });
  }

  get isOpen(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  close(): void {
    this.#session.close();
  }

  /** Keeps the process alive only while calls are under way. */
  unref(): void {
    (this.#session.socket as Socket | undefined)?.unref?.();
  }

  /** One message there, one back. Never rejects: what goes wrong is a status, as gRPC's own clients have it. */
  unary(call: GrpcCall, message: Uint8Array, signal?: AbortSignal): Promise<UnaryOutcome> {
    return new Promise((resolve) => {
      const messages: Uint8Array[] = [];
      const stream = this.stream(call, {
        onMessage: (received) => void messages.push(received),
        onHeaders: () => {},
        onEnd: (outcome) => {
          signal?.removeEventListener("abort", abort);
          if (outcome.status === GRPC_STATUS.OK && messages.length !== 1)
            resolve({
              ...outcome,
              status: GRPC_STATUS.INTERNAL,
              statusMessage: `expected one message, got ${messages.length}`,
              message: undefined,
            });
          else resolve({ ...outcome, message: messages[0] });
        },
      });
      const abort = (): void => stream.cancel();
      signal?.addEventListener("abort", abort, { once: true });
      stream.write(message);
      stream.end();
    });
  }

  stream(call: GrpcCall, events: GrpcStreamEvents): GrpcStream {
    return new OpenStream(this.#session, this.target, call, events);
  }
}

class OpenStream implements GrpcStream {
  readonly #target: GrpcTarget;
  readonly #events: GrpcStreamEvents;
  readonly #stream: ClientHttp2Stream | undefined;
  readonly #startUnixMs = Date.now();
  readonly #started = performance.now();
  readonly #deadline: NodeJS.Timeout | undefined;
  #encoding = "identity";
  #httpStatus = 0;
  #headers: Record<string, readonly string[]> = {};
  #trailers: Record<string, readonly string[]> = {};
  #status: number | undefined;
  #statusMessage = "";
  #details: Uint8Array | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  #sent = 0;
  #received = 0;
  #ended = false;

  constructor(session: ClientHttp2Session, target: GrpcTarget, call: GrpcCall, events: GrpcStreamEvents) {
    this.#target = target;
    this.#events = events;
    try {
      this.#stream = session.request(
        {
          ":method": "POST",
          ":path": call.path,
          ...(target.authority === undefined ? {} : { ":authority": target.authority }),
          te: "trailers",
          "content-type": "application/grpc",
          "grpc-accept-encoding": "identity,gzip",
          "grpc-timeout": grpcTimeout(call.timeoutMs),
          ...metadataHeaders(call.metadata),
        },
        { endStream: false },
      );
    } catch (error) {
      this.#deadline = undefined;
      queueMicrotask(() => this.#end(GRPC_STATUS.UNAVAILABLE, error instanceof Error ? error.message : String(error)));
      return;
    }
    const stream = this.#stream;
    this.#deadline = setTimeout(
      () => this.#giveUp(GRPC_STATUS.DEADLINE_EXCEEDED, "context deadline exceeded", constants.NGHTTP2_CANCEL),
      call.timeoutMs,
    );
    stream.on("response", (headers) => this.#onHeaders(headers));
    stream.on("trailers", (trailers) => this.#onTrailers(trailers));
    stream.on("data", (chunk: Buffer) => this.#onData(chunk));
    stream.on("error", (error: NodeJS.ErrnoException) => this.#onError(error));
    stream.on("close", () => this.#onClose(stream));
  }

  write(message: Uint8Array): void {
    if (this.#ended || this.#stream === undefined) return;
    if (message.byteLength > this.#target.maxSendBytes) {
      this.#giveUp(
        GRPC_STATUS.RESOURCE_EXHAUSTED,
        `trying to send message larger than max (${message.byteLength} vs. ${this.#target.maxSendBytes})`,
        constants.NGHTTP2_CANCEL,
      );
      return;
    }
    const head = Buffer.alloc(FRAME_BYTES);
    head.writeUInt32BE(message.byteLength, 1);
    this.#sent += FRAME_BYTES + message.byteLength;
    this.#stream.write(Buffer.concat([head, message]));
  }

  end(): void {
    if (!this.#ended) this.#stream?.end();
  }

  cancel(): void {
    this.#giveUp(GRPC_STATUS.CANCELLED, "context canceled", constants.NGHTTP2_CANCEL);
  }

  #onHeaders(headers: IncomingHttpHeaders & { ":status"?: number | undefined }): void {
    this.#httpStatus = headers[":status"] ?? 0;
    this.#encoding = headerText(headers["grpc-encoding"]) ?? "identity";
    this.#headers = listsOf(headers);
    // "Trailers-only": the status came with the headers.
    if (headers["grpc-status"] !== undefined) this.#onTrailers(headers);
    this.#events.onHeaders(this.#headers);
  }

  #onTrailers(trailers: IncomingHttpHeaders): void {
    this.#trailers = listsOf(trailers);
    const status = Number(headerText(trailers["grpc-status"]));
    this.#status = Number.isInteger(status) ? status : undefined;
    this.#statusMessage = decodeMessage(headerText(trailers["grpc-message"]) ?? "");
    const details = headerText(trailers["grpc-status-details-bin"]);
    this.#details = details === undefined ? undefined : Buffer.from(details, "base64");
  }

  #onData(chunk: Buffer): void {
    if (this.#ended) return;
    this.#received += chunk.byteLength;
    this.#buffer = this.#buffer.byteLength === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    while (this.#buffer.byteLength >= FRAME_BYTES) {
      const length = this.#buffer.readUInt32BE(1);
      if (length > this.#target.maxReceiveBytes) {
        this.#giveUp(
          GRPC_STATUS.RESOURCE_EXHAUSTED,
          `received message larger than max (${length} vs. ${this.#target.maxReceiveBytes})`,
          constants.NGHTTP2_CANCEL,
        );
        return;
      }
      if (this.#buffer.byteLength < FRAME_BYTES + length) return;
      const isCompressed = this.#buffer[0] !== 0;
      const payload = this.#buffer.subarray(FRAME_BYTES, FRAME_BYTES + length);
      this.#buffer = this.#buffer.subarray(FRAME_BYTES + length);
      const message = isCompressed ? this.#unpacked(payload) : payload;
      if (message === undefined) return;
      this.#events.onMessage(message);
    }
  }

  #unpacked(payload: Buffer): Uint8Array | undefined {
    try {
      if (this.#encoding !== "gzip") throw new Error(`unknown compression ${this.#encoding}`);
      return gunzipSync(payload, { maxOutputLength: this.#target.maxReceiveBytes });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#giveUp(GRPC_STATUS.INTERNAL, `cannot decompress a message: ${reason}`, constants.NGHTTP2_CANCEL);
      return undefined;
    }
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#status === undefined) this.#end(statusOfReset(this.#stream?.rstCode), error.message);
  }

  #onClose(stream: ClientHttp2Stream): void {
    if (this.#status !== undefined) this.#end(this.#status, this.#statusMessage);
    else if (stream.rstCode !== undefined && stream.rstCode !== constants.NGHTTP2_NO_ERROR)
      this.#end(statusOfReset(stream.rstCode), `stream terminated by RST_STREAM with error code ${stream.rstCode}`);
    else if (this.#httpStatus !== 0 && this.#httpStatus !== 200)
      this.#end(
        STATUS_OF_HTTP[this.#httpStatus] ?? GRPC_STATUS.UNKNOWN,
        `unexpected HTTP status code received from server: ${this.#httpStatus}`,
      );
    else
      this.#end(
        this.#httpStatus === 0 ? GRPC_STATUS.UNAVAILABLE : GRPC_STATUS.INTERNAL,
        this.#httpStatus === 0 ? "the connection was closed" : "server closed the stream without sending trailers",
      );
  }

  #giveUp(status: number, message: string, code: number): void {
    if (this.#ended) return;
    this.#stream?.close(code);
    this.#end(status, message);
  }

  #end(status: number, statusMessage: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#deadline);
    this.#events.onEnd({
      status,
      statusMessage,
      details: this.#details,
      headers: this.#headers,
      trailers: this.#trailers,
      startUnixMs: this.#startUnixMs,
      durationMs: performance.now() - this.#started,
      bytesSent: this.#sent,
      bytesReceived: this.#received,
    });
  }
}

/** grpc/doc/http-grpc-status-mapping.md */
const STATUS_OF_HTTP: Readonly<Record<number, number>> = {
  400: GRPC_STATUS.INTERNAL,
  401: GRPC_STATUS.UNAUTHENTICATED,
  403: GRPC_STATUS.PERMISSION_DENIED,
  404: GRPC_STATUS.UNIMPLEMENTED,
  429: GRPC_STATUS.UNAVAILABLE,
  502: GRPC_STATUS.UNAVAILABLE,
  503: GRPC_STATUS.UNAVAILABLE,
  504: GRPC_STATUS.UNAVAILABLE,
};

/** grpc/doc/PROTOCOL-HTTP2.md, "Errors". */
function statusOfReset(code: number | undefined): number {
  switch (code) {
    case constants.NGHTTP2_CANCEL:
      return GRPC_STATUS.CANCELLED;
    case constants.NGHTTP2_REFUSED_STREAM:
      return GRPC_STATUS.UNAVAILABLE;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return GRPC_STATUS.RESOURCE_EXHAUSTED;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return GRPC_STATUS.PERMISSION_DENIED;
    case undefined:
    case constants.NGHTTP2_NO_ERROR:
      return GRPC_STATUS.UNAVAILABLE;
    default:
      return GRPC_STATUS.INTERNAL;
  }
}

/** At most eight digits and a unit. */
function grpcTimeout(timeoutMs: number): string {
  const ms = Math.max(1, Math.ceil(timeoutMs));
  return ms < 1e8 ? `${ms}m` : `${Math.min(99_999_999, Math.ceil(ms / 1000))}S`;
}

function metadataHeaders(metadata: GrpcMetadata): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {};
  for (const [name, value] of metadata) {
    const key = name.toLowerCase();
    // gRPC's own headers and HTTP/2's are not a caller's to set.
    if (key.startsWith(":") || key.startsWith("grpc-") || key === "te" || key === "content-type") continue;
    const written = key.endsWith("-bin") ? Buffer.from(value, "latin1").toString("base64") : value;
    headers[key] = [...(headers[key] ?? []), written];
  }
  return headers;
}

function headerText(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === "string" ? value : value?.[0];
}

function listsOf(headers: IncomingHttpHeaders): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith(":") || value === undefined
        ? []
        : [[name, typeof value === "string" ? [value] : value.map(String)]],
    ),
  );
}

/** `grpc-message` is percent-encoded UTF-8. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
