import { z } from "zod";
import type { Difference, Differences, Heatmap, SpanDetail, Spans } from "../contract/shapes.ts";
import { count, cursor, statistics, stringMap } from "./statistics.ts";
import { spanRow, spanRowShape } from "./traces.ts";

export const spans: z.ZodType<Spans> = z
  .object({ spans: z.array(spanRow), next: cursor, statistics })
  .meta({ id: "Spans" });

export const heatmap: z.ZodType<Heatmap> = z
  .object({
    startMs: z.number(),
    stepMs: z.number(),
    columns: count,
    rows: count,
    boundsNs: z.array(z.number()).describe("Lower bound of each row, ascending, and the upper bound of the last."),
    counts: z.array(count).describe("Cell (x, y) is counts[x * rows + y]."),
    errors: z.array(count),
    statistics,
  })
  .meta({ id: "Heatmap" });

const share = z.number().min(-1).max(1);

export const difference: z.ZodType<Difference> = z
  .object({
    field: z.string().describe("A filter field: `attributes.http.route`, `resource.service.version`, `name`."),
    value: z.string(),
    insideCount: count,
    outsideCount: count,
    insideShare: share,
    outsideShare: share,
    difference: share.describe("insideShare - outsideShare."),
    low: share.describe("Lower end of the 95% interval of the difference (Newcombe 1998, method 11)."),
    high: share,
    coverage: z.number().min(0).max(1).describe("Share of all rows that have the field."),
  })
  .meta({ id: "Difference" });

export const differences: z.ZodType<Differences> = z
  .object({
    insideCount: count,
    outsideCount: count,
    note: z.string().nullable(),
    differences: z.array(difference),
    statistics,
  })
  .meta({ id: "Differences" });

export const spanDetail: z.ZodType<SpanDetail> = z
  .object({
    ...spanRowShape,
    traceState: z.string(),
    flags: count,
    scope: z.object({ name: z.string(), version: z.string(), attributes: stringMap }),
    resource: stringMap,
    events: z.array(z.object({ time: z.string(), name: z.string(), attributes: stringMap })),
    links: z.array(z.object({ traceId: z.string(), spanId: z.string(), attributes: stringMap })),
    dropped: z.object({ attributes: count, events: count, links: count }),
  })
  .meta({ id: "SpanDetail" });
