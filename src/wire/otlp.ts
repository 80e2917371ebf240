/**
 * OTLP 1.x (opentelemetry-proto) into columns: Export{Trace,Logs,Metrics}ServiceRequest, protobuf or JSON.
 *
 * What the protocol leaves open or a sender does wrong, and what becomes of it. A broken encoding refuses the request; a
 * broken record is rejected alone and reported as partial success, where the Collector would refuse the whole request.
 *
 *   encoding broken, a group, field number 0          request refused, "bad-payload" with field and byte
 *   known field with another wire type                skipped like an unknown field (as protobuf libraries do)
 *   span: trace id not 16 bytes, or zero              rejected, trace-id-invalid (OTLP: invalid and required)
 *   span: span id not 8 bytes, or zero                rejected, span-id-invalid
 *   span: parent id neither empty nor 8 bytes         rejected, parent-span-id-invalid (it would pass for a root)
 *   span: parent id zero                              a root (as in the Collector)
 *   link: an id invalid                               the link is left out and counted in the span's dropped links
 *   log record, exemplar: an id invalid               no id (OTLP: "assume … not associated with a trace")
 *   points of a metric without a name                 rejected, metric-name-missing
 *   number point without a value                      rejected, value-missing; NaN if it is flagged "no recorded value"
 *   histogram: buckets not one more than bounds       rejected, buckets-mismatched (none of either is allowed)
 *   histogram: bounds not rising                      rejected, bounds-unordered
 *   more buckets or quantiles than the limit          rejected, too-many-buckets (half a histogram is a wrong one)
 *   exemplar without a value; metric without data     left out, nothing to count
 *   enum number that is not known                     0, unspecified
 *   text that is no UTF-8                             U+FFFD for what is wrong (the Collector passes it on as it is)
 *   an attribute key twice in one record              the first stays, the rest is counted as dropped
 *   a message or scalar twice where one is expected   merged, the last scalar wins (protobuf); of a oneof the last member
 *   limits                                            see limits.ts
 */
import type { Batch, Signal } from "#model/batch.ts";
import { Failure } from "#runtime/failure.ts";
import { type ContentEncoding, decompress } from "./compression.ts";
import type { DecodeLimit, DecodeLimits } from "./limits.ts";
import { Decoding } from "./otlp/decoding.ts";
import { EnvelopeReader } from "./otlp/envelope.ts";
import { locate } from "./otlp/locate.ts";
import { LogReader } from "./otlp/log-record.ts";
import { MetricReader } from "./otlp/metric.ts";
import { REQUESTS } from "./otlp/schema.ts";
import { WireError } from "./otlp/source.ts";
import { SpanReader } from "./otlp/span.ts";
import { Packing } from "./otlp/table.ts";
import { transcodeJson } from "./otlp-json.ts";
import type { Rejection } from "./rejection.ts";

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

/** Scratch tables of this thread, used again for batch after batch; given back where one batch made them this large. */
const idle = new Map<Signal, Readers>();
const KEEP_SCRATCH_BYTES = 32 * 1024 * 1024;

/**
 * Decodes the body of an OTLP export request into columns. Synchronous, and a function of its arguments alone: the same bytes
 * and options give the same columns, which is what lets a restart decode them again from the journal.
 * Throws "bad-payload" (naming field and byte), "too-large" (naming the limit's setting) or "unsupported-media".
 */
export function decodeOtlp(signal: Signal, body: Uint8Array, options: DecodeOptions): DecodeOutcome {
  const { contentType, contentEncoding, limits } = options;
  if (contentType !== "protobuf" && contentType !== "json") {
    throw new Failure(
      "unsupported-media",
      `content type ${String(contentType)} is not supported, only protobuf and json`,
    );
  }
  const plain = decompress(body, contentEncoding, limits.decompressedBytes);
  const bytes = contentType === "json" ? transcodeJson(signal, plain, limits.decompressedBytes) : plain;
  const kept = idle.get(signal);
  const readers = kept !== undefined && sameLimits(kept.decoding.limits, limits) ? kept : openReaders(signal, limits);
  idle.delete(signal);
  try {
    return decode(signal, readers, bytes);
  } finally {
    readers.decoding.release();
    if (readers.decoding.scratchBytes <= KEEP_SCRATCH_BYTES) idle.set(signal, readers);
  }
}

function decode(signal: Signal, { decoding, envelope, records }: Readers, bytes: Uint8Array): DecodeOutcome {
  decoding.begin(bytes);
  envelope.begin();
  records.begin();
  try {
    envelope.read(0, bytes.length);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    const path = locate(REQUESTS[signal], bytes, error.byte);
    const where = path === "" ? "" : `${path}: `;
    throw new Failure("bad-payload", `${where}${error.message} (byte ${error.byte})`, { cause: error });
  }
  decoding.settleKeys();
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
