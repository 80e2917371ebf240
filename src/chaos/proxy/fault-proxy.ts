import { connect, createServer, type Server, type Socket } from "node:net";
import { Failure } from "#runtime/failure.ts";
import { Connection } from "./connection.ts";
import { mergeAttributes, toxicKind } from "./kinds.ts";
import type { Direction, Toxic } from "./toxic.ts";

/** Connections at once through one proxy; more are closed. */
const MOST_CONNECTIONS = 20_000;
const MOST_TOXICS = 100;

export interface ProxyCounts {
  receivedBytes: number;
  sentBytes: number;
}

export interface ProxyContext {
  readonly random: () => number;
  readonly nowMs: () => number;
  /** Throws a Failure for an address that this program does not listen on. */
  readonly checkListen: (host: string) => void;
}

export interface ToxicRequest {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly stream?: unknown;
  readonly toxicity?: unknown;
  readonly attributes?: unknown;
  /** Ours: the toxic is removed by itself after so long without an update, so that a crashed experiment leaves nothing. */
  readonly ttl_ms?: unknown;
}

/**
 * A listening address whose connections go to an upstream through toxics.
 *
 * Errors of `start`: the system's own (address in use). Of toxics: "bad-request", "conflict", "not-found", worded as Toxiproxy.
 */
export class FaultProxy {
  readonly name: string;
  listen: string;
  upstream: string;
  enabled = false;
  readonly counts: Readonly<Record<Direction, ProxyCounts>> = {
    upstream: { receivedBytes: 0, sentBytes: 0 },
    downstream: { receivedBytes: 0, sentBytes: 0 },
  };
  readonly #context: ProxyContext;
  readonly #chains: Readonly<Record<Direction, Toxic[]>> = { upstream: [], downstream: [] };
  readonly #connections = new Set<Connection>();
  readonly #pending = new Set<Socket>();
  readonly #expiries = new Map<string, NodeJS.Timeout>();
  #server: Server | undefined;

  constructor(name: string, listen: string, upstream: string, context: ProxyContext) {
    this.name = name;
    this.listen = listen;
    this.upstream = upstream;
    this.#context = context;
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  get toxics(): readonly Toxic[] {
    return [...this.#chains.upstream, ...this.#chains.downstream];
  }

  /** Does nothing when it has been started. */
  async start(): Promise<void> {
    if (this.enabled) return;
    const { host, port } = parseAddress(this.listen);
    this.#context.checkListen(host);
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => this.#accept(client));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: host === "" ? "127.0.0.1" : host, port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    // An accept that fails (no file descriptors) is the client's trouble; the next may work.
    server.on("error", () => undefined);
    const bound = server.address();
    if (bound !== null && typeof bound === "object")
      this.listen = bound.family === "IPv6" ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
    this.#server = server;
    this.enabled = true;
  }

  /** Refuses new connections and closes the open ones. */
  async stop(): Promise<void> {
    if (!this.enabled) return;
    this.enabled = false;
    const closed = new Promise<void>((resolve) => this.#server!.close(() => resolve()));
    this.#server = undefined;
    for (const socket of this.#pending) socket.destroy();
    for (const connection of this.#connections) connection.destroy("close");
    await closed;
  }

  /** Stops it for good. */
  async dispose(): Promise<void> {
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    this.#expiries.clear();
    await this.stop();
  }

  /** Enables or disables it, elsewhere if the addresses changed. */
  async update(change: {
    readonly listen: string;
    readonly upstream: string;
    readonly enabled: boolean;
  }): Promise<void> {
    if (change.upstream !== this.upstream || !isSameAddress(change.listen, this.listen)) {
      await this.stop();
      this.listen = change.listen;
      this.upstream = change.upstream;
    }
    if (change.enabled) await this.start();
    else await this.stop();
  }

  /** Re-enables it after `ms`, unless told otherwise before: the dead man's switch of "down". */
  expireDown(ms: number | undefined): void {
    this.#expire("", ms, () => void this.start().catch(() => this.#expire("", 1000, () => this.expireDown(1))));
  }

  toxic(name: string): Toxic {
    const toxic = this.toxics.find((other) => other.name === name);
    if (toxic === undefined) throw new Failure("not-found", "toxic not found");
    return toxic;
  }

  addToxic(request: ToxicRequest): Toxic {
    const stream = request.stream === undefined || request.stream === "" ? "downstream" : request.stream;
    const type = textOf(request.type, "type") ?? "";
    if (stream !== "upstream" && stream !== "downstream")
      throw new Failure("bad-request", "stream was invalid, can be either upstream or downstream");
    const kind = toxicKind(type, stream);
    if (kind === undefined) throw new Failure("bad-request", "invalid toxic type");
    const given = textOf(request.name, "name");
    const name = given === undefined || given === "" ? `${type}_${stream}` : given;
    if (this.toxics.some((other) => other.name === name)) throw new Failure("conflict", "toxic already exists");
    if (this.toxics.length >= MOST_TOXICS) throw new Failure("conflict", `more than ${MOST_TOXICS} toxics`);
    const toxic: Toxic = {
      name,
      kind,
      stream,
      toxicity: toxicityOf(request.toxicity) ?? 1,
      attributes: mergeAttributes(kind, kind.attributes, request.attributes),
    };
    const ttlMs = ttlOf(request.ttl_ms);
    this.#chains[stream].push(toxic);
    for (const connection of this.#connections) connection.addToxic(toxic);
    this.#expire(name, ttlMs, () => this.removeToxic(name));
    return toxic;
  }

  updateToxic(name: string, request: ToxicRequest): Toxic {
    const toxic = this.toxic(name);
    const attributes = mergeAttributes(toxic.kind, toxic.attributes, request.attributes);
    const toxicity = toxicityOf(request.toxicity) ?? toxic.toxicity;
    const ttlMs = ttlOf(request.ttl_ms);
    const isChanged = toxicity !== toxic.toxicity || JSON.stringify(attributes) !== JSON.stringify(toxic.attributes);
    toxic.attributes = attributes;
    toxic.toxicity = toxicity;
    // A renewed lease alone must not throw the dice again.
    if (isChanged || ttlMs === undefined) for (const connection of this.#connections) connection.updateToxic(toxic);
    this.#expire(name, ttlMs, () => this.removeToxic(name));
    return toxic;
  }

  removeToxic(name: string): void {
    const toxic = this.toxic(name);
    this.#expire(name, undefined, () => undefined);
    const chain = this.#chains[toxic.stream];
    chain.splice(chain.indexOf(toxic), 1);
    for (const connection of this.#connections) connection.removeToxic(toxic);
  }

  removeToxics(): void {
    for (const { name } of this.toxics) this.removeToxic(name);
  }

  #expire(name: string, ms: number | undefined, action: () => void): void {
    clearTimeout(this.#expiries.get(name));
    this.#expiries.delete(name);
    if (ms === undefined) return;
    const timer = setTimeout(() => {
      this.#expiries.delete(name);
      action();
    }, ms);
    this.#expiries.set(name, timer);
  }

  #accept(client: Socket): void {
    if (this.#connections.size + this.#pending.size >= MOST_CONNECTIONS) {
      client.destroy();
      return;
    }
    const { host, port } = parseAddress(this.upstream);
    const upstream = connect({ host: host === "" ? "127.0.0.1" : host, port, allowHalfOpen: true });
    const abandon = (): void => {
      client.destroy();
      upstream.destroy();
      this.#pending.delete(client);
    };
    this.#pending.add(client);
    client.on("error", abandon);
    client.once("close", abandon);
    upstream.once("error", abandon);
    upstream.once("connect", () => {
      client.off("error", abandon);
      client.off("close", abandon);
      upstream.off("error", abandon);
      this.#pending.delete(client);
      if (!this.enabled) return abandon();
      this.#join(client, upstream);
    });
  }

  #join(client: Socket, upstream: Socket): void {
    const connection: Connection = new Connection(client, upstream, {
      toxics: this.toxics,
      random: this.#context.random,
      nowMs: this.#context.nowMs,
      counts: (direction) => {
        const counts = this.counts[direction];
        return {
          received: (bytes) => {
            counts.receivedBytes += bytes;
          },
          sent: (bytes) => {
            counts.sentBytes += bytes;
          },
        };
      },
      onClose: () => this.#connections.delete(connection),
    });
    this.#connections.add(connection);
  }
}

/** `host:port`, `[v6]:port`, `:port`. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(address);
  if (address === "") return { host: "", port: 0 };
  if (match === null || Number(match[3]) > 65_535)
    throw new Failure("bad-request", `address ${address}: missing port in address`);
  return { host: match[1] ?? match[2] ?? "", port: Number(match[3]) };
}

function isSameAddress(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [parseAddress(one), parseAddress(other)];
  const plain = (host: string): string => (host === "" || host === "localhost" ? "127.0.0.1" : host);
  return a.port === b.port && plain(a.host) === plain(b.host);
}

function textOf(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string")
    throw new Failure(
      "bad-request",
      `json: cannot unmarshal ${typeof value} into Go struct field .${field} of type string`,
    );
  return value;
}

function toxicityOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number")
    throw new Failure(
      "bad-request",
      `json: cannot unmarshal ${typeof value} into Go struct field .toxicity of type float32`,
    );
  return value;
}

function ttlOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > 86_400_000)
    throw new Failure("bad-request", "ttl_ms: milliseconds from 1 to 86400000");
  return value;
}
