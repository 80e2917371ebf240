import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { createLoadInserter } from "#compose/load-inserter.ts";
import type { Engine } from "#engine/engine.ts";
import { readRows } from "#engine/rows.ts";
import { migrate } from "#engine/schema/migrate.ts";
import { openTestEngine, type TestEngine } from "#engine/test-engine.ts";
import type { Journal } from "#journal/journal.ts";
import { openMemoryJournal } from "#journal/memory/memory-journal.ts";
import { SIGNALS, type Signal } from "#model/batch.ts";
import { systemDisk } from "#runtime/disk-system.ts";
import { Failure } from "#runtime/failure.ts";
import { twinThreads } from "#runtime/threads.ts";
import { type DecodePoolOptions, openDecodePool } from "./decode-pool.ts";
import { serveDecoder } from "./decode-worker.ts";
import type { IngestRequest } from "./ingest.ts";
import { LOADER_DEFAULTS } from "./loader.ts";
import { type IngestSettings, openIngest, type RunningIngest } from "./open-ingest.ts";

/** What tests of the whole write path need: a real engine, and ingests over it. */
export interface Under {
  readonly journals?: Readonly<Record<Signal, Journal>>;
  readonly engine?: Engine;
  readonly pool?: Partial<DecodePoolOptions>;
  readonly settings?: Partial<IngestSettings>;
  /** Name of a quarantine directory that more than one ingest uses. */
  readonly quarantine?: string;
}

export interface Opened extends AsyncDisposable {
  readonly ingest: RunningIngest;
  readonly journals: Readonly<Record<Signal, Journal>>;
}

export interface Workshop {
  /** A temporary directory, there from the first test to the last. */
  readonly work: string;
  readonly engine: Engine;
  /** Everything real but the threads, which are twins on this one; the journals are in memory unless given. */
  open(under?: Under): Promise<Opened>;
  quarantineDirectory(name: string): string;
  one(sql: string): Promise<readonly unknown[]>;
  /** Rows of the bodies whose ids have this prefix, in the table itself and in the summaries. */
  spansOf(prefix: string): Promise<Record<string, number>>;
  /** The real engine, with an error before or after the insert (or sync) that `decide` picks. */
  faulty(decide: (call: number, what: "insert" | "sync") => "before" | "after" | undefined): {
    readonly engine: Engine;
    readonly calls: () => number;
  };
}

/** To be called once in a test file, outside its tests. */
export function setUpWorkshop(): Workshop {
  let engine: TestEngine;
  let work: string;
  let opened = 0;
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), "traceo-ingest-"));
    engine = await openTestEngine();
    await migrate(engine);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await rm(work, { recursive: true, force: true });
  });
  const one = async (sql: string): Promise<readonly unknown[]> => (await readRows(engine, sql))[0]!;
  const quarantineDirectory = (name: string): string => join(work, `quarantine-${name}`);

  return {
    get work() {
      return work;
    },
    get engine() {
      return engine;
    },
    one,
    quarantineDirectory,
    open: async (under = {}) => {
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
        quarantineDirectory: quarantineDirectory(under.quarantine ?? String(opened++)),
        settings: { ...ANY_TIME, ...under.settings },
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
    },
    spansOf: async (prefix) => {
      const like = `LIKE '${prefix}%'`;
      const [spans, ids] = await one(`SELECT count(), uniqExact(span_id) FROM spans WHERE span_id ${like}`);
      const [summed] = await one(`SELECT sum(span_count) FROM traces WHERE trace_id ${like}`);
      return { spans: Number(spans), ids: Number(ids), summed: Number(summed) };
    },
    faulty: (decide) => {
      let calls = 0;
      const gone = new Failure("engine-unavailable", "the engine went away");
      const around = async (what: "insert" | "sync", action: () => Promise<void>): Promise<void> => {
        const when = decide(++calls, what);
        if (when === "before") throw gone;
        await action();
        if (when === "after") throw gone;
      };
      const proxy = withMethods(engine, {
        insert: (...given) => around("insert", () => engine.insert(...given)),
        sync: () => around("sync", () => engine.sync()),
      });
      return { engine: proxy, calls: () => calls };
    },
  };
}

/** Bodies of the builder are of a fixed day. */
const ANY_TIME: Partial<IngestSettings> = { maxAgeMs: { traces: 1e12, logs: 1e12, metrics: 1e12 } };

/** Does not wait long after failures. */
export const QUICK: Partial<IngestSettings> = { loader: { ...LOADER_DEFAULTS, pauseMs: 1 } };

/** What `spansOf` answers when there are so many, each once. */
export const exactly = (count: number): Record<string, number> => ({ spans: count, ids: count, summed: count });

/** An engine with some methods replaced. */
export function withMethods(engine: Engine, methods: Partial<Engine>): Engine {
  return new Proxy<Engine>(engine, {
    get: (target, key) => {
      const replaced: unknown = Reflect.get(methods, key);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

export function request(signal: Signal, body: Uint8Array, more: Partial<IngestRequest> = {}): IngestRequest {
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
