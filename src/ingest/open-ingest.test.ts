import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLoadInserter } from "#compose/load-inserter.ts";
import type { Engine } from "#engine/engine.ts";
import { readRows } from "#engine/rows.ts";
import { migrate } from "#engine/schema/migrate.ts";
import { openTestEngine, type TestEngine } from "#engine/test-engine.ts";
import type { Journal } from "#journal/journal.ts";
import { openMemoryJournal } from "#journal/memory/memory-journal.ts";
import { openSegmentJournal } from "#journal/segment/segment-journal.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import { Failure } from "#runtime/failure.ts";
import { twinThreads } from "#runtime/threads.ts";
import { buildLogs, buildMetrics, buildTraces } from "#wire/otlp-build.ts";
import { type DecodePoolOptions, openDecodePool } from "./decode-pool.ts";
import { serveDecoder } from "./decode-worker.ts";
import type { IngestRequest } from "./ingest.ts";
import { LOADER_DEFAULTS } from "./loader.ts";
import { type IngestSettings, openIngest, type RunningIngest } from "./open-ingest.ts";

let engine: TestEngine;
let work: string;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "traceo-ingest-"));
  engine = await openTestEngine();
  await migrate(engine);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

const DAY_NANO = 86_400_000_000_000n;

interface Under {
  readonly journals?: Readonly<Record<Signal, Journal>>;
  readonly engine?: Engine;
  readonly pool?: Partial<DecodePoolOptions>;
  readonly settings?: Partial<IngestSettings>;
}

interface Opened extends AsyncDisposable {
  readonly ingest: RunningIngest;
  readonly journals: Readonly<Record<Signal, Journal>>;
}

let opened = 0;

/** Everything real but the threads, which are twins on this one. */
async function open(under: Under = {}): Promise<Opened> {
  const journals = under.journals ?? {
    traces: await openMemoryJournal(),
    logs: await openMemoryJournal(),
    metrics: await openMemoryJournal(),
  };
  const pool = openDecodePool({ start: twinThreads(serveDecoder), ...under.pool });
  const ingest = await openIngest({
    journals,
    pool,
    inserter: createLoadInserter(under.engine ?? engine),
    disk: systemDisk,
    quarantineDirectory: join(work, `quarantine-${opened++}`),
    settings: {
      // Bodies of the builder are of a fixed day.
      maxAgeMs: { traces: 1e12, logs: 1e12, metrics: 1e12 },
      ...under.settings,
    },
  });
  return {
    ingest,
    journals,
    [Symbol.asyncDispose]: async () => {
      await ingest.close(0);
      await pool[Symbol.asyncDispose]();
      await Promise.all(SIGNALS.map((signal) => journals[signal][Symbol.asyncDispose]()));
    },
  };
}

function request(signal: Signal, body: Uint8Array, more: Partial<IngestRequest> = {}): IngestRequest {
  return {
    signal,
    tenant: "default",
    contentType: "protobuf",
    contentEncoding: "identity",
    receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
    ...more,
    body,
  };
}

async function one(sql: string): Promise<readonly unknown[]> {
  return (await readRows(engine, sql))[0]!;
}

/** Rows of the bodies with this prefix, in the table itself and in the summaries. */
async function spansOf(prefix: string): Promise<Record<string, number>> {
  const like = `LIKE '${prefix}%'`;
  const [spans, ids] = await one(`SELECT count(), uniqExact(span_id) FROM spans WHERE span_id ${like}`);
  const [summed] = await one(`SELECT sum(span_count) FROM traces WHERE trace_id ${like}`);
  return { spans: Number(spans), ids: Number(ids), summed: Number(summed) };
}

const exactly = (count: number) => ({ spans: count, ids: count, summed: count });

/** The real engine, with an error before or after the insert (or sync) that `decide` picks. */
function faulty(decide: (call: number, what: "insert" | "sync") => "before" | "after" | undefined): {
  readonly engine: Engine;
  readonly calls: () => number;
} {
  let calls = 0;
  const around = async (what: "insert" | "sync", action: () => Promise<void>, error: Failure): Promise<void> => {
    const when = decide(++calls, what);
    if (when === "before") throw error;
    await action();
    if (when === "after") throw error;
  };
  const gone = new Failure("engine-unavailable", "the engine went away");
  const proxy = new Proxy<Engine>(engine, {
    get: (target, key) => {
      if (key === "insert")
        return (...given: Parameters<Engine["insert"]>) => around("insert", () => target.insert(...given), gone);
      if (key === "sync") return () => around("sync", () => target.sync(), gone);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { engine: proxy, calls: () => calls };
}

const quick = { loader: { ...LOADER_DEFAULTS, pauseMs: 1 } };

describe("ingest", () => {
  it("stores what it acknowledged, of every signal, and its books balance", async () => {
    await using under = await open();
    const { ingest } = under;
    const answers = await Promise.all([
      ingest.accept(request("traces", buildTraces({ records: 1000, idPrefix: "a1" }))),
      ingest.accept(
        request("logs", gzipSync(buildLogs({ records: 500 })), { contentEncoding: "gzip", tenant: "shop" }),
      ),
      ingest.accept(request("metrics", buildMetrics({ records: 300 }), { tenant: "shop" })),
    ]);
    expect(answers.map(({ accepted, rejected }) => [accepted, rejected])).toEqual([
      [1000, 0],
      [500, 0],
      [300, 0],
    ]);
    await ingest.flush();
    expect(await spansOf("a1")).toEqual(exactly(1000));
    expect(await one("SELECT count() FROM logs WHERE tenant = 'shop'")).toEqual(["500"]);
    expect(await one("SELECT sum(count) FROM log_stats WHERE tenant = 'shop'")).toEqual(["500"]);
    expect(
      await one(
        "SELECT (SELECT count() FROM points WHERE tenant = 'shop') + (SELECT count() FROM histograms WHERE tenant = 'shop')",
      ),
    ).toEqual(["300"]);
    const ledger = ingest.ledger();
    expect(SIGNALS.map((signal) => [ledger[signal].received, ledger[signal].stored, ledger[signal].missing])).toEqual([
      [1000, 1000, 0],
      [500, 500, 0],
      [300, 300, 0],
    ]);
    expect(ingest.status().loaders.traces).toMatchObject({ loads: 1, redecodedLoads: 0 });
  });

  it("stores the same rows when no batch is kept and all are decoded again", async () => {
    await using under = await open({ pool: { maxKeptBytes: 0 } });
    const { ingest } = under;
    for (let body = 0; body < 7; body++)
      await ingest.accept(request("traces", buildTraces({ records: 300, idPrefix: `b${body}` })));
    await ingest.flush();
    for (let body = 0; body < 7; body++) expect(await spansOf(`b${body}`)).toEqual(exactly(300));
    expect(ingest.ledger().traces).toMatchObject({ received: 2100, stored: 2100, pending: 0, missing: 0 });
    expect(ingest.status().loaders.traces.redecodedLoads).toBe(ingest.status().loaders.traces.loads);
  });

  it("decodes only what was not kept when a part of a load was", async () => {
    await using under = await open({ pool: { maxKeptBytes: 600_000 } });
    const { ingest } = under;
    const bodies = Array.from({ length: 6 }, (_, body) => buildTraces({ records: 500, idPrefix: `c${body}` }));
    expect(bodies[0]!.length * 6).toBeGreaterThan(600_000);
    await Promise.all(bodies.map((body) => ingest.accept(request("traces", body))));
    expect(under.ingest.status().decode.keptBytes).toBeGreaterThan(0);
    await ingest.flush();
    for (let body = 0; body < 6; body++) expect(await spansOf(`c${body}`)).toEqual(exactly(500));
    expect(under.ingest.status().decode.keptBytes).toBe(0);
  });

  it("answers what is wrong with a body, and counts it", async () => {
    await using under = await open();
    const { ingest } = under;
    await expect(ingest.accept(request("traces", Buffer.from("not protobuf")))).rejects.toMatchObject({
      code: "bad-payload",
    });
    await expect(
      ingest.accept(request("logs", Buffer.from("no gzip"), { contentEncoding: "gzip" })),
    ).rejects.toMatchObject({ code: "bad-payload" });
    expect(ingest.ledger().traces).toMatchObject({ received: 0, refusedRequests: 1 });
    expect(ingest.ledger().logs).toMatchObject({ received: 0, refusedRequests: 1 });
    expect(await ingest.accept(request("traces", new Uint8Array(0)))).toEqual({
      accepted: 0,
      rejected: 0,
      rejections: [],
    });
  });

  it("rejects, or moves, records whose time is outside", async () => {
    const settings = { maxAgeMs: { traces: 3_600_000, logs: 3_600_000, metrics: 3_600_000 } };
    const nowNano = BigInt(Date.now()) * 1_000_000n;
    const bodyAt = (prefix: string, startUnixNano: bigint) =>
      buildTraces({ records: 10, idPrefix: prefix, startUnixNano });
    const hour = 3_600_000_000_000n;
    {
      await using under = await open({ settings: { ...settings, outside: "reject" } });
      const { ingest } = under;
      expect(await ingest.accept(request("traces", bodyAt("d1", nowNano - 2n * hour)))).toMatchObject({
        accepted: 0,
        rejected: 10,
        rejections: [{ reason: "too-old", count: 10 }],
      });
      expect(await ingest.accept(request("traces", bodyAt("d2", nowNano + 2n * hour)))).toMatchObject({
        rejections: [{ reason: "too-new", count: 10 }],
      });
      expect(await ingest.accept(request("traces", bodyAt("d3", nowNano)))).toMatchObject({
        accepted: 10,
        rejected: 0,
      });
      await ingest.flush();
      expect(ingest.ledger().traces).toMatchObject({ received: 30, stored: 10, rejected: 20, missing: 0 });
    }
    await using under = await open({ settings: { ...settings, outside: "clamp" } });
    const { ingest } = under;
    expect(await ingest.accept(request("traces", bodyAt("d4", nowNano - 48n * hour)))).toMatchObject({ accepted: 10 });
    await ingest.flush();
    expect(ingest.status().clamped.traces).toBe(10);
    expect(await spansOf("d4")).toEqual(exactly(10));
    expect(
      await one("SELECT count() FROM spans WHERE span_id LIKE 'd4%' AND start_time < now() - INTERVAL 2 HOUR"),
    ).toEqual(["0"]);
  });

  it("loads what the last process left, once", async () => {
    const directory = join(work, "left");
    const openJournals = async (): Promise<Record<Signal, Journal>> => ({
      traces: await openSegmentJournal({ directory, segmentBytes: 1 << 20 }),
      logs: await openMemoryJournal(),
      metrics: await openMemoryJournal(),
    });
    const { engine: broken } = faulty(() => "before");
    {
      await using under = await open({ journals: await openJournals(), engine: broken, settings: quick });
      for (let body = 0; body < 5; body++)
        await under.ingest.accept(request("traces", buildTraces({ records: 200, idPrefix: `e${body}` })));
      const ledger = await under.ingest.close(0);
      expect(ledger.traces).toMatchObject({ received: 1000, stored: 0, pending: 1000, missing: 0 });
    }
    await using under = await open({ journals: await openJournals() });
    expect(under.ingest.ledger().traces).toMatchObject({ received: 1000 });
    await under.ingest.flush();
    for (let body = 0; body < 5; body++) expect(await spansOf(`e${body}`)).toEqual(exactly(200));
    expect(under.ingest.ledger().traces).toMatchObject({ received: 1000, stored: 1000, pending: 0, missing: 0 });
  });

  it("drains within the deadline of its close", async () => {
    const slow = { loader: { ...LOADER_DEFAULTS, lingerMs: 3_600_000 } };
    await using under = await open({ settings: slow });
    await under.ingest.accept(request("traces", buildTraces({ records: 100, idPrefix: "f1" })));
    const ledger = await under.ingest.close(60_000);
    expect(ledger.traces).toMatchObject({ stored: 100, pending: 0, missing: 0 });
    expect(await spansOf("f1")).toEqual(exactly(100));
    await expect(under.ingest.accept(request("traces", new Uint8Array(0)))).rejects.toMatchObject({
      code: "unavailable",
    });
  });
});

describe("loading through the engine's failures", () => {
  it("stores everything once, whichever call of a load fails, before or after it took effect", {
    timeout: 120_000,
  }, async () => {
    let checked = 0;
    for (const when of ["before", "after"] as const) {
      for (let failing = 1; ; failing++) {
        const { engine: broken, calls } = faulty((call) => (call === failing ? when : undefined));
        await using under = await open({ engine: broken, settings: quick });
        const prefix = `${when === "before" ? "1" : "2"}${failing.toString(16)}ab`;
        await under.ingest.accept(
          request("traces", buildTraces({ records: 50, idPrefix: prefix, stepNano: DAY_NANO / 20n })),
        );
        await under.ingest.flush();
        expect([when, failing, await spansOf(prefix)]).toEqual([when, failing, exactly(50)]);
        expect(under.ingest.ledger().traces).toMatchObject({ stored: 50, dropped: 0, missing: 0 });
        checked++;
        if (calls() < failing) break;
      }
    }
    // Four tables and a sync, each failing before and after.
    expect(checked).toBeGreaterThanOrEqual(10);
  });

  it("puts aside what is refused three times, goes on, and replays what is missing of it", async () => {
    let refuses = true;
    const refusal = new Failure("engine-error", "no such function");
    // The third table of the load is refused: rows and one summary are in already.
    const proxy = new Proxy<Engine>(engine, {
      get: (target, key) => {
        if (key === "insert")
          return async (sql: string, ...given: unknown[]) => {
            if (refuses && sql.includes("INTO span_stats")) throw refusal;
            return (target.insert as (...all: unknown[]) => Promise<void>)(sql, ...given);
          };
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await using under = await open({ engine: proxy, settings: quick });
    const { ingest } = under;
    const statistics = async (service: string) =>
      Number((await one(`SELECT sum(count) FROM span_stats WHERE tenant = '${service}'`))[0]);
    await ingest.accept(request("traces", buildTraces({ records: 80, idPrefix: "9a" }), { tenant: "quarantined" }));
    await ingest.flush();
    expect(ingest.ledger().traces).toMatchObject({ received: 80, stored: 0, dropped: 80, pending: 0, missing: 0 });
    expect(ingest.ledger().traces.reasons).toEqual([{ reason: "quarantined", count: 80 }]);
    const [entry] = await ingest.quarantined();
    expect(entry).toMatchObject({ signal: "traces", recordCount: 80, reason: "no such function" });
    expect([...new Set(entry?.missing?.map(({ table }) => table))]).toEqual(["span_stats", "service_edges"]);

    await expect(ingest.replayQuarantined(entry!.name)).rejects.toThrow("no such function");
    expect(await ingest.quarantined()).toHaveLength(1);

    refuses = false;
    await ingest.accept(request("traces", buildTraces({ records: 20, idPrefix: "9b" }), { tenant: "quarantined" }));
    await ingest.flush();
    expect(await statistics("quarantined")).toBe(20);
    expect(await ingest.replayQuarantined(entry!.name)).toBe(80);
    expect(await ingest.quarantined()).toEqual([]);
    expect(await spansOf("9a")).toEqual(exactly(80));
    expect(await spansOf("9b")).toEqual(exactly(20));
    expect(await statistics("quarantined")).toBe(100);
    expect(ingest.ledger().traces).toMatchObject({ received: 180, stored: 100, dropped: 80, missing: 0 });
    await expect(ingest.replayQuarantined(entry!.name)).rejects.toMatchObject({ code: "not-found" });
  });
});
