import type { Signal } from "#model/batch.ts";
import { Writer } from "./otlp/writer.ts";

/**
 * What a receiver answers, as bytes: Export…ServiceResponse (opentelemetry-proto, collector/…/…_service.proto) and
 * google.rpc.Status (status.proto, error_details.proto), each as protobuf or JSON.
 */
const REJECTED: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
};

const RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo";

/**
 * The answer to an export of which something was taken. `partial_success` is left out where there is nothing to say; with
 * `rejected` 0 and a message it is a warning (OTLP specification, "Partial Success").
 */
export function encodeExportResponse(
  format: "protobuf" | "json",
  signal: Signal,
  rejected: number,
  message: string,
): Uint8Array {
  const isWhole = rejected === 0 && message === "";
  if (format === "json") {
    const partialSuccess = { [REJECTED[signal]]: String(rejected), errorMessage: message };
    return Buffer.from(JSON.stringify(isWhole ? {} : { partialSuccess }));
  }
  const out = new Writer(64);
  if (!isWhole) {
    out.byte(0x0a);
    const start = out.open();
    writeNumber(out, 0x08, rejected);
    writeText(out, 0x12, message);
    out.close(start);
  }
  return out.finish();
}

/**
 * The body of a refusal. `code` is a gRPC status code. A delay tells a gRPC client that it may try again, and when
 * (OTLP specification, "OTLP/gRPC Throttling"); over HTTP the Retry-After header says so.
 */
export function encodeStatus(
  format: "protobuf" | "json",
  code: number,
  message: string,
  retryAfterSeconds?: number,
): Uint8Array {
  const seconds = retryAfterSeconds === undefined ? undefined : Math.floor(retryAfterSeconds);
  const nanos = retryAfterSeconds === undefined ? 0 : Math.min(999_999_999, Math.round((retryAfterSeconds % 1) * 1e9));
  if (format === "json") {
    const details = [{ "@type": RETRY_INFO, retryDelay: `${retryAfterSeconds}s` }];
    return Buffer.from(JSON.stringify(seconds === undefined ? { code, message } : { code, message, details }));
  }
  const out = new Writer(128);
  writeNumber(out, 0x08, code);
  writeText(out, 0x12, message);
  if (seconds !== undefined) {
    out.byte(0x1a);
    const any = out.open();
    writeText(out, 0x0a, RETRY_INFO);
    out.byte(0x12);
    const retryInfo = out.open();
    out.byte(0x0a);
    const delay = out.open();
    writeNumber(out, 0x08, seconds);
    writeNumber(out, 0x10, nanos);
    out.close(delay);
    out.close(retryInfo);
    out.close(any);
  }
  return out.finish();
}

/** A varint field; proto3 leaves out zero. */
function writeNumber(out: Writer, tag: number, value: number): void {
  if (value === 0) return;
  out.byte(tag);
  out.varint64(value % 2 ** 32, Math.floor(value / 2 ** 32));
}

function writeText(out: Writer, tag: number, text: string): void {
  if (text === "") return;
  const bytes = Buffer.from(text);
  out.byte(tag);
  out.varint(bytes.length);
  out.raw(bytes);
}
