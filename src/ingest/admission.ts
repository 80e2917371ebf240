/**
 * Bounds what is under way, so that memory stays flat however much is sent. A request enters before its body is read (its
 * Content-Length or message prefix says how large that will be), holds that many bytes until it is answered, and leaves.
 * What does not fit is refused at once and told when to come again; nothing waits.
 *
 * Room is given for the whole body at once, since many bodies each given a part of the room would all be stuck. A sender that
 * claims room and then dribbles would starve the others; so when room is short, bodies that came slower than
 * `minBytesPerSecond` after a grace are given up first.
 */
import type { Clock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import type { LimitCounts } from "./admission-counts.ts";

export interface AdmissionOptions {
  readonly maxBytes: number;
  readonly maxRequests: number;
  /** Of one connection. At least one body of the largest size must fit. */
  readonly maxConnectionBytes: number;
  readonly maxConnectionRequests: number;
  /** A body slower than this may be given up when room is short. */
  readonly minBytesPerSecond: number;
  /** Time a body has before its speed is looked at. */
  readonly graceMs: number;
  /** The shortest pause asked of a refused sender. Refusals in turn ask for up to RETRY_SPREAD_SECONDS more. */
  readonly retryAfterSeconds: number;
}

/** Senders refused together would otherwise all come back together: their libraries wait exactly as long as told. */
const RETRY_SPREAD_SECONDS = 3;

export const ADMISSION_DEFAULTS: AdmissionOptions = {
  maxBytes: 256 << 20,
  maxRequests: 1024,
  maxConnectionBytes: 64 << 20,
  maxConnectionRequests: 128,
  minBytesPerSecond: 64 << 10,
  graceMs: 1_000,
  retryAfterSeconds: 1,
};

/** A request's place. `leave` must be called exactly when the request is answered or gone; further calls do nothing. */
export interface Ticket {
  /** Takes room for a body that turns out larger. Returns the refusal if there is none. */
  grow(bytes: number): Failure | undefined;
  /** Tells that bytes of the body arrived. */
  received(bytes: number): void;
  /** The body is complete: it is not slow any more. */
  complete(): void;
  leave(): void;
}

export interface AdmissionStatus {
  readonly bytes: number;
  readonly requests: number;
  readonly peakBytes: number;
}

interface Place {
  readonly connection: object;
  bytes: number;
  receivedBytes: number;
  readonly sinceMs: number;
  receiving: boolean;
  readonly evict: (failure: Failure) => void;
}

interface ConnectionUse {
  bytes: number;
  requests: number;
}

/** The places of one server process, shared by all its receivers. */
export class Admission {
  readonly options: AdmissionOptions;
  readonly #clock: Clock;
  readonly #counts: LimitCounts;
  readonly #places = new Set<Place>();
  readonly #connections = new WeakMap<object, ConnectionUse>();
  #bytes = 0;
  #peakBytes = 0;
  #refusals = 0;
  #lastEvictionMs = Number.NEGATIVE_INFINITY;

  constructor(options: AdmissionOptions, clock: Clock, counts: LimitCounts) {
    this.options = options;
    this.#clock = clock;
    this.#counts = counts;
  }

  /**
   * @param connection the socket or session that the request came on
   * @param bytes what is known of the body's size, 0 if nothing is
   * @param evict called (at most once, never from within `enter` or `grow` of the same request) when this body is given up
   * @returns a ticket, or "overloaded" / "unavailable" with `retryAfterSeconds`
   */
  enter(connection: object, bytes: number, evict: (failure: Failure) => void): Ticket | Failure {
    let use = this.#connections.get(connection);
    if (use === undefined) {
      use = { bytes: 0, requests: 0 };
      this.#connections.set(connection, use);
    }
    const { maxRequests, maxConnectionRequests } = this.options;
    if (use.requests >= maxConnectionRequests)
      return this.#refuse(
        "connection-requests",
        "overloaded",
        `this connection has ${use.requests} requests under way`,
      );
    if (this.#places.size >= maxRequests && !this.#evictSlow(0))
      return this.#refuse("in-flight-requests", "unavailable", `${this.#places.size} requests are under way`);
    const refusal = this.#room(use, bytes);
    if (refusal !== undefined) return refusal;

    const place: Place = {
      connection,
      bytes: 0,
      receivedBytes: 0,
      sinceMs: this.#clock.monotonicMs(),
      receiving: true,
      evict,
    };
    this.#places.add(place);
    use.requests++;
    this.#take(place, use, bytes);
    const taken = use;
    return {
      grow: (more) => {
        const none = this.#room(taken, more, place);
        if (none === undefined) this.#take(place, taken, more);
        return none;
      },
      received: (count) => {
        place.receivedBytes += count;
      },
      complete: () => {
        place.receiving = false;
      },
      leave: () => this.#leave(place, taken),
    };
  }

  status(): AdmissionStatus {
    return { bytes: this.#bytes, requests: this.#places.size, peakBytes: this.#peakBytes };
  }

  /** Gives slow bodies up where something other than bytes is short (connections). True if there was one. */
  evictSlow(): boolean {
    return this.#evictSlow(0);
  }

  #room(use: ConnectionUse, bytes: number, self?: Place): Failure | undefined {
    const { maxBytes, maxConnectionBytes } = this.options;
    if (use.bytes + bytes > maxConnectionBytes)
      return this.#refuse("connection-bytes", "overloaded", `this connection's bodies hold ${use.bytes} bytes`);
    if (this.#bytes + bytes > maxBytes && !this.#evictSlow(this.#bytes + bytes - maxBytes, self))
      return this.#refuse("in-flight-bytes", "unavailable", `bodies under way hold ${this.#bytes} bytes`);
    return undefined;
  }

  #take(place: Place, use: ConnectionUse, bytes: number): void {
    place.bytes += bytes;
    use.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.#peakBytes) this.#peakBytes = this.#bytes;
  }

  #leave(place: Place, use: ConnectionUse): void {
    if (!this.#places.delete(place)) return;
    use.requests--;
    use.bytes -= place.bytes;
    this.#bytes -= place.bytes;
  }

  /**
   * Gives slow bodies up, slowest first, until that many bytes and one place are free; if there are more, until an eighth of
   * all room is, so that looking stays rare. Looks at most ten times a second.
   */
  #evictSlow(bytes: number, self?: Place): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#lastEvictionMs < 100) return false;
    this.#lastEvictionMs = nowMs;
    const { graceMs, minBytesPerSecond, maxBytes, maxRequests } = this.options;
    const speed = (place: Place): number => (place.receivedBytes * 1000) / (nowMs - place.sinceMs);
    const slow = [...this.#places]
      .filter(
        (place) =>
          place !== self && place.receiving && nowMs - place.sinceMs > graceMs && speed(place) < minBytesPerSecond,
      )
      .sort((a, b) => speed(a) - speed(b));
    let freed = 0;
    let evicted = 0;
    for (const place of slow) {
      if (freed >= Math.max(bytes, maxBytes / 8) || (freed >= bytes && evicted >= Math.max(1, maxRequests / 8))) break;
      const use = this.#connections.get(place.connection);
      if (use === undefined) continue;
      freed += place.bytes;
      evicted++;
      this.#leave(place, use);
      this.#counts.add("body-evicted");
      place.evict(
        new Failure("unavailable", "the body came too slowly while room was short", {
          retryAfterSeconds: this.#retryAfterSeconds(),
        }),
      );
    }
    return evicted > 0 && freed >= bytes;
  }

  #refuse(
    limit: "connection-requests" | "connection-bytes" | "in-flight-requests" | "in-flight-bytes",
    code: "overloaded" | "unavailable",
    what: string,
  ): Failure {
    this.#counts.add(limit);
    return new Failure(code, `${what}, which is the limit`, { retryAfterSeconds: this.#retryAfterSeconds() });
  }

  #retryAfterSeconds(): number {
    return this.options.retryAfterSeconds + (this.#refusals++ % RETRY_SPREAD_SECONDS);
  }
}
