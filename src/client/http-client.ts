import type { HttpClientSettings } from "./client-settings.ts";
import { type Dialed, Dialer } from "./dialer.ts";
import type { HttpAnswer, HttpRequest } from "./exchange.ts";
import { ExchangeError, FAILURE_CODE } from "./failure-code.ts";
import { Flight } from "./flight.ts";
import { Http1Connection } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";
import { type Origin, Targets } from "./request-target.ts";
import type { Lookup } from "./resolver.ts";

/** A pool's connections that wait for a request, the last used at the end, and its HTTP/2 connections. */
interface Pool {
  readonly idle: Map<Origin, Http1Connection[]>;
  readonly multiplexed: Map<Origin, Http2Connection>;
}

/**
 * An HTTP client of its own (not node:http): keep-alive HTTP/1.1 on raw sockets and HTTP/2 where TLS agrees on it. A pool is
 * named by a number; connections are not shared between pools unless the settings say so, and there is no limit to how many
 * a pool opens: that many requests were made at once.
 */
export class HttpClient {
  readonly #settings: HttpClientSettings;
  readonly #dialer: Dialer;
  readonly #targets = new Targets();
  readonly #pools = new Map<number, Pool>();
  readonly #open = new Set<Http1Connection | Http2Connection>();
  readonly #givingUp = new Set<() => void>();
  readonly #keepAlive: boolean;
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;

  /** Throws plain errors about settings that make no sense. */
  constructor(settings: HttpClientSettings, lookup?: Lookup) {
    this.#settings = settings;
    this.#dialer = new Dialer(settings, lookup);
    this.#keepAlive = settings.reuse !== "none";
    this.maxHeadBytes = settings.maxHeadBytes;
    this.maxBodyBytes = settings.maxBodyBytes;
  }

  /** Sends the request on a connection of that pool. Never rejects: what went wrong is an answer. */
  exchange(request: HttpRequest, pool: number, signal: AbortSignal | undefined): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      const target = this.#targets.of(request.url);
      const flight = new Flight(request, target ?? NO_TARGET, pool, signal, resolve);
      if (target === undefined) flight.fail(new ExchangeError(FAILURE_CODE.invalidUrl, "invalid URL"));
      else if (signal?.aborted === true) flight.fail(new ExchangeError(FAILURE_CODE.other, "context canceled"));
      else this.#start(flight);
    });
  }

  /** Closes what the pool keeps open; exchanges under way end first. */
  closePool(pool: number): void {
    const known = this.#pools.get(this.#poolKey(pool));
    if (known === undefined) return;
    this.#pools.delete(this.#poolKey(pool));
    for (const connections of known.idle.values()) for (const connection of [...connections]) connection.close();
    for (const connection of known.multiplexed.values()) connection.close();
  }

  /** Closes every connection; exchanges under way fail. */
  close(): void {
    for (const giveUp of [...this.#givingUp]) giveUp();
    for (const connection of [...this.#open]) connection.close();
    this.#pools.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get openConnections(): number {
    return this.#open.size;
  }

  released(connection: Http1Connection): void {
    const { idle } = this.#pool(connection.pool);
    const waiting = idle.get(connection.origin);
    if (waiting === undefined) idle.set(connection.origin, [connection]);
    else waiting.push(connection);
  }

  closed(connection: Http1Connection | Http2Connection): void {
    this.#open.delete(connection);
    const pool = this.#pools.get(this.#poolKey(connection.pool));
    if (pool === undefined) return;
    if (connection instanceof Http2Connection) {
      if (pool.multiplexed.get(connection.origin) === connection) pool.multiplexed.delete(connection.origin);
      return;
    }
    const waiting = pool.idle.get(connection.origin);
    const at = waiting?.indexOf(connection) ?? -1;
    if (at >= 0) waiting!.splice(at, 1);
  }

  /**
   * A kept connection may be closed by the server just when a request goes out on it. As Go's transport does, a request that
   * may be repeated is then sent again, on another kept connection or a new one, if nothing of an answer had arrived.
   */
  failed(flight: Flight, error: ExchangeError, isReused: boolean): void {
    const mayRepeat =
      isReused &&
      flight.firstByteMs === 0 &&
      error.errorCode !== FAILURE_CODE.timeout &&
      flight.signal?.aborted !== true &&
      isRepeatable(flight.request);
    if (!mayRepeat || flight.leftMs() === 0) {
      flight.fail(error);
      return;
    }
    flight.gotConnectionMs = 0;
    flight.sentMs = 0;
    this.#start(flight);
  }

  #start(flight: Flight): void {
    if (this.#keepAlive) {
      const { origin } = flight.target;
      const pool = this.#pool(flight.pool);
      const waiting = pool.idle.get(origin);
      while (waiting !== undefined && waiting.length > 0) {
        const connection = waiting.pop()!;
        if (connection.isUsable) {
          connection.send(flight, true);
          return;
        }
        connection.close();
      }
      const multiplexed = pool.multiplexed.get(origin);
      if (multiplexed?.isUsable === true) {
        multiplexed.send(flight);
        return;
      }
    }
    void this.#connect(flight);
  }

  async #connect(flight: Flight): Promise<void> {
    const { signal, target } = flight;
    let giveUp: () => void = () => undefined;
    const end = (error: ExchangeError) => {
      flight.fail(error);
      giveUp();
    };
    const onAbort = () => end(new ExchangeError(FAILURE_CODE.other, "context canceled"));
    const timer = Number.isFinite(flight.request.timeoutMs)
      ? setTimeout(
          () => end(new ExchangeError(FAILURE_CODE.timeout, "request timeout")),
          Math.min(flight.leftMs(), 0x7fffffff),
        )
      : undefined;
    signal?.addEventListener("abort", onAbort);
    this.#givingUp.add(onAbort);
    try {
      const dialed = await this.#dialer.dial(flight, (listener) => {
        giveUp = listener;
      });
      if (flight.isOver) dialed.socket.destroy();
      else if (dialed.isHttp2) this.#sendMultiplexed(flight, dialed);
      else {
        const connection = new Http1Connection(dialed.socket, target.origin, flight.pool, dialed.peer, this);
        dialed.onBytes = (bytes, length) => connection.receive(bytes, length);
        this.#open.add(connection);
        connection.send(flight, this.#keepAlive);
      }
    } catch (error) {
      // dial() rejects with nothing else.
      flight.fail(error as ExchangeError);
    } finally {
      if (timer !== undefined) clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#givingUp.delete(onAbort);
    }
  }

  #sendMultiplexed(flight: Flight, dialed: Dialed): void {
    const { origin } = flight.target;
    const { multiplexed } = this.#pool(flight.pool);
    const known = multiplexed.get(origin);
    if (known?.isUsable === true) {
      // Another request of this pool was faster: one connection serves both.
      dialed.socket.destroy();
      known.send(flight);
      return;
    }
    const connection = new Http2Connection(dialed.socket, origin, flight.pool, dialed.peer, this, this.#keepAlive);
    this.#open.add(connection);
    if (this.#keepAlive) multiplexed.set(origin, connection);
    connection.send(flight);
  }

  #pool(number: number): Pool {
    const key = this.#poolKey(number);
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = { idle: new Map(), multiplexed: new Map() };
      this.#pools.set(key, pool);
    }
    return pool;
  }

  #poolKey(pool: number): number {
    return this.#settings.reuse === "shared" ? 0 : pool;
  }
}

const NO_TARGET = { origin: { isSecure: false, host: "", port: 0, authority: "" }, path: "" };

const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

function isRepeatable(request: HttpRequest): boolean {
  return REPEATABLE.has(request.method) || request.headers.some(([name]) => /^(x-)?idempotency-key$/i.test(name));
}
