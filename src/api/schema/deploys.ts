import { z } from "zod";
import type { Deploys } from "../contract/shapes.ts";
import { statistics } from "./statistics.ts";

export const deploys: z.ZodType<Deploys> = z
  .object({
    deploys: z.array(
      z.object({
        service: z.string(),
        version: z.string(),
        previous: z.string().nullable().describe("The version seen first before it; null where the service is new."),
        timeMs: z.number().describe("When it was first seen."),
      }),
    ),
    statistics,
  })
  .meta({ id: "Deploys" });
