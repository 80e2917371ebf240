import { type Attributes, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { logger } from "./telemetry.ts";

function emit(severityNumber: SeverityNumber, severityText: string, body: string, attributes: Attributes = {}): void {
  logger.emit({ severityNumber, severityText, body, attributes });
}

/** Structured logs: a constant sentence, and what varies as attributes. */
export const log = {
  debug: (body: string, attributes?: Attributes) => emit(SeverityNumber.DEBUG, "DEBUG", body, attributes),
  info: (body: string, attributes?: Attributes) => emit(SeverityNumber.INFO, "INFO", body, attributes),
  warn: (body: string, attributes?: Attributes) => emit(SeverityNumber.WARN, "WARN", body, attributes),
  error: (body: string, error: unknown, attributes?: Attributes) =>
    emit(SeverityNumber.ERROR, "ERROR", body, { ...attributes, ...exceptionAttributes(error) }),
  fatal: (body: string, attributes?: Attributes) => emit(SeverityNumber.FATAL, "FATAL", body, attributes),
};

const LEVELS = {
  DEBUG: SeverityNumber.DEBUG,
  LOG: SeverityNumber.INFO,
  INFO: SeverityNumber.INFO,
  WARNING: SeverityNumber.WARN,
  ERROR: SeverityNumber.ERROR,
  FATAL: SeverityNumber.FATAL,
} as const;
export type LineLevel = keyof typeof LEVELS;

/** An unstructured line, as an old program prints it: everything is in the text. */
export function printLine(line: string, level: LineLevel = "INFO", time?: Date): void {
  const severityNumber = LEVELS[level];
  logger.emit({ severityNumber, severityText: level, body: line, ...(time === undefined ? {} : { timestamp: time }) });
}

export function exceptionAttributes(error: unknown): Attributes {
  if (!(error instanceof Error)) return { "exception.type": typeof error, "exception.message": String(error) };
  return {
    "exception.type": error.name,
    "exception.message": error.message,
    ...(error.stack === undefined ? {} : { "exception.stacktrace": error.stack }),
  };
}

/** Marks the active span with an exception, stack included. */
export function recordException(error: unknown): void {
  trace.getActiveSpan()?.recordException(error instanceof Error ? error : String(error));
}
