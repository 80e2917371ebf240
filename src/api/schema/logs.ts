import { z } from "zod";
import type { LogContext, LogRow, Logs, Patterns } from "../contract/shapes.ts";
import { count, cursor, sparkline, statistics, stringMap } from "./statistics.ts";

export const logRow: z.ZodType<LogRow> = z
  .object({
    id: z.string().describe("Names this line for context and links."),
    time: z.string().describe("Unix nanoseconds."),
    severityNumber: count,
    severityText: z.string(),
    service: z.string(),
    body: z.string(),
    eventName: z.string(),
    traceId: z.string(),
    spanId: z.string(),
    template: z.string(),
    attributes: stringMap,
    resource: stringMap,
  })
  .meta({ id: "LogRow" });

export const logs: z.ZodType<Logs> = z.object({ logs: z.array(logRow), next: cursor, statistics }).meta({ id: "Logs" });

export const logContext: z.ZodType<LogContext> = z
  .object({ before: z.array(logRow), line: logRow, after: z.array(logRow) })
  .meta({ id: "LogContext" });

export const patterns: z.ZodType<Patterns> = z
  .object({
    patterns: z.array(
      z.object({
        template: z.string(),
        service: z.string(),
        severityNumber: count,
        count,
        share: z.number().min(0).max(1),
        trend: sparkline,
      }),
    ),
    statistics,
  })
  .meta({ id: "Patterns" });
