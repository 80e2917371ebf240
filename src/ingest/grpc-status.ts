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
  // Without RetryInfo: OTLP senders take RESOURCE_EXHAUSTED without it as final, which a body that is too large is.
  "too-large": GrpcStatus.resourceExhausted,
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
