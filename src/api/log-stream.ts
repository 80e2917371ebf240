import type { Predicate } from "#plan/select.ts";
import { LogTail } from "#query/log-tail.ts";
import type { Question } from "#query/question.ts";
import { isFailure } from "#runtime/failure.ts";
import { problemOf } from "./problem.ts";

export interface LogStreamOptions {
  readonly where: Predicate | undefined;
  /** A question of its own for each look: its time is the look's. */
  readonly ask: () => Question;
  readonly intervalMs: number;
  readonly heartbeatMs: number;
  /** Bytes that may wait for a slow client; what arrives beyond is dropped and counted. */
  readonly bufferBytes: number;
  readonly signal: AbortSignal;
  readonly closed: () => void;
}

/**
 * Server-sent events: `rows` (lines as they arrive), `dropped` (how many were left out, because too many came at once or the
 * client reads too slowly), `heartbeat`, and `problem` before the stream ends for a reason. Memory is bounded by
 * `bufferBytes` and one look, however slowly the client reads.
 */
export function openLogStream(options: LogStreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const tail = new LogTail(options.where);
  let dropped = 0;
  let quietMs = 0;

  const run = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const send = (event: string, data: unknown): void => {
      controller.enqueue(encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`));
      quietMs = 0;
    };
    send("heartbeat", {});
    while (!signal.aborted) {
      const look = await tail.look(options.ask());
      dropped += look.dropped;
      const full = (controller.desiredSize ?? 0) <= 0;
      if (full) dropped += look.lines.length;
      else {
        if (dropped > 0) {
          send("dropped", { count: dropped });
          dropped = 0;
        }
        if (look.lines.length > 0) send("rows", look.lines);
        else if (quietMs >= options.heartbeatMs) send("heartbeat", {});
      }
      await pause(options.intervalMs, signal);
      quietMs += options.intervalMs;
    }
  };

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        run(controller)
          .catch((error: unknown) => {
            if (signal.aborted || isFailure(error, "cancelled")) return;
            controller.enqueue(encoder.encode(`event: problem\ndata: ${JSON.stringify(problemOf(error))}\n\n`));
          })
          .finally(() => {
            options.closed();
            if (!stop.signal.aborted) controller.close();
          })
          .catch(() => undefined);
      },
      cancel() {
        stop.abort();
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: options.bufferBytes }),
  );
}

/** Waits, or less when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
