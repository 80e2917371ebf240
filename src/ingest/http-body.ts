/**
 * Reads a request's body into one buffer of exactly its size.
 *
 * With a Content-Length the buffer is made at once and filled. Without (chunked), pieces are copied into segments that double
 * in size, never kept as they come: a sender of one-byte chunks would otherwise make an object of each.
 */
import type { IncomingMessage } from "node:http";
import { Failure } from "#runtime/failure.ts";
import type { Ticket } from "./admission.ts";
import type { LimitCounts } from "./admission-counts.ts";

export interface BodyLimits {
  readonly maxBodyBytes: number;
  /** Longest pause between two pieces. */
  readonly bodyIdleMs: number;
  /** Longest time for the whole body. */
  readonly bodyMs: number;
}

export const BODY_DEFAULTS: BodyLimits = { maxBodyBytes: 32 << 20, bodyIdleMs: 10_000, bodyMs: 60_000 };

const FIRST_SEGMENT_BYTES = 64 << 10;
const LARGEST_SEGMENT_BYTES = 4 << 20;
/** A body may come in this many pieces of any size; further ones must average at least MIN_PIECE_BYTES. */
const FREE_PIECES = 4_096;
const MIN_PIECE_BYTES = 32;

export function tooLarge(maxBodyBytes: number): Failure {
  return new Failure("too-large", `the body is larger than ${maxBodyBytes} bytes (ingest.maxBody)`);
}

/** Whether a body of so many bytes came in more pieces than an honest sender makes. */
export function tooFragmented(pieces: number, bytes: number): boolean {
  return pieces > FREE_PIECES && bytes < pieces * MIN_PIECE_BYTES;
}

/**
 * @param length the Content-Length, already checked against `maxBodyBytes` and covered by the ticket; undefined if chunked
 * @param abandon gives the body up from outside: the returned promise rejects with the failure passed to it
 * Rejects with "too-large", "timeout", "bad-request" (too fragmented), "unavailable" (no room to grow) or "cancelled" (the
 * connection broke). The request is paused then, with what is left of it unread.
 */
export function readBody(
  request: IncomingMessage,
  length: number | undefined,
  ticket: Ticket,
  limits: BodyLimits,
  counts: LimitCounts,
  abandon: (giveUp: (failure: Failure) => void) => void,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const exact = length === undefined ? undefined : Buffer.allocUnsafeSlow(length);
    const segments: Buffer[] = [];
    let segmentFill = 0;
    let total = 0;
    let pieces = 0;

    let settled = false;
    const settle = (outcome: Failure | Uint8Array): void => {
      if (settled) return;
      settled = true;
      clearTimeout(idle);
      clearTimeout(whole);
      request.off("data", onData);
      request.off("end", onEnd);
      request.off("close", onClose);
      request.off("error", onError);
      segments.length = 0;
      if (outcome instanceof Failure) {
        request.pause();
        // A broken connection may still say so; that is no news.
        request.on("error", () => undefined);
        reject(outcome);
      } else resolve(outcome);
    };
    const slow = (): void => {
      counts.add("body-time");
      settle(new Failure("timeout", `the body arrived too slowly: ${total} bytes so far`));
    };
    const idle = setTimeout(slow, limits.bodyIdleMs);
    const whole = setTimeout(slow, limits.bodyMs);

    const onData = (piece: Buffer): void => {
      idle.refresh();
      total += piece.length;
      ticket.received(piece.length);
      if (total > limits.maxBodyBytes) {
        counts.add("body-size");
        settle(tooLarge(limits.maxBodyBytes));
        return;
      }
      if (tooFragmented(++pieces, total)) {
        counts.add("body-fragments");
        settle(new Failure("bad-request", `the body came in ${pieces} tiny pieces`));
        return;
      }
      if (exact === undefined) append(piece);
      else piece.copy(exact, total - piece.length);
    };
    const append = (piece: Buffer): void => {
      let copied = 0;
      while (copied < piece.length) {
        let segment = segments.at(-1);
        if (segment === undefined || segmentFill === segment.length) {
          const size = Math.min(
            LARGEST_SEGMENT_BYTES,
            segment === undefined ? FIRST_SEGMENT_BYTES : segment.length * 2,
          );
          const noRoom = ticket.grow(size);
          if (noRoom !== undefined) {
            settle(noRoom);
            return;
          }
          segment = Buffer.allocUnsafeSlow(size);
          segments.push(segment);
          segmentFill = 0;
        }
        const count = piece.copy(segment, segmentFill, copied);
        segmentFill += count;
        copied += count;
      }
    };
    const onEnd = (): void => {
      if (exact !== undefined) {
        // node's parser ends a body exactly at its Content-Length; anything else would hand on uninitialised bytes.
        settle(total === exact.length ? exact : new Failure("bad-request", "the body ended before its Content-Length"));
        return;
      }
      const body = Buffer.allocUnsafeSlow(total);
      let at = 0;
      for (const segment of segments) at += segment.copy(body, at, 0, total - at);
      settle(body);
    };
    const onClose = (): void => settle(new Failure("cancelled", "the connection broke before the body was complete"));
    const onError = (): void => onClose();

    abandon((failure) => settle(failure));
    request.on("data", onData);
    request.on("end", onEnd);
    request.on("close", onClose);
    request.on("error", onError);
  });
}
