import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { StartThread } from "#runtime/threads.ts";
import { type GeneratorThread, openGeneratorThread, STUCK_MS } from "../run/generator-handle.ts";
import { AGENT_BEAT_MS, AGENT_PATH, AGENT_PROTOCOL, type FromAgent, type ToAgent } from "./agent-message.ts";
import { type MessageStream, openMessageStream } from "./message-stream.ts";

export interface AgentOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Who has it may run code here. */
  readonly token: string;
  /** Generators at once. */
  readonly maxGenerators: number;
  readonly log: (line: string) => void;
}

export interface Agent extends AsyncDisposable {
  readonly port: number;
}

/** Whether both are the same, in a time that tells nothing. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Lends this machine to runs of other machines: each connection is one generator. */
export async function openAgent(startThread: StartThread, entry: URL, options: AgentOptions): Promise<Agent> {
  const sessions = new Set<() => Promise<void>>();
  const server: Server = createServer((_request, response) => {
    response.writeHead(404, { "content-type": "text/plain" });
    response.end("A load agent of Traceo. Use it with `traceo load --agent`.\n");
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const refusal = refuse(request, sessions.size, options);
    if (refusal !== undefined) {
      options.log(`refused ${request.socket.remoteAddress}: ${refusal}`);
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${AGENT_PROTOCOL}\r\n\r\n`);
    const who = `${request.socket.remoteAddress}:${request.socket.remotePort}`;
    options.log(`generator for ${who} starts`);
    const end = serve(startThread, entry, socket, () => {
      sessions.delete(end);
      options.log(`generator for ${who} ended`);
    });
    sessions.add(end);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...sessions].map((end) => end()));
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function refuse(request: IncomingMessage, running: number, { token, maxGenerators }: AgentOptions): string | undefined {
  if (request.url !== AGENT_PATH) return "404 Not Found";
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "";
  if (!isSame(given, token)) return "401 Unauthorized";
  if (request.headers.upgrade !== AGENT_PROTOCOL) return "426 Upgrade Required";
  if (running >= maxGenerators) return "503 Service Unavailable";
  return undefined;
}

function serve(startThread: StartThread, entry: URL, socket: Duplex, onEnd: () => void): () => Promise<void> {
  let thread: GeneratorThread | undefined;
  const send = (message: FromAgent): void => stream.send(message);
  const stream: MessageStream = openMessageStream(
    socket,
    (message) => {
      const said = message as ToAgent;
      if ("ping" in said) send({ pong: said.ping, unixMs: performance.timeOrigin + performance.now() });
      else if ("message" in said) thread?.post(said.message);
      else
        thread ??= openGeneratorThread(
          startThread,
          entry,
          said.open.generator,
          STUCK_MS,
          (given) => send({ message: given }),
          (lost) => send({ lost }),
        );
    },
    () => {
      clearInterval(beating);
      void thread?.stop();
      onEnd();
    },
  );
  const beating = setInterval(() => send({ beat: true }), AGENT_BEAT_MS);
  return async () => {
    stream.close();
    await thread?.stop();
  };
}
