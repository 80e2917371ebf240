import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Journal, JournalRecord, SequencedRecord } from "#journal/journal.ts";
import { openMemoryJournal } from "#journal/memory/memory-journal.ts";
import { openSegmentJournal } from "#journal/segment/segment-journal.ts";
import type { Signal } from "#model/batch.ts";
import { ManualClock } from "#runtime/clock.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import { Failure } from "#runtime/failure.ts";
import { twinThreads } from "#runtime/threads.ts";
import { buildTraces } from "#wire/otlp-build.ts";
import { serveDecoder } from "./decode-worker.ts";
import type { WorkerOrder } from "./decode-worker-message.ts";
import { exactly, QUICK, request, setUpWorkshop, withMethods } from "./ingest.suite.ts";
import { LOADER_DEFAULTS } from "./loader.ts";
import { Quarantine } from "./quarantine.ts";

const DAY_NANO = 86_400_000_000_000n;
const workshop = setUpWorkshop();
const { open, one, spansOf, faulty } = workshop;

function recordOf(body: Uint8Array, acceptedCount: number): JournalRecord {
  return {
    receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
    tenant: "default",
    contentType: "protobuf",
    contentEncoding: "identity",
    acceptFromUnixNano: 0n,
    acceptToUnixNano: 1n << 62n,
    outside: "clamp",
    decoding: "",
    acceptedCount,
    decodedBytes: body.length * 2,
    body,
  };
}

async function journalsWith(traces: Journal): Promise<Record<Signal, Journal>> {
  return { traces, logs: await openMemoryJournal(), metrics: await openMemoryJournal() };
}

describe("loading through the engine's failures", () => {
  it("stores everything once, whichever call of a load fails, before or after it took effect", {
    timeout: 120_000,
  }, async () => {
    let checked = 0;
    for (const when of ["before", "after"] as const) {
      for (let failing = 1; ; failing++) {
        const { engine: broken, calls } = faulty((call) => (call === failing ? when : undefined));
        await using under = await open({ engine: broken, settings: QUICK });
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
    // One table of the load is refused; they are filled side by side, so the others are in already.
    const proxy = withMethods(workshop.engine, {
      insert: async (sql, ...given) => {
        if (refuses && sql.includes("INTO span_stats")) throw refusal;
        await workshop.engine.insert(sql, ...given);
      },
    });
    await using under = await open({ engine: proxy, settings: QUICK });
    const { ingest } = under;
    const statistics = async (service: string) =>
      Number((await one(`SELECT sum(count) FROM span_stats WHERE tenant = '${service}'`))[0]);
    await ingest.accept(request("traces", buildTraces({ records: 80, idPrefix: "9a" }), { tenant: "quarantined" }));
    await ingest.flush();
    expect(ingest.ledger().traces).toMatchObject({ received: 80, stored: 0, dropped: 80, pending: 0, missing: 0 });
    expect(ingest.ledger().traces.reasons).toEqual([{ reason: "quarantined", count: 80 }]);
    const [entry] = await ingest.quarantined();
    expect(entry).toMatchObject({ signal: "traces", recordCount: 80, reason: "no such function" });
    expect([...new Set(entry?.missing?.map(({ table }) => table))]).toEqual(["span_stats"]);

    await expect(ingest.replayQuarantined(entry!.name)).rejects.toThrow("no such function");
    expect(await ingest.quarantined()).toHaveLength(1);

    refuses = false;
    await ingest.accept(request("traces", buildTraces({ records: 20, idPrefix: "9b" }), { tenant: "quarantined" }));
    await ingest.flush();
    expect(await statistics("quarantined")).toBe(20);
    const edges = async () =>
      Number((await one("SELECT count() FROM service_edges FINAL WHERE tenant = 'quarantined'"))[0]);
    const edgesBefore = await edges();
    expect(edgesBefore).toBeGreaterThan(0);
    expect(await ingest.replayQuarantined(entry!.name)).toBe(80);
    expect(await edges()).toBe(edgesBefore);
    expect(await ingest.quarantined()).toEqual([]);
    expect(await spansOf("9a")).toEqual(exactly(80));
    expect(await spansOf("9b")).toEqual(exactly(20));
    expect(await statistics("quarantined")).toBe(100);
    expect(ingest.ledger().traces).toMatchObject({ received: 180, stored: 100, dropped: 80, missing: 0 });
    await expect(ingest.replayQuarantined(entry!.name)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("a journal that starts anew beside the data of an earlier one", () => {
  it("goes on from the newest load, so that none of its loads is taken for one that is there already", async () => {
    {
      await using under = await open();
      await under.ingest.accept(request("traces", buildTraces({ records: 30, idPrefix: "fa" })));
      await under.ingest.flush();
    }
    const newest = async () => Number((await one("SELECT max(load) FROM spans"))[0]);
    const before = await newest();
    // A lost journal, and a clock set back: the first load would have exactly the number of the newest rows. Its first insert
    // fails, so that the engine is asked whether it has the load.
    const traces = await openMemoryJournal({ clock: new ManualClock(before - 1) });
    const { engine } = faulty((call) => (call === 1 ? "before" : undefined));
    await using under = await open({ journals: await journalsWith(traces), engine, settings: QUICK });
    await under.ingest.accept(request("traces", buildTraces({ records: 40, idPrefix: "fb" })));
    await under.ingest.flush();
    expect([await spansOf("fa"), await spansOf("fb")]).toEqual([exactly(30), exactly(40)]);
    expect(await newest()).toBeGreaterThan(before);
  });

  it("waits for the engine to name the newest load rather than guess", async () => {
    let refused = 0;
    const engine = withMethods(workshop.engine, {
      read: async (read, ...given) => {
        if (read.sql.startsWith("SELECT max(load)") && refused++ < 3) throw new Failure("query-limit", "no memory");
        return await workshop.engine.read(read, ...given);
      },
    });
    await using under = await open({ engine, settings: QUICK });
    await under.ingest.accept(request("traces", buildTraces({ records: 10, idPrefix: "fc" })));
    await under.ingest.flush();
    expect(refused).toBeGreaterThan(3);
    expect(await spansOf("fc")).toEqual(exactly(10));
  });
});

describe("loading what cannot all be loaded", () => {
  it("counts records that are damaged in the journal as dropped, and loads the others", async () => {
    const directory = join(workshop.work, "damaged");
    const openJournal = () => openSegmentJournal({ directory, segmentBytes: 1 << 20, reserveBytes: 0 });
    const broken = faulty(() => "before").engine;
    {
      await using under = await open({
        journals: await journalsWith(await openJournal()),
        engine: broken,
        settings: QUICK,
      });
      for (let body = 0; body < 4; body++)
        await under.ingest.accept(request("traces", buildTraces({ records: 60, idPrefix: `da0${body}` })));
    }
    const file = join(directory, "segment-000001");
    const bytes = await readFile(file);
    const second = bytes.indexOf("TRJ1", bytes.indexOf("TRJ1") + 4);
    bytes[second + 2000]! ^= 1;
    await writeFile(file, bytes);

    await using under = await open({ journals: await journalsWith(await openJournal()) });
    await under.ingest.flush();
    const found = await Promise.all([0, 1, 2, 3].map((body) => spansOf(`da0${body}`)));
    expect(found).toEqual([exactly(60), exactly(0), exactly(60), exactly(60)]);
    expect(under.ingest.ledger().traces).toMatchObject({
      received: 240,
      stored: 180,
      dropped: 60,
      pending: 0,
      missing: 0,
      reasons: [{ reason: "journal-damaged", count: 60 }],
    });
  });

  it("puts bodies aside that can no longer be decoded, and loads the others", async () => {
    const journal = await openMemoryJournal();
    await journal.append(recordOf(buildTraces({ records: 30, idPrefix: "db00" }), 30));
    await journal.append(recordOf(Buffer.from("nothing that this version decodes"), 17));
    await journal.append(recordOf(buildTraces({ records: 30, idPrefix: "db01" }), 31));
    await using under = await open({ journals: await journalsWith(journal) });
    await under.ingest.flush();
    expect([await spansOf("db00"), await spansOf("db01")]).toEqual([exactly(30), exactly(30)]);
    expect(under.ingest.ledger().traces).toMatchObject({ received: 78, stored: 60, dropped: 18, missing: 0 });
    expect(under.ingest.ledger().traces.reasons).toEqual([
      { reason: "undecodable", count: 17 },
      { reason: "replay-rejected", count: 1 },
    ]);
    expect(await under.ingest.quarantined()).toMatchObject([{ signal: "traces", recordCount: 17 }]);
  });

  it("puts aside a body that the builder cannot stand, and loads the others of its load", async () => {
    const poison = buildTraces({ records: 15, idPrefix: "de0f" });
    // A worker that dies whenever it builds a load with that body in it.
    const start = twinThreads((port) => {
      const poisoned = new Set<number>();
      serveDecoder({
        post: port.post,
        onMessage: (listener) =>
          port.onMessage((message) => {
            const order = message as WorkerOrder;
            if (order.kind === "decode" && order.keepAs !== undefined && Buffer.compare(order.body, poison) === 0)
              poisoned.add(order.keepAs);
            if (order.kind === "build" && order.batches.some((number) => poisoned.has(number)))
              throw new Error("the builder met its bug");
            listener(message);
          }),
      });
    });
    await using under = await open({ pool: { start }, settings: QUICK });
    const bodies = [1, 2, 3].map((body) => buildTraces({ records: 20, idPrefix: `de0${body}` }));
    await Promise.all([...bodies, poison].map((body) => under.ingest.accept(request("traces", body))));
    await under.ingest.flush();
    expect(await Promise.all([1, 2, 3].map((body) => spansOf(`de0${body}`)))).toEqual([20, 20, 20].map(exactly));
    expect(await spansOf("de0f")).toEqual(exactly(0));
    expect(under.ingest.ledger().traces).toMatchObject({ received: 75, stored: 60, dropped: 15, missing: 0 });
    expect(await under.ingest.quarantined()).toMatchObject([
      { recordCount: 15, reason: expect.stringContaining("builder met its bug") },
    ]);
  });

  it("waits for a full disk to have room, and quarantines nothing", async () => {
    let isFull = true;
    let refused = 0;
    const full = withMethods(workshop.engine, {
      insert: async (...given) => {
        if (isFull && ++refused === 8) isFull = false;
        if (isFull) throw new Failure("disk-full", "no space");
        await workshop.engine.insert(...given);
      },
    });
    await using under = await open({ engine: full, settings: QUICK });
    await under.ingest.accept(request("traces", buildTraces({ records: 40, idPrefix: "dc" })));
    await under.ingest.flush();
    expect(await spansOf("dc")).toEqual(exactly(40));
    expect(under.ingest.ledger().traces).toMatchObject({ stored: 40, dropped: 0, missing: 0 });
  });

  it("waits for memory that others hold, and quarantines nothing", async () => {
    let refused = 0;
    const short = withMethods(workshop.engine, {
      insert: async (...given) => {
        if (++refused <= 24) throw new Failure("query-limit", "(total) memory limit exceeded");
        await workshop.engine.insert(...given);
      },
    });
    await using under = await open({ engine: short, settings: QUICK });
    await under.ingest.accept(request("traces", buildTraces({ records: 40, idPrefix: "df" })));
    await under.ingest.flush();
    expect(refused).toBeGreaterThan(24);
    expect(await spansOf("df")).toEqual(exactly(40));
    expect(await under.ingest.quarantined()).toEqual([]);
    expect(under.ingest.ledger().traces).toMatchObject({ stored: 40, dropped: 0, missing: 0 });
  });

  it("cuts loads by the bytes that their blocks will take", async () => {
    const body = (number: number) => buildTraces({ records: 100, idPrefix: `1d0${number}` }, number);
    const loadsOf = async (loadBytes: number, bodies: readonly number[]) => {
      const settings = { loader: { ...LOADER_DEFAULTS, loadBytes } };
      await using under = await open({ settings });
      await Promise.all(bodies.map((number) => under.ingest.accept(request("traces", body(number)))));
      await under.ingest.flush();
      const prefixes = bodies.map((number) => `startsWith(trace_id, '1d0${number}')`).join(" OR ");
      return (await one(`SELECT uniqExact(load), count() FROM spans WHERE ${prefixes}`)).map(Number);
    };
    expect(await loadsOf(LOADER_DEFAULTS.loadBytes, [1, 2, 3])).toEqual([1, 300]);
    expect(await loadsOf(1, [4, 5, 6])).toEqual([3, 300]);
  });

  it("builds again when the worker with the batches died", async () => {
    await using under = await open({ settings: QUICK });
    const { ingest, journals } = under;
    // Numbers in the journal that no worker has batches for: as after a death.
    await journals.traces.append(recordOf(buildTraces({ records: 25, idPrefix: "dd00" }), 25));
    await ingest.accept(request("traces", buildTraces({ records: 25, idPrefix: "dd01" })));
    await ingest.flush();
    expect([await spansOf("dd00"), await spansOf("dd01")]).toEqual([exactly(25), exactly(25)]);
    expect(ingest.status().loaders.traces.redecodedLoads).toBe(1);
  });
});

describe("a replay that a restart interrupts", () => {
  async function* records(prefix: string): AsyncGenerator<SequencedRecord> {
    yield { ...recordOf(buildTraces({ records: 20, idPrefix: prefix }), 20), sequence: 3 };
  }

  async function aside(name: string, prefix: string): Promise<string> {
    const quarantine = await Quarantine.open(systemDisk, workshop.quarantineDirectory(name));
    const entry = {
      signal: "traces",
      load: 5,
      reason: "a test",
      recordCount: 20,
      atUnixMs: 1,
      missing: undefined,
    } as const;
    return quarantine.put(entry, "refused", records(prefix));
  }

  it("is finished at the next start", async () => {
    const name = await aside("interrupted", "ea");
    const journal = await openMemoryJournal();
    await journal.planLoad(0, name);
    await using under = await open({ journals: await journalsWith(journal), quarantine: "interrupted" });
    await under.ingest.accept(request("traces", buildTraces({ records: 10, idPrefix: "eb" })));
    await under.ingest.flush();
    expect([await spansOf("ea"), await spansOf("eb")]).toEqual([exactly(20), exactly(10)]);
    expect(await under.ingest.quarantined()).toEqual([]);
    expect(under.ingest.ledger().traces).toMatchObject({ received: 30, stored: 30, missing: 0 });
  });

  it("is not done twice when its file was already removed", async () => {
    const journal = await openMemoryJournal();
    await journal.planLoad(0, "traces-5-refused");
    await using under = await open({ journals: await journalsWith(journal) });
    await under.ingest.accept(request("traces", buildTraces({ records: 10, idPrefix: "ec" })));
    await under.ingest.flush();
    expect(await spansOf("ec")).toEqual(exactly(10));
    expect(under.ingest.ledger().traces).toMatchObject({ received: 10, stored: 10, missing: 0 });
  });
});
