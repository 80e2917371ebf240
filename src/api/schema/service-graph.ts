import { z } from "zod";
import type { Operations, ServiceGraph } from "../contract/shapes.ts";
import { sparkline, statistics } from "./statistics.ts";

const quantile = z.number().nullable().describe("Nanoseconds, within 4.5%.");

export const operations: z.ZodType<Operations> = z
  .object({
    operations: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        ratePerSecond: z.number(),
        errorRatio: z.number(),
        p50Ns: quantile,
        p95Ns: quantile,
        p99Ns: quantile,
        rate: sparkline,
      }),
    ),
    statistics,
  })
  .meta({ id: "Operations" });

export const serviceGraph: z.ZodType<ServiceGraph> = z
  .object({
    nodes: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(["service", "database", "queue", "external"]),
        ratePerSecond: z.number(),
        errorRatio: z.number(),
      }),
    ),
    edges: z.array(
      z.object({
        from: z.string(),
        to: z.string(),
        ratePerSecond: z.number(),
        errorRatio: z.number(),
        p95Ns: quantile,
      }),
    ),
    statistics,
  })
  .meta({ id: "ServiceGraph" });
