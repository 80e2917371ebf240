/** Answers of OTLP receivers as bytes: Export…ServiceResponse and google.rpc.Status, as protobuf or JSON. */
import type { Signal } from "#model/batch.ts";

const REJECTED_FIELD: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
};

const EMPTY = new Uint8Array(0);
const EMPTY_JSON = Buffer.from("{}");

/** The response of an Export call; the partial success is left out where nothing was rejected. */
export function encodeExportResponse(
  format: "protobuf" | "json",
  signal: Signal,
  rejected: number,
  message: string,
): Uint8Array {
  if (rejected === 0 && message === "") return format === "json" ? EMPTY_JSON : EMPTY;
  if (format === "json")
    return Buffer.from(
      JSON.stringify({ partialSuccess: { [REJECTED_FIELD[signal]]: String(rejected), errorMessage: message } }),
    );
  return field(1, Buffer.concat([varintField(1, rejected), field(2, Buffer.from(message))]));
}

/** google.rpc.Status with a RetryInfo detail where a delay is given. `code` is a gRPC status code. */
export function encodeStatus(
  format: "protobuf" | "json",
  code: number,
  message: string,
  retryAfterSeconds?: number,
): Uint8Array {
  if (format === "json") {
    const details =
      retryAfterSeconds === undefined
        ? []
        : [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: `${retryAfterSeconds}s` }];
    return Buffer.from(JSON.stringify(details.length === 0 ? { code, message } : { code, message, details }));
  }
  const parts = [varintField(1, code), field(2, Buffer.from(message))];
  if (retryAfterSeconds !== undefined) {
    const retryInfo = field(1, varintField(1, retryAfterSeconds));
    parts.push(
      field(3, Buffer.concat([field(1, Buffer.from("type.googleapis.com/google.rpc.RetryInfo")), field(2, retryInfo)])),
    );
  }
  return Buffer.concat(parts);
}

function field(number: number, value: Uint8Array): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(value.length), value]);
}

function varintField(number: number, value: number): Buffer {
  return value === 0 ? Buffer.alloc(0) : Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
