import { WebSocket as Connection } from "ws";
import { connectionOptions, type SocketRequest } from "./socket-request.ts";

/** What happens to a session; plain data. */
export type SocketEvent =
  | { readonly kind: "open" | "ping" | "pong" | "timer" }
  | { readonly kind: "message"; readonly text: string }
  | { readonly kind: "binaryMessage"; readonly bytes: Uint8Array }
  | { readonly kind: "error"; readonly message: string }
  | { readonly kind: "close"; readonly code: number };

/** How the opening went. `id` 0: there is no session. */
export interface SocketOpening {
  readonly id: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly error: string;
  readonly connectingMs: number;
}

interface Session {
  readonly connection: Connection;
  readonly events: SocketEvent[];
  wake: () => void;
}

/** The sessions that were opened in this thread. */
const sessions = new Map<number, Session>();
let lastId = 0;
const MOST_BODY_BYTES = 1 << 20;

export function openSession(request: SocketRequest, signal: AbortSignal | undefined): Promise<SocketOpening> {
  const started = performance.now();
  return new Promise((resolve) => {
    const connection = new Connection(request.url, [...request.protocols], connectionOptions(request));
    const session: Session = { connection, events: [], wake: () => undefined };
    let status = 0;
    let headers: Record<string, string> = {};
    const tell = (event: SocketEvent): void => {
      session.events.push(event);
      session.wake();
    };
    const answer = (id: number, error: string, body = ""): void =>
      resolve({ id, status, headers, body, error, connectingMs: performance.now() - started });
    const read = (response: { statusCode?: number | undefined; headers: NodeJS.Dict<string | string[]> }): void => {
      status = response.statusCode ?? 0;
      headers = Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [
          canonical(name),
          Array.isArray(value) ? value.join(", ") : (value ?? ""),
        ]),
      );
    };
    const abort = (): void => connection.terminate();
    signal?.addEventListener("abort", abort, { once: true });
    connection.on("upgrade", read);
    connection.on("unexpected-response", (_call, response) => {
      read(response);
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.byteLength;
        if (size <= MOST_BODY_BYTES) chunks.push(chunk);
        else response.destroy();
      });
      const over = (): void => {
        answer(0, "websocket: bad handshake", Buffer.concat(chunks).toString("utf8"));
        connection.terminate();
      };
      response.once("end", over);
      response.once("close", over);
    });
    connection.on("open", () => {
      const id = ++lastId;
      sessions.set(id, session);
      tell({ kind: "open" });
      answer(id, "");
    });
    connection.on("message", (raw, isBinary) => {
      const bytes = Array.isArray(raw) ? Buffer.concat(raw) : raw instanceof ArrayBuffer ? Buffer.from(raw) : raw;
      tell(isBinary ? { kind: "binaryMessage", bytes } : { kind: "message", text: bytes.toString("utf8") });
    });
    connection.on("ping", () => tell({ kind: "ping" }));
    connection.on("pong", () => tell({ kind: "pong" }));
    connection.on("error", (error) => {
      tell({ kind: "error", message: error.message });
      answer(0, error.message);
    });
    connection.on("close", (code) => {
      signal?.removeEventListener("abort", abort);
      tell({ kind: "close", code });
      answer(0, "the connection was closed");
    });
  });
}

/** The next event; `timer` when none came within `waitMs`. */
export function nextEvent(id: number, waitMs: number | undefined): SocketEvent | Promise<SocketEvent> {
  const session = sessions.get(id);
  if (session === undefined) return { kind: "close", code: 1006 };
  const take = (): SocketEvent => {
    const event = session.events.shift()!;
    if (event.kind === "close") sessions.delete(id);
    return event;
  };
  if (waitMs !== undefined && waitMs <= 0) return { kind: "timer" };
  if (session.events.length > 0) return take();
  return new Promise((resolve) => {
    const timer = waitMs === undefined ? undefined : setTimeout(() => end({ kind: "timer" }), waitMs);
    const end = (event: SocketEvent): void => {
      clearTimeout(timer);
      session.wake = () => undefined;
      resolve(event);
    };
    session.wake = () => end(take());
  });
}

/** What a script asks a session to do at once. */
export type SocketAction =
  | { readonly kind: "send"; readonly data: string | Uint8Array }
  | { readonly kind: "ping" }
  | { readonly kind: "close"; readonly code: number }
  | { readonly kind: "abandon" };

/** False if this thread has no such session. */
export function act(id: number, action: SocketAction): boolean {
  const session = sessions.get(id);
  if (session === undefined) return false;
  const { connection } = session;
  switch (action.kind) {
    case "send":
      connection.send(action.data);
      break;
    case "ping":
      connection.ping();
      break;
    case "close":
      connection.close(action.code);
      break;
    case "abandon":
      sessions.delete(id);
      connection.terminate();
  }
  return true;
}

/** `Content-Type`, as Go's net/http writes names. */
function canonical(name: string): string {
  return name.replaceAll(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
}
