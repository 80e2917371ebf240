/** A gRPC receiver on a real socket, and calls that say exactly what a test wants. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from "node:http2";
import { type Access, openAccess } from "#access/access.ts";
import { systemClock } from "#runtime/clock.ts";
import { ADMISSION_DEFAULTS, Admission } from "./admission.ts";
import { LimitCounts } from "./admission-counts.ts";
import { frameMessage } from "./grpc-message.ts";
import { type GrpcServer, type GrpcServerOptions, openGrpcServer } from "./grpc-server.ts";
import type { ReceiverOptions } from "./http-receiver.suite.ts";
import { createOtlpGrpcHandler, type OtlpGrpcOptions } from "./otlp-grpc.ts";
import { QUOTA_DEFAULTS, Quotas } from "./quota.ts";
import { createRecordingIngest, type RecordingIngest } from "./recording-ingest.ts";

export interface GrpcReceiverOptions extends Pick<ReceiverOptions, "access" | "admission" | "quotas" | "body"> {
  readonly server?: Partial<GrpcServerOptions>;
  readonly isServing?: OtlpGrpcOptions["isServing"];
  readonly answerMs?: number;
}

export interface TestGrpcReceiver extends AsyncDisposable {
  readonly ingest: RecordingIngest;
  readonly access: Access;
  readonly admission: Admission;
  readonly counts: LimitCounts;
  readonly server: GrpcServer;
  readonly errors: unknown[];
  /** A client's connection; closed with the receiver. */
  connect(): ClientHttp2Session;
}

export async function openGrpcReceiver(options: GrpcReceiverOptions = {}): Promise<TestGrpcReceiver> {
  const ingest = createRecordingIngest();
  const counts = new LimitCounts();
  const access = openAccess({ listen: ["127.0.0.1"], ...options.access });
  const admission = new Admission({ ...ADMISSION_DEFAULTS, ...options.admission }, systemClock, counts);
  const quotas = new Quotas({ ...QUOTA_DEFAULTS, ...options.quotas }, systemClock, counts);
  const errors: unknown[] = [];
  const handler = createOtlpGrpcHandler({
    ingest,
    admission,
    quotas,
    access,
    counts,
    clock: systemClock,
    ...(options.body === undefined ? {} : { body: options.body }),
    ...(options.isServing === undefined ? {} : { isServing: options.isServing }),
    ...(options.answerMs === undefined ? {} : { answerMs: options.answerMs }),
    onError: (error) => errors.push(error),
  });
  const server = await openGrpcServer(
    handler,
    {
      host: "127.0.0.1",
      port: 0,
      flag: "--otlp-grpc",
      clock: systemClock,
      makeRoom: () => admission.evictSlow(),
      ...options.server,
    },
    counts,
  );
  const sessions = new Set<ClientHttp2Session>();
  return {
    ingest,
    access,
    admission,
    counts,
    server,
    errors,
    connect() {
      // With less session memory (in MB), node's client loses answers that come while a large write waits; grpc-js does the same.
      const session = connect(`http://127.0.0.1:${server.port}`, { maxSessionMemory: 1_000 });
      // The tests look at how a session ends; that it ends is no error of theirs.
      session.on("error", () => undefined);
      sessions.add(session);
      return session;
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await server.close(0);
    },
  };
}

export const TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
export const LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
export const METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
export const HEALTH = "/grpc.health.v1.Health/Check";

export interface CallAnswer {
  readonly httpStatus: number;
  /** undefined where the stream was reset before a status came. */
  readonly status: number | undefined;
  readonly message: string;
  readonly body: Buffer;
  /** Header and trailer fields together. */
  readonly fields: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The error code the stream was closed with. */
  readonly resetCode: number;
}

export function openCall(
  session: ClientHttp2Session,
  path: string,
  headers: OutgoingHttpHeaders = {},
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => undefined);
  return stream;
}

/** Collects the answer of a call, whatever it is. */
export function answerOf(stream: ClientHttp2Stream): Promise<CallAnswer> {
  return new Promise((resolve) => {
    const fields: Record<string, string | readonly string[] | undefined> = {};
    const pieces: Buffer[] = [];
    stream.on("response", (headers) => {
      Object.assign(fields, headers);
      // node's client, answered early while the window is closed, would wait for room to send the rest.
      if (fields["grpc-status"] !== undefined) setImmediate(() => stream.destroy());
    });
    stream.on("trailers", (trailers) => Object.assign(fields, trailers));
    stream.on("data", (piece: Buffer) => pieces.push(piece));
    stream.on("close", () =>
      resolve({
        httpStatus: Number(fields[":status"]),
        status: fields["grpc-status"] === undefined ? undefined : Number(fields["grpc-status"]),
        message: decodeURIComponent(String(fields["grpc-message"] ?? "")),
        body: Buffer.concat(pieces),
        fields,
        resetCode: stream.rstCode ?? constants.NGHTTP2_NO_ERROR,
      }),
    );
  });
}

/** A whole unary call. */
export function call(
  session: ClientHttp2Session,
  path: string,
  message: Uint8Array,
  headers: OutgoingHttpHeaders = {},
): Promise<CallAnswer> {
  const stream = openCall(session, path, headers);
  stream.end(frameMessage(message));
  return answerOf(stream);
}
