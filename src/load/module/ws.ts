import { blocking, type CallBack, callingBack } from "#script/blocking.ts";
import type { LoadUser, LoadUserState } from "../load-user.ts";
import type { ScriptModule } from "../script-module.ts";
import { arrayBufferOf, bytesOf } from "./bytes.ts";
import { type SocketMetrics, socketMetricsOf } from "./socket-metrics.ts";
import { type SocketRequest, socketRequest, socketTags } from "./socket-request.ts";
import {
  act,
  nextEvent,
  openSession,
  type SocketAction,
  type SocketEvent,
  type SocketOpening,
} from "./socket-session.ts";

/**
 * k6/ws: `connect` blocks until the session is over; meanwhile it calls the script's handlers, which may block in turn. The
 * newer k6/websockets is what new scripts should use.
 */
const open = blocking<LoadUserState, [SocketRequest], SocketRequest, SocketOpening, SocketOpening>(
  {
    name: "ws.connect",
    begin: (_user, request) => request,
    perform: openSession,
    finish: (_user, opening) => opening,
  },
  import.meta.url,
);

interface Awaited {
  readonly id: number;
  readonly waitMs: number | undefined;
}

const next = blocking<LoadUserState, [number, number | undefined], Awaited, SocketEvent, SocketEvent>(
  {
    name: "ws.next",
    begin: (_user, id, waitMs) => ({ id, waitMs }),
    perform: ({ id, waitMs }) => nextEvent(id, waitMs),
    finish: (_user, event) => event,
  },
  import.meta.url,
);

/** For a session that was opened in the helper thread; one of this thread is asked directly. */
const actThere = blocking<
  LoadUserState,
  [number, SocketAction],
  { id: number; action: SocketAction },
  boolean,
  boolean
>(
  {
    name: "ws.act",
    begin: (_user, id, action) => ({ id, action }),
    perform: ({ id, action }) => act(id, action),
    finish: (_user, found) => found,
  },
  import.meta.url,
);

type Handler = (...args: unknown[]) => unknown;

interface Timer {
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly handler: Handler;
}

const EVENTS = ["open", "close", "message", "binaryMessage", "ping", "pong", "error"] as const;

class Socket {
  readonly #id: number;
  readonly #add: (metric: keyof SocketMetrics, value: number) => void;
  readonly #handlers = new Map<string, Handler[]>();
  readonly #timers = new Set<Timer>();
  readonly #pings: number[] = [];
  #isOver = false;

  constructor(id: number, add: (metric: keyof SocketMetrics, value: number) => void) {
    this.#id = id;
    this.#add = add;
  }

  on(event: unknown, handler: unknown): void {
    if (!EVENTS.includes(event as (typeof EVENTS)[number]))
      throw new TypeError(`unknown event ${String(event)}: use one of ${EVENTS.join(", ")}`);
    const known = this.#handlers.get(event as string) ?? [];
    this.#handlers.set(event as string, [...known, functionOf(handler, "handler")]);
  }

  send(data: unknown): void {
    const text = String(data);
    this.#act({ kind: "send", data: text });
    this.#add("sent", 1);
    this.#add("dataSent", Buffer.byteLength(text));
  }

  sendBinary(data: unknown): void {
    if (typeof data === "string") throw new TypeError("sendBinary takes an ArrayBuffer; send() takes text");
    const bytes = Uint8Array.from(bytesOf(data, "data"));
    this.#act({ kind: "send", data: bytes });
    this.#add("sent", 1);
    this.#add("dataSent", bytes.byteLength);
  }

  ping(): void {
    this.#pings.push(performance.now());
    this.#act({ kind: "ping" });
  }

  /** No timer fires after it. */
  close(code: unknown = 1000): void {
    this.#timers.clear();
    this.#act({ kind: "close", code: Number(code) });
  }

  setTimeout(handler: unknown, delayMs: unknown): void {
    this.#schedule(handler, delayMs, false);
  }

  setInterval(handler: unknown, intervalMs: unknown): void {
    this.#schedule(handler, intervalMs, true);
  }

  #schedule(handler: unknown, delay: unknown, repeats: boolean): void {
    const ms = Number(delay);
    if (!(ms > 0)) throw new TypeError("a timer's delay must be more than 0 ms");
    this.#timers.add({
      dueMs: performance.now() + ms,
      everyMs: repeats ? ms : undefined,
      handler: functionOf(handler, "handler"),
    });
  }

  #act(action: SocketAction): void {
    if (this.#isOver) return;
    if (!act(this.#id, action)) actThere(this.#id, action);
  }

  /** Runs the session to its end; a handler that throws ends it. */
  static *run(socket: Socket): Generator<CallBack, void, unknown> {
    try {
      for (;;) {
        const event = (yield {
          callee: next as never,
          self: undefined,
          args: [socket.#id, socket.#waitMs()],
        }) as SocketEvent;
        socket.#isOver = event.kind === "close";
        yield* socket.#handle(event);
        if (socket.#isOver) return;
      }
    } finally {
      socket.#act({ kind: "abandon" });
      socket.#timers.clear();
    }
  }

  #waitMs(): number | undefined {
    let due: number | undefined;
    for (const timer of this.#timers) due = due === undefined ? timer.dueMs : Math.min(due, timer.dueMs);
    return due === undefined ? undefined : Math.max(0, due - performance.now());
  }

  *#handle(event: SocketEvent): Generator<CallBack, void, unknown> {
    switch (event.kind) {
      case "timer":
        yield* this.#fireTimers();
        return;
      case "pong": {
        const sent = this.#pings.shift();
        if (sent !== undefined) this.#add("ping", performance.now() - sent);
        yield* this.#call("pong", []);
        return;
      }
      case "message":
        this.#add("received", 1);
        this.#add("dataReceived", Buffer.byteLength(event.text));
        yield* this.#call("message", [event.text]);
        return;
      case "binaryMessage":
        this.#add("received", 1);
        this.#add("dataReceived", event.bytes.byteLength);
        yield* this.#call("binaryMessage", [arrayBufferOf(event.bytes)]);
        return;
      case "error":
        yield* this.#call("error", [{ error: () => event.message }]);
        return;
      case "close":
        yield* this.#call("close", [event.code]);
        return;
      default:
        yield* this.#call(event.kind, []);
    }
  }

  *#fireTimers(): Generator<CallBack, void, unknown> {
    const now = performance.now();
    for (const timer of [...this.#timers].filter(({ dueMs }) => dueMs <= now).sort((a, b) => a.dueMs - b.dueMs)) {
      if (timer.everyMs === undefined) this.#timers.delete(timer);
      else timer.dueMs = Math.max(timer.dueMs + timer.everyMs, now);
      yield { callee: timer.handler as never, self: undefined, args: [] };
    }
  }

  *#call(event: string, args: readonly unknown[]): Generator<CallBack, void, unknown> {
    for (const handler of this.#handlers.get(event) ?? []) yield { callee: handler as never, self: undefined, args };
  }
}

function functionOf(value: unknown, name: string): Handler {
  if (typeof value !== "function") throw new TypeError(`${name} must be a function`);
  return value as Handler;
}

interface Response {
  readonly url: string;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error: string;
}

const connect = callingBack<LoadUserState, [unknown, unknown, unknown], Response>(
  "ws.connect",
  function* (user: LoadUser, url: unknown, paramsOrCallback: unknown, maybeCallback?: unknown) {
    if (user.isInit) throw new Error("using websockets in the init context is not supported");
    const hasParams = maybeCallback !== undefined;
    const callback = functionOf(hasParams ? maybeCallback : paramsOrCallback, "the last argument of ws.connect");
    const request = socketRequest(user, url, undefined, hasParams ? paramsOrCallback : undefined);
    const started = performance.now();
    const opening = (yield { callee: open as never, self: undefined, args: [request] }) as SocketOpening;
    const { id, status, headers, body, error, connectingMs } = opening;
    const metrics = socketMetricsOf(user.host.metrics);
    const tags = socketTags(user.host, request, status, headers["Sec-Websocket-Protocol"] ?? "");
    const add = (metric: keyof SocketMetrics, value: number): void =>
      user.host.samples.add(metrics[metric], tags, value, Date.now());
    add("sessions", 1);
    add("connecting", connectingMs);
    if (id !== 0) {
      const socket = new Socket(id, add);
      try {
        yield { callee: callback as never, self: undefined, args: [socket] };
      } catch (thrown) {
        if (!act(id, { kind: "abandon" })) actThere(id, { kind: "abandon" });
        throw thrown;
      }
      yield* Socket.run(socket);
    } else if (user.host.options.throw) throw new Error(error);
    add("sessionDuration", performance.now() - started);
    return { url: request.url, status, headers, body, error };
  },
);

export const wsModule: ScriptModule = { specifier: "k6/ws", exports: { connect } };
