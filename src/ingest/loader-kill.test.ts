import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLoadInserter } from "#compose/load-inserter.ts";
import type { Engine } from "#engine/engine.ts";
import { readRows } from "#engine/rows.ts";
import { migrate } from "#engine/schema/migrate.ts";
import { openTestEngine, type TestEngine } from "#engine/test-engine.ts";
import type { Journal } from "#journal/journal.ts";
import { openSegmentJournal } from "#journal/segment/segment-journal.ts";
import type { Signal } from "#model/batch.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import { twinThreads } from "#runtime/threads.ts";
import { buildLogs, buildMetrics, buildTraces } from "#wire/otlp-build.ts";
import { openDecodePool } from "./decode-pool.ts";
import { serveDecoder } from "./decode-worker.ts";
import { LOADER_DEFAULTS } from "./loader.ts";
import { openIngest } from "./open-ingest.ts";

/** The engine's process is killed with SIGKILL while it loads: every id must be there once, in every table. */
const ROUNDS = Number(process.env["ENGINE_KILLS"] ?? 4);
/** A round's loads are of 10 statements: four tables of spans, two of logs, three or four of metrics. */
const STATEMENTS = 10;
const STEP_NANO = 86_400_000_000_000n / 80n;

let work: string;
let engine: TestEngine;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "traceo-kills-"));
  engine = await openTestEngine();
  await migrate(engine);
}, 60_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(work, { recursive: true, force: true });
});

/** Where in a load the engine dies: in or behind its n-th INSERT since it was told to. */
interface Death {
  readonly statement: number;
  readonly when: "during" | "after";
}

/** The engine, whose process is killed at the statements it is told. */
function mortal(): { readonly engine: Engine; dieAt(death: Death): void; readonly kills: () => number } {
  let death: Death | undefined;
  let statement = 0;
  let kills = 0;
  const kill = (): void => {
    death = undefined;
    kills++;
    process.kill(engine.status().processId!, "SIGKILL");
  };
  const insert = async (...given: Parameters<Engine["insert"]>): Promise<void> => {
    statement++;
    const dies = death !== undefined && statement === death.statement ? death.when : undefined;
    const work = engine.insert(...given);
    if (dies === "during") {
      // The statement is with the engine once its request is on the wire: a few turns of the event loop.
      for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
      kill();
    }
    await work;
    if (dies === "after") kill();
  };
  return {
    engine: new Proxy<Engine>(engine, {
      get: (target, key) => {
        if (key === "insert") return insert;
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
    dieAt: (at) => {
      statement = 0;
      death = at;
    },
    kills: () => kills,
  };
}

describe("loading while the engine is killed", () => {
  it("stores every acknowledged record once, in the tables and their summaries", { timeout: 240_000 }, async () => {
    const open = (signal: Signal): Promise<Journal> =>
      openSegmentJournal({ directory: join(work, signal), segmentBytes: 4 << 20, reserveBytes: 0 });
    const journals = { traces: await open("traces"), logs: await open("logs"), metrics: await open("metrics") };
    await using pool = openDecodePool({ start: twinThreads(serveDecoder) });
    const killer = mortal();
    await using ingest = await openIngest({
      journals,
      pool,
      inserter: createLoadInserter(killer.engine),
      disk: systemDisk,
      quarantineDirectory: join(work, "quarantine"),
      settings: {
        maxAgeMs: { traces: 1e12, logs: 1e12, metrics: 1e12 },
        loader: { ...LOADER_DEFAULTS, lingerMs: 50, pauseMs: 20 },
      },
    });
    const accept = (signal: Signal, body: Uint8Array) =>
      ingest.accept({
        signal,
        tenant: "default",
        contentType: "protobuf",
        contentEncoding: "identity",
        receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
        body,
      });
    let spans = 0;
    let logs = 0;
    let points = 0;
    for (let round = 0; round < ROUNDS; round++) {
      killer.dieAt({ statement: 1 + ((round * 3) % STATEMENTS), when: round % 2 === 0 ? "after" : "during" });
      for (let body = 0; body < 6; body++) {
        const idPrefix = `${round.toString(16).padStart(2, "0")}${body}`;
        await Promise.all([
          accept("traces", buildTraces({ records: 200, idPrefix, stepNano: STEP_NANO }, round * 10 + body + 1)),
          accept("logs", buildLogs({ records: 100, stepNano: STEP_NANO }, round * 10 + body + 1)),
          accept("metrics", buildMetrics({ records: 64, stepNano: STEP_NANO * 10n }, round * 10 + body + 1)),
        ]);
        spans += 200;
        logs += 100;
        points += 64;
      }
      await ingest.flush();
    }
    expect(killer.kills()).toBe(ROUNDS);
    expect(engine.status().restarts).toBeGreaterThanOrEqual(ROUNDS);
    const one = async (sql: string): Promise<readonly number[]> => (await readRows(engine, sql))[0]!.map(Number);
    expect(await one("SELECT count(), uniqExact(span_id) FROM spans")).toEqual([spans, spans]);
    expect(await one("SELECT (SELECT sum(span_count) FROM traces), (SELECT sum(count) FROM span_stats)")).toEqual([
      spans,
      spans,
    ]);
    expect(await one("SELECT count(), (SELECT sum(count) FROM log_stats) FROM logs")).toEqual([logs, logs]);
    expect(await one("SELECT (SELECT count() FROM points) + (SELECT count() FROM histograms)")).toEqual([points]);
    expect(
      await one(
        "SELECT count() FROM (SELECT DISTINCT series_id FROM points) WHERE series_id NOT IN (SELECT series_id FROM series)",
      ),
    ).toEqual([0]);
    const ledger = ingest.ledger();
    expect([ledger.traces, ledger.logs, ledger.metrics]).toMatchObject([
      { received: spans, stored: spans, dropped: 0, missing: 0 },
      { received: logs, stored: logs, dropped: 0, missing: 0 },
      { received: points, stored: points, dropped: 0, missing: 0 },
    ]);
    await ingest.close(1000);
    for (const journal of Object.values(journals)) await journal[Symbol.asyncDispose]();
  });
});
