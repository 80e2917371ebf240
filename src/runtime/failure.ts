/**
 * An operating error: something outside this program (a sender, a disk, the engine, a person's query) did what it may do.
 * A programmer's error is not a Failure: it throws a plain Error and is allowed to crash.
 *
 * Every code stands once in FAILURES with its HTTP status and what to do about it; docs/reference/failures.md is generated
 * from this table.
 */
export interface FailureKind {
  /** HTTP status an API answers with. */
  readonly status: number;
  /** What a person should do. */
  readonly remedy: string;
}

export const FAILURES = {
  "bad-request": { status: 400, remedy: "Correct the named parameter." },
  "bad-payload": { status: 400, remedy: "Send a valid OTLP body; the message names the field and the byte." },
  unauthenticated: { status: 401, remedy: "Send `Authorization: Bearer <token>` with a token from the token file." },
  forbidden: { status: 403, remedy: "The Host or Origin is not allowed; see `allowedHosts`." },
  "not-found": { status: 404, remedy: "Check the address or the id." },
  "method-not-allowed": { status: 405, remedy: "Use the method named in `Allow`." },
  timeout: { status: 408, remedy: "Send the body faster or in smaller pieces." },
  conflict: { status: 409, remedy: "Read the newest version and try again." },
  "too-large": { status: 413, remedy: "Send smaller batches; the message names the limit and its setting." },
  "unsupported-media": { status: 415, remedy: "Use a content type and encoding that the message lists." },
  "query-refused": {
    status: 400,
    remedy: "Only SELECT over Traceo's own tables is allowed; see docs/reference/sql.md.",
  },
  "query-invalid": { status: 400, remedy: "Correct the query at the position the message names." },
  "query-limit": { status: 422, remedy: "Narrow the time range or the filters, or lower the limit." },
  "query-timeout": { status: 504, remedy: "Narrow the time range, or raise `query.timeoutMs`." },
  cancelled: { status: 499, remedy: "The caller went away; nothing to do." },
  overloaded: { status: 429, remedy: "Wait for Retry-After, then send again." },
  unavailable: { status: 503, remedy: "Wait for Retry-After, then send again; `traceo doctor` says why." },
  "engine-unavailable": { status: 503, remedy: "The engine is restarting; try again in a few seconds." },
  "engine-error": { status: 500, remedy: "Run `traceo doctor`; report the message if it persists." },
  "disk-full": { status: 503, remedy: "Free disk space or lower retention; ingest resumes by itself." },
  "data-in-use": { status: 500, remedy: "Another Traceo uses this data directory; stop it or choose another --data." },
  corrupt: { status: 500, remedy: "A file on disk is damaged; `traceo doctor` names it and what was lost." },
  "config-invalid": {
    status: 500,
    remedy: "Correct the named setting; docs/reference/configuration.md lists them all.",
  },
  "port-in-use": { status: 500, remedy: "Stop the other program or choose another port with the named flag." },
  "unsupported-platform": { status: 500, remedy: "Use Linux (glibc) or macOS on x64 or arm64; on Windows use WSL2." },
} as const satisfies Record<string, FailureKind>;

export type FailureCode = keyof typeof FAILURES;

export interface FailureDetails {
  readonly cause?: unknown;
  /** For overloaded and unavailable: how long the sender should wait. */
  readonly retryAfterSeconds?: number;
  /** For query errors: character position in the query text. */
  readonly position?: number;
  /** Replaces the table's remedy where the place of failure knows better. */
  readonly remedy?: string;
}

export class Failure extends Error {
  readonly code: FailureCode;
  readonly remedy: string;
  readonly retryAfterSeconds: number | undefined;
  readonly position: number | undefined;

  constructor(code: FailureCode, message: string, details: FailureDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "Failure";
    this.code = code;
    this.remedy = details.remedy ?? FAILURES[code].remedy;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.position = details.position;
  }

  get status(): number {
    return FAILURES[this.code].status;
  }
}

export function isFailure(error: unknown, code?: FailureCode): error is Failure {
  return error instanceof Failure && (code === undefined || error.code === code);
}

/** Anything thrown as a message for people, without a stack. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.message;
  return String(error);
}
