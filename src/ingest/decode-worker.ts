import {
  type BuildContext,
  buildBlocks,
  createBuildContext,
  estimateBlockBytes,
  type PreparedBatch,
} from "#engine/native-block.ts";
import type { Signal } from "#model/batch.ts";
import { countOutside, type OutsideCounts, outsideTotal } from "#pipeline/time-window.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import { runThread, type ThreadPort } from "#runtime/threads.ts";
import { decodeOtlp } from "#wire/otlp.ts";
import type {
  BuildOrder,
  BuiltAnswer,
  DecodedAnswer,
  DecodeOrder,
  WorkerAnswer,
  WorkerOrder,
  WorkerReady,
} from "./decode-worker-message.ts";
import type { Rejection } from "./ingest.ts";

/**
 * The worker thread of one or more signals: decodes bodies, keeps the columns, and makes Native blocks of them when the loader
 * asks. Nothing here waits: one order after the other, so a batch is built by the thread that decoded it and never copied
 * between threads; only bodies come in and finished blocks go out, both transferred.
 */
export function serveDecoder(port: ThreadPort): void {
  const kept = new Map<number, PreparedBatch>();
  const contexts = new Map<Signal, BuildContext>();
  const contextOf = (signal: Signal): BuildContext => {
    let context = contexts.get(signal);
    if (context === undefined) {
      context = createBuildContext();
      contexts.set(signal, context);
    }
    return context;
  };

  port.onMessage((message) => {
    const order = message as WorkerOrder;
    switch (order.kind) {
      case "decode": {
        port.post(attempt(order.id, () => decode(order, kept)));
        return;
      }
      case "build": {
        const answer = attempt(order.id, () => build(order, kept, contextOf(order.signal)));
        for (const number of order.batches) kept.delete(number);
        port.post(answer, answer.kind === "built" ? buffersOf(answer) : []);
        return;
      }
      case "release":
        for (const number of order.batches) kept.delete(number);
        return;
      case "give-back":
        contextOf(order.signal).memory.pool.give(order.buffers.map((buffer) => new Uint8Array(buffer)));
        return;
      case "forget-series":
        for (const context of contexts.values()) context.seriesSeen.forget();
        return;
    }
  });
  port.post({ kind: "ready" } satisfies WorkerReady);
}

function attempt(id: number, action: () => WorkerAnswer): WorkerAnswer {
  try {
    return action();
  } catch (error) {
    return {
      kind: "failed",
      id,
      code: error instanceof Failure ? error.code : undefined,
      message: describeError(error),
    };
  }
}

function decode(order: DecodeOrder, kept: Map<number, PreparedBatch>): DecodedAnswer {
  const { id, signal, body, contentType, contentEncoding, limits, window, keepAs } = order;
  const { batch, accepted, rejections, truncated } = decodeOtlp(signal, body, { contentType, contentEncoding, limits });
  const outside = countOutside(batch, window);
  const outsideCount = outsideTotal(outside);
  const isRejecting = window.outside === "reject";
  const all: Rejection[] = rejections.map(({ reason, count }) => ({
    reason,
    count,
    message: REJECTIONS[reason] ?? reason,
  }));
  if (isRejecting) all.push(...outsideRejections(outside));
  const rows = isRejecting ? accepted - outsideCount : accepted;
  const keep = keepAs !== undefined && rows > 0;
  if (keep) kept.set(keepAs, { batch, tenant: order.tenant, window, receivedUnixNano: order.receivedUnixNano });
  const keptBytes = memoryOf(batch);
  return {
    kind: "decoded",
    id,
    accepted: rows,
    rejected: all.reduce((sum, { count }) => sum + count, 0),
    rejections: all,
    clamped: isRejecting ? 0 : outsideCount,
    truncated,
    keptBytes,
    decodedBytes: Math.max(keptBytes, estimateBlockBytes(batch)),
    isKept: keep,
  };
}

function build(order: BuildOrder, kept: ReadonlyMap<number, PreparedBatch>, context: BuildContext): BuiltAnswer {
  const batches = order.batches.map((number) => {
    const batch = kept.get(number);
    if (batch === undefined) throw new Error(`Batch ${number} is not kept.`);
    return batch;
  });
  const { blocks } = buildBlocks(order.signal, batches, context);
  return {
    kind: "built",
    id: order.id,
    blocks: blocks.map(({ kind, rows, parts, sizeBytes, dates }) => ({ kind, rows, parts, sizeBytes, dates })),
  };
}

function buffersOf(answer: BuiltAnswer): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { parts } of answer.blocks)
    for (const { buffer } of parts) if (buffer instanceof ArrayBuffer) buffers.add(buffer);
  return [...buffers];
}

/** One sentence for the sender. */
const REJECTIONS: Readonly<Record<string, string>> = {
  "trace-id-invalid": "a trace id must be 16 bytes, not all zero",
  "span-id-invalid": "a span id must be 8 bytes, not all zero",
  "parent-span-id-invalid": "a parent span id must be empty or 8 bytes",
  "metric-name-missing": "a metric must have a name",
  "value-missing": "a data point must have a value",
  "buckets-mismatched": "a histogram must have one bucket count more than bounds",
  "bounds-unordered": "the bounds of a histogram must ascend",
  "too-many-buckets": "a data point has more buckets than ingest.limits.bucketsPerPoint allows",
};

function outsideRejections({ tooOld, tooNew, missing }: OutsideCounts): Rejection[] {
  const found: readonly Rejection[] = [
    { reason: "too-old", count: tooOld, message: "the time is older than what is retained" },
    { reason: "too-new", count: tooNew, message: "the time is too far ahead of this server's clock" },
    { reason: "time-missing", count: missing, message: "a record must have a time" },
  ];
  return found.filter(({ count }) => count > 0);
}

/** Bytes of memory that a batch keeps from being freed. */
function memoryOf(batch: object): number {
  const buffers = new Set<ArrayBufferLike>();
  const visit = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) buffers.add(value.buffer);
    else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) visit(inner);
  };
  visit(batch);
  let bytes = 0;
  for (const buffer of buffers) bytes += buffer.byteLength;
  return bytes;
}

runThread(import.meta.url, serveDecoder);
