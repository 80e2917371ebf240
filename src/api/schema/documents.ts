import { z } from "zod";
import type { DemoReveal, DemoState, SavedDocument, ServiceColours } from "../contract/shapes.ts";
import { count, cursor } from "./statistics.ts";

export const savedDocument: z.ZodType<SavedDocument> = z
  .object({
    id: z.string(),
    kind: z.enum(["view", "trail", "query"]),
    version: count,
    name: z.string(),
    owner: z.string(),
    updatedMs: z.number(),
    content: z.unknown(),
  })
  .meta({ id: "SavedDocument" });

export const documentList = z.object({ documents: z.array(savedDocument), next: cursor }).meta({ id: "DocumentList" });

export const serviceColours: z.ZodType<ServiceColours> = z
  .object({ slots: z.record(z.string(), z.int().min(0).max(7)) })
  .meta({ id: "ServiceColours" });

export const demoState: z.ZodType<DemoState> = z
  .object({ running: z.boolean(), broken: z.boolean(), brokenSinceMs: z.number().nullable() })
  .meta({ id: "DemoState" });

export const demoReveal: z.ZodType<DemoReveal> = z
  .object({ trouble: z.string(), title: z.string(), explanation: z.string(), affected: z.string() })
  .meta({ id: "DemoReveal" });
