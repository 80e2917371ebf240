import { z } from "zod";
import type { SqlSchema } from "../contract/shapes.ts";

export const sqlSchema: z.ZodType<SqlSchema> = z
  .object({
    tables: z.array(
      z.object({
        name: z.string(),
        comment: z.string(),
        columns: z.array(z.object({ name: z.string(), type: z.string() })),
      }),
    ),
    functions: z.array(z.string()),
  })
  .meta({ id: "SqlSchema" });
