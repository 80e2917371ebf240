import { z } from "zod";
import type { NormalComparison, SpanRow, Trace, TraceRow, Traces } from "../contract/shapes.ts";
import { count, cursor, statistics, stringMap } from "./statistics.ts";

const traceRow: z.ZodType<TraceRow> = z
  .object({
    traceId: z.string(),
    time: z.string().describe("Start, Unix nanoseconds."),
    durationNs: z.number(),
    rootService: z.string().nullable(),
    rootName: z.string().nullable(),
    rootStatus: z.enum(["unset", "ok", "error"]).nullable(),
    spanCount: count,
    errorCount: count,
    services: z.array(z.string()),
    matched: z
      .object({ spanId: z.string(), service: z.string(), name: z.string(), durationNs: z.number(), count })
      .nullable()
      .describe("The best matching span where filters named one."),
  })
  .meta({ id: "TraceRow" });

export const traces: z.ZodType<Traces> = z
  .object({ traces: z.array(traceRow), next: cursor, statistics })
  .meta({ id: "Traces" });

export const spanRowShape = {
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string(),
  time: z.string().describe("Start, Unix nanoseconds."),
  durationNs: z.number(),
  service: z.string(),
  name: z.string(),
  kind: z.string(),
  status: z.string(),
  statusMessage: z.string(),
  attributes: stringMap,
};

export const spanRow: z.ZodType<SpanRow> = z.object(spanRowShape).meta({ id: "SpanRow" });

const numbers = z.array(z.number());

export const trace: z.ZodType<Trace> = z
  .object({
    traceId: z.string(),
    time: z.string().describe("Start of the earliest span, Unix nanoseconds; `offsetNs` counts from it."),
    durationNs: z.number(),
    services: z.array(z.string()),
    names: z.array(z.string()),
    spanId: z.array(z.string()),
    parent: numbers.describe("Index of the parent; -1 for a root, -2 where the parent is missing."),
    depth: numbers,
    service: numbers.describe("Index in `services`."),
    name: numbers.describe("Index in `names`."),
    kind: numbers,
    status: numbers,
    offsetNs: numbers,
    durationsNs: numbers,
    selfNs: numbers.describe("Time in which no child ran."),
    events: z.array(numbers),
    logCount: numbers,
    criticalPath: z.object({
      segments: z.array(z.tuple([z.number(), z.number(), z.number()])).describe("[span index, start ns, end ns]."),
      note: z.string().nullable(),
    }),
    truncated: z.boolean(),
    statistics,
  })
  .meta({ id: "Trace", description: "Structure as columns: index i of every array is one span, in tree order." });

export const normal: z.ZodType<NormalComparison> = z
  .object({
    comparedTraces: count,
    note: z.string().nullable(),
    paths: z.array(
      z.object({
        path: z.array(z.string()),
        service: z.string(),
        name: z.string(),
        state: z.enum(["added", "missing", "slower", "faster", "same"]),
        count,
        usualCount: z.number(),
        selfNs: z.number(),
        usualSelfNs: z.number(),
        spanIds: z.array(z.string()),
      }),
    ),
    statistics,
  })
  .meta({ id: "NormalComparison" });
