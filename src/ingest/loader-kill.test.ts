import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLoadInserter } from "#compose/load-inserter.ts";
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
import { LOADER_DEFAULTS, type LoadInserter } from "./loader.ts";
import { openIngest } from "./open-ingest.ts";

/** The engine's process is killed with SIGKILL while it loads: every id must be there once, in every table. */
const ROUNDS = Number(process.env["ENGINE_KILLS"] ?? 5);
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

/** The engine's inserter, whose process is killed in the middle of its `at`-th statement since the last kill. */
function killing(): { readonly inserter: LoadInserter; killAfter(turns: number): void; kills: number } {
  const inserter = createLoadInserter(engine);
  let turnsLeft = Number.POSITIVE_INFINITY;
  const state = {
    kills: 0,
    killAfter: (turns: number): void => {
      turnsLeft = turns;
    },
    inserter: {
      ...inserter,
      insert: async (...given: Parameters<LoadInserter["insert"]>) => {
        const work = inserter.insert(...given);
        let isDone = false;
        const end = work.then(
          () => {
            isDone = true;
          },
          () => {
            isDone = true;
          },
        );
        // So many turns of the event loop into the load: somewhere within it, different each time.
        while (!isDone && turnsLeft < Number.POSITIVE_INFINITY) {
          if (turnsLeft-- <= 0) {
            turnsLeft = Number.POSITIVE_INFINITY;
            state.kills++;
            process.kill(engine.status().processId!, "SIGKILL");
          }
          await new Promise((turn) => setImmediate(turn));
        }
        await end;
        await work;
      },
    } satisfies LoadInserter,
  };
  return state;
}

describe("loading while the engine is killed", () => {
  it("stores every acknowledged record once, in the tables and their summaries", { timeout: 240_000 }, async () => {
    const open = (signal: Signal): Promise<Journal> =>
      openSegmentJournal({ directory: join(work, signal), segmentBytes: 4 << 20, reserveBytes: 0 });
    const journals = { traces: await open("traces"), logs: await open("logs"), metrics: await open("metrics") };
    await using pool = openDecodePool({ start: twinThreads(serveDecoder) });
    const killer = killing();
    await using ingest = await openIngest({
      journals,
      pool,
      inserter: killer.inserter,
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
      killer.killAfter(1 + ((round * 7919) % 97));
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
    expect(killer.kills).toBeGreaterThanOrEqual(Math.min(ROUNDS, 3));
    expect(engine.status().restarts).toBeGreaterThanOrEqual(killer.kills);
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
