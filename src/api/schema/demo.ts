import { z } from "zod";
import type { DemoReveal, DemoState } from "../contract/shapes.ts";

export const demoState: z.ZodType<DemoState> = z
  .object({ running: z.boolean(), broken: z.boolean(), brokenSinceMs: z.number().nullable() })
  .meta({ id: "DemoState" });

export const demoReveal: z.ZodType<DemoReveal> = z
  .object({ trouble: z.string(), title: z.string(), explanation: z.string(), affected: z.string() })
  .meta({ id: "DemoReveal" });
