import { z } from "zod";
import type { Problem, Sparkline, Statistics } from "../contract/shapes.ts";

export const statistics: z.ZodType<Statistics> = z
  .object({ elapsedMs: z.number(), rowsRead: z.number(), bytesRead: z.number(), partial: z.boolean() })
  .meta({ id: "Statistics", description: "How the answer came about; `partial` when a limit cut it short." });

export const sparkline: z.ZodType<Sparkline> = z
  .object({ startMs: z.number(), stepMs: z.number(), values: z.array(z.number().nullable()) })
  .meta({ id: "Sparkline", description: "Values at equal steps; null where there is no data." });

export const problem = z
  .object({
    code: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    remedy: z.string(),
    position: z.int().optional(),
    retryAfterSeconds: z.number().optional(),
    requestId: z.string().optional().describe("Of a mistake of the server: the same stands in its log."),
  })
  .meta({ id: "Problem", description: "RFC 9457 problem details." }) as unknown as z.ZodType<Problem>;

export const cursor = z.string().nullable().describe("Cursor of the following page; null at the end.");
export const stringMap = z.record(z.string(), z.string());
export const count = z.int().min(0);
