/** What a request's headers say of its body. */
import { Failure } from "#runtime/failure.ts";
import type { ContentEncoding } from "#wire/compression.ts";

export type ContentFormat = "protobuf" | "json";

export const CONTENT_TYPES: Readonly<Record<ContentFormat, string>> = {
  protobuf: "application/x-protobuf",
  json: "application/json",
};
export const ACCEPTED_TYPES = "application/x-protobuf, application/json";
export const ACCEPTED_ENCODINGS = "gzip, deflate, zstd";

/** Undefined where the type is neither OTLP/protobuf nor OTLP/JSON in UTF-8. */
export function formatOf(contentType: string | undefined): ContentFormat | undefined {
  if (contentType === "application/x-protobuf") return "protobuf";
  if (contentType === "application/json") return "json";
  const [type, ...parameters] = (contentType ?? "").toLowerCase().split(";");
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  switch (type?.trim()) {
    case "application/x-protobuf":
    case "application/protobuf":
      return "protobuf";
    case "application/json":
      return charset === undefined || /^charset="?utf-?8"?$/.test(charset) ? "json" : undefined;
    default:
      return undefined;
  }
}

/** Undefined where the encoding is unknown or several are stacked. */
export function encodingOf(contentEncoding: string | undefined): ContentEncoding | undefined {
  switch (contentEncoding?.trim().toLowerCase()) {
    case undefined:
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "deflate":
      return "deflate";
    case "zstd":
      return "zstd";
    default:
      return undefined;
  }
}

/** The body's length in bytes; undefined where the headers do not tell. */
export function lengthOf(contentLength: string | undefined): number | undefined {
  return contentLength === undefined ? undefined : Number(contentLength);
}

export function unsupportedType(contentType: string | undefined): Failure {
  return new Failure(
    "unsupported-media",
    `Content-Type ${JSON.stringify(contentType ?? "")} is not one of ${ACCEPTED_TYPES}`,
  );
}

export function unsupportedEncoding(contentEncoding: string | undefined): Failure {
  return new Failure(
    "unsupported-media",
    `Content-Encoding ${JSON.stringify(contentEncoding ?? "")} is not one of identity, ${ACCEPTED_ENCODINGS}`,
  );
}
