import { z } from "zod";
import type { Home, HomeProblem } from "../contract/shapes.ts";
import { difference } from "./spans.ts";
import { sparkline, statistics } from "./statistics.ts";

const problem: z.ZodType<HomeProblem> = z
  .object({
    id: z.string(),
    kind: z.enum(["errors", "latency", "log-errors", "traffic", "resource", "loss", "silent"]),
    title: z.string(),
    detail: z.string().describe("What it was, what it is, since when."),
    service: z.string(),
    operation: z.string().nullable(),
    sinceMs: z.number(),
    score: z.number().min(0).max(1),
    now: z.number(),
    before: z.number(),
    unit: z.enum(["ratio", "ns", "per-second", "bytes", "count"]),
    sparkline,
    differences: z.array(difference).describe("What tells the affected from the rest, best first."),
    link: z.string().describe("The view of the web interface that shows the cause."),
  })
  .meta({ id: "HomeProblem" });

export const home: z.ZodType<Home> = z
  .object({
    problems: z.array(problem),
    arriving: z.array(
      z.object({
        service: z.string(),
        spansPerSecond: z.number(),
        logsPerSecond: z.number(),
        pointsPerSecond: z.number(),
        lastSeenMs: z.number(),
      }),
    ),
    statistics,
  })
  .meta({ id: "Home" });
