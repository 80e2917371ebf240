import { Failure, type FailureCode } from "#runtime/failure.ts";

/**
 * ClickHouse's error codes (src/Common/ErrorCodes.cpp) as Failures. What is not listed is `engine-error`: neither the
 * person's query nor a limit, and worth a report.
 */
const CODES: Readonly<Partial<Record<FailureCode, readonly number[]>>> = {
  "query-invalid": [
    6, 8, 10, 16, 20, 27, 32, 33, 36, 38, 41, 42, 43, 44, 46, 47, 48, 50, 53, 57, 59, 60, 62, 63, 69, 70, 72, 73, 80,
    81, 115, 117, 128, 130, 131, 135, 141, 153, 168, 179, 181, 184, 206, 207, 215, 349, 352, 377, 386, 395, 403, 407,
    417, 427, 441, 456, 457, 485, 636,
  ],
  "query-limit": [158, 161, 162, 167, 191, 241, 290, 306, 307, 396, 695],
  "query-timeout": [159, 160],
  cancelled: [394, 735],
  "query-refused": [164, 291, 392, 446, 452, 497],
  "disk-full": [243],
  overloaded: [202],
};

const BY_NUMBER = new Map(
  Object.entries(CODES).flatMap(([code, numbers]) => numbers.map((number) => [number, code as FailureCode] as const)),
);

/** An error of the engine as a Failure; the position is the character in the statement where the engine names one. */
export function failureOf(number: number, message: string, cause: unknown): Failure {
  // A full disk comes under many numbers, depending on what could not be written.
  const code = /No space left on device/.test(message) ? "disk-full" : (BY_NUMBER.get(number) ?? "engine-error");
  const position = /failed at position (\d+)/.exec(message)?.[1];
  return new Failure(code, message, {
    cause,
    ...(position === undefined ? {} : { position: Number(position) - 1 }),
  });
}
