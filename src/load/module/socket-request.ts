import type { ClientOptions } from "ws";
import type { LoadUser, LoadUserState } from "../load-user.ts";

/** What a WebSocket is opened with: plain data. */
export interface SocketRequest {
  readonly url: string;
  readonly protocols: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly deflate: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly insecureSkipVerify: boolean;
}

const MOST_PAYLOAD_BYTES = 64 << 20;
const HANDSHAKE_MS = 60_000;

/** Reads the arguments of `new WebSocket` and `ws.connect`. Throws TypeErrors that name what is wrong. */
export function socketRequest(user: LoadUser, url: unknown, protocols: unknown, params: unknown): SocketRequest {
  let parsed: URL;
  try {
    parsed = new URL(String(url));
  } catch {
    throw new TypeError(`${JSON.stringify(String(url))} is no URL`);
  }
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:")
    throw new TypeError(`a WebSocket's URL begins with ws:// or wss://, not ${parsed.protocol}//`);
  if (parsed.hash !== "") throw new TypeError("a WebSocket's URL has no fragment");
  const { headers, compression, tags } = (params ?? {}) as Record<string, unknown>;
  if (compression !== undefined && compression !== "" && compression !== "deflate")
    throw new TypeError(`unsupported compression ${String(compression)}: use "deflate"`);
  const { options } = user.host;
  const list = protocols === undefined || protocols === null ? [] : Array.isArray(protocols) ? protocols : [protocols];
  return {
    url: parsed.href,
    protocols: list.map(String),
    headers: { "User-Agent": options.userAgent, ...texts(headers) },
    deflate: compression === "deflate",
    tags: texts(tags),
    insecureSkipVerify: options.insecureSkipTlsVerify,
  };
}

export function connectionOptions(request: SocketRequest): ClientOptions {
  return {
    headers: request.headers,
    perMessageDeflate: request.deflate,
    rejectUnauthorized: !request.insecureSkipVerify,
    maxPayload: MOST_PAYLOAD_BYTES,
    handshakeTimeout: HANDSHAKE_MS,
    followRedirects: false,
  };
}

/** The tag set of a session's samples. */
export function socketTags(host: LoadUserState, request: SocketRequest, status: number, subprotocol: string): number {
  const { tags } = host.metrics;
  let set = host.tags;
  const add = (name: string, value: string): void => {
    if (value !== "" && host.options.systemTags.has(name)) set = tags.with(set, name, value);
  };
  add("url", request.url);
  add("name", request.tags["name"] ?? request.url);
  add("status", status === 0 ? "" : String(status));
  add("subproto", subprotocol);
  for (const [name, value] of Object.entries(request.tags)) set = tags.with(set, name, value);
  return set;
}

function texts(value: unknown): Record<string, string> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, entry]) =>
      entry === undefined || entry === null ? [] : [[name, String(entry)]],
    ),
  );
}
