import type { Socket } from "node:net";
import { BodySink, NO_BODY, tooLarge } from "./body-sink.ts";
import { ChunkedBody } from "./chunked-body.ts";
import type { HttpExchange } from "./exchange.ts";
import { classify, ExchangeError, FAILURE_CODE } from "./failure-code.ts";
import type { Flight, Peer } from "./flight.ts";
import { requestHead } from "./request-head.ts";
import type { Origin } from "./request-target.ts";
import { CHUNKED, type Framing, readFraming, UNTIL_CLOSE } from "./response-head.ts";

/**
 * A connection that speaks HTTP/1.1, one exchange at a time.
 *
 *     idle ── send ──► head ── framing ──► body ──► idle, or closed
 *                       ▲ │
 *                       └─┘ 1xx
 *
 * Invariants: bytes handed to `receive` are valid during the call only; a flight is settled exactly once and after the
 * connection has been given back, so that who waits for it finds it idle; whatever is not exactly one well-formed response
 * closes the connection.
 */
export class Http1Connection {
  readonly origin: Origin;
  readonly pool: number;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #peer: Peer;

  #flight: Flight | undefined;
  #state: typeof IDLE | typeof HEAD | typeof BODY = IDLE;
  /** A head that came in pieces, and where the search for its end goes on. */
  #partial: Buffer | undefined;
  #partialLength = 0;
  #left = 0;
  #sink: BodySink | undefined;
  #chunked: ChunkedBody | undefined;
  #status = 0;
  #statusText = "";
  #protocol: HttpExchange["protocol"] = "HTTP/1.1";
  #head = "";
  #keepAlive = true;
  /** A request without a body that goes out at the end of this turn of the event loop. */
  #unsent = "";
  #isClosed = false;
  #isWriting = false;
  /** Exchanges that were sent on it. */
  #count = 0;

  #timer: NodeJS.Timeout | undefined;
  #timerMs = 0;
  #signal: AbortSignal | undefined;

  constructor(socket: Socket, origin: Origin, pool: number, peer: Peer, owner: ConnectionOwner) {
    this.#socket = socket;
    this.origin = origin;
    this.pool = pool;
    this.#peer = peer;
    this.#owner = owner;
    socket.on("end", () => this.#ended());
    socket.on("error", (error) => this.#failed(classify(error, "exchange")));
    socket.on("close", () => this.#ended());
  }

  get isUsable(): boolean {
    return !this.#isClosed && this.#state === IDLE && this.#socket.writable;
  }

  /** Sends a flight on this idle connection. */
  send(flight: Flight, keepAlive: boolean): void {
    const { request } = flight;
    const now = performance.now();
    flight.gotConnectionMs = now;
    flight.peer = this.#peer;
    let head: string;
    try {
      head = requestHead(request, flight.target, keepAlive);
    } catch (error) {
      this.#owner.released(this);
      flight.fail(classify(error, "exchange"));
      return;
    }
    this.#flight = flight;
    this.#state = HEAD;
    this.#keepAlive = keepAlive;
    this.#count++;
    this.#watch(flight, now);
    const { body } = request;
    const hasBody = body !== undefined && body.length > 0;
    flight.bytesSent += head.length + (hasBody ? body.length : 0);
    if (hasBody) {
      this.#isWriting = true;
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#socket.write(body, () => {
        if (this.#flight !== flight) return;
        this.#isWriting = false;
        flight.sentMs = performance.now();
      });
      this.#socket.uncork();
      if (this.#socket.writableLength === 0) {
        this.#isWriting = false;
        flight.sentMs = performance.now();
      }
    } else {
      this.#unsent = head;
      if (unsent.push(this) === 1) setImmediate(sendAll);
    }
  }

  /** Writes the head that waits. */
  flush(): void {
    const flight = this.#flight;
    const head = this.#unsent;
    this.#unsent = "";
    if (flight === undefined || head === "") return;
    flight.gotConnectionMs = performance.now();
    this.#socket.write(head, "latin1");
    flight.sentMs = performance.now();
  }

  /** `bytes[0, end)` arrived. */
  receive(bytes: Buffer, end: number): void {
    const flight = this.#flight;
    if (flight === undefined) {
      // Nobody asked: what an idle connection says cannot be told from the answer to the next request.
      this.close();
      return;
    }
    if (this.#unsent !== "") {
      // It speaks before it was asked: not the answer to what is about to be sent.
      this.#failed(new ExchangeError(FAILURE_CODE.other, "EOF"));
      return;
    }
    if (flight.firstByteMs === 0) flight.firstByteMs = performance.now();
    flight.bytesReceived += end;
    try {
      if (this.#state === HEAD) this.#takeHead(flight, bytes, end);
      else this.#takeBody(flight, bytes, 0, end);
    } catch (error) {
      this.#failed(classify(error, "exchange"));
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#signal = undefined;
    this.#socket.destroy();
    this.#owner.closed(this);
  }

  #takeHead(flight: Flight, bytes: Buffer, end: number): void {
    let from = 0;
    let buffer = bytes;
    let to = end;
    let searchFrom = 0;
    if (this.#partial !== undefined) {
      searchFrom = Math.max(0, this.#partialLength - 3);
      this.#append(bytes, 0, end);
      buffer = this.#partial;
      to = this.#partialLength;
    }
    for (;;) {
      const headEnd = endOfHead(buffer, from, to, searchFrom);
      if (headEnd < 0) {
        if (to - from > this.#owner.maxHeadBytes)
          throw new ExchangeError(
            FAILURE_CODE.other,
            `net/http: server response headers exceeded ${this.#owner.maxHeadBytes} bytes; aborted`,
          );
        if (buffer !== this.#partial) this.#append(buffer, from, to);
        else if (from > 0) {
          this.#partial.copyWithin(0, from, to);
          this.#partialLength = to - from;
        }
        return;
      }
      this.#readHead(buffer, from, headEnd);
      const afterHead = bodyStart(buffer, headEnd);
      if (this.#status >= 100 && this.#status < 200 && this.#status !== 101) {
        from = afterHead;
        searchFrom = from;
        continue;
      }
      this.#partial = undefined;
      this.#partialLength = 0;
      this.#startBody(flight, buffer, afterHead, to);
      return;
    }
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const needed = this.#partialLength + to - from;
    if (this.#partial === undefined || needed > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, (this.#partial?.length ?? 2048) * 2));
      this.#partial?.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    bytes.copy(this.#partial, this.#partialLength, from, to);
    this.#partialLength = needed;
  }

  /** `HTTP/1.1 200 OK`, then the block of header lines. */
  #readHead(bytes: Buffer, from: number, headEnd: number): void {
    let lineEnd = from;
    while (lineEnd < headEnd && bytes[lineEnd] !== 0x0a) lineEnd++;
    const textEnd = bytes[lineEnd - 1] === 0x0d ? lineEnd - 1 : lineEnd;
    const hundreds = bytes[from + 9]! - 0x30;
    const tens = bytes[from + 10]! - 0x30;
    const ones = bytes[from + 11]! - 0x30;
    const minor = bytes[from + 7];
    if (
      textEnd - from < 12 ||
      bytes[from] !== 0x48 ||
      bytes[from + 1] !== 0x54 ||
      bytes[from + 2] !== 0x54 ||
      bytes[from + 3] !== 0x50 ||
      bytes[from + 4] !== 0x2f ||
      bytes[from + 5] !== 0x31 ||
      bytes[from + 6] !== 0x2e ||
      (minor !== 0x31 && minor !== 0x30) ||
      bytes[from + 8] !== 0x20 ||
      !(hundreds >= 1 && hundreds <= 9 && tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9) ||
      (textEnd - from > 12 && bytes[from + 12] !== 0x20)
    )
      throw new ExchangeError(
        FAILURE_CODE.other,
        `net/http: malformed HTTP response ${JSON.stringify(bytes.toString("latin1", from, Math.min(textEnd, from + 60)))}`,
      );
    this.#status = hundreds * 100 + tens * 10 + ones;
    this.#statusText = textEnd > from + 13 ? bytes.toString("latin1", from + 13, textEnd) : "";
    this.#protocol = minor === 0x31 ? "HTTP/1.1" : "HTTP/1.0";
    this.#head = lineEnd + 1 < headEnd ? bytes.toString("latin1", lineEnd + 1, headEnd) : "";
  }

  #startBody(flight: Flight, bytes: Buffer, from: number, to: number): void {
    const wrong = readFraming(this.#head, FRAMING);
    if (wrong !== undefined)
      throw new ExchangeError(FAILURE_CODE.other, `net/http: HTTP/1.x transport connection broken: ${wrong}`);
    if (FRAMING.keepAlive === false || (this.#protocol === "HTTP/1.0" && FRAMING.keepAlive !== true))
      this.#keepAlive = false;
    const status = this.#status;
    if (status === 101) this.#keepAlive = false;
    const { length } = FRAMING;
    if (length === 0 || status === 204 || status === 304 || status === 101 || flight.request.method === "HEAD") {
      this.#complete(flight, NO_BODY, from, to);
      return;
    }
    if (length > 0) {
      // The usual case: all of it is here.
      if (to - from >= length) {
        const bodyEnd = from + length;
        if (length > this.#owner.maxBodyBytes && !flight.request.discardBody) throw tooLarge(this.#owner.maxBodyBytes);
        if (flight.request.discardBody) this.#complete(flight, NO_BODY, bodyEnd, to);
        else {
          const body = Buffer.allocUnsafe(length);
          bytes.copy(body, 0, from, bodyEnd);
          this.#complete(flight, body, bodyEnd, to);
        }
        return;
      }
      if (length > this.#owner.maxBodyBytes && !flight.request.discardBody) throw tooLarge(this.#owner.maxBodyBytes);
    } else if (length === UNTIL_CLOSE) this.#keepAlive = false;
    this.#state = BODY;
    this.#left = length;
    this.#chunked = length === CHUNKED ? new ChunkedBody() : undefined;
    this.#sink = flight.request.discardBody ? undefined : new BodySink(length, this.#owner.maxBodyBytes);
    if (to > from) this.#takeBody(flight, bytes, from, to);
  }

  #takeBody(flight: Flight, bytes: Buffer, from: number, to: number): void {
    const chunked = this.#chunked;
    if (chunked !== undefined) {
      const at = chunked.feed(bytes, from, to, this.#takeBytes);
      if (chunked.isDone) this.#complete(flight, this.#sink?.body() ?? NO_BODY, at, to);
      return;
    }
    if (this.#left === UNTIL_CLOSE) {
      this.#sink?.take(bytes, from, to);
      return;
    }
    const stop = Math.min(to, from + this.#left);
    this.#sink?.take(bytes, from, stop);
    this.#left -= stop - from;
    if (this.#left === 0) this.#complete(flight, this.#sink?.body() ?? NO_BODY, stop, to);
  }

  readonly #takeBytes = (bytes: Buffer, from: number, to: number): void => {
    this.#sink?.take(bytes, from, to);
  };

  /** The response ended at `at` of `to` bytes that are here. */
  #complete(flight: Flight, body: Uint8Array, at: number, to: number): void {
    this.#flight = undefined;
    this.#state = IDLE;
    this.#sink = undefined;
    this.#chunked = undefined;
    const head = this.#head;
    this.#head = "";
    // Bytes beyond the response, or an answer that did not wait for the request's body: not a connection to go on with.
    if (this.#keepAlive && at === to && !this.#isWriting) this.#owner.released(this);
    else this.close();
    flight.succeed(this.#status, this.#statusText, this.#protocol, head, body);
  }

  /** The other side closed. */
  #ended(): void {
    const flight = this.#flight;
    if (flight === undefined) {
      this.close();
      return;
    }
    if (this.#state === BODY && this.#left === UNTIL_CLOSE) {
      this.#complete(flight, this.#sink?.body() ?? NO_BODY, 0, 0);
      return;
    }
    this.#failed(new ExchangeError(FAILURE_CODE.other, flight.firstByteMs === 0 ? "EOF" : "unexpected EOF"));
  }

  #failed(error: ExchangeError): void {
    const flight = this.#flight;
    this.#flight = undefined;
    this.#state = IDLE;
    this.close();
    if (flight !== undefined) this.#owner.failed(flight, error, this.#count > 1);
  }

  /** Ends the exchange when its time is over or its signal aborts. The timer and the listener serve many exchanges. */
  #watch(flight: Flight, now: number): void {
    const { timeoutMs } = flight.request;
    if (this.#count === 1 || now - flight.startMs > 5 || this.#timer === undefined || this.#timerMs !== timeoutMs) {
      if (this.#timer !== undefined) clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#timerMs = 0;
      if (Number.isFinite(timeoutMs)) {
        const left = timeoutMs - (now - flight.startMs);
        this.#timerMs = left > timeoutMs - 5 ? timeoutMs : -1;
        this.#timer = setTimeout(this.#onTimeout, Math.min(Math.max(0, left), 0x7fffffff));
        this.#timer.unref();
      }
    } else this.#timer.refresh();
    const { signal } = flight;
    if (signal === this.#signal) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#onAbort);
  }

  readonly #onTimeout = (): void => {
    if (this.#flight !== undefined) this.#failed(new ExchangeError(FAILURE_CODE.timeout, "request timeout"));
  };

  readonly #onAbort = (): void => {
    if (this.#flight !== undefined) this.#failed(new ExchangeError(FAILURE_CODE.other, "context canceled"));
  };
}

/** Who keeps a connection between its exchanges. */
export interface ConnectionOwner {
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  /** It is idle and may be used again. */
  released(connection: Http1Connection): void;
  closed(connection: Http1Connection): void;
  /** The exchange did not come to its end; `isReused`: on a connection that had served others before. */
  failed(flight: Flight, error: ExchangeError, isReused: boolean): void;
}

/**
 * Requests go out together at the end of a turn of the event loop: written one by one, between the answers that lead to them,
 * each wakes the server anew, and the system spends more on waking than on sending. Until then they count as blocked.
 */
let unsent: Http1Connection[] = [];

function sendAll(): void {
  const all = unsent;
  unsent = [];
  for (const connection of all) connection.flush();
}

const IDLE = 0;
const HEAD = 1;
const BODY = 2;

/** Reused for every response: read at once after it is filled. */
const FRAMING: Framing = { length: 0, keepAlive: undefined };

/** Where the empty line that ends the head starts (at the line break before it), or -1. Bare line feeds are taken as well. */
function endOfHead(bytes: Buffer, from: number, to: number, searchFrom: number): number {
  const found = bytes.indexOf("\r\n\r\n", searchFrom, "latin1");
  const crlf = found >= 0 && found + 4 <= to ? found : -1;
  const firstLine = bytes.indexOf(0x0a, from);
  if (firstLine < 0 || firstLine >= to || bytes[firstLine - 1] === 0x0d) return crlf;
  const bare = bytes.indexOf("\n\n", from, "latin1");
  return bare >= 0 && bare + 2 <= to && (crlf < 0 || bare < crlf) ? bare : crlf;
}

function bodyStart(bytes: Buffer, headEnd: number): number {
  return bytes[headEnd] === 0x0d ? headEnd + 4 : headEnd + 2;
}
