import type { Batch, Signal } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { type ContentEncoding, decompress } from "./compression.ts";
import type { DecodeLimit, DecodeLimits } from "./limits.ts";
import { Decoding, type Rejection } from "./otlp/decoding.ts";
import { EnvelopeReader } from "./otlp/envelope.ts";
import { LogReader } from "./otlp/log-record.ts";
import { MetricReader } from "./otlp/metric.ts";
import { WireError } from "./otlp/source.ts";
import { SpanReader } from "./otlp/span.ts";
import { Packing } from "./otlp/table.ts";

export type ContentType = "protobuf" | "json";

export interface DecodeOptions {
  readonly contentType: ContentType;
  readonly contentEncoding: ContentEncoding;
  readonly limits: DecodeLimits;
}

export interface DecodeOutcome {
  /** Points into `body` where nothing had to be unpacked: whoever gave it must leave its bytes alone. */
  readonly batch: Batch;
  readonly accepted: number;
  readonly rejected: number;
  readonly rejections: readonly { readonly reason: Rejection; readonly count: number }[];
  /** What was cut off at a limit, by limit. */
  readonly truncated: readonly { readonly limit: DecodeLimit; readonly count: number }[];
}

interface Readers {
  readonly decoding: Decoding;
  readonly envelope: EnvelopeReader;
  readonly records: SpanReader | LogReader | MetricReader;
}

function openReaders(signal: Signal, limits: DecodeLimits): Readers {
  const decoding = new Decoding(limits);
  const records =
    signal === "traces"
      ? new SpanReader(decoding)
      : signal === "logs"
        ? new LogReader(decoding)
        : new MetricReader(decoding);
  return { decoding, records, envelope: new EnvelopeReader(decoding, records) };
}

/** Scratch tables of this thread, used again for batch after batch. */
const idle = new Map<Signal, Readers>();

/**
 * Decodes the body of an OTLP export request into columns. Synchronous, and a function of its arguments alone: the same bytes
 * and options give the same columns, which is what lets a restart decode them again from the journal.
 * Throws "bad-payload" (naming field and byte), "too-large" (naming the limit's setting) or "unsupported-media".
 */
export function decodeOtlp(signal: Signal, body: Uint8Array, options: DecodeOptions): DecodeOutcome {
  const plain = decompress(body, options.contentEncoding, options.limits.decompressedBytes);
  if (options.contentType !== "protobuf") throw new Failure("unsupported-media", "OTLP/JSON is not supported yet");
  const kept = idle.get(signal);
  idle.delete(signal);
  const readers =
    kept !== undefined && sameLimits(kept.decoding.limits, options.limits) ? kept : openReaders(signal, options.limits);
  const outcome = decode(readers, plain);
  idle.set(signal, readers);
  return outcome;
}

function decode({ decoding, envelope, records }: Readers, bytes: Uint8Array): DecodeOutcome {
  decoding.begin(bytes);
  envelope.begin();
  records.begin();
  try {
    envelope.read(0, bytes.length);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new Failure("bad-payload", `${error.message} (byte ${error.byte})`, { cause: error });
  }
  const packing = new Packing();
  packing.add(decoding.keys.table, decoding.keys.count);
  envelope.add(packing);
  records.add(packing);
  packing.pack(decoding.limits.columnBytes);
  const batch = records.batch(packing, envelope, decoding.finish());
  const rejections = [...decoding.rejections].map(([reason, count]) => ({ reason, count }));
  return {
    batch,
    accepted: batch.count,
    rejected: rejections.reduce((sum, { count }) => sum + count, 0),
    rejections,
    truncated: [...decoding.truncated].map(([limit, count]) => ({ limit, count })),
  };
}

function sameLimits(one: DecodeLimits, other: DecodeLimits): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
