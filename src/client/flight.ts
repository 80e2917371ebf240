import type { HttpAnswer, HttpExchange, HttpRequest, HttpTimings } from "./exchange.ts";
import type { ExchangeError } from "./failure-code.ts";
import type { Target } from "./request-target.ts";

/** The connection that an exchange took, as far as its answer tells of it. */
export interface Peer {
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly tlsVersion: string;
  readonly tlsCipherSuite: string;
}

const NOWHERE: Peer = { remoteIp: "", remotePort: 0, tlsVersion: "", tlsCipherSuite: "" };

/** An exchange under way: its marks on the monotonic clock (milliseconds; 0: not reached) and who waits for it. */
export class Flight {
  readonly request: HttpRequest;
  readonly target: Target;
  readonly pool: number;
  readonly signal: AbortSignal | undefined;
  readonly #resolve: (answer: HttpAnswer) => void;

  readonly startMs: number;
  gotConnectionMs = 0;
  sentMs = 0;
  firstByteMs = 0;
  lookingUp = 0;
  connecting = 0;
  tlsHandshaking = 0;
  bytesSent = 0;
  bytesReceived = 0;
  peer: Peer = NOWHERE;
  isOver = false;

  constructor(
    request: HttpRequest,
    target: Target,
    pool: number,
    signal: AbortSignal | undefined,
    resolve: (answer: HttpAnswer) => void,
  ) {
    this.request = request;
    this.target = target;
    this.pool = pool;
    this.signal = signal;
    this.#resolve = resolve;
    this.startMs = performance.now();
  }

  /** What is left of the request's time; at least 0. */
  leftMs(): number {
    return Math.max(0, this.request.timeoutMs - (performance.now() - this.startMs));
  }

  succeed(
    status: number,
    statusText: string,
    protocol: HttpExchange["protocol"],
    head: string,
    body: Uint8Array,
  ): void {
    if (this.isOver) return;
    this.isOver = true;
    const { peer } = this;
    this.#resolve({
      status,
      statusText,
      protocol,
      head,
      body,
      timings: this.#timings(performance.now()),
      startUnixMs: performance.timeOrigin + this.startMs,
      remoteIp: peer.remoteIp,
      remotePort: peer.remotePort,
      tlsVersion: peer.tlsVersion,
      tlsCipherSuite: peer.tlsCipherSuite,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
    });
  }

  fail(error: ExchangeError): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#resolve({
      errorCode: error.errorCode,
      error: error.message,
      timings: this.#timings(performance.now()),
      startUnixMs: performance.timeOrigin + this.startMs,
      remoteIp: this.peer.remoteIp,
      remotePort: this.peer.remotePort,
      bytesSent: this.bytesSent,
      bytesReceived: this.bytesReceived,
    });
  }

  #timings(doneMs: number): HttpTimings {
    const { gotConnectionMs, sentMs, firstByteMs } = this;
    const isConnected = gotConnectionMs !== 0;
    const isSent = isConnected && sentMs !== 0;
    // An answer that overtakes the body being sent has waited for nothing.
    const sendingEndMs = isSent ? (firstByteMs !== 0 && firstByteMs < sentMs ? firstByteMs : sentMs) : doneMs;
    return {
      blocked: (isConnected ? gotConnectionMs : doneMs) - this.startMs,
      lookingUp: this.lookingUp,
      connecting: this.connecting,
      tlsHandshaking: this.tlsHandshaking,
      sending: isConnected ? sendingEndMs - gotConnectionMs : 0,
      waiting: isSent ? (firstByteMs === 0 ? doneMs : firstByteMs) - sendingEndMs : 0,
      receiving: firstByteMs === 0 ? 0 : doneMs - firstByteMs,
    };
  }
}
