import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { journalSuite, outline, readAll, recordOf } from "../journal.suite.ts";
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
