import { z } from "zod";
import type { LogRow, Logs } from "../contract/shapes.ts";
import { count, cursor, statistics, stringMap } from "./statistics.ts";

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
