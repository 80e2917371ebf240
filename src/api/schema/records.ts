import { z } from "zod";
import type { Facet, Fields, Histogram } from "../contract/shapes.ts";
import { count, statistics } from "./statistics.ts";

export const histogram: z.ZodType<Histogram> = z
  .object({
    startMs: z.number(),
    stepMs: z.number(),
    groups: z.array(z.object({ name: z.string(), counts: z.array(z.number()) })),
    statistics,
  })
  .meta({ id: "Histogram" });

export const facet: z.ZodType<Facet> = z
  .object({
    field: z.string(),
    values: z.array(z.object({ value: z.string(), count })),
    otherCount: count,
    coverage: z.number().min(0).max(1).describe("Share of the rows that have the field."),
    total: count,
    statistics,
  })
  .meta({ id: "Facet" });

export const fields: z.ZodType<Fields> = z
  .object({ fields: z.array(z.object({ field: z.string(), count })), statistics })
  .meta({ id: "Fields" });
