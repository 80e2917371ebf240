/**
 * OTLP over HTTP: POST {prefix}/v1/traces, /v1/logs, /v1/metrics with protobuf or JSON.
 *
 * What can be refused is refused before the body is read, in this order: address (404), method (405), foreign page (403),
 * token (401, 403), tenant (400, 403), content type and encoding (415), size (413), quota (429), room (429, 503).
 * Answers have the request's content type; errors are google.rpc.Status. A sender repeats 429, 502, 503 and 504 only
 * (OTLP specification, "OTLP/HTTP Response"), so what may work later is answered with one of those and Retry-After.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Access } from "#access/access.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import type { ContentEncoding } from "#wire/compression.ts";
import { encodeExportResponse, encodeStatus } from "#wire/otlp-answer.ts";
import type { Admission } from "./admission.ts";
import type { LimitCounts } from "./admission-counts.ts";
import { grpcStatusOf } from "./grpc-status.ts";
import { BODY_DEFAULTS, type BodyLimits, readBody, tooLarge } from "./http-body.ts";
import {
  ACCEPTED_ENCODINGS,
  ACCEPTED_TYPES,
  CONTENT_TYPES,
  type ContentFormat,
  encodingOf,
  formatOf,
  lengthOf,
  unsupportedEncoding,
  unsupportedType,
} from "./http-content.ts";
import type { Ingest, IngestAnswer } from "./ingest.ts";

import type { Quotas } from "./quota.ts";

export interface OtlpHttpOptions {
  readonly ingest: Pick<Ingest, "accept">;
  readonly admission: Admission;
  readonly quotas: Quotas;
  readonly access: Access;
  readonly counts: LimitCounts;
  readonly clock: Clock;
  /** Before /v1/traces: "" for port 4318, "/otlp" for the API's port. */
  readonly prefix?: string;
  readonly body?: Partial<BodyLimits>;
  /** A programmer's error met while handling a request; the sender gets a 500. */
  readonly onError?: (error: unknown) => void;
}

/** How long and how much of a refused body is still read, so that the sender sees the answer rather than a broken connection. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 4 << 20;
/** A refused body of at most this size is read to its end instead, and the connection kept. */
const DISCARD_BYTES = 64 << 10;

export type OtlpHttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

export function createOtlpHttpHandler(options: OtlpHttpOptions): OtlpHttpHandler {
  const { access, admission, quotas, counts, clock, ingest } = options;
  const limits: BodyLimits = { ...BODY_DEFAULTS, ...options.body };
  const paths = new Map<string, Signal>(
    (["traces", "logs", "metrics"] as const).map((signal) => [`${options.prefix ?? ""}/v1/${signal}`, signal]),
  );

  /** Everything that the headers decide. */
  const examine = (request: IncomingMessage): Examined | Refusal => {
    const { headers, method = "" } = request;
    const path = pathOf(request.url ?? "");
    const signal = paths.get(path);
    const format = formatOf(headers["content-type"]);
    const refuse = (failure: Failure, extra?: Record<string, string>): Refusal => ({ failure, format, extra });
    if (signal === undefined)
      return refuse(new Failure("not-found", `${path} is none of ${[...paths.keys()].join(", ")}`));
    if (method !== "POST" && method !== "OPTIONS")
      return refuse(new Failure("method-not-allowed", `${method} is not POST`), { allow: "POST" });
    const guarded = { method, headers };
    if (method === "OPTIONS")
      return refuse(access.guard(guarded) ?? new Failure("method-not-allowed", "OPTIONS is not POST"), {
        allow: "POST",
      });
    const admitted = access.admit(guarded, "ingest");
    if (admitted instanceof Failure) {
      if (admitted.code !== "bad-request")
        counts.add(admitted.code === "unauthenticated" ? "unauthenticated" : "forbidden");
      return refuse(
        admitted,
        admitted.code === "unauthenticated" ? { "www-authenticate": 'Bearer realm="traceo"' } : undefined,
      );
    }
    const { tenant } = admitted;
    if (format === undefined) return refuse(unsupportedType(headers["content-type"]), { accept: ACCEPTED_TYPES });
    const encoding = encodingOf(headers["content-encoding"]);
    if (encoding === undefined)
      return refuse(unsupportedEncoding(headers["content-encoding"]), { "accept-encoding": ACCEPTED_ENCODINGS });
    const length = lengthOf(headers["content-length"]);
    if (length !== undefined && length > limits.maxBodyBytes) {
      counts.add("body-size");
      return refuse(tooLarge(limits.maxBodyBytes));
    }
    const overQuota = quotas.refusal(tenant);
    return overQuota === undefined ? { signal, tenant, format, encoding, length } : refuse(overQuota);
  };

  const receive = async (request: IncomingMessage, response: ServerResponse, examined: Examined): Promise<void> => {
    const { signal, tenant, format, encoding, length } = examined;
    let giveUp: (failure: Failure) => void = () => undefined;
    const ticket = admission.enter(request.socket, length ?? 0, (failure) => giveUp(failure));
    if (ticket instanceof Failure) {
      answerFailure(request, response, { failure: ticket, format });
      return;
    }
    try {
      const body = await readBody(request, length, ticket, limits, counts, (abandon) => {
        giveUp = abandon;
      });
      ticket.complete();
      quotas.spend(tenant, "bytes", body.length);
      const answer = await accept(ingest, response, {
        signal,
        tenant,
        contentType: format,
        contentEncoding: encoding,
        body,
        receivedUnixNano: clock.nowUnixNano(),
      });
      quotas.spend(tenant, "records", answer.accepted + answer.rejected);
      answerExport(response, format, signal, answer);
    } catch (error) {
      answerFailure(request, response, { failure: failureFor(error, options.onError), format, begun: true });
    } finally {
      ticket.leave();
    }
  };

  return (request, response) => {
    const origin = access.allowedOrigin(request.headers);
    if (origin !== undefined) allowOrigin(response, origin);
    if (origin !== undefined && request.method === "OPTIONS" && paths.has(pathOf(request.url ?? ""))) {
      answerPreflight(request, response);
      return;
    }
    const examined = examine(request);
    if ("failure" in examined) answerFailure(request, response, examined);
    else void receive(request, response, examined);
  };
}

interface Examined {
  readonly signal: Signal;
  readonly tenant: string;
  readonly format: ContentFormat;
  readonly encoding: ContentEncoding;
  readonly length: number | undefined;
}

interface Refusal {
  readonly failure: Failure;
  /** The request's format, where it has one of ours. */
  readonly format: ContentFormat | undefined;
  readonly extra?: Record<string, string> | undefined;
  /** Reading the body had begun. */
  readonly begun?: boolean;
}

/** Passes the body on; a sender that goes away before it is kept stops it. */
async function accept(
  ingest: Pick<Ingest, "accept">,
  response: ServerResponse,
  request: Parameters<Ingest["accept"]>[0],
): Promise<IngestAnswer> {
  const abort = new AbortController();
  const onClose = (): void => abort.abort();
  response.on("close", onClose);
  try {
    return await ingest.accept(request, abort.signal);
  } finally {
    response.off("close", onClose);
  }
}

function answerExport(response: ServerResponse, format: ContentFormat, signal: Signal, answer: IngestAnswer): void {
  const message = answer.rejections.map((rejection) => rejection.message).join("; ");
  const body = encodeExportResponse(format, signal, answer.rejected, message);
  response.writeHead(200, { "content-type": CONTENT_TYPES[format], "content-length": body.length });
  // Without a body, which is the ordinary case, head and end go out in one write.
  if (body.length === 0) response.end();
  else response.end(body);
}

function answerFailure(request: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  const { failure, extra } = refusal;
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const format = refusal.format ?? "json";
  const message = `${failure.message}. ${failure.remedy}`;
  const body = encodeStatus(format, grpcStatusOf(failure), message, failure.retryAfterSeconds);
  const headers: Record<string, string | number> = {
    ...extra,
    "content-type": CONTENT_TYPES[format],
    "content-length": body.length,
  };
  if (failure.retryAfterSeconds !== undefined) headers["retry-after"] = Math.ceil(failure.retryAfterSeconds);
  if (request.complete || (refusal.begun !== true && bodyBytes(request) <= DISCARD_BYTES)) {
    // node reads and drops a small body; the connection stays of use.
    response.writeHead(failure.status, headers);
    response.end(body);
    return;
  }
  response.writeHead(failure.status, { ...headers, connection: "close" });
  const waits = request.headers.expect !== undefined && refusal.begun !== true;
  if (waits || failure.code === "timeout") {
    // Nothing is on its way.
    response.end(body);
    return;
  }
  // The body is still coming. Closing now would reset the connection and the sender might never see why: the answer goes out
  // whole, and what comes is thrown away for a while.
  response.write(body);
  let discarded = 0;
  const done = (): void => {
    clearTimeout(linger);
    if (!response.writableEnded) response.end();
  };
  const linger = setTimeout(done, LINGER_MS);
  request.on("data", (piece: Buffer) => {
    discarded += piece.length;
    if (discarded > LINGER_BYTES) done();
  });
  request.on("end", done);
  request.on("close", done);
  request.resume();
}

/** How large the body was said to be; infinite if it was not said. */
function bodyBytes(request: IncomingMessage): number {
  if (request.headers["transfer-encoding"] !== undefined) return Number.POSITIVE_INFINITY;
  return request.headers.expect === undefined
    ? (lengthOf(request.headers["content-length"]) ?? 0)
    : Number.POSITIVE_INFINITY;
}

function failureFor(error: unknown, onError: ((error: unknown) => void) | undefined): Failure {
  if (error instanceof Failure) return error;
  onError?.(error);
  return new Failure("engine-error", `unexpected: ${describeError(error)}`, { cause: error });
}

function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("vary", "origin");
}

function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  // A page of a public site that calls into a private network asks for this too (Private Network Access).
  if (request.headers["access-control-request-private-network"] === "true")
    response.setHeader("access-control-allow-private-network", "true");
  response.writeHead(204, {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "authorization, content-type, content-encoding, x-scope-orgid",
    "access-control-max-age": "7200",
  });
  response.end();
}

/** The path of a request target, in origin form ("/v1/traces?a=b") or, as through a proxy, in absolute form. */
function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : target.replace(/^https?:\/\/[^/]*/i, "");
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
