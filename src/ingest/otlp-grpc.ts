/**
 * OTLP over gRPC, and gRPC's health check, on streams of node:http2. Only unary calls exist here, so a call is: one message in,
 * then headers, one message and trailers out, or on failure headers and trailers in one ("Trailers-Only").
 *
 * What may work later is UNAVAILABLE or RESOURCE_EXHAUSTED with a RetryInfo detail, which tells OTLP senders to repeat it;
 * everything else tells them not to (OTLP specification, "OTLP/gRPC Response").
 */
import { constants, type IncomingHttpHeaders, type OutgoingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Access } from "#access/access.ts";
import { tenantOf } from "#access/tenant.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { describeError, Failure } from "#runtime/failure.ts";
import type { ContentEncoding } from "#wire/compression.ts";
import { encodeExportResponse, encodeStatus } from "#wire/otlp-answer.ts";
import type { Admission } from "./admission.ts";
import type { LimitCounts } from "./admission-counts.ts";
import { frameMessage, type GrpcMessage, GrpcViolation, readMessage } from "./grpc-message.ts";
import type { GrpcConnection, GrpcHandler } from "./grpc-server.ts";
import { encodeGrpcMessage, GrpcStatus, grpcStatusOf, parseGrpcTimeout } from "./grpc-status.ts";
import { BODY_DEFAULTS, type BodyLimits } from "./http-body.ts";
import { encodingOf } from "./http-content.ts";
import type { Ingest } from "./ingest.ts";

import type { Quotas } from "./quota.ts";

export interface OtlpGrpcOptions {
  readonly ingest: Pick<Ingest, "accept">;
  readonly admission: Admission;
  readonly quotas: Quotas;
  readonly access: Access;
  readonly counts: LimitCounts;
  readonly clock: Clock;
  readonly body?: Partial<BodyLimits>;
  /** How long a peer may take to receive an answer; it may keep the stream's window closed. */
  readonly answerMs?: number;
  /** What the health check answers; true without it. */
  readonly isServing?: () => boolean;
  /** A programmer's error met while handling a call; the sender gets INTERNAL. */
  readonly onError?: (error: unknown) => void;
}

const EXPORTS: ReadonlyMap<string, Signal> = new Map([
  ["/opentelemetry.proto.collector.trace.v1.TraceService/Export", "traces"],
  ["/opentelemetry.proto.collector.logs.v1.LogsService/Export", "logs"],
  ["/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "metrics"],
]);
const HEALTH_CHECK = "/grpc.health.v1.Health/Check";
const SERVICES: ReadonlySet<string> = new Set(
  [...EXPORTS.keys(), HEALTH_CHECK].map((path) => path.slice(1, path.lastIndexOf("/"))),
);
const ACCEPTED = "identity,gzip,deflate,zstd";
const OK_HEADERS = { ":status": 200, "content-type": "application/grpc", "grpc-accept-encoding": ACCEPTED } as const;
const OK_TRAILERS = { "grpc-status": "0" } as const;

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly retryAfterSeconds?: number | undefined;
}

interface Call {
  readonly signal: Signal;
  readonly tenant: string;
  readonly encoding: ContentEncoding;
}

export function createOtlpGrpcHandler(options: OtlpGrpcOptions): GrpcHandler {
  const { access, admission, quotas, counts, clock, ingest } = options;
  const limits: BodyLimits = { ...BODY_DEFAULTS, ...options.body };
  const answerMs = options.answerMs ?? 30_000;

  /** Everything that an Export call's headers decide. */
  const examine = (signal: Signal, headers: IncomingHttpHeaders): Call | Failure | Refusal => {
    const principal = access.authenticate(headers, "ingest");
    if (principal instanceof Failure) {
      counts.add(principal.code === "unauthenticated" ? "unauthenticated" : "forbidden");
      return principal;
    }
    const tenant = tenantOf(headers, principal);
    if (tenant instanceof Failure) {
      if (tenant.code === "forbidden") counts.add("forbidden");
      return tenant;
    }
    const named = headers["grpc-encoding"];
    const encoding = encodingOf(typeof named === "string" ? named : undefined);
    if (encoding === undefined)
      return {
        status: GrpcStatus.unimplemented,
        message: `grpc-encoding ${JSON.stringify(named)} is not one of ${ACCEPTED}`,
      };
    return quotas.refusal(tenant) ?? { signal, tenant, encoding };
  };

  const receive = async (
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    connection: GrpcConnection,
    call: Call,
  ): Promise<void> => {
    const { signal, tenant } = call;
    let giveUp: (failure: Failure) => void = () => undefined;
    const ticket = admission.enter(connection, 0, (failure) => giveUp(failure));
    if (ticket instanceof Failure) {
      refuse(stream, connection, ticket);
      return;
    }
    const deadline = openDeadline(stream, headers["grpc-timeout"]);
    try {
      const message = await readMessage(stream, ticket, limits, counts, (abandon) => {
        giveUp = abandon;
      });
      ticket.complete();
      quotas.spend(tenant, "bytes", message.body.length);
      const answer = await ingest.accept(
        {
          signal,
          tenant,
          contentType: "protobuf",
          contentEncoding: encodingOfMessage(message, call.encoding),
          body: message.body,
          receivedUnixNano: clock.nowUnixNano(),
        },
        deadline.signal,
      );
      quotas.spend(tenant, "records", answer.accepted + answer.rejected);
      const reasons = answer.rejections.map((rejection) => rejection.message).join("; ");
      answerMessage(stream, connection, encodeExportResponse("protobuf", signal, answer.rejected, reasons), answerMs);
    } catch (error) {
      const late = deadline.passed() && error instanceof Failure && error.code === "cancelled";
      refuse(stream, connection, late ? DEADLINE_EXCEEDED : refusalFor(error, options.onError));
    } finally {
      deadline[Symbol.dispose]();
      ticket.leave();
    }
  };

  const health = async (stream: ServerHttp2Stream, connection: GrpcConnection): Promise<void> => {
    const ticket = admission.enter(connection, 0, () => undefined);
    if (ticket instanceof Failure) {
      refuse(stream, connection, ticket);
      return;
    }
    try {
      const { body } = await readMessage(stream, ticket, { ...limits, maxBodyBytes: 1024 }, counts, () => undefined);
      const service = serviceAsked(body);
      if (service !== "" && !SERVICES.has(service))
        refuse(stream, connection, { status: GrpcStatus.notFound, message: "unknown service" });
      else answerMessage(stream, connection, Buffer.from([0x08, (options.isServing?.() ?? true) ? 1 : 2]), answerMs);
    } catch (error) {
      refuse(stream, connection, refusalFor(error, options.onError));
    } finally {
      ticket.leave();
    }
  };

  return (stream, headers, connection) => {
    const path = headers[":path"] ?? "";
    const httpStatus = httpRefusal(headers);
    if (httpStatus !== undefined) {
      connection.noteAnswer();
      respondAtOnce(stream, { ":status": httpStatus, ...(httpStatus === 405 ? { allow: "POST" } : {}) });
      return;
    }
    const signal = EXPORTS.get(path);
    if (signal === undefined) {
      if (path === HEALTH_CHECK) void health(stream, connection);
      else
        refuse(stream, connection, {
          status: GrpcStatus.unimplemented,
          message: `${path} is no method of this server`,
        });
      return;
    }
    const call = examine(signal, headers);
    if (call instanceof Failure || "status" in call) refuse(stream, connection, call);
    else void receive(stream, headers, connection, call);
  };
}

const DEADLINE_EXCEEDED: Refusal = {
  status: GrpcStatus.deadlineExceeded,
  message: "the batch was not kept within the call's deadline",
};

/** Compression is by message: a call may name an encoding and send its message as is. */
function encodingOfMessage(message: GrpcMessage, named: ContentEncoding): ContentEncoding {
  if (!message.compressed) return "identity";
  if (named === "identity") throw new GrpcViolation(GrpcStatus.internal, "a compressed message without grpc-encoding");
  return named;
}

/** The status for what is no gRPC call at all ("gRPC over HTTP2", Requests). */
function httpRefusal(headers: IncomingHttpHeaders): number | undefined {
  if (headers[":method"] !== "POST") return 405;
  return /^application\/grpc(?:\+proto)?(?:;|$)/.test(headers["content-type"] ?? "") ? undefined : 415;
}

/** `service` (field 1) of a HealthCheckRequest; "" if it is not there or not readable. */
function serviceAsked(body: Uint8Array): string {
  const length = body[1] ?? 0;
  if (body[0] !== 0x0a || length > 127 || body.length !== length + 2) return "";
  return Buffer.from(body.subarray(2)).toString("utf8");
}

function answerMessage(
  stream: ServerHttp2Stream,
  connection: GrpcConnection,
  message: Uint8Array,
  answerMs: number,
): void {
  connection.noteAnswer();
  if (stream.destroyed || stream.closed) return;
  stream.setTimeout(answerMs, () => stream.close(constants.NGHTTP2_CANCEL));
  stream.respond(OK_HEADERS, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(OK_TRAILERS));
  stream.end(frameMessage(message));
}

function refuse(stream: ServerHttp2Stream, connection: GrpcConnection, refusal: Failure | Refusal): void {
  if (stream.destroyed || stream.closed || stream.headersSent) return;
  connection.noteAnswer();
  const { status, message, retryAfterSeconds } = refusal instanceof Failure ? describe(refusal) : refusal;
  const headers: Record<string, string | number> = {
    ...OK_HEADERS,
    "grpc-status": String(status),
    "grpc-message": encodeGrpcMessage(message),
  };
  if (retryAfterSeconds !== undefined)
    headers["grpc-status-details-bin"] = Buffer.from(encodeStatus("protobuf", status, message, retryAfterSeconds))
      .toString("base64")
      .replace(/=+$/, "");
  respondAtOnce(stream, headers);
}

/** How long a sender that was answered early may go on sending before it is stopped. */
const LINGER_MS = 1_000;

/**
 * Answers with headers alone, whether or not the sender is done. A gRPC client stops sending by itself when it sees the answer;
 * one that does not is asked to (RST_STREAM with NO_ERROR, RFC 9113 section 8.1), but not at once: nghttp2 drops an answer that
 * is still queued when its stream is reset.
 */
function respondAtOnce(stream: ServerHttp2Stream, headers: OutgoingHttpHeaders): void {
  stream.respond(headers, { endStream: true });
  stream.resume();
  const linger = setTimeout(() => stream.close(constants.NGHTTP2_NO_ERROR), LINGER_MS);
  stream.on("close", () => clearTimeout(linger));
}

function describe(failure: Failure): Refusal {
  return {
    status: grpcStatusOf(failure),
    message: `${failure.message}. ${failure.remedy}`,
    retryAfterSeconds: failure.retryAfterSeconds,
  };
}

function refusalFor(error: unknown, onError: ((error: unknown) => void) | undefined): Failure | Refusal {
  if (error instanceof Failure) return error;
  if (error instanceof GrpcViolation) return { status: error.status, message: error.message };
  onError?.(error);
  return { status: GrpcStatus.internal, message: `unexpected: ${describeError(error)}` };
}

interface Deadline extends Disposable {
  /** Fires when the call's deadline passes or the call is cancelled. */
  readonly signal: AbortSignal;
  passed(): boolean;
}

function openDeadline(stream: ServerHttp2Stream, timeout: string | readonly string[] | undefined): Deadline {
  const abort = new AbortController();
  let passed = false;
  const onClose = (): void => abort.abort();
  stream.on("close", onClose);
  const timeoutMs = parseGrpcTimeout(typeof timeout === "string" ? timeout : undefined);
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          passed = true;
          abort.abort();
        }, timeoutMs);
  return {
    signal: abort.signal,
    passed: () => passed,
    [Symbol.dispose]() {
      clearTimeout(timer);
      stream.off("close", onClose);
    },
  };
}
