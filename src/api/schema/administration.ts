import { z } from "zod";

export const backedUp = z
  .object({ path: z.string(), sizeBytes: z.number(), files: z.number() })
  .meta({ id: "BackedUp" });

export const erased = z
  .object({ rows: z.number().describe("Rows deleted; those of summaries are not counted.") })
  .meta({ id: "Erased" });

export const quarantine = z
  .object({
    quarantined: z.array(
      z.object({
        name: z.string(),
        signal: z.string(),
        reason: z.string(),
        recordCount: z.number(),
        atUnixMs: z.number(),
      }),
    ),
  })
  .meta({ id: "Quarantine" });

export const replayed = z.object({ records: z.number() }).meta({ id: "Replayed" });
