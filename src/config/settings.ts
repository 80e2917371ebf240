import { z } from "zod";
import { DECODE_LIMITS } from "#wire/limits.ts";
import { parseDuration, parseSize } from "./quantity.ts";

/**
 * Every setting, once. File < environment < flags; an unknown key fails. `docs/reference/configuration.md` is generated
 * from this schema (reference.ts), so a description here is what people read.
 */
const size = (defaultValue: string) => quantity(defaultValue, "size", parseSize, "a size such as 64MiB");
const duration = (defaultValue: string) =>
  quantity(defaultValue, "duration", parseDuration, "a duration such as 500ms, 15m or 30d");

function quantity(
  defaultValue: string,
  kind: "size" | "duration",
  parse: (text: string) => number | undefined,
  expected: string,
) {
  return z
    .union([z.string(), z.number().nonnegative()])
    .default(defaultValue)
    .transform((value, context) => {
      const parsed = parse(String(value));
      if (parsed === undefined) context.addIssue({ code: "custom", message: `expected ${expected}` });
      return parsed ?? 0;
    })
    .meta({ kind, written: defaultValue });
}

const count = (defaultValue: number): z.ZodDefault<z.ZodNumber> => z.number().int().min(0).default(defaultValue);
const address = z.string().regex(/^(off|(\[[0-9a-fA-F:]+\]|[^:\s]+):\d{1,5})$/, "expected HOST:PORT or off");
const listOf = z.array(z.string()).default([]);

const quota = z.strictObject({
  bytesPerSecond: size("0").describe("Bytes of bodies as sent, a second, averaged over ten; 0 is without limit."),
  recordsPerSecond: count(0).describe("Records a second, averaged over ten; 0 is without limit."),
});

export const settingsSchema = z.strictObject({
  data: z.string().default("traceo-data").describe("Folder that holds everything Traceo keeps."),
  listen: address.default("127.0.0.1:7070").describe("User interface and API."),
  otlpGrpc: address.default("127.0.0.1:4317").describe("OTLP over gRPC; `off` to switch it off."),
  otlpHttp: address
    .default("127.0.0.1:4318")
    .describe("OTLP over HTTP; `off` to switch it off (`/otlp/v1/*` on `listen` stays)."),
  access: z
    .strictObject({
      tokenFile: z
        .string()
        .optional()
        .describe(
          "File of tokens, each line `ingest TOKEN`, `read TOKEN` or `admin TOKEN`. Needed to listen beyond loopback.",
        ),
      noAuth: z
        .boolean()
        .default(false)
        .describe("Listen beyond loopback without tokens. Anyone who reaches the port reads and writes everything."),
      allowedHosts: listOf.describe(
        "Host names a browser may use for this server besides loopback and the listen address.",
      ),
      allowedOrigins: listOf.describe("Origins of other pages that may call the API from a browser."),
    })
    .prefault({}),
  engine: z
    .strictObject({
      url: z
        .string()
        .default("embedded")
        .describe("`embedded`, or the HTTP address of a ClickHouse server or cluster."),
      cluster: z
        .string()
        .optional()
        .describe("Name of the cluster (system.clusters) that tables are created ON, replicated and distributed."),
      user: z.string().default("default").describe("User at a remote engine."),
      passwordFile: z.string().optional().describe("File with the password for a remote engine."),
      reader: z
        .string()
        .optional()
        .describe("Role at a remote engine that SQL written by people runs under; without one such SQL is refused."),
      database: z.string().default("traceo").describe("Database that holds the tables."),
      memoryLimit: size("400MiB").describe(
        "Memory the embedded engine allows itself; the default fits a host of 2 GB.",
      ),
      ownMemoryLimit: size("800MiB").describe(
        "Memory of the engine process, mapped files not counted, past which it is restarted.",
      ),
    })
    .prefault({}),
  ingest: z
    .strictObject({
      maxBody: size("32MiB").describe("Largest request body as sent. Larger: 413."),
      maxInFlight: size("256MiB").describe(
        "Bytes of bodies being received, decoded or made durable. Past it: 429 with Retry-After.",
      ),
      maxKept: size("128MiB").describe(
        "Decoded batches kept in memory for the loader; what is beyond is decoded again from the journal.",
      ),
      outside: z
        .enum(["clamp", "reject"])
        .default("clamp")
        .describe("What happens to a record whose time is outside retention or too far ahead."),
      maxConnections: count(1024).describe(
        "Connections open at once, of each listener. A further one takes the place of the least useful, or waits.",
      ),
      bodyIdle: duration("10s").describe("Longest pause within a request body. Longer: 408."),
      bodyTimeout: duration("60s").describe("Longest time for a whole request body. Longer: 408."),
      quota: quota.prefault({}).describe("What one tenant may send. Past it: 429 with Retry-After."),
      tenantQuotas: z
        .record(z.string(), quota)
        .default({})
        .describe("Quotas of single tenants, in place of `ingest.quota`."),
      maxAhead: duration("1h").describe("How far a record's time may lie ahead of this host's clock."),
      linger: duration("400ms").describe("How long the loader waits for more records before it loads what there is."),
      limits: z
        .strictObject({
          decompressedBytes: size("32MiB").describe("Largest body after decompression. Larger: 413."),
          columnBytes: size("64MiB").describe("Memory that one decoded batch may take. More: 413."),
          records: count(DECODE_LIMITS.records).describe("Records in one request. More: 413."),
          attributes: count(DECODE_LIMITS.attributes).describe(
            "Attributes of one record, event, link, exemplar, scope or resource; further ones are dropped and counted.",
          ),
          keyBytes: count(DECODE_LIMITS.keyBytes).describe(
            "Bytes of an attribute key; a longer one is dropped with its value.",
          ),
          keysPerBatch: count(DECODE_LIMITS.keysPerBatch).describe(
            "Different attribute keys in one request; attributes with further ones are dropped.",
          ),
          valueBytes: size("64KiB").describe("Bytes of an attribute value; longer ones are cut and counted."),
          textBytes: size("1MiB").describe(
            "Bytes of a log body, name or status message; longer ones are cut and counted.",
          ),
          nesting: count(DECODE_LIMITS.nesting).describe("How deep arrays and maps may stand in each other."),
          eventsPerSpan: count(DECODE_LIMITS.eventsPerSpan).describe(
            "Events of one span; further ones are dropped and counted.",
          ),
          linksPerSpan: count(DECODE_LIMITS.linksPerSpan).describe(
            "Links of one span; further ones are dropped and counted.",
          ),
          bucketsPerPoint: count(DECODE_LIMITS.bucketsPerPoint).describe(
            "Buckets or quantiles of one data point; a point with more is rejected.",
          ),
          exemplarsPerPoint: count(DECODE_LIMITS.exemplarsPerPoint).describe(
            "Exemplars of one data point; further ones are dropped.",
          ),
        })
        .prefault({}),
      loadRows: count(65_536).describe("Records that make a load at once."),
    })
    .prefault({}),
  journal: z
    .strictObject({
      limit: size("2GiB").describe(
        "Disk for acknowledged records that are not yet in the engine, per signal. Past it: 503 with Retry-After.",
      ),
      segment: size("32MiB").describe("Size of one journal file."),
      reserve: size("256MiB").describe(
        "Bytes the journal leaves free on its disk, for the engine to load what is acknowledged. Less free: 503.",
      ),
    })
    .prefault({}),
  retention: z
    .strictObject({
      traces: duration("14d").describe("Age at which spans and their summaries go."),
      logs: duration("14d").describe("Age at which logs go."),
      metrics: duration("90d").describe("Age at which data points go."),
      diskBudget: size("20GiB").describe(
        "Bytes for all data; past it the oldest day goes, whatever its age. 0: no budget.",
      ),
      tenants: z
        .record(
          z.string(),
          z.strictObject({ traces: duration("14d"), logs: duration("14d"), metrics: duration("90d") }).partial(),
        )
        .default({})
        .describe("Shorter ages for single tenants."),
    })
    .prefault({}),
  query: z
    .strictObject({
      timeout: duration("30s").describe("Longest a query may run."),
      maxRows: count(10_000).describe("Rows one answer may have."),
      maxBytes: size("64MiB").describe("Bytes one answer may have."),
      memory: size("300MiB").describe("Memory one query may use in the engine."),
    })
    .prefault({}),
  telemetry: z
    .strictObject({
      self: z
        .boolean()
        .default(true)
        .describe("Send Traceo's own metrics and logs through its own ingest (service `traceo`)."),
      interval: duration("10s").describe("How often."),
    })
    .prefault({}),
  shutdownTimeout: duration("15s").describe(
    "How long a graceful stop may take to load what was accepted; the rest stays in the journal.",
  ),
});

export type Settings = z.infer<typeof settingsSchema>;
