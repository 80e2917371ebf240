/**
 * One length-prefixed message of a unary gRPC call ("gRPC over HTTP2", Length-Prefixed-Message):
 *
 *   ┌ 1 byte ────────────────┬ 4 bytes, big endian ┬──────────┐
 *   │ 0 as is, 1 compressed  │ length of message   │ message  │
 *   └────────────────────────┴─────────────────────┴──────────┘
 */
import type { ServerHttp2Stream } from "node:http2";
import { Failure } from "#runtime/failure.ts";
import type { Ticket } from "./admission.ts";
import type { LimitCounts } from "./admission-counts.ts";
import { type BodyLimits, tooFragmented, tooLarge } from "./http-body.ts";

const PREFIX_BYTES = 5;

export interface GrpcMessage {
  readonly compressed: boolean;
  readonly body: Uint8Array;
}

/** A call that breaks the protocol, with the gRPC status that says so. */
export class GrpcViolation extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "GrpcViolation";
    this.status = status;
  }
}

const UNIMPLEMENTED = 12;
const INTERNAL = 13;

/** The message with its prefix. */
export function frameMessage(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/**
 * Reads the stream to its end into one buffer of exactly the message's size.
 * Rejects with a Failure ("too-large", "timeout", "bad-request", a refusal for want of room, or "cancelled" when the stream
 * was reset) or a GrpcViolation (no message, several, or a truncated one).
 */
export function readMessage(
  stream: ServerHttp2Stream,
  ticket: Ticket,
  limits: BodyLimits,
  counts: LimitCounts,
  abandon: (giveUp: (failure: Failure) => void) => void,
): Promise<GrpcMessage> {
  return new Promise((resolve, reject) => {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    let prefixFill = 0;
    let body: Buffer | undefined;
    let fill = 0;
    let pieces = 0;

    let settled = false;
    const settle = (outcome: GrpcMessage | Failure | GrpcViolation): void => {
      if (settled) return;
      settled = true;
      clearTimeout(idle);
      clearTimeout(whole);
      stream.off("data", onData);
      stream.off("end", onEnd);
      stream.off("close", onClose);
      if (outcome instanceof Error) {
        // What still comes is dropped; the stream is closed by whoever answers.
        stream.resume();
        reject(outcome);
      } else resolve(outcome);
    };
    const slow = (): void => {
      counts.add("body-time");
      settle(new Failure("timeout", `the message arrived too slowly: ${fill} bytes so far`));
    };
    const idle = setTimeout(slow, limits.bodyIdleMs);
    const whole = setTimeout(slow, limits.bodyMs);

    const onData = (piece: Buffer): void => {
      idle.refresh();
      ticket.received(piece.length);
      if (tooFragmented(++pieces, fill)) {
        counts.add("body-fragments");
        settle(new Failure("bad-request", `the message came in ${pieces} tiny pieces`));
        return;
      }
      let at = 0;
      if (body === undefined) {
        at = piece.copy(prefix, prefixFill);
        prefixFill += at;
        if (prefixFill < PREFIX_BYTES) return;
        const refusal = begin();
        if (refusal !== undefined) {
          settle(refusal);
          return;
        }
      }
      if (piece.length - at > body!.length - fill) {
        settle(new GrpcViolation(UNIMPLEMENTED, "more than one message in a unary call"));
        return;
      }
      fill += piece.copy(body!, fill, at);
    };
    const begin = (): Failure | GrpcViolation | undefined => {
      const length = prefix.readUInt32BE(1);
      if (prefix[0]! > 1) return new GrpcViolation(INTERNAL, `unknown message flags ${prefix[0]}`);
      if (length > limits.maxBodyBytes) {
        counts.add("body-size");
        return tooLarge(limits.maxBodyBytes);
      }
      const noRoom = ticket.grow(length);
      if (noRoom !== undefined) return noRoom;
      body = Buffer.allocUnsafeSlow(length);
      return undefined;
    };
    const onEnd = (): void => {
      if (body !== undefined && fill === body.length) settle({ compressed: prefix[0] === 1, body });
      else if (prefixFill === 0) settle(new GrpcViolation(UNIMPLEMENTED, "a unary call without a message"));
      else settle(new GrpcViolation(INTERNAL, "the call ended within its message"));
    };
    const onClose = (): void =>
      settle(new Failure("cancelled", "the call was cancelled before its message was complete"));

    abandon((failure) => settle(failure));
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("close", onClose);
  });
}
