import { z } from "zod";
import type { Labels, LabelValues, Metrics, SeriesAnswer } from "../contract/shapes.ts";
import { count, cursor, statistics, stringMap } from "./statistics.ts";

export const metrics: z.ZodType<Metrics> = z
  .object({
    metrics: z.array(
      z.object({
        name: z.string(),
        type: z.string(),
        unit: z.string(),
        description: z.string(),
        seriesCount: count,
        services: z.array(z.string()),
      }),
    ),
    next: cursor,
    statistics,
  })
  .meta({ id: "Metrics" });

export const labels: z.ZodType<Labels> = z
  .object({ labels: z.array(z.object({ name: z.string(), values: count })), statistics })
  .meta({ id: "Labels" });

export const labelValues: z.ZodType<LabelValues> = z
  .object({ values: z.array(z.object({ value: z.string(), count })), next: cursor, statistics })
  .meta({ id: "LabelValues" });

export const series: z.ZodType<SeriesAnswer> = z
  .object({
    metric: z.string(),
    type: z.string(),
    unit: z.string(),
    aggregate: z.string(),
    startMs: z.number(),
    stepMs: z.number(),
    series: z.array(z.object({ labels: stringMap, values: z.array(z.number().nullable()) })),
    exemplars: z.array(z.object({ timeMs: z.number(), value: z.number(), traceId: z.string(), spanId: z.string() })),
    omitted: count.describe("Series left out by the limit."),
    statistics,
  })
  .meta({ id: "SeriesAnswer" });
