import type { Journal, JournalEntry, LoadPlan, SequencedRecord } from "#journal/journal.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { describeError, Failure, isFailure } from "#runtime/failure.ts";
import type { DecodePool, Ticket } from "./decode-pool.ts";
import type { TransferredBlock } from "./decode-worker-message.ts";
import type { SignalBook } from "./ledger.ts";
import { type Built, LoadBuilder } from "./loader-build.ts";
import type { LoadPart, Quarantine } from "./quarantine.ts";

/**
 * The loader of one signal: turns what the journal holds into loads of the engine, one after the other.
 *
 *   offer ──► wait until a load is due ──► planLoad (durable) ──► build ──► insert ──► sync ──► completeLoad
 *                                              │                    │          └ refused 3 times ──► quarantine ──┐
 *                                              │                    └ kept batches, or the journal again          │
 *              a restart begins here with ─────┘ the open plan, inserting only what is missing     completeLoad ◄─┘
 *
 * Invariants:
 * - Numbers only grow, over the life of the data rather than of the journal: a journal that starts anew goes on from the
 *   newest load of the engine, or its loads would be taken for ones that are there already.
 * - One load is open at a time, and its records and its number never change until it is completed: whatever happened before,
 *   doing it again inserts what is missing and nothing else.
 * - A load is completed only when the engine has all of it on stable storage, or a quarantine file has what it lacks.
 * - The loader never gives up: what is not the load's fault (the engine is down, the disk is full) is waited out.
 * - Every accepted record of a load is counted exactly once, as stored or as dropped.
 */
export interface LoadInserter {
  /**
   * Fills the tables of these blocks. `isRepeat`: the load may be there already, wholly or in part, and only what is missing
   * is inserted. `only`: exactly these parts, whatever is there.
   */
  insert(load: number, blocks: readonly TransferredBlock[], how: InsertHow): Promise<void>;
  /** The greatest number of a load that any table of this signal has; 0 if there is none. */
  newestLoad(signal: Signal, abort: AbortSignal): Promise<number>;
  /** Which parts of the load the engine does not have. */
  missing(load: number, blocks: readonly TransferredBlock[], abort: AbortSignal): Promise<readonly LoadPart[]>;
  /** Makes what was inserted survive power loss. */
  sync(): Promise<void>;
  whenReady(abort: AbortSignal): Promise<void>;
}

export interface InsertHow {
  readonly isRepeat: boolean;
  readonly only: readonly LoadPart[] | undefined;
  readonly abort: AbortSignal;
}

export interface LoaderOptions {
  /** A load is due at once with this many records. */
  readonly loadRows: number;
  /**
   * A load is due at once with this much (`decodedBytes`: the memory of its decoded batches or of their blocks, whichever is
   * more), and takes no more unless one body alone is larger: the engine holds about five times a block while it inserts it.
   */
  readonly loadBytes: number;
  /**
   * Below that, loads start no more often than this. A record that comes after a pause is loaded after GATHER_MS already.
   */
  readonly lingerMs: number;
  /** First pause after a failure; doubles up to MAX_PAUSE_MS. */
  readonly pauseMs: number;
}

export const LOADER_DEFAULTS: LoaderOptions = {
  loadRows: 65_536,
  loadBytes: 42_000_000,
  lingerMs: 400,
  pauseMs: 250,
};

export interface LoaderDependencies {
  readonly signal: Signal;
  readonly journal: Journal;
  readonly pool: DecodePool;
  readonly inserter: LoadInserter;
  readonly quarantine: Quarantine;
  readonly book: SignalBook;
  readonly clock: Clock;
}

export interface LoaderStatus {
  readonly loads: number;
  /** Loads whose batches were decoded again from the journal. */
  readonly redecodedLoads: number;
  readonly lastLoadMs: number;
  readonly quarantinedLoads: number;
  /** Why the open load is not done yet. */
  readonly trouble: string | undefined;
}

/** How long a first record waits for company. */
const GATHER_MS = 100;
/** Loads that take long come less often, so that what waits in between is loaded together; but not less often than this. */
const MAX_LINGER_MS = 2_000;
const MAX_PAUSE_MS = 5_000;
/** What the journal or the engine cannot do now is tried again after so many first pauses. */
const PLAN_PAUSES = 20;
const MAX_REFUSALS = 3;
/**
 * The engine was short of memory or time. Other queries cause that and it passes, so it is no refusal; but a single body whose
 * block alone is larger than any load should be may never fit, and shall not block the rest for ever: five minutes for it.
 */
const MAX_STRAINED_REFUSALS = 60;

export class Loader {
  readonly #deps: LoaderDependencies;
  readonly #options: LoaderOptions;
  readonly #stop = new AbortController();
  readonly #builder: LoadBuilder;
  readonly #replays: Replay[] = [];
  readonly #flushes: {
    readonly sequence: number;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  readonly #done: Promise<void>;
  /** Records not yet planned. */
  #waitingRows = 0;
  #waitingBytes = 0;
  #waitingSinceMs: number | undefined;
  #lastStartMs = Number.NEGATIVE_INFINITY;
  #wake: (() => void) | undefined;
  #isDraining = false;
  #loads = 0;
  #quarantinedLoads = 0;
  #lastLoadMs = 0;
  #trouble: string | undefined;
  /** Whether the journal's numbers are known to go on from those of the data. */
  #isNumbered: boolean;

  constructor(deps: LoaderDependencies, options: LoaderOptions) {
    this.#deps = deps;
    this.#builder = new LoadBuilder(deps);
    this.#options = options;
    this.#isNumbered = !deps.journal.recovery.isFresh;
    const first = (deps.journal.openLoad()?.lastSequence ?? deps.journal.status().completedSequence) + 1;
    const found = deps.journal.measure(first, { acceptedCount: Infinity, decodedBytes: Infinity });
    if (found !== undefined) this.#count(found.acceptedCount, found.decodedBytes);
    this.#done = this.#run();
  }

  /** A record is durable. To be called in the order of the numbers. */
  offer(sequence: number, acceptedCount: number, decodedBytes: number, ticket: Ticket | undefined): void {
    if (ticket !== undefined) this.#builder.keep(sequence, ticket);
    const wasIdle = this.#waitingSinceMs === undefined;
    this.#count(acceptedCount, decodedBytes);
    if (wasIdle || this.#isFull()) this.#notify();
  }

  /** Resolves once every record that is durable now is stored or dropped. */
  flush(abort?: AbortSignal): Promise<void> {
    const { journal } = this.#deps;
    const sequence = journal.status().durableSequence;
    if (journal.status().completedSequence >= sequence) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const flush = { sequence, resolve, reject };
      this.#flushes.push(flush);
      abort?.addEventListener(
        "abort",
        () => {
          const index = this.#flushes.indexOf(flush);
          if (index >= 0) this.#flushes.splice(index, 1);
          reject(new Failure("cancelled", "Nobody waits for the flush any more."));
        },
        { once: true },
      );
      this.#notify();
    });
  }

  /** Loads what a quarantine file holds. Resolves with how many records were stored, once they are. */
  replay(name: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#replays.push({ name, resolve, reject });
      this.#notify();
    });
  }

  status(): LoaderStatus {
    return {
      loads: this.#loads,
      redecodedLoads: this.#builder.redecodedLoads,
      lastLoadMs: this.#lastLoadMs,
      quarantinedLoads: this.#quarantinedLoads,
      trouble: this.#trouble,
    };
  }

  /** Loads everything pending at once, then stops; at `deadline` it stops wherever it is, and the journal has the rest. */
  async close(deadline: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#notify();
    const stop = (): void => {
      this.#stop.abort();
      this.#notify();
    };
    if (deadline.aborted) stop();
    else deadline.addEventListener("abort", stop, { once: true });
    await this.#done;
    deadline.removeEventListener("abort", stop);
    const failure = new Failure("unavailable", "Ingest was closed.");
    for (const { reject } of [...this.#flushes.splice(0), ...this.#replays.splice(0)]) reject(failure);
  }

  async #run(): Promise<void> {
    const { journal } = this.#deps;
    let open = journal.openLoad();
    while (!this.#stop.signal.aborted) {
      if (open !== undefined) {
        await this.#carryOut(open, true).catch((error: unknown) => {
          // Nobody waits for a replay that a restart took up again; its file says why it failed.
          if (open?.source === undefined) throw error;
        });
        open = undefined;
        continue;
      }
      const replay = this.#replays.shift();
      if (replay !== undefined) {
        await this.#startReplay(replay);
        continue;
      }
      if (this.#waitingSinceMs === undefined) {
        if (this.#isDraining) return;
        await this.#sleep(undefined);
        continue;
      }
      const delayMs = this.#delayMs();
      if (delayMs > 0) {
        await this.#sleep(delayMs);
        continue;
      }
      await this.#startLoad();
    }
  }

  async #startLoad(): Promise<void> {
    const { journal, clock } = this.#deps;
    const { durableSequence, completedSequence } = journal.status();
    const extent = journal.measure(completedSequence + 1, {
      acceptedCount: this.#options.loadRows,
      decodedBytes: this.#options.loadBytes,
    });
    if (extent === undefined) throw new Error("Records are waiting that the journal does not have.");
    this.#lastStartMs = clock.monotonicMs();
    const plan = await this.#plan(extent.lastSequence, undefined);
    if (plan === undefined) return;
    this.#waitingRows -= extent.acceptedCount;
    this.#waitingBytes -= extent.decodedBytes;
    this.#waitingSinceMs =
      extent.lastSequence >= durableSequence && durableSequence === journal.status().durableSequence
        ? undefined
        : this.#lastStartMs;
    await this.#carryOut(plan, false);
  }

  async #startReplay(replay: Replay): Promise<void> {
    try {
      const plan = await this.#plan(0, replay.name);
      if (plan === undefined) {
        this.#replays.unshift(replay);
        return;
      }
      const stored = await this.#carryOut(plan, true);
      if (stored === undefined) replay.reject(new Failure("unavailable", "Ingest was closed; the next start goes on."));
      else replay.resolve(stored);
    } catch (error) {
      replay.reject(error);
    }
  }

  /** Undefined when the journal could not write the plan (or nobody can say its number): after a pause everything is decided anew. */
  async #plan(lastSequence: number, source: string | undefined): Promise<LoadPlan | undefined> {
    const { journal, inserter, signal } = this.#deps;
    try {
      if (!this.#isNumbered) {
        await inserter.whenReady(this.#stop.signal);
        journal.continueAfter(await inserter.newestLoad(signal, this.#stop.signal));
        this.#isNumbered = true;
      }
      return await journal.planLoad(lastSequence, source);
    } catch (error) {
      if (!isFailure(error)) throw error;
      this.#trouble = error.message;
      await this.#pause(this.#options.pauseMs * PLAN_PAUSES);
      return undefined;
    }
  }

  /**
   * Does a load until it is completed; returns how many records were stored, undefined only when stopped. Throws for a file
   * of the quarantine that is refused again.
   */
  async #carryOut(plan: LoadPlan, mayBeThere: boolean): Promise<number | undefined> {
    const { journal, pool, signal, inserter, book, clock, quarantine } = this.#deps;
    const startMs = clock.monotonicMs();
    let isRepeat = mayBeThere;
    let built: Built | undefined;
    let refusals = 0;
    let pauseMs = this.#options.pauseMs;
    while (!this.#stop.signal.aborted) {
      try {
        await inserter.whenReady(this.#stop.signal);
        built ??= await this.#builder.build(plan);
        if (built.blocks.length > 0) {
          const only = isRepeat ? await this.#stillMissing(plan, built) : built.only;
          await inserter.insert(plan.load, built.blocks, { isRepeat, only, abort: this.#stop.signal });
          await inserter.sync();
        }
        // Before the completion: a restart in between finds nothing to insert and completes.
        if (plan.source !== undefined) await quarantine.remove(plan.source);
        // A crash may have left it behind, put aside but not completed; now its records are stored.
        else if (mayBeThere) await quarantine.remove(`${signal}-${plan.load}-refused`);
        await journal.completeLoad(plan);
        this.#trouble = undefined;
        this.#loads++;
        this.#lastLoadMs = clock.monotonicMs() - startMs;
        if (plan.source !== undefined) book.receivedAgain(built.rows);
        book.stored(built.rows);
        for (const [reason, count] of built.dropped) book.dropped(reason, count);
        pool.giveBack(signal, built.blocks);
        this.#settleFlushes();
        return built.rows;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        // Blocks that were built stay as they are. New ones must stage their series again.
        pool.forgetSeries(signal);
        isRepeat = true;
        this.#trouble = describeError(error);
        const isStrain = isFailure(error, "query-limit") || isFailure(error, "query-timeout");
        if (isStrain ? this.#mayNeverFit(plan, built) : !isWaitedOut(error)) {
          refusals++;
          if (refusals >= (isStrain ? MAX_STRAINED_REFUSALS : MAX_REFUSALS)) {
            if (await this.#giveUp(plan, built, describeError(error))) {
              if (plan.source === undefined) return 0;
              throw error;
            }
          }
        }
        await this.#pause(pauseMs);
        pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
      }
    }
    return undefined;
  }

  #mayNeverFit({ firstSequence, lastSequence, source }: LoadPlan, built: Built | undefined): boolean {
    const sizeBytes = built?.blocks.reduce((sum, block) => sum + block.sizeBytes, 0) ?? 0;
    return sizeBytes > this.#options.loadBytes && (source !== undefined || firstSequence === lastSequence);
  }

  /** Of the parts that the load is about, if it is not about all; undefined leaves the question to the inserter. */
  async #stillMissing(plan: LoadPlan, { blocks, only }: Built): Promise<readonly LoadPart[] | undefined> {
    if (only === undefined) return undefined;
    const missing = await this.#deps.inserter.missing(plan.load, blocks, this.#stop.signal);
    return missing.filter((part) => only.some((one) => isSame(one, part)));
  }

  /** Puts what the engine refuses aside. False if that is not possible now, or if nothing is missing after all. */
  async #giveUp(plan: LoadPlan, built: Built | undefined, reason: string): Promise<boolean> {
    const { signal, inserter, quarantine, journal, book, clock } = this.#deps;
    try {
      const rest =
        built &&
        ((await this.#stillMissing(plan, built)) ??
          (await inserter.missing(plan.load, built.blocks, this.#stop.signal)));
      if (rest?.length === 0) return false;
      if (plan.source !== undefined) {
        const opened = await quarantine.open(plan.source);
        await opened?.file[Symbol.asyncDispose]();
        if (opened !== undefined) await quarantine.update({ ...opened.entry, reason, missing: rest });
        await journal.completeLoad(plan);
        return true;
      }
      let recordCount = 0;
      let damagedCount = 0;
      for await (const entry of journal.read(plan.firstSequence, plan.lastSequence)) {
        if (entry.kind === "record") recordCount += entry.record.acceptedCount;
        else damagedCount += entry.damaged.acceptedCount;
      }
      await quarantine.put(
        { signal, load: plan.load, atUnixMs: clock.nowMs(), reason, recordCount, missing: rest },
        "refused",
        readable(journal.read(plan.firstSequence, plan.lastSequence)),
      );
      await journal.completeLoad(plan);
      book.dropped("quarantined", recordCount);
      book.dropped("journal-damaged", damagedCount);
      this.#quarantinedLoads++;
      this.#settleFlushes();
      return true;
    } catch (error) {
      this.#trouble = `${reason} (and it could not be put aside: ${describeError(error)})`;
      return false;
    }
  }

  #count(acceptedCount: number, decodedBytes: number): void {
    this.#waitingRows += acceptedCount;
    this.#waitingBytes += decodedBytes;
    this.#waitingSinceMs ??= this.#deps.clock.monotonicMs();
  }

  #isFull(): boolean {
    return this.#waitingRows >= this.#options.loadRows || this.#waitingBytes >= this.#options.loadBytes;
  }

  #delayMs(): number {
    if (this.#isDraining || this.#flushes.length > 0 || this.#isFull()) return 0;
    const { lingerMs } = this.#options;
    const interval = Math.max(lingerMs, Math.min(MAX_LINGER_MS, this.#lastLoadMs * 1.5));
    const due = Math.max(this.#waitingSinceMs! + Math.min(GATHER_MS, lingerMs), this.#lastStartMs + interval);
    return due - this.#deps.clock.monotonicMs();
  }

  #settleFlushes(): void {
    const { completedSequence } = this.#deps.journal.status();
    for (const flush of this.#flushes.filter(({ sequence }) => sequence <= completedSequence)) {
      this.#flushes.splice(this.#flushes.indexOf(flush), 1);
      flush.resolve();
    }
  }

  #notify(): void {
    this.#wake?.();
  }

  /** Until `#notify`, or for this long. */
  #sleep(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(() => this.#wake?.(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** For this long, whatever comes, unless the loader is stopped. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      if (signal.aborted) end();
    });
  }
}

interface Replay {
  readonly name: string;
  readonly resolve: (stored: number) => void;
  readonly reject: (error: unknown) => void;
}

function isSame(one: LoadPart, other: LoadPart): boolean {
  return one.table === other.table && one.date === other.date;
}

/** Not the load's fault: it passes. */
function isWaitedOut(error: unknown): boolean {
  return (
    isFailure(error, "engine-unavailable") ||
    isFailure(error, "unavailable") ||
    isFailure(error, "disk-full") ||
    isFailure(error, "overloaded") ||
    isFailure(error, "cancelled")
  );
}

async function* readable(entries: AsyncIterable<JournalEntry>): AsyncGenerator<SequencedRecord> {
  for await (const entry of entries) if (entry.kind === "record") yield entry.record;
}
