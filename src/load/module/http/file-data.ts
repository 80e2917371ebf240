import { randomBytes } from "node:crypto";
import { systemClock } from "#runtime/clock.ts";
import { bytesOf } from "../bytes.ts";

/** `http.file(data, filename, contentType)`: a part of a multipart body. */
export class FileData {
  readonly data: unknown;
  readonly filename: string;
  readonly content_type: string;

  constructor(data: unknown, filename: string, contentType: string) {
    this.data = data;
    this.filename = filename;
    this.content_type = contentType;
  }
}

export function file(data: unknown, filename?: unknown, contentType?: unknown): FileData {
  bytesOf(data, "the data of a file");
  return new FileData(
    data,
    filename === undefined || filename === null ? String(systemClock.nowUnixNano()) : String(filename),
    contentType === undefined || contentType === null ? "application/octet-stream" : String(contentType),
  );
}

export interface EncodedBody {
  readonly bytes: Uint8Array;
  /** What the request's `Content-Type` becomes when the script gives none. */
  readonly contentType: string | undefined;
}

/** A script's body as bytes: text, buffers, fields urlencoded, or multipart when one of them is a file. Throws TypeError. */
export function encodeBody(body: unknown): EncodedBody | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === "string") return { bytes: Buffer.from(body, "utf8"), contentType: undefined };
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body))
    // Copied: the script may change it while it is being sent.
    return { bytes: Uint8Array.from(bytesOf(body, "the body")), contentType: undefined };
  if (typeof body !== "object") throw new TypeError(`unknown request body type ${typeof body}`);
  const fields = Object.entries(body);
  if (fields.some(([, value]) => value instanceof FileData)) return multipart(fields);
  return { bytes: Buffer.from(urlEncoded(fields)), contentType: "application/x-www-form-urlencoded" };
}

/** Sorted by name, as Go's url.Values are; a list stands for several values of one name. */
export function urlEncoded(fields: readonly (readonly [name: string, value: unknown])[]): string {
  return [...fields]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${escaped(name)}=${escaped(fieldText(one))}`),
    )
    .join("&");
}

function fieldText(value: unknown): string {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/** Go's url.QueryEscape; half a surrogate pair becomes U+FFFD. */
function escaped(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
    .replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

function multipart(fields: readonly (readonly [name: string, value: unknown])[]): EncodedBody {
  const boundary = randomBytes(30).toString("hex");
  const parts: Uint8Array[] = [];
  for (const [name, value] of fields) {
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`;
    if (value instanceof FileData)
      head += `; filename="${quoted(value.filename)}"\r\nContent-Type: ${value.content_type.replace(/[\r\n]/g, " ")}`;
    parts.push(Buffer.from(`${head}\r\n\r\n`));
    parts.push(value instanceof FileData ? bytesOf(value.data, "the data of a file") : Buffer.from(fieldText(value)));
    parts.push(Buffer.from("\r\n"));
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { bytes: Buffer.concat(parts), contentType: `multipart/form-data; boundary=${boundary}` };
}

function quoted(text: string): string {
  return text.replace(/["\\\r\n]/g, (mark) =>
    mark === '"' ? "%22" : mark === "\\" ? "\\\\" : mark === "\r" ? "%0D" : "%0A",
  );
}
