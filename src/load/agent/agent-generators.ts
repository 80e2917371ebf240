import { request } from "node:http";
import type { SampleFrame } from "../metric/frame.ts";
import { type GeneratorCarrier, openGeneratorHandle, type StartGenerator } from "../run/generator-handle.ts";
import type { FromGenerator } from "../run/generator-link.ts";
import { AGENT_PATH, AGENT_PROTOCOL, AGENT_SILENCE_MS, type FromAgent, type ToAgent } from "./agent-message.ts";
import { type MessageStream, openMessageStream } from "./message-stream.ts";

export interface AgentAddress {
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

const CONNECT_TIMEOUT_MS = 10_000;
const PINGS = 8;

const nowUnixMs = (): number => performance.timeOrigin + performance.now();

/** `host:port`, `[::1]:7075`. */
export function parseAgentAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text.trim());
  if (match === null || Number(match[3]) > 65_535) return undefined;
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
}

/**
 * A generator on another machine. Its clock is compared with ours by pings (Cristian's algorithm: the answer with the
 * shortest way there and back, halved), and what it recorded is dated by ours.
 * @param generator its number, different for each generator of the run
 */
export function agentGenerator(address: AgentAddress, generator: number): StartGenerator {
  return (name, events) =>
    openGeneratorHandle(name, events, (receive, lose) => connect(address, generator, receive, lose));
}

function connect(
  { host, port, token }: AgentAddress,
  generator: number,
  receive: (message: FromGenerator) => void,
  lose: (reason: string) => void,
): GeneratorCarrier {
  let stream: MessageStream | undefined;
  let waiting: ToAgent[] | undefined = [];
  let silence: NodeJS.Timeout | undefined;
  let best = { roundMs: Number.POSITIVE_INFINITY, offsetMs: 0 };
  let answered = 0;
  const end = (reason: string): void => {
    clearTimeout(silence);
    lose(reason);
  };
  const listen = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      end(`said nothing for ${AGENT_SILENCE_MS / 1000} s`);
      stream?.close();
    }, AGENT_SILENCE_MS);
  };
  const ping = (): void => stream?.send({ ping: nowUnixMs() } satisfies ToAgent);
  const hear = (message: unknown): void => {
    listen();
    const said = message as FromAgent;
    if ("pong" in said) {
      const now = nowUnixMs();
      const roundMs = now - said.pong;
      if (roundMs < best.roundMs) best = { roundMs, offsetMs: said.unixMs - (said.pong + now) / 2 };
      answered += 1;
      if (answered < PINGS) ping();
      else if (waiting !== undefined) {
        for (const each of waiting) stream?.send(each);
        waiting = undefined;
      }
    } else if ("message" in said) receive(datedByUs(said.message, best.offsetMs));
    else if ("lost" in said) end(said.lost);
  };
  const upgrade = request({
    host,
    port,
    path: AGENT_PATH,
    headers: { connection: "Upgrade", upgrade: AGENT_PROTOCOL, authorization: `Bearer ${token}` },
    timeout: CONNECT_TIMEOUT_MS,
  });
  upgrade.on("upgrade", (_response, socket, head) => {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    if (head.byteLength > 0) socket.unshift(head);
    stream = openMessageStream(socket, hear, end);
    stream.send({ open: { generator } } satisfies ToAgent);
    listen();
    ping();
  });
  upgrade.on("response", (response) => {
    end(
      response.statusCode === 401
        ? "refused the token: set TRACEO_AGENT_TOKEN to that of the agent"
        : `answered ${response.statusCode} ${response.statusMessage}`,
    );
    response.resume();
  });
  upgrade.on("timeout", () => upgrade.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / 1000} s`)));
  upgrade.on("error", (error) => end(`cannot be reached: ${error.message}`));
  upgrade.end();
  return {
    get clockOffsetMs() {
      return best.offsetMs;
    },
    post: (message) => {
      if (waiting !== undefined) waiting.push({ message });
      else stream?.send({ message } satisfies ToAgent);
    },
    stop: async () => {
      clearTimeout(silence);
      stream?.close();
      upgrade.destroy();
    },
  };
}

/** What an agent reports, with its times moved to our clock. */
function datedByUs(message: FromGenerator, offsetMs: number): FromGenerator {
  if (!("tell" in message) || message.tell !== "report") return message;
  const frame = message.report.frame as SampleFrame;
  const move = (column: Float64Array): void => {
    for (let at = 0; at < column.length; at += 1) column[at]! -= offsetMs;
  };
  move(frame.series.lastUnixMs);
  if (frame.raw !== undefined) move(frame.raw.unixMs);
  return {
    ...message,
    report: {
      ...message.report,
      frame: {
        ...frame,
        fromUnixMs: frame.fromUnixMs - offsetMs,
        toUnixMs: frame.toUnixMs - offsetMs,
        exemplars: frame.exemplars.map((exemplar) => ({ ...exemplar, unixMs: exemplar.unixMs - offsetMs })),
      },
    },
  };
}
