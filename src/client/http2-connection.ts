import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { Socket } from "node:net";
import { BodySink, NO_BODY } from "./body-sink.ts";
import { classify, ExchangeError, FAILURE_CODE } from "./failure-code.ts";
import type { Flight, Peer } from "./flight.ts";
import type { Origin } from "./request-target.ts";

/** Headers that belong to an HTTP/1 connection and make an HTTP/2 request malformed (RFC 9113, section 8.2.2). */
const FORBIDDEN = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "host"]);

/** A connection that speaks HTTP/2: many exchanges at once, each a stream. */
export class Http2Connection {
  readonly origin: Origin;
  readonly pool: number;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #owner: Http2Owner;
  readonly #keepAlive: boolean;
  #isClosed = false;
  #goAwayCode: number | undefined;
  #sentBefore = 0;
  #receivedBefore = 0;
  #count = 0;

  constructor(socket: Socket, origin: Origin, pool: number, peer: Peer, owner: Http2Owner, keepAlive: boolean) {
    this.#keepAlive = keepAlive;
    this.origin = origin;
    this.pool = pool;
    this.#peer = peer;
    this.#socket = socket;
    this.#owner = owner;
    this.#session = connect(`https://${origin.authority}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
      maxSessionMemory: 64,
    });
    this.#session.on("error", () => this.close());
    this.#session.on("goaway", (code: number) => {
      this.#goAwayCode = code;
      this.#retire();
    });
    this.#session.on("close", () => this.close());
  }

  get isUsable(): boolean {
    return !this.#isClosed && !this.#session.closed && !this.#session.destroyed;
  }

  send(flight: Flight): void {
    const { request, signal } = flight;
    flight.gotConnectionMs = performance.now();
    flight.peer = this.#peer;
    const isReused = this.#count++ > 0;
    const hasBody = request.body !== undefined && request.body.length > 0;
    let stream: ClientHttp2Stream;
    try {
      stream = this.#session.request(this.#headers(flight), { endStream: !hasBody });
    } catch (error) {
      this.#owner.failed(flight, new ExchangeError(FAILURE_CODE.http2, describe(error)), false);
      return;
    }
    let status = 0;
    let head = "";
    let headBytes = 0;
    let sink: BodySink | undefined;
    const finish = (then: () => void) => {
      if (timer !== undefined) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#countBytes(flight);
      if (!this.#keepAlive) this.#session.close();
      then();
    };
    const fail = (error: ExchangeError) => {
      if (flight.isOver) return;
      finish(() => this.#owner.failed(flight, error, isReused && status === 0));
      stream.close(constants.NGHTTP2_CANCEL);
    };
    const onAbort = () => fail(new ExchangeError(FAILURE_CODE.other, "context canceled"));
    const timer = Number.isFinite(request.timeoutMs)
      ? setTimeout(
          () => fail(new ExchangeError(FAILURE_CODE.timeout, "request timeout")),
          Math.min(flight.leftMs(), 0x7fffffff),
        )
      : undefined;
    signal?.addEventListener("abort", onAbort);
    stream.on("response", (headers, _flags, rawHeaders?: string[]) => {
      flight.firstByteMs = performance.now();
      status = headers[":status"] ?? 0;
      const raw = rawHeaders ?? [];
      for (let i = 0; i + 1 < raw.length; i += 2) {
        const name = raw[i]!;
        if (name.startsWith(":")) continue;
        const line = `${name}: ${raw[i + 1]}\r\n`;
        headBytes += line.length;
        if (headBytes > this.#owner.maxHeadBytes) {
          fail(new ExchangeError(FAILURE_CODE.http2, "http2: response header list too large"));
          return;
        }
        head += line;
      }
      const length = Number(headers["content-length"] ?? -1);
      if (!request.discardBody)
        sink = new BodySink(Number.isSafeInteger(length) ? length : -1, this.#owner.maxBodyBytes);
    });
    stream.on("data", (bytes: Buffer) => {
      try {
        sink?.take(bytes, 0, bytes.length);
      } catch (error) {
        fail(classify(error, "exchange"));
      }
    });
    stream.on("end", () => {
      if (flight.isOver || status === 0) return;
      finish(() => flight.succeed(status, "", "HTTP/2.0", head, sink?.body() ?? NO_BODY));
    });
    stream.on("error", (error) => fail(this.#streamError(error, stream)));
    stream.on("close", () => fail(this.#streamError(undefined, stream)));
    if (hasBody) {
      stream.end(request.body, () => {
        flight.sentMs = performance.now();
      });
    } else flight.sentMs = performance.now();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#retire();
    this.#session.destroy();
  }

  /** Takes no new exchanges; those under way go on. */
  #retire(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#owner.closed(this);
  }

  #headers(flight: Flight): Record<string, string | string[]> {
    const { request, target } = flight;
    const headers: Record<string, string | string[]> = {
      ":method": request.method,
      ":path": target.path,
      ":scheme": "https",
      ":authority": target.origin.authority,
    };
    const add = (name: string, value: string) => {
      const lower = name.toLowerCase();
      if (lower === "host") headers[":authority"] = value;
      if (FORBIDDEN.has(lower)) return;
      const before = headers[lower];
      // Cookies may be split in HTTP/2, but one line is what servers expect of one script.
      headers[lower] =
        before === undefined ? value : lower === "cookie" ? `${String(before)}; ${value}` : [before, value].flat();
    };
    for (const [name, value] of request.headers) add(name, value);
    for (const line of (request.extraHead ?? "").split("\r\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) add(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    if (request.body !== undefined && request.body.length > 0)
      headers["content-length"] ??= String(request.body.length);
    return headers;
  }

  #streamError(error: Error | undefined, stream: ClientHttp2Stream): ExchangeError {
    if (this.#goAwayCode !== undefined && this.#goAwayCode !== 0)
      return new ExchangeError(
        FAILURE_CODE.http2GoAway + 1 + this.#goAwayCode,
        `http2: received GoAway with http2 ErrCode ${codeName(this.#goAwayCode)}`,
      );
    const code = stream.rstCode;
    if (code !== undefined && code !== 0 && code !== constants.NGHTTP2_CANCEL)
      return new ExchangeError(
        FAILURE_CODE.http2Stream + 1 + code,
        `http2: stream error with http2 ErrCode ${codeName(code)}`,
      );
    const text = error === undefined ? "EOF" : describe(error);
    return error !== undefined && (error as NodeJS.ErrnoException).code === "ERR_HTTP2_SESSION_ERROR"
      ? new ExchangeError(FAILURE_CODE.http2Connection, `http2: connection error: ${text}`)
      : error !== undefined && (error as NodeJS.ErrnoException).code?.startsWith("ERR_HTTP2") !== true
        ? classify(error, "exchange")
        : new ExchangeError(error === undefined ? FAILURE_CODE.other : FAILURE_CODE.http2, text);
  }

  /** What went over the connection since an exchange last ended on it: streams share it, so their parts cannot be told apart. */
  #countBytes(flight: Flight): void {
    const { bytesWritten, bytesRead } = this.#socket;
    flight.bytesSent += bytesWritten - this.#sentBefore;
    flight.bytesReceived += bytesRead - this.#receivedBefore;
    this.#sentBefore = bytesWritten;
    this.#receivedBefore = bytesRead;
  }
}

export interface Http2Owner {
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  closed(connection: Http2Connection): void;
  failed(flight: Flight, error: ExchangeError, isReused: boolean): void;
}

const NAMES = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

function codeName(code: number): string {
  return NAMES[code] ?? `unknown error code 0x${code.toString(16)}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
