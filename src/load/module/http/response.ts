import { STATUS_CODES } from "node:http";
import { type HttpAnswer, type HttpRequest, isHttpFailure } from "#client/exchange.ts";
import { headerFields, headerValues } from "#client/response-head.ts";
import { arrayBufferOf } from "../bytes.ts";
import { parseDocument } from "../html/html-module.ts";
import type { Selection } from "../html/selection.ts";
import { parseSetCookie } from "./cookie.ts";
import { canonicalName } from "./header-name.ts";
import { parseJson, selectJson } from "./json-path.ts";
import type { RequestCookie } from "./operation.ts";

/** What a Response is made of, on demand. */
export interface Answered {
  readonly answer: HttpAnswer;
  readonly failure: { readonly errorCode: number; readonly error: string } | undefined;
  /** Unpacked; undefined where there is none to give. */
  readonly body: Uint8Array | undefined;
  readonly request: HttpRequest;
  readonly url: string;
  readonly sentCookies: readonly RequestCookie[];
  readonly responseType: "text" | "binary" | "none";
}

/** The fields in k6's order, as JSON shows them. */
const FIELDS = [
  "remote_ip",
  "remote_port",
  "url",
  "status",
  "status_text",
  "proto",
  "headers",
  "cookies",
  "body",
  "timings",
  "tls_version",
  "tls_cipher_suite",
  "ocsp",
  "error",
  "error_code",
  "request",
] as const;

/**
 * What a script is given for a request. Nothing but the status is worked out before the script asks for it: most scripts read
 * a status, and few read headers.
 */
export class Response {
  readonly #answered: Answered;
  status: number;
  #json: unknown = UNREAD;

  constructor(answered: Answered) {
    this.#answered = answered;
    this.status = isHttpFailure(answered.answer) ? 0 : answered.answer.status;
  }

  get url(): string {
    return this.#answered.url;
  }

  get status_text(): string {
    const { answer } = this.#answered;
    if (isHttpFailure(answer)) return "";
    return `${answer.status} ${answer.statusText === "" ? (STATUS_CODES[answer.status] ?? "") : answer.statusText}`.trim();
  }

  get proto(): string {
    const { answer } = this.#answered;
    return isHttpFailure(answer) ? "" : answer.protocol;
  }

  get remote_ip(): string {
    return this.#answered.answer.remoteIp;
  }

  get remote_port(): number {
    return this.#answered.answer.remotePort;
  }

  get tls_version(): string {
    const { answer } = this.#answered;
    return isHttpFailure(answer) ? "" : answer.tlsVersion;
  }

  get tls_cipher_suite(): string {
    const { answer } = this.#answered;
    return isHttpFailure(answer) ? "" : answer.tlsCipherSuite;
  }

  get error(): string {
    return this.#answered.failure?.error ?? "";
  }

  get error_code(): number {
    return this.#answered.failure?.errorCode ?? (this.status >= 400 ? 1000 + this.status : 0);
  }

  get headers(): Record<string, string> {
    const { answer } = this.#answered;
    const headers: Record<string, string> = {};
    if (!isHttpFailure(answer))
      for (const [name, value] of headerFields(answer.head)) {
        const key = canonicalName(name);
        keep(headers, key, Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value);
      }
    return own(this, "headers", headers);
  }

  get cookies(): Record<string, unknown[]> {
    const { answer } = this.#answered;
    const cookies: Record<string, unknown[]> = {};
    if (!isHttpFailure(answer))
      for (const line of headerValues(answer.head, "set-cookie")) {
        const cookie = parseSetCookie(line);
        if (cookie === undefined) continue;
        if (!Object.hasOwn(cookies, cookie.name)) keep(cookies, cookie.name, []);
        cookies[cookie.name]!.push({
          name: cookie.name,
          value: cookie.value,
          domain: cookie.domain,
          path: cookie.path,
          httpOnly: cookie.httpOnly,
          secure: cookie.secure,
          maxAge: cookie.maxAge,
          expires: cookie.expiresUnixMs,
        });
      }
    return own(this, "cookies", cookies);
  }

  get body(): string | ArrayBuffer | null {
    const { body, responseType } = this.#answered;
    if (body === undefined || responseType === "none") return null;
    return own(this, "body", responseType === "binary" ? arrayBufferOf(body) : utf8(body));
  }

  get timings(): Record<string, number> {
    const { timings } = this.#answered.answer;
    return own(this, "timings", {
      duration: timings.sending + timings.waiting + timings.receiving,
      blocked: timings.blocked,
      looking_up: timings.lookingUp,
      connecting: timings.connecting,
      tls_handshaking: timings.tlsHandshaking,
      sending: timings.sending,
      waiting: timings.waiting,
      receiving: timings.receiving,
    });
  }

  /** Node does not ask for stapled OCSP answers, and neither do we: the status is what k6 says when there is none. */
  get ocsp(): Record<string, unknown> {
    return own(this, "ocsp", {
      produced_at: 0,
      this_update: 0,
      next_update: 0,
      revocation_reason: "",
      revoked_at: 0,
      status: this.tls_version === "" ? "" : "unknown",
    });
  }

  get request(): Record<string, unknown> {
    const { request, sentCookies, url } = this.#answered;
    const headers: Record<string, string[]> = {};
    const add = (name: string, value: string): void => {
      if (Object.hasOwn(headers, name)) headers[name]!.push(value);
      else keep(headers, name, [value]);
    };
    for (const [name, value] of request.headers) add(name, value);
    for (const line of (request.extraHead ?? "").split("\r\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) add(line.slice(0, colon), line.slice(colon + 2));
    }
    if (request.body !== undefined && request.body.length > 0) add("Content-Length", String(request.body.length));
    const cookies: Record<string, RequestCookie[]> = {};
    for (const cookie of sentCookies) {
      if (!Object.hasOwn(cookies, cookie.name)) keep(cookies, cookie.name, []);
      cookies[cookie.name]!.push({ ...cookie });
    }
    return own(this, "request", {
      method: request.method,
      url,
      headers,
      body: request.body === undefined ? "" : utf8(request.body),
      cookies,
    });
  }

  /** The body as JSON, or what a gjson path selects of it; undefined where it selects nothing. Throws when it is no JSON. */
  json(selector?: string): unknown {
    if (this.#json === UNREAD) {
      const { body } = this;
      if (body === null)
        throw new Error(
          "the body is null so we can't transform it to JSON - this likely was because of a request error getting the response",
        );
      this.#json = parseJson(typeof body === "string" ? body : Buffer.from(body).toString("utf8"));
    }
    return selector === undefined || selector === null ? this.#json : selectJson(this.#json, String(selector));
  }

  html(selector?: string): Selection {
    const { body } = this;
    if (body === null)
      throw new Error(
        "the body is null so we can't transform it to HTML - this likely was because of a request error getting the response",
      );
    const document = parseDocument(typeof body === "string" ? body : Buffer.from(body).toString("utf8"), this.url);
    return selector === undefined || selector === null ? document : document.find(String(selector));
  }

  toJSON(): Record<string, unknown> {
    return Object.fromEntries(FIELDS.map((field) => [field, this[field]]));
  }
}

const UNREAD = Symbol("unread");

/** Field names that come from outside must not reach a prototype. */
function keep(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, writable: true, configurable: true });
}

/** What was worked out becomes the object's own field, so that a script finds the same object again. */
function own<T>(response: Response, field: string, value: T): T {
  keep(response, field, value);
  return value;
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

// In k6 the fields are plain ones: a script may write to them.
for (const field of FIELDS) {
  const accessor = Object.getOwnPropertyDescriptor(Response.prototype, field);
  if (accessor?.get === undefined) continue;
  Object.defineProperty(Response.prototype, field, {
    ...accessor,
    set(this: Response, value: unknown) {
      keep(this, field, value);
    },
  });
}
