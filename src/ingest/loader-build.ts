import type { Journal, JournalEntry, LoadPlan, SequencedRecord } from "#journal/journal.ts";
import type { Signal } from "#model/batch.ts";
import type { Clock } from "#runtime/clock.ts";
import { describeError, isFailure } from "#runtime/failure.ts";
import type { DecodePool, Ticket } from "./decode-pool.ts";
import type { TransferredBlock } from "./decode-worker-message.ts";
import type { LoadPart, Quarantine } from "./quarantine.ts";
import { type Redecoded, redecode } from "./replay.ts";

/**
 * From the records of a load to its blocks.
 *
 *   kept batches ───────────────────────────────┐
 *   the journal ──► decoded again ──────────────┼──► one build ──► blocks
 *        └─ damaged: dropped  └─ undecodable ─► quarantine
 *
 * A build that fails is the fault of some body (or of our builder, met by some body): then each record is built by itself,
 * those that cannot be are put aside, and the others are built together. One body costs one body, not a load.
 */
export interface Built {
  readonly blocks: readonly TransferredBlock[];
  /** The parts that are to be inserted; undefined for all. */
  readonly only: readonly LoadPart[] | undefined;
  /** Records to be counted as stored. */
  readonly rows: number;
  /** Records to be counted as dropped, by reason. */
  readonly dropped: ReadonlyMap<string, number>;
}

export interface LoadBuilderDependencies {
  readonly signal: Signal;
  readonly journal: Journal;
  readonly pool: DecodePool;
  readonly quarantine: Quarantine;
  readonly clock: Clock;
}

interface PutAside {
  readonly record: SequencedRecord;
  readonly reason: string;
}

interface Range {
  readonly firstSequence: number;
  lastSequence: number;
}

export class LoadBuilder {
  readonly #deps: LoadBuilderDependencies;
  /** Kept batches by the number of their record. */
  readonly #tickets = new Map<number, Ticket>();
  redecodedLoads = 0;

  constructor(deps: LoadBuilderDependencies) {
    this.#deps = deps;
  }

  keep(sequence: number, ticket: Ticket): void {
    this.#tickets.set(sequence, ticket);
  }

  /** Uses up what is kept of the load; a further call decodes from the journal. */
  async build(plan: LoadPlan): Promise<Built> {
    if (plan.source !== undefined) return this.#buildFromQuarantine(plan.source);
    try {
      return await this.#buildTogether(plan);
    } catch (error) {
      if (isFailure(error)) throw error;
      return this.#buildWithoutCulprits(plan);
    }
  }

  async #buildTogether(plan: LoadPlan): Promise<Built> {
    const { pool } = this.#deps;
    const { kept, cold } = this.#takeKept(plan);
    if (cold.length === 0) return this.#buildFrom(kept, new Map());
    this.redecodedLoads++;
    try {
      const again = await this.#redecode(cold);
      kept.push(...again.tickets);
      return await this.#buildFrom(kept, await this.#dropped(plan, again, again.undecodable));
    } catch (error) {
      pool.release(kept);
      throw error;
    }
  }

  /** Finds the records that cannot be built, by building each alone. */
  async #buildWithoutCulprits(plan: LoadPlan): Promise<Built> {
    const { pool, journal, signal } = this.#deps;
    const good: Range[] = [];
    const bad: PutAside[] = [];
    for await (const entry of journal.read(plan.firstSequence, plan.lastSequence)) {
      if (entry.kind === "damaged") {
        addTo(good, entry.damaged.firstSequence, entry.damaged.lastSequence);
        continue;
      }
      const { record } = entry;
      const { tickets, undecodable } = await redecode(pool, signal, each([entry]));
      const reason =
        undecodable[0]?.reason ??
        (await this.#buildFrom(tickets, new Map()).then(
          () => undefined,
          (error: unknown) => {
            if (isFailure(error)) throw error;
            return describeError(error);
          },
        ));
      if (reason === undefined) addTo(good, record.sequence, record.sequence);
      else bad.push({ record: { ...record, body: record.body.slice() }, reason });
    }
    pool.forgetSeries(signal);
    const again = await this.#redecode(good);
    try {
      return await this.#buildFrom(again.tickets, await this.#dropped(plan, again, bad));
    } catch (error) {
      pool.release(again.tickets);
      throw error;
    }
  }

  async #buildFromQuarantine(name: string): Promise<Built> {
    const { pool, signal, quarantine } = this.#deps;
    const opened = await quarantine.open(name);
    // Removed just before a restart: its load was already in the engine.
    if (opened === undefined) return { blocks: [], only: undefined, rows: 0, dropped: new Map() };
    await using file = opened.file;
    pool.forgetSeries(signal);
    const again = await redecode(pool, signal, file.entries());
    if (again.undecodable.length + again.damaged.length > 0) {
      pool.release(again.tickets);
      throw new Error(again.undecodable[0]?.reason ?? `${name} is damaged.`);
    }
    const built = await this.#buildFrom(again.tickets, new Map());
    return { ...built, only: opened.entry.missing };
  }

  #takeKept(plan: LoadPlan): { readonly kept: Ticket[]; readonly cold: readonly Range[] } {
    const kept: Ticket[] = [];
    const cold: Range[] = [];
    for (let sequence = plan.firstSequence; sequence <= plan.lastSequence; sequence++) {
      const ticket = this.#tickets.get(sequence);
      this.#tickets.delete(sequence);
      if (ticket !== undefined && this.#deps.pool.isKept(ticket)) kept.push(ticket);
      else addTo(cold, sequence, sequence);
    }
    return { kept, cold };
  }

  async #buildFrom(tickets: readonly Ticket[], dropped: ReadonlyMap<string, number>): Promise<Built> {
    const blocks = tickets.length === 0 ? [] : await this.#deps.pool.build(this.#deps.signal, tickets);
    return { blocks, only: undefined, rows: recordRows(blocks), dropped };
  }

  #redecode(ranges: readonly Range[]): Promise<Redecoded> {
    const { pool, signal, journal } = this.#deps;
    const entries = async function* (): AsyncGenerator<JournalEntry> {
      for (const { firstSequence, lastSequence } of ranges) yield* journal.read(firstSequence, lastSequence);
    };
    return redecode(pool, signal, entries());
  }

  /** Counts what will not be stored, and puts aside what still has its bytes. */
  async #dropped(plan: LoadPlan, again: Redecoded, aside: readonly PutAside[]): Promise<ReadonlyMap<string, number>> {
    const { quarantine, signal, clock } = this.#deps;
    const dropped = new Map<string, number>();
    const damagedCount = again.damaged.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0);
    if (damagedCount > 0) dropped.set("journal-damaged", damagedCount);
    if (again.lostRows > 0) dropped.set("replay-rejected", again.lostRows);
    const [first] = aside;
    if (first === undefined) return dropped;
    const recordCount = aside.reduce((sum, { record }) => sum + record.acceptedCount, 0);
    dropped.set("undecodable", recordCount);
    await quarantine.put(
      { signal, load: plan.load, atUnixMs: clock.nowMs(), reason: first.reason, recordCount, missing: undefined },
      "undecodable",
      each(aside.map(({ record }) => record)),
    );
    return dropped;
  }
}

function addTo(ranges: Range[], firstSequence: number, lastSequence: number): void {
  const range = ranges.at(-1);
  if (range !== undefined && range.lastSequence === firstSequence - 1) range.lastSequence = lastSequence;
  else ranges.push({ firstSequence, lastSequence });
}

/** Blocks whose rows are what was accepted; the others are made from the same records. */
const RECORD_KINDS: ReadonlySet<string> = new Set(["spans", "logs", "points", "histograms"]);

function recordRows(blocks: readonly TransferredBlock[]): number {
  return blocks.reduce((sum, { kind, rows }) => sum + (RECORD_KINDS.has(kind) ? rows : 0), 0);
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
