import { ExchangeError, FAILURE_CODE } from "./failure-code.ts";

export const NO_BODY: Uint8Array = new Uint8Array(0);

/** What is reserved because a head promises it; beyond this room grows with what really arrives. */
const MOST_BELIEVED_BYTES = 1 << 20;

/**
 * Collects a body from views that are only valid during the call. Room for a known length is made once and filled; a body of
 * unknown length doubles its room.
 */
export class BodySink {
  #room: Buffer | undefined;
  #length = 0;
  readonly #expected: number;
  readonly #limit: number;

  /** `expectedBytes` below 0: unknown. */
  constructor(expectedBytes: number, limitBytes: number) {
    this.#expected = expectedBytes;
    this.#limit = limitBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** Throws ExchangeError past the limit. */
  take(bytes: Buffer, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > this.#limit) throw tooLarge(this.#limit);
    let room = this.#room;
    if (room === undefined || needed > room.length) {
      const wanted =
        this.#expected >= needed && this.#expected <= MOST_BELIEVED_BYTES
          ? this.#expected
          : Math.max(needed, (room?.length ?? 512) * 2);
      const grown = Buffer.allocUnsafe(Math.min(wanted, this.#limit));
      if (room !== undefined) room.copy(grown, 0, 0, this.#length);
      this.#room = grown;
      room = grown;
    }
    bytes.copy(room, this.#length, from, to);
    this.#length = needed;
  }

  body(): Uint8Array {
    if (this.#room === undefined) return NO_BODY;
    return this.#length === this.#room.length ? this.#room : this.#room.subarray(0, this.#length);
  }
}

export function tooLarge(limitBytes: number): ExchangeError {
  return new ExchangeError(FAILURE_CODE.other, `response body is larger than ${limitBytes} bytes`);
}
