import { type Clock, systemClock } from "./clock.ts";

/**
 * The program's own events: one line each for people (or one JSON object), and to whoever subscribed (the program sends them
 * through its own ingest). Fields are few and never hold secrets or telemetry.
 */
export type LogLevel = "info" | "warn" | "error";

export interface LogEvent {
  readonly timeMs: number;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export interface Log {
  info(message: string, fields?: LogEvent["fields"]): void;
  warn(message: string, fields?: LogEvent["fields"]): void;
  error(message: string, fields?: LogEvent["fields"]): void;
  /** Called with each event after it was written. Returns an unsubscribe. */
  subscribe(listener: (event: LogEvent) => void): () => void;
}

export interface LogOptions {
  readonly write: (line: string) => void;
  readonly format?: "text" | "json";
  readonly clock?: Clock;
}

export function createLog({ write, format = "text", clock = systemClock }: LogOptions): Log {
  const listeners = new Set<(event: LogEvent) => void>();
  const emit = (level: LogLevel, message: string, fields: LogEvent["fields"] = {}): void => {
    const event: LogEvent = { timeMs: clock.nowMs(), level, message, fields };
    write(
      format === "json"
        ? `${JSON.stringify({ time: new Date(event.timeMs).toISOString(), level, message, ...fields })}\n`
        : printEvent(event),
    );
    for (const listener of listeners) listener(event);
  };
  return {
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, fields) => emit("error", message, fields),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

function printEvent({ timeMs, level, message, fields }: LogEvent): string {
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${/[\s"=]/.test(String(value)) ? JSON.stringify(String(value)) : value}`,
  );
  return `${new Date(timeMs).toISOString()} ${level.toUpperCase().padEnd(5)} ${message}${rest.join("")}\n`;
}
