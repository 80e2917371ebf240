import { WebSocket as Connection, type RawData } from "ws";
import { type CallBack, currentUser } from "#script/blocking.ts";
import type { LoadUser, LoadUserState } from "../load-user.ts";
import type { ScriptModule } from "../script-module.ts";
import { arrayBufferOf, bytesOf } from "./bytes.ts";
import { EventQueue } from "./event-queue.ts";
import { type SocketMetrics, socketMetricsOf } from "./socket-metrics.ts";
import { connectionOptions, type SocketRequest, socketRequest, socketTags } from "./socket-request.ts";

/**
 * k6/websockets: the browser's WebSocket, with k6's parameters, `ping` and its events. Events come in the user's own turns;
 * the iteration ends when its sockets are closed.
 */
const EVENTS = ["open", "message", "error", "close", "ping", "pong"] as const;
type EventName = (typeof EVENTS)[number];
type Listener = (event?: unknown) => void;

const READY = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;

class Session {
  readonly socket: ScriptSocket;
  readonly connection: Connection;
  readonly request: SocketRequest;
  readonly #user: LoadUser;
  readonly #queue: EventQueue;
  readonly #metrics: SocketMetrics;
  readonly #startedUnixMs = Date.now();
  readonly #started = performance.now();
  readonly #pings: number[] = [];
  readonly listeners: Record<EventName, Listener[]> = {
    open: [],
    message: [],
    error: [],
    close: [],
    ping: [],
    pong: [],
  };
  #tags: number;

  constructor(socket: ScriptSocket, user: LoadUser, request: SocketRequest) {
    this.socket = socket;
    this.request = request;
    this.#user = user;
    this.#metrics = socketMetricsOf(user.host.metrics);
    this.#tags = socketTags(user.host, request, 0, "");
    this.connection = new Connection(request.url, [...request.protocols], connectionOptions(request));
    this.#queue = new EventQueue(user, () => this.connection.terminate());
    const { connection } = this;
    connection.on("upgrade", (response) => {
      this.#tags = socketTags(
        user.host,
        request,
        response.statusCode ?? 0,
        response.headers["sec-websocket-protocol"] ?? "",
      );
    });
    connection.on("open", () => {
      this.#add(this.#metrics.sessions, 1);
      this.#add(this.#metrics.connecting, performance.now() - this.#started);
      this.#tell("open", { type: "open", timestamp: Date.now() });
    });
    connection.on("message", (data, isBinary) => this.#onMessage(data, isBinary));
    connection.on("ping", () => this.#tell("ping", { type: "ping", timestamp: Date.now() }));
    connection.on("pong", () => {
      const sent = this.#pings.shift();
      if (sent !== undefined) this.#add(this.#metrics.ping, performance.now() - sent);
      this.#tell("pong", { type: "pong", timestamp: Date.now() });
    });
    connection.on("error", (error) =>
      this.#tell("error", { type: "error", error: error.message, timestamp: Date.now() }),
    );
    connection.on("close", (code, reason) => {
      this.#add(this.#metrics.sessionDuration, performance.now() - this.#started);
      this.#tell("close", { type: "close", code, reason: reason.toString("utf8"), timestamp: Date.now() });
      this.#queue.close();
    });
  }

  get startedUnixMs(): number {
    return this.#startedUnixMs;
  }

  send(data: unknown): void {
    if (this.connection.readyState !== Connection.OPEN)
      throw new Error("the WebSocket is not open: send when its open event has come");
    const payload = typeof data === "string" ? data : data instanceof Blob ? undefined : bytesOf(data, "data");
    if (payload === undefined) throw new TypeError("send a Blob's arrayBuffer()");
    const sent = typeof payload === "string" ? payload : Uint8Array.from(payload);
    this.connection.send(sent);
    this.#add(this.#metrics.sent, 1);
    this.#add(this.#metrics.dataSent, typeof sent === "string" ? Buffer.byteLength(sent) : sent.byteLength);
  }

  ping(): void {
    if (this.connection.readyState !== Connection.OPEN)
      throw new Error("the WebSocket is not open: ping when its open event has come");
    this.#pings.push(performance.now());
    this.connection.ping();
  }

  #onMessage(raw: RawData, isBinary: boolean): void {
    const bytes = Array.isArray(raw) ? Buffer.concat(raw) : raw instanceof ArrayBuffer ? Buffer.from(raw) : raw;
    this.#add(this.#metrics.received, 1);
    this.#add(this.#metrics.dataReceived, bytes.byteLength);
    const data = !isBinary
      ? bytes.toString("utf8")
      : this.socket.binaryType === "arraybuffer"
        ? arrayBufferOf(bytes)
        : new Blob([arrayBufferOf(bytes)]);
    this.#tell("message", { type: "message", data, timestamp: Date.now() });
  }

  #add(metric: number, value: number): void {
    this.#user.host.samples.add(metric, this.#tags, value, Date.now());
  }

  /** Calls the `on…` property and the listeners, as they are when the event's turn comes. */
  #tell(event: EventName, detail: object): void {
    const { socket, listeners } = this;
    this.#queue.post(function* (): Generator<CallBack, void, unknown> {
      const property = socket[`on${event}`];
      if (typeof property === "function") yield { callee: property as Listener, self: socket, args: [detail] };
      for (const listener of [...listeners[event]]) yield { callee: listener, self: socket, args: [detail] };
    });
  }
}

class ScriptSocket {
  static readonly CONNECTING = READY.CONNECTING;
  static readonly OPEN = READY.OPEN;
  static readonly CLOSING = READY.CLOSING;
  static readonly CLOSED = READY.CLOSED;
  readonly CONNECTING = READY.CONNECTING;
  readonly OPEN = READY.OPEN;
  readonly CLOSING = READY.CLOSING;
  readonly CLOSED = READY.CLOSED;

  onopen: unknown = null;
  onmessage: unknown = null;
  onerror: unknown = null;
  onclose: unknown = null;
  onping: unknown = null;
  onpong: unknown = null;
  readonly #session: Session;
  #binaryType: "blob" | "arraybuffer" = "blob";

  constructor(url: unknown, protocols?: unknown, params?: unknown) {
    const user = currentUser<LoadUserState>();
    if (user.isInit) throw new Error("using WebSocket in the init context is not supported");
    this.#session = new Session(this, user, socketRequest(user, url, protocols, params));
  }

  get url(): string {
    return this.#session.request.url;
  }

  get readyState(): number {
    return this.#session.connection.readyState;
  }

  get bufferedAmount(): number {
    return this.#session.connection.bufferedAmount;
  }

  get binaryType(): "blob" | "arraybuffer" {
    return this.#binaryType;
  }

  set binaryType(type: unknown) {
    if (type !== "blob" && type !== "arraybuffer")
      throw new TypeError(`unsupported binaryType ${String(type)}: use "blob" or "arraybuffer"`);
    this.#binaryType = type;
  }

  send(data: unknown): void {
    this.#session.send(data);
  }

  ping(): void {
    this.#session.ping();
  }

  close(code: unknown = 1000, reason: unknown = ""): void {
    this.#session.connection.close(Number(code), String(reason));
  }

  addEventListener(event: unknown, listener: unknown): void {
    if (!EVENTS.includes(event as EventName))
      throw new TypeError(`unknown event ${String(event)}: use one of ${EVENTS.join(", ")}`);
    if (typeof listener !== "function") throw new TypeError("listener must be a function");
    this.#session.listeners[event as EventName].push(listener as Listener);
  }
}

export const websocketsModule: ScriptModule = {
  specifier: "k6/websockets",
  exports: { WebSocket: ScriptSocket, Blob },
};

/** The name it had while it was an experiment. */
export const experimentalWebsocketsModule: ScriptModule = {
  ...websocketsModule,
  specifier: "k6/experimental/websockets",
};
