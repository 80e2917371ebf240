import { ExchangeError, FAILURE_CODE } from "./failure-code.ts";

/** A chunk's size line with its extensions, and all trailer lines together: nobody needs more. */
const MOST_LINE_BYTES = 4096;
const MOST_TRAILER_BYTES = 65_536;

/** Kept small so that its hidden class stays one: which part of the coding comes next. */
const SIZE = 0;
const EXTENSION = 1;
const DATA = 2;
const DATA_END = 3;
const TRAILER = 4;
const DONE = 5;

/**
 * The chunked coding (RFC 9112, section 7.1), taken in pieces of any size:
 *
 *     size [;extension] LF  data LF  …  0 LF  [trailer LF …]  LF        (each LF may have a CR before it)
 */
export class ChunkedBody {
  #state = SIZE;
  #left = 0;
  #digits = 0;
  #lineBytes = 0;
  #trailerBytes = 0;

  get isDone(): boolean {
    return this.#state === DONE;
  }

  /** Hands stretches of data to `take` and answers where it stopped: `end`, or after the last byte of the body. Throws ExchangeError. */
  feed(bytes: Buffer, start: number, end: number, take: (bytes: Buffer, from: number, to: number) => void): number {
    let at = start;
    while (at < end && this.#state !== DONE) {
      if (this.#state === DATA) {
        const to = Math.min(end, at + this.#left);
        take(bytes, at, to);
        this.#left -= to - at;
        at = to;
        if (this.#left === 0) this.#state = DATA_END;
        continue;
      }
      this.#control(bytes[at++]!);
    }
    return at;
  }

  #control(byte: number): void {
    switch (this.#state) {
      case SIZE:
        this.#size(byte);
        return;
      case EXTENSION:
        if (byte === 0x0a) this.#sizeDone();
        else if (++this.#lineBytes > MOST_LINE_BYTES) throw malformed("a chunk's extension is too long");
        return;
      case DATA_END:
        if (byte === 0x0d && this.#lineBytes === 0) this.#lineBytes = 1;
        else if (byte === 0x0a) this.#next(SIZE);
        else throw malformed("a chunk does not end where its size says");
        return;
      default:
        this.#trailer(byte);
    }
  }

  #size(byte: number): void {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      if (++this.#digits > 12) throw malformed("a chunk's size is too large");
      this.#left = this.#left * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw malformed("a chunk without a size");
    if (byte === 0x0a) this.#sizeDone();
    else if (byte === 0x3b || byte === 0x0d || byte === 0x20 || byte === 0x09) this.#state = EXTENSION;
    else throw malformed("a chunk's size is no number");
  }

  #sizeDone(): void {
    const isLast = this.#left === 0;
    this.#next(isLast ? TRAILER : DATA);
  }

  #next(state: number): void {
    this.#state = state;
    this.#lineBytes = 0;
    this.#digits = 0;
    if (state === SIZE) this.#left = 0;
  }

  #trailer(byte: number): void {
    if (++this.#trailerBytes > MOST_TRAILER_BYTES) throw malformed("trailers are too long");
    if (byte === 0x0a) {
      if (this.#lineBytes === 0) this.#state = DONE;
      else this.#lineBytes = 0;
    } else if (byte !== 0x0d) this.#lineBytes++;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function malformed(what: string): ExchangeError {
  return new ExchangeError(FAILURE_CODE.other, `malformed chunked encoding: ${what}`);
}
