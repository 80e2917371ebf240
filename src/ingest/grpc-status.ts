/** gRPC status codes (grpc.io, "Status codes and their use in gRPC") for what receivers answer. */
import type { Failure, FailureCode } from "#runtime/failure.ts";

export const GrpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

const STATUS: Partial<Record<FailureCode, number>> = {
  "bad-request": GrpcStatus.invalidArgument,
  "bad-payload": GrpcStatus.invalidArgument,
  unauthenticated: GrpcStatus.unauthenticated,
  forbidden: GrpcStatus.permissionDenied,
  "not-found": GrpcStatus.notFound,
  "method-not-allowed": GrpcStatus.unimplemented,
  timeout: GrpcStatus.deadlineExceeded,
  // gRPC's own libraries say RESOURCE_EXHAUSTED here, but the Python SDK repeats that for a minute even without RetryInfo.
  "too-large": GrpcStatus.invalidArgument,
  "unsupported-media": GrpcStatus.unimplemented,
  cancelled: GrpcStatus.cancelled,
  overloaded: GrpcStatus.resourceExhausted,
  unavailable: GrpcStatus.unavailable,
  "engine-unavailable": GrpcStatus.unavailable,
  "disk-full": GrpcStatus.unavailable,
};

export function grpcStatusOf(failure: Failure): number {
  return STATUS[failure.code] ?? GrpcStatus.internal;
}

/** `grpc-message`: UTF-8, percent-encoded outside printable ASCII, cut to a length that header limits of clients allow. */
export function encodeGrpcMessage(message: string): string {
  let encoded = "";
  for (const byte of Buffer.from(message.length > 1000 ? `${message.slice(0, 1000)}…` : message))
    encoded +=
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  return encoded;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** `grpc-timeout` in milliseconds, rounded up; undefined if there is none or it is no timeout. */
export function parseGrpcTimeout(value: string | undefined): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value ?? "");
  return match === null ? undefined : Math.min(LONGEST_TIMER_MS, Math.ceil(Number(match[1]) * UNIT_MS[match[2]!]!));
}
