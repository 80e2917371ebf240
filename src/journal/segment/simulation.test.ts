import { describe, expect, it } from "vitest";
import { ManualClock } from "#runtime/clock.ts";
import { SimulatedDisk } from "#runtime/disk-simulated.ts";
import { isFailure } from "#runtime/failure.ts";
import { type Outline, outline, readAll, recordOf } from "../journal.suite.ts";
import type { Journal, LoadPlan } from "../journal.ts";
import { openSegmentJournal } from "./segment-journal.ts";

/**
 * Random days of a journal on a simulated disk: appends, loads, clean stops, kills, power losses, failing writes and syncs, a
 * full disk. After each restart the journal is compared with what it had promised.
 *
 * The oracle: every acknowledged record is there exactly once, under its number, in order, with its bytes; what else is there
 * was at least appended, and never acknowledged; a completed load is completed; an open one is the one that was planned.
 * A seed that ever failed stays in REGRESSIONS.
 */
const REGRESSIONS: readonly number[] = [80, 88, 386];
const SEEDS = [
  ...REGRESSIONS,
  ...Array.from({ length: Number(process.env["JOURNAL_SEEDS"] ?? 25) }, (_, seed) => seed + 1),
];
const STEPS = 120;
const DIRECTORY = "/journal";

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

class Day {
  readonly random: () => number;
  readonly disk: SimulatedDisk;
  readonly clock = new ManualClock(1_785_000_000_000);
  journal!: Journal;
  /** By number, what was acknowledged and not completed. */
  readonly acknowledged = new Map<number, Outline>();
  /** Bodies that were appended at any time, by hash: what is found must be one of them. */
  readonly appended = new Set<string>();
  completedSequence = 0;
  plan: LoadPlan | undefined;
  /** Ends of plans, and a completion, whose write failed or was cut off: a restart may find one of them done. */
  uncertain: { planned: number[]; completed: LoadPlan | undefined } = { planned: [], completed: undefined };
  lastLoad = 0;
  next = 1;
  events: string[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.disk = new SimulatedDisk({ random: this.random, capacityBytes: 900_000 });
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.random() * (high - low + 1));
  }

  async open(): Promise<void> {
    this.disk.beforeOperation = undefined;
    this.disk.writeFailures = 0;
    this.disk.syncFailures = 0;
    const options = {
      directory: DIRECTORY,
      segmentBytes: 64 * 1024,
      limitBytes: 640 * 1024,
      reserveBytes: 0,
      groupBytes: 40 * 1024,
      disk: this.disk.attach(),
      clock: this.clock,
      nonce: () => BigInt(Math.floor(this.random() * 2 ** 53)),
    };
    this.clock.advance(1000);
    this.journal = await openSegmentJournal(options);
    await this.check();
  }

  /** Compares the journal with what was promised, and takes over what it may have decided. */
  async check(): Promise<void> {
    const { journal, uncertain } = this;
    const open = journal.openLoad();
    const status = journal.status();
    if (uncertain.completed !== undefined && status.completedSequence === uncertain.completed.lastSequence)
      this.complete(uncertain.completed);
    if (open !== undefined && this.plan === undefined) {
      expect(uncertain.planned).toContain(open.lastSequence);
      this.plan = open;
    }
    this.uncertain = { planned: [], completed: undefined };
    expect(status.completedSequence).toBe(this.completedSequence);
    expect(open).toEqual(this.plan);
    if (open !== undefined) {
      expect(open.load).toBeGreaterThan(this.lastLoad - 1);
      this.lastLoad = open.load;
    }
    expect(journal.recovery.damaged).toEqual([]);
    const found = await readAll(journal, status.completedSequence + 1, status.durableSequence);
    expect(found.map(({ sequence }) => sequence)).toEqual(
      Array.from(
        { length: status.durableSequence - status.completedSequence },
        (_, i) => status.completedSequence + 1 + i,
      ),
    );
    for (const record of found) {
      const promised = this.acknowledged.get(record.sequence);
      if (promised !== undefined) expect(record).toEqual(promised);
      else expect(this.appended.has(record.bodyHash)).toBe(true);
    }
    const numbers = new Set(found.map(({ sequence }) => sequence));
    for (const sequence of this.acknowledged.keys()) expect(numbers.has(sequence)).toBe(true);
    // Found though never acknowledged: from now on the journal has it for good.
    for (const record of found) this.acknowledged.set(record.sequence, record);
    expect(status.pendingRecords).toBe(found.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0));
  }

  complete(plan: LoadPlan): void {
    for (let sequence = plan.firstSequence; sequence <= plan.lastSequence; sequence++)
      this.acknowledged.delete(sequence);
    this.completedSequence = plan.lastSequence;
    this.plan = undefined;
  }

  append(bytes: number): Promise<void> {
    const number = this.next++;
    const record = recordOf(number, bytes);
    this.appended.add(outline(record, 0).bodyHash);
    return this.journal.append(record).then(
      (sequence) => {
        expect(this.acknowledged.has(sequence) || sequence <= this.completedSequence).toBe(false);
        this.acknowledged.set(sequence, outline(record, sequence));
      },
      (error: unknown) => {
        if (!isFailure(error)) throw error;
        this.events.push(error.code);
      },
    );
  }

  async planLoad(): Promise<void> {
    const { completedSequence, durableSequence } = this.journal.status();
    if (this.plan !== undefined || durableSequence === completedSequence) return;
    const last = this.between(completedSequence + 1, durableSequence);
    try {
      this.uncertain.planned.push(last);
      this.plan = await this.journal.planLoad(last);
      this.uncertain.planned = [];
      expect(this.plan.firstSequence).toBe(completedSequence + 1);
      expect(this.plan.load).toBeGreaterThan(this.lastLoad);
      this.lastLoad = this.plan.load;
    } catch (error) {
      if (!isFailure(error)) throw error;
    }
  }

  async completeLoad(): Promise<void> {
    const { plan } = this;
    if (plan === undefined) return;
    try {
      this.uncertain.completed = plan;
      await this.journal.completeLoad(plan);
      this.uncertain.completed = undefined;
      this.complete(plan);
    } catch (error) {
      if (!isFailure(error)) throw error;
    }
  }

  async stop(how: "close" | "kill" | "crash"): Promise<void> {
    this.events.push(how);
    if (how === "close") {
      await this.journal[Symbol.asyncDispose]();
      return;
    }
    if (how === "kill") this.disk.kill();
    else this.disk.crash();
  }

  async step(): Promise<void> {
    const dice = this.random();
    if (dice < 0.5) {
      const count = this.between(1, 12);
      await Promise.all(Array.from({ length: count }, () => this.append(this.size())));
    } else if (dice < 0.65) await this.planLoad();
    else if (dice < 0.8) await this.completeLoad();
    else if (dice < 0.84) this.disk.syncFailures = this.random() < 0.5 ? 0.3 : 0;
    else if (dice < 0.87) this.disk.writeFailures = this.random() < 0.5 ? 0.2 : 0;
    else if (dice < 0.9) this.disk.capacityBytes = this.random() < 0.5 ? this.between(200_000, 400_000) : 900_000;
    else if (dice < 0.93) {
      await this.stop("close");
      await this.open();
    } else await this.stopInTheMiddle(this.random() < 0.6 ? "crash" : "kill");
  }

  /** Stops at one of the next writes or syncs, while appends and a plan or completion are under way. */
  async stopInTheMiddle(how: "kill" | "crash"): Promise<void> {
    let left = this.between(0, 12);
    this.disk.beforeOperation = () => {
      if (left-- === 0) {
        this.events.push(how);
        if (how === "kill") this.disk.kill();
        else this.disk.crash();
      }
    };
    const work = Array.from({ length: this.between(1, 20) }, () => this.append(this.size()));
    work.push(this.plan === undefined ? this.planLoad() : this.completeLoad());
    await Promise.all(work);
    if (left >= 0) await this.stop(how);
    await this.open();
  }

  size(): number {
    const dice = this.random();
    if (dice < 0.6) return this.between(0, 2000);
    if (dice < 0.95) return this.between(2000, 36_000);
    return this.between(36_000, 100_000);
  }
}

async function live(seed: number): Promise<Day> {
  const day = new Day(seed);
  await day.open();
  for (let step = 0; step < STEPS; step++) await day.step();
  await day.stop(day.random() < 0.5 ? "crash" : "close");
  await day.open();
  await day.journal[Symbol.asyncDispose]();
  return day;
}

describe("journal simulation", () => {
  it(`keeps its promises through ${SEEDS.length} bad days`, { timeout: 600_000 }, async () => {
    const events = new Map<string, number>();
    for (const seed of SEEDS) {
      const day = await live(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      });
      for (const event of day.events) events.set(event, (events.get(event) ?? 0) + 1);
    }
    // A simulation in which nothing happens proves nothing.
    for (const event of ["crash", "kill", "close", "disk-full", "unavailable"])
      expect([event, events.get(event) ?? 0]).toEqual([event, expect.toSatisfy((count: number) => count >= 10)]);
  });
});
