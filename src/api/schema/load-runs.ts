import { z } from "zod";
import type { RunComparison } from "#load/run-comparison.ts";
import type { LoadRunHead, LoadRuns } from "../contract/shapes.ts";
import { cursor } from "./statistics.ts";

const texts = z.record(z.string(), z.string());
const unixMs = z.number().nonnegative();
const status = z.enum(["running", "passed", "failed", "aborted", "void"]);
const share = z.number().nullable();

/** load/run-record.ts. What JSON leaves out is `undefined` there. */
export const runRecord = z
  .strictObject({
    schema: z.literal(1),
    id: z.string().regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits"),
    name: z.string().min(1).max(200),
    script: z.strictObject({ path: z.string().max(4096), sha256: z.string().regex(/^([0-9a-f]{64})?$/) }),
    startedUnixMs: unixMs,
    endedUnixMs: unixMs.optional(),
    status,
    exitCode: z.int().optional(),
    reason: z.string().max(10_000),
    tags: texts,
    git: z.strictObject({ commit: z.string(), branch: z.string(), dirty: z.boolean() }).optional(),
    machine: z.strictObject({
      host: z.string(),
      platform: z.string(),
      cpus: z.number(),
      memoryBytes: z.number(),
      node: z.string(),
      traceo: z.string(),
    }),
    ci: z.strictObject({ provider: z.string(), url: z.string(), reference: z.string() }).optional(),
    scenarios: z.record(z.string(), z.unknown()),
    phases: z.array(z.strictObject({ name: z.string(), fromUnixMs: unixMs, toUnixMs: unixMs })).max(100),
    thresholds: z
      .array(
        z.strictObject({
          metric: z.string(),
          source: z.string(),
          method: z.string(),
          value: z.number().nullable().optional(),
          ok: z.boolean(),
          undecided: z.boolean(),
        }),
      )
      .max(1000),
    metrics: z
      .array(
        z.strictObject({
          name: z.string(),
          type: z.enum(["counter", "gauge", "rate", "trend"]),
          contains: z.enum(["default", "time", "data"]),
          samples: z.number(),
          values: z.record(z.string(), z.number().nullable()),
          relativeError: z.number(),
        }),
      )
      .max(2000),
    checks: z.array(z.strictObject({ name: z.string(), passes: z.number(), fails: z.number() })).max(2000),
    timeline: z
      .array(
        z.strictObject({
          fromUnixMs: unixMs,
          widthMs: z.number(),
          requests: z.number(),
          failedRequests: z.number(),
          iterations: z.number(),
          droppedIterations: z.number(),
          users: z.number(),
          bytesReceived: z.number(),
          bytesSent: z.number(),
          failedChecks: z.number(),
          p50: share,
          p95: share,
          p99: share,
          max: share,
        }),
      )
      .max(1000),
    exemplars: z
      .array(
        z.strictObject({
          traceId: z.string().regex(/^[0-9a-f]{32}$/),
          durationMs: z.number(),
          unixMs,
          tags: texts,
        }),
      )
      .max(100),
    generators: z
      .array(
        z.strictObject({
          name: z.string(),
          clockOffsetMs: z.number(),
          busiest: z.number(),
          lostUnixMs: unixMs.optional(),
        }),
      )
      .max(1000),
    notes: z.array(z.string()).max(1000),
  })
  .meta({ id: "LoadRun" });

const head: z.ZodType<LoadRunHead> = z
  .object({
    id: z.string(),
    name: z.string(),
    startedMs: z.number(),
    endedMs: z.number().nullable(),
    status,
    reason: z.string(),
    tags: texts,
    commit: z.string().nullable(),
    requests: z.number().nullable(),
    requestsPerSecond: z.number().nullable(),
    failedShare: share,
    p95Ms: z.number().nullable(),
    droppedIterations: z.number().nullable(),
    thresholds: z.object({ passed: z.number(), failed: z.number() }),
  })
  .meta({ id: "LoadRunHead" });

export const runHead = head;

export const runHeads: z.ZodType<LoadRuns> = z.object({ runs: z.array(head), next: cursor }).meta({ id: "LoadRuns" });

const known = z.number().optional();
const side = z.object({
  id: z.string(),
  name: z.string(),
  startedUnixMs: unixMs,
  status,
  tags: texts,
});

export const runComparison: z.ZodType<RunComparison> = z
  .object({
    a: side,
    b: side,
    warnings: z.array(z.string()),
    metrics: z.array(
      z.object({
        name: z.string(),
        type: z.enum(["counter", "gauge", "rate", "trend"]),
        contains: z.enum(["default", "time", "data"]),
        statistic: z.string(),
        a: known,
        b: known,
        change: known,
        scatter: known,
      }),
    ),
    checks: z.array(z.object({ name: z.string(), a: known, b: known })),
    thresholds: z.array(
      z.object({ metric: z.string(), source: z.string(), a: z.boolean().optional(), b: z.boolean().optional() }),
    ),
  })
  .meta({ id: "LoadRunComparison" }) as unknown as z.ZodType<RunComparison>;
