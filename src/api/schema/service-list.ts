import { z } from "zod";
import type { Operations, ServiceGraph, ServiceRow, Services } from "../contract/shapes.ts";
import { sparkline, statistics } from "./statistics.ts";

const quantile = z.number().nullable().describe("Nanoseconds, within 4.5%.");

const serviceRow: z.ZodType<ServiceRow> = z
  .object({
    service: z.string(),
    ratePerSecond: z.number(),
    errorRatio: z.number(),
    p50Ns: quantile,
    p95Ns: quantile,
    p99Ns: quantile,
    before: z
      .object({ ratePerSecond: z.number(), errorRatio: z.number(), p95Ns: quantile })
      .nullable()
      .describe("The same length of time a day before, or just before where that has no data."),
    rate: sparkline,
    errors: sparkline,
    p95: sparkline,
  })
  .meta({ id: "ServiceRow" });

export const services: z.ZodType<Services> = z
  .object({ services: z.array(serviceRow), statistics })
  .meta({ id: "Services" });

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
