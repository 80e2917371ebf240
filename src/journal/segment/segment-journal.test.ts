import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { SimulatedDisk } from "#runtime/disk-simulated.ts";
import type { Failure } from "#runtime/failure.ts";
import { journalSuite, outline, readAll, recordOf } from "../journal.suite.ts";
import type { Journal } from "../journal.ts";
import { openSegmentJournal } from "./segment-journal.ts";

const MIB = 1 << 20;
let work: string;
let count = 0;
const fresh = (): string => join(work, `journal-${count++}`);

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), "traceo-journal-"));
});
afterAll(() => rm(work, { recursive: true, force: true }));

journalSuite("segment journal", {
  open: (limitBytes) => openSegmentJournal({ directory: fresh(), limitBytes, segmentBytes: MIB, reserveBytes: 0 }),
});

describe("segment journal on disk", () => {
  it("finds everything again after a clean stop, its open load and its numbers too", async () => {
    const directory = fresh();
    const options = { directory, segmentBytes: MIB, reserveBytes: 0 };
    const journal = await openSegmentJournal(options);
    for (let number = 1; number <= 40; number++) await journal.append(recordOf(number, 100_000));
    await journal.completeLoad(await journal.planLoad(15));
    const plan = await journal.planLoad(20);
    const before = journal.status();
    await journal[Symbol.asyncDispose]();

    await using again = await openSegmentJournal(options);
    expect([journal.recovery.isFresh, again.recovery.isFresh]).toEqual([true, false]);
    expect(again.recovery).toMatchObject({ records: 25, bytes: before.pendingBytes, tornBytes: 0, damaged: [] });
    expect(again.openLoad()).toEqual(plan);
    expect(again.status()).toMatchObject({
      completedSequence: 15,
      durableSequence: 40,
      pendingBytes: before.pendingBytes,
      pendingRecords: before.pendingRecords,
    });
    expect(await readAll(again, 16, 40)).toEqual(
      Array.from({ length: 25 }, (_, index) => outline(recordOf(index + 16, 100_000), index + 16)),
    );
    expect(await again.append(recordOf(41, 10))).toBe(41);
    await again.completeLoad(plan);
    expect(await again.planLoad(41)).toMatchObject({ load: plan.load + 1, firstSequence: 21 });
  });

  it("stays fresh until a load was planned, and keeps a number that it was told of with the plan", async () => {
    const options = { directory: fresh(), segmentBytes: MIB, reserveBytes: 0 };
    for (let start = 1; start <= 2; start++) {
      await using journal = await openSegmentJournal(options);
      expect(journal.recovery.isFresh).toBe(true);
      await journal.append(recordOf(start, 10));
    }
    const told = 1e15;
    {
      await using journal = await openSegmentJournal(options);
      journal.continueAfter(told);
      await journal.completeLoad(await journal.planLoad(1));
    }
    await using journal = await openSegmentJournal(options);
    expect(journal.recovery.isFresh).toBe(false);
    expect(await journal.planLoad(2)).toMatchObject({ load: told + 2 });
  });

  it("uses its segments again instead of growing", async () => {
    await using journal = await openSegmentJournal({ directory: fresh(), segmentBytes: MIB, reserveBytes: 0 });
    for (let number = 1; number <= 60; number++) {
      const sequence = await journal.append(recordOf(number, 200_000));
      if (number % 3 === 0) await journal.completeLoad(await journal.planLoad(sequence));
    }
    expect(journal.status().diskBytes).toBeLessThanOrEqual(4 * MIB);
  });

  it("belongs to one process at a time", async () => {
    const directory = fresh();
    const journal = await openSegmentJournal({ directory, segmentBytes: MIB });
    await expect(openSegmentJournal({ directory })).rejects.toMatchObject({ code: "data-in-use" });
    await journal[Symbol.asyncDispose]();
    await (await openSegmentJournal({ directory, segmentBytes: MIB }))[Symbol.asyncDispose]();
  });
});

describe("segment journal on damaged disks", () => {
  /** Ten records of 5,000 bytes, one group each, in one segment, and a copy of its file's bytes. */
  async function ten(): Promise<{
    readonly directory: string;
    readonly file: string;
    readonly offsets: readonly number[];
  }> {
    const directory = fresh();
    const journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    const offsets: number[] = [];
    for (let number = 1; number <= 10; number++) {
      offsets.push(64 + journal.status().pendingBytes);
      await journal.append(recordOf(number, 5000));
    }
    await journal[Symbol.asyncDispose]();
    return { directory, file: join(directory, "segment-000001"), offsets };
  }

  async function flip(file: string, position: number): Promise<void> {
    const bytes = await readFile(file);
    bytes[position]! ^= 0x40;
    await writeFile(file, bytes);
  }

  async function entries(journal: Journal): Promise<readonly (number | string)[]> {
    const found: (number | string)[] = [];
    const { completedSequence, durableSequence } = journal.status();
    for await (const entry of journal.read(completedSequence + 1, durableSequence)) {
      if (entry.kind === "record") {
        expect(outline(entry.record, entry.record.sequence)).toEqual(
          outline(recordOf(entry.record.sequence, 5000), entry.record.sequence),
        );
        found.push(entry.record.sequence);
      } else {
        const { firstSequence, lastSequence, acceptedCount, offset } = entry.damaged;
        found.push(`${firstSequence}-${lastSequence}: ${acceptedCount} at ${offset}`);
      }
    }
    return found;
  }

  const accepted = (...numbers: number[]): number => numbers.reduce((sum, number) => sum + (number % 7), 0);

  it("names a damaged body when it is read, and reads on behind it", async () => {
    const { directory, file, offsets } = await ten();
    await flip(file, offsets[3]! + 500);
    await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(await entries(journal)).toEqual([1, 2, 3, `4-4: ${accepted(4)} at ${offsets[3]}`, 5, 6, 7, 8, 9, 10]);
    expect(journal.status().pendingRecords).toBe(accepted(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    await journal.completeLoad(await journal.planLoad(10));
    expect(journal.status().pendingRecords).toBe(0);
  });

  it("reports records whose headers are damaged at the start, counts them, and reads on behind them", async () => {
    const { directory, file, offsets } = await ten();
    await flip(file, offsets[3]! + 30);
    await flip(file, offsets[4]! + 2);
    await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(journal.recovery).toMatchObject({
      records: 10,
      tornBytes: 0,
      damaged: [{ firstSequence: 4, lastSequence: 5, acceptedCount: accepted(4, 5), file, offset: offsets[3] }],
    });
    expect(await entries(journal)).toEqual([1, 2, 3, `4-5: ${accepted(4, 5)} at ${offsets[3]}`, 6, 7, 8, 9, 10]);
    // What belongs together is not divided between loads.
    expect(journal.measure(4, { acceptedCount: 0, decodedBytes: 0 })).toMatchObject({ lastSequence: 5 });
    expect(await journal.append(recordOf(11, 10))).toBe(11);
  });

  it("cuts a torn tail and says how much it was", async () => {
    const { directory, file, offsets } = await ten();
    await flip(file, offsets[9]! + 3000);
    await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(journal.recovery).toMatchObject({ records: 9, damaged: [] });
    expect(journal.recovery.tornBytes).toBeGreaterThan(5000);
    expect(await journal.append(recordOf(10, 5000))).toBe(10);
    expect(await entries(journal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("knows a segment with a damaged header by its records", async () => {
    const { directory, file } = await ten();
    await flip(file, 20);
    await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(journal.recovery).toMatchObject({ records: 10, damaged: [] });
    expect(await entries(journal)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it("reports a segment that is gone as lost records", async () => {
    const directory = fresh();
    const options = { directory, segmentBytes: 16_384, limitBytes: MIB, reserveBytes: 0 };
    const journal = await openSegmentJournal(options);
    for (let number = 1; number <= 9; number++) await journal.append(recordOf(number, 5000));
    await journal[Symbol.asyncDispose]();
    const heads = await Promise.all(
      (await readdir(directory))
        .filter((name) => name.startsWith("segment-"))
        .map(async (name) => ({ name, first: (await readFile(join(directory, name))).readBigUInt64LE(32) })),
    );
    await rm(join(directory, heads.find(({ first }) => first === 4n)!.name));
    await using again = await openSegmentJournal(options);
    expect(again.recovery.damaged).toMatchObject([
      { firstSequence: 4, lastSequence: 6, acceptedCount: accepted(4, 5, 6) },
    ]);
    expect((await entries(again)).filter((entry) => typeof entry === "number")).toEqual([1, 2, 3, 7, 8, 9]);
  });

  it("asks for no memory that a damaged length names", async () => {
    const { directory, file, offsets } = await ten();
    const bytes = await readFile(file);
    // A length of 4 GiB whose checksum is right, as no disk makes it but a file copied by hand might.
    bytes.writeUInt32LE(0xffff_ff00, offsets[9]! + 68);
    bytes.writeUInt32LE(crc32c(bytes.subarray(offsets[9]! + 4, offsets[9]! + 88)), offsets[9]!);
    await writeFile(file, bytes);
    await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(journal.recovery).toMatchObject({ records: 9, damaged: [] });
  });

  it("does not take a body that is made like records for records", async () => {
    const { directory, file, offsets } = await ten();
    const forged = (await readFile(file)).subarray(offsets[9]!);
    const journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    await journal.append({ ...recordOf(11, 0), body: forged });
    await journal.append(recordOf(12, 5000));
    await journal[Symbol.asyncDispose]();
    const second = join(directory, "segment-000002");
    await flip(second, 64 + 10);
    await using again = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
    expect(again.recovery.damaged).toMatchObject([
      { firstSequence: 11, lastSequence: 11, acceptedCount: accepted(11) },
    ]);
    expect(again.status().durableSequence).toBe(12);
  });

  it("refuses to start when it cannot know what was loaded", async () => {
    const { directory } = await ten();
    await writeFile(join(directory, "cursor"), Buffer.alloc(16_384, 7));
    await expect(openSegmentJournal({ directory })).rejects.toMatchObject({ code: "corrupt" });
    await rm(join(directory, "cursor"));
    const refusal = await openSegmentJournal({ directory }).catch((error: Failure) => error);
    expect(refusal).toMatchObject({ code: "corrupt", remedy: expect.stringContaining("Restore") });
  });

  it("survives any one damaged page of its cursor", async () => {
    for (let page = 0; page < 4; page++) {
      const { directory } = await ten();
      {
        await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
        await journal.completeLoad(await journal.planLoad(3));
        await journal.planLoad(7);
      }
      await flip(join(directory, "cursor"), page * 4096 + 50);
      await using journal = await openSegmentJournal({ directory, segmentBytes: MIB, reserveBytes: 0 });
      expect(journal.openLoad()).toMatchObject({ firstSequence: 4, lastSequence: 7 });
    }
  });
});

describe("segment journal on a failing disk", () => {
  function simulated(): { readonly disk: SimulatedDisk; open(): Promise<Journal> } {
    let state = 1;
    const disk = new SimulatedDisk({
      random: () => {
        state = (state * 48_271) % 2_147_483_647;
        return state / 2_147_483_647;
      },
    });
    return {
      disk,
      open: () =>
        openSegmentJournal({
          directory: "/journal",
          segmentBytes: 65_536,
          limitBytes: MIB,
          reserveBytes: 0,
          disk: disk.attach(),
        }),
    };
  }

  it("does not use a segment again whose sync failed, nor the numbers of what it refused", async () => {
    const { disk, open } = simulated();
    const journal = await open();
    expect(await journal.append(recordOf(1, 100))).toBe(1);
    disk.syncFailures = 1;
    const refused = await Promise.allSettled([journal.append(recordOf(2, 100)), journal.append(recordOf(3, 100))]);
    for (const outcome of refused)
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
    disk.syncFailures = 0;
    const writes: string[] = [];
    disk.beforeOperation = (what, path) => {
      if (what === "write" && path.includes("segment")) writes.push(path);
    };
    expect(await journal.append(recordOf(4, 100))).toBe(2);
    disk.beforeOperation = undefined;
    expect(writes).not.toContain("/journal/segment-000001");
    disk.kill();
    await using again = await open();
    expect(await readAll(again, 1, 2)).toEqual([outline(recordOf(1, 100), 1), outline(recordOf(4, 100), 2)]);
    expect(again.status().durableSequence).toBe(2);
  });

  it("takes appends again as soon as the full disk has room", async () => {
    const { disk, open } = simulated();
    await using journal = await open();
    let kept = 0;
    disk.capacityBytes = 3 * 65_536;
    for (;;) {
      const outcome = await journal.append(recordOf(1, 20_000)).catch((error: Failure) => error.code);
      if (outcome === "disk-full") break;
      kept = outcome as number;
    }
    expect(kept).toBeGreaterThan(2);
    disk.capacityBytes = 6 * 65_536;
    // Asked again at most twice a second.
    await vi.waitFor(async () => expect(await journal.append(recordOf(1, 20_000))).toBe(kept + 1), 5000);
  });
});
