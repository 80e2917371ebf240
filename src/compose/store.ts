import { join } from "node:path";
import type { Settings } from "#config/settings.ts";
import type { Engine } from "#engine/engine.ts";
import { openDecodePool } from "#ingest/decode-pool.ts";
import { INGEST_DEFAULTS, openIngest, type RunningIngest } from "#ingest/open-ingest.ts";
import type { Journal } from "#journal/journal.ts";
import { openSegmentJournal } from "#journal/segment/segment-journal.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import type { Log } from "#runtime/log.ts";
import { workerThreads } from "#runtime/threads.ts";
import type { Documents } from "#state/documents.ts";
import { openLmdbDocuments } from "#state/lmdb/lmdb-documents.ts";
import { type Housekeeping, startHousekeeping } from "./housekeeping.ts";
import { createLoadInserter } from "./load-inserter.ts";
import { openEngine } from "./open-engine.ts";

/** What keeps the data: journals, engine and the ingest between them, documents beside. */
export interface Store extends AsyncDisposable {
  readonly engine: Engine;
  readonly ingest: RunningIngest;
  readonly documents: Documents;
  readonly housekeeping: Housekeeping;
  /** After disposal: whether the ledger added up. */
  isClean(): boolean;
}

/** Opens what keeps the data. Journals first, so that what a crash left is known before the engine is asked for it. */
export async function openStore(settings: Settings, dataDir: string, clock: Clock, log: Log): Promise<Store> {
  const journals = await openJournals(settings, dataDir, clock, log);
  const engine = await openEngine(settings, dataDir, log).catch(async (error: unknown) => {
    await Promise.all(SIGNALS.map((signal) => journals[signal][Symbol.asyncDispose]()));
    throw error;
  });
  const pool = openDecodePool({
    start: workerThreads,
    maxKeptBytes: settings.ingest.maxKept,
    maxQueueBytes: settings.ingest.maxInFlight,
  });
  const ingest = await openIngest({
    journals,
    pool,
    inserter: createLoadInserter(engine),
    disk: systemDisk,
    quarantineDirectory: join(dataDir, "quarantine"),
    clock,
    settings: {
      limits: settings.ingest.limits,
      maxAgeMs: {
        traces: settings.retention.traces,
        logs: settings.retention.logs,
        metrics: settings.retention.metrics,
      },
      maxAheadMs: settings.ingest.maxAhead,
      outside: settings.ingest.outside,
      loader: {
        loadRows: settings.ingest.loadRows,
        loadBytes: loadBytesFor(settings),
        lingerMs: settings.ingest.linger,
        pauseMs: INGEST_DEFAULTS.loader.pauseMs,
      },
    },
  });
  const documents = openLmdbDocuments(join(dataDir, "state"), clock);
  const housekeeping = startHousekeeping(engine, settings, clock, log);
  let clean = true;
  return {
    engine,
    ingest,
    documents,
    housekeeping,
    isClean: () => clean,
    [Symbol.asyncDispose]: async () => {
      await housekeeping[Symbol.asyncDispose]();
      const ledgers = await ingest.close(settings.shutdownTimeout);
      for (const signal of SIGNALS) {
        const { missing, pending } = ledgers[signal];
        if (missing !== 0) {
          clean = false;
          log.error("the ledger does not add up", { signal, missing });
        }
        if (pending > 0) log.info("left in the journal", { signal, pending });
      }
      await documents[Symbol.asyncDispose]();
      await pool[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await Promise.all(SIGNALS.map((signal) => journals[signal][Symbol.asyncDispose]()));
    },
  };
}

/**
 * The embedded engine holds about five blocks of a load while it inserts it, and two inserts run side by side; a block is about
 * half of what is foretold of it.
 */
const LOADS_IN_ENGINE_MEMORY = 10;
const LARGEST_LOAD_BYTES = 64 << 20;

function loadBytesFor({ engine }: Settings): number {
  if (engine.url !== "embedded") return LARGEST_LOAD_BYTES;
  return Math.min(LARGEST_LOAD_BYTES, Math.round(engine.memoryLimit / LOADS_IN_ENGINE_MEMORY));
}

async function openJournals(
  settings: Settings,
  dataDir: string,
  clock: Clock,
  log: Log,
): Promise<Readonly<Record<Signal, Journal>>> {
  const open = async (signal: Signal): Promise<Journal> => {
    const journal = await openSegmentJournal({
      directory: join(dataDir, "journal", signal),
      segmentBytes: settings.journal.segment,
      limitBytes: settings.journal.limit,
      reserveBytes: settings.journal.reserve,
      clock,
    });
    const { records, tornBytes, damaged } = journal.recovery;
    for (const lost of damaged)
      log.error("journal records are damaged and lost", {
        signal,
        records: lost.acceptedCount,
        firstSequence: lost.firstSequence,
        lastSequence: lost.lastSequence,
      });
    if (tornBytes > 0)
      log.warn("cut a torn tail off the journal; nothing acknowledged was in it", { signal, tornBytes });
    if (records > 0) log.info("journal recovered", { signal, records });
    return journal;
  };
  const [traces, logs, metrics] = await Promise.all([open("traces"), open("logs"), open("metrics")]);
  return { traces, logs, metrics };
}
