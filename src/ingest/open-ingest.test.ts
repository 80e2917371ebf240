import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import type { Journal } from "#journal/journal.ts";
import { openMemoryJournal } from "#journal/memory/memory-journal.ts";
import { openSegmentJournal } from "#journal/segment/segment-journal.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { buildLogs, buildMetrics, buildTraces } from "#wire/otlp-build.ts";
import { exactly, QUICK, request, setUpWorkshop } from "./ingest.suite.ts";
import { LOADER_DEFAULTS } from "./loader.ts";

const workshop = setUpWorkshop();
const { open, one, spansOf, faulty } = workshop;

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
    const directory = join(workshop.work, "left");
    const openJournals = async (): Promise<Record<Signal, Journal>> => ({
      traces: await openSegmentJournal({ directory, segmentBytes: 1 << 20 }),
      logs: await openMemoryJournal(),
      metrics: await openMemoryJournal(),
    });
    const { engine: broken } = faulty(() => "before");
    {
      await using under = await open({ journals: await openJournals(), engine: broken, settings: QUICK });
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
