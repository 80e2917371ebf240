import { z } from "zod";
import type { Ledger, Status } from "../contract/shapes.ts";
import { count } from "./statistics.ts";

const ledger: z.ZodType<Ledger> = z
  .object({
    received: count,
    stored: count,
    rejected: count,
    dropped: count,
    pending: count,
    missing: z.int().describe("received - stored - rejected - dropped - pending; 0 unless something is lost."),
    reasons: z.array(z.object({ reason: z.string(), count })),
    receivedPerSecond: z.number(),
    refusedRequests: count,
  })
  .meta({ id: "Ledger" });

export const status: z.ZodType<Status> = z
  .object({
    version: z.string(),
    ready: z.boolean(),
    startedMs: z.number(),
    nowMs: z.number(),
    tenant: z.string(),
    demo: z.boolean(),
    addresses: z.object({ ui: z.string(), otlpHttp: z.string(), otlpGrpc: z.string() }),
    engine: z.object({
      kind: z.enum(["embedded", "remote"]),
      state: z.string(),
      version: z.string(),
      restarts: count,
      processId: z.number().nullable(),
      residentBytes: z.number().nullable(),
      memoryLimitBytes: z.number().nullable(),
      lastFailure: z.string().nullable(),
    }),
    ledger: z.object({ traces: ledger, logs: ledger, metrics: ledger }),
    disk: z.object({ usedBytes: z.number(), budgetBytes: z.number().nullable(), freeBytes: z.number() }),
  })
  .meta({ id: "Status" });
