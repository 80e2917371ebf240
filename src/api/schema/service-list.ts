import { z } from "zod";
import type { ServiceRow, Services } from "../contract/shapes.ts";
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
