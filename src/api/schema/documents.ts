import { z } from "zod";
import type { SavedDocument } from "../contract/shapes.ts";

/** What people keep. The program keeps kinds of its own, which no route answers. */
export const documentKind = z.enum(["view", "trail", "query"]);

export const savedDocument: z.ZodType<SavedDocument> = z
  .object({
    id: z.string(),
    kind: documentKind,
    version: z.int().describe("Grows with every write; also the ETag."),
    name: z.string(),
    owner: z.string().describe("Who wrote it last."),
    updatedMs: z.number(),
    content: z.unknown().describe("Any JSON of at most 256 KiB."),
  })
  .meta({ id: "SavedDocument" });

export const documentList = z.object({ documents: z.array(savedDocument) }).meta({ id: "DocumentList" });
