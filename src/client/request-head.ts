import type { HttpRequest } from "./exchange.ts";
import { ExchangeError, FAILURE_CODE } from "./failure-code.ts";
import type { Target } from "./request-target.ts";

/** A header array as lines, and what it already holds of the lines that are added otherwise. */
interface EncodedHeaders {
  readonly lines: string;
  readonly hasHost: boolean;
  readonly hasLength: boolean;
  readonly hasConnection: boolean;
}

/** By identity of the array: the same headers are sent many thousand times. */
const encoded = new WeakMap<object, EncodedHeaders>();
let lastHeaders: object | undefined;
let lastEncoded: EncodedHeaders | undefined;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The request line and header block of an HTTP/1.1 request, one character a byte. Throws ExchangeError for what cannot be sent. */
export function requestHead(request: HttpRequest, target: Target, keepAlive: boolean): string {
  const { headers, body, method } = request;
  let known = headers === lastHeaders ? lastEncoded : encoded.get(headers);
  if (known === undefined) {
    known = encodeHeaders(headers);
    encoded.set(headers, known);
  }
  lastHeaders = headers;
  lastEncoded = known;
  if (!TOKEN.test(method)) throw new ExchangeError(FAILURE_CODE.other, `net/http: invalid method "${method}"`);
  let head = `${method} ${target.path} HTTP/1.1\r\n`;
  if (!known.hasHost) head += `Host: ${target.origin.authority}\r\n`;
  head += known.lines;
  if (request.extraHead !== undefined) head += request.extraHead;
  if (!known.hasLength) {
    if (body !== undefined && body.length > 0) head += `Content-Length: ${body.length}\r\n`;
    else if (method === "POST" || method === "PUT" || method === "PATCH") head += "Content-Length: 0\r\n";
  }
  if (!keepAlive && !known.hasConnection) head += "Connection: close\r\n";
  return `${head}\r\n`;
}

function encodeHeaders(headers: HttpRequest["headers"]): EncodedHeaders {
  let lines = "";
  let hasHost = false;
  let hasLength = false;
  let hasConnection = false;
  for (const [name, value] of headers) {
    lines += headerLine(name, value);
    const lower = name.toLowerCase();
    if (lower === "host") hasHost = true;
    else if (lower === "content-length" || lower === "transfer-encoding") hasLength = true;
    else if (lower === "connection") hasConnection = true;
  }
  return { lines, hasHost, hasLength, hasConnection };
}

/** One line ready to be sent. Throws ExchangeError for what would be more than one header. */
export function headerLine(name: string, value: string): string {
  if (!TOKEN.test(name))
    throw new ExchangeError(FAILURE_CODE.other, `net/http: invalid header field name ${JSON.stringify(name)}`);
  if (hasControl(value))
    throw new ExchangeError(FAILURE_CODE.other, `net/http: invalid header field value for ${JSON.stringify(name)}`);
  return `${name}: ${bytesOf(value)}\r\n`;
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return true;
  }
  return false;
}

/** UTF-8 written one character a byte, as the head is sent. */
function bytesOf(text: string): string {
  for (let i = 0; i < text.length; i++)
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, "utf8").toString("latin1");
  return text;
}
