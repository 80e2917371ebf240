import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Failure } from "#runtime/failure.ts";
import type { Journal, JournalRecord, SequencedRecord } from "./journal.ts";

export interface JournalUnderTest {
  /** A new, empty journal with this limit on its size. */
  open(limitBytes: number): Promise<Journal>;
}

const MIB = 1 << 20;

/** A record whose bytes follow from its number. */
export function recordOf(number: number, bodyBytes: number): JournalRecord {
  const seed = createHash("sha256").update(`${number}`).digest();
  const body = Buffer.alloc(bodyBytes);
  for (let at = 0; at < bodyBytes; at += seed.length) seed.copy(body, at);
  return {
    receivedUnixNano: 1_785_000_000_123_456_789n + BigInt(number),
    tenant: number % 3 === 0 ? "zürich" : "default",
    contentType: number % 2 === 0 ? "protobuf" : "json",
    contentEncoding: (["identity", "gzip", "deflate", "zstd"] as const)[number % 4]!,
    acceptFromUnixNano: BigInt(number),
    acceptToUnixNano: 2n ** 64n - 1n - BigInt(number),
    outside: number % 5 === 0 ? "reject" : "clamp",
    decoding: number % 4 === 0 ? "" : `[${number},"größe"]`,
    acceptedCount: number % 7,
    decodedBytes: number * 1000,
    body,
  };
}

/** A record with its body as length and hash: equal when every byte is, and quick to compare. */
export interface Outline extends Omit<SequencedRecord, "body"> {
  readonly bodyBytes: number;
  readonly bodyHash: string;
}

export function outline(record: JournalRecord, sequence: number): Outline {
  const { body, ...rest } = record;
  return { ...rest, sequence, bodyBytes: body.length, bodyHash: createHash("sha256").update(body).digest("hex") };
}

export async function readAll(journal: Journal, first: number, last: number): Promise<Outline[]> {
  const records: Outline[] = [];
  for await (const entry of journal.read(first, last)) {
    if (entry.kind === "damaged") throw new Error(`damaged: ${JSON.stringify(entry.damaged)}`);
    records.push(outline(entry.record, entry.record.sequence));
  }
  return records;
}

/** What every journal keeps. */
export function journalSuite(name: string, under: JournalUnderTest): void {
  describe(name, () => {
    it("gives back what was appended, byte for byte, in the order of the calls", async () => {
      await using journal = await under.open(64 * MIB);
      const sizes = [0, 1, 7, 8, 9, 100, 40_000, 300_000, 3, 32 * 1024];
      const numbers = await Promise.all(sizes.map((size, number) => journal.append(recordOf(number, size))));
      expect(numbers).toEqual(sizes.map((_, number) => number + 1));
      expect(await readAll(journal, 1, sizes.length)).toEqual(
        sizes.map((size, number) => outline(recordOf(number, size), number + 1)),
      );
      expect(await readAll(journal, 4, 5)).toEqual([outline(recordOf(3, 8), 4), outline(recordOf(4, 9), 5)]);
    });

    it("counts what is pending, and forgets what a load completed", async () => {
      await using journal = await under.open(64 * MIB);
      for (let number = 1; number <= 10; number++)
        await journal.append({ ...recordOf(1, 1000), acceptedCount: number % 7 });
      const accepted = (first: number, last: number): number => {
        let sum = 0;
        for (let number = first; number <= last; number++) sum += number % 7;
        return sum;
      };
      expect(journal.status()).toMatchObject({
        appendedSequence: 10,
        durableSequence: 10,
        completedSequence: 0,
        pendingRecords: accepted(1, 10),
      });
      const before = journal.status().pendingBytes;
      const plan = await journal.planLoad(4);
      expect(plan).toMatchObject({ firstSequence: 1, lastSequence: 4, source: undefined });
      expect(journal.openLoad()).toEqual(plan);
      expect(journal.status().pendingRecords).toBe(accepted(1, 10));
      await journal.completeLoad(plan);
      expect(journal.openLoad()).toBeUndefined();
      expect(journal.status()).toMatchObject({ completedSequence: 4, pendingRecords: accepted(5, 10) });
      expect(journal.status().pendingBytes).toBe((before / 10) * 6);
      const next = await journal.planLoad(10);
      expect(next).toMatchObject({ load: plan.load + 1, firstSequence: 5, lastSequence: 10 });
      await journal.completeLoad(next);
      expect(journal.status()).toMatchObject({ completedSequence: 10, pendingRecords: 0, pendingBytes: 0 });
      expect(await journal.append(recordOf(11, 10))).toBe(11);
    });

    it("measures the longest piece within bounds, and at least one record", async () => {
      await using journal = await under.open(64 * MIB);
      for (let number = 1; number <= 10; number++)
        await journal.append({ ...recordOf(number, 1000), acceptedCount: 10, decodedBytes: 700 });
      const measure = (firstSequence: number, acceptedCount: number, decodedBytes: number) =>
        journal.measure(firstSequence, { acceptedCount, decodedBytes });
      expect(measure(1, 35, MIB)).toEqual({ lastSequence: 3, acceptedCount: 30, decodedBytes: 2100 });
      expect(measure(3, 1000, 1400)).toEqual({ lastSequence: 4, acceptedCount: 20, decodedBytes: 1400 });
      expect(measure(10, 0, 0)).toEqual({ lastSequence: 10, acceptedCount: 10, decodedBytes: 700 });
      expect(measure(11, 10, MIB)).toBeUndefined();
      expect(measure(1, 1000, MIB)).toEqual({ lastSequence: 10, acceptedCount: 100, decodedBytes: 7000 });
    });

    it("keeps one load open at a time and plans only what is durable", async () => {
      await using journal = await under.open(64 * MIB);
      await journal.append(recordOf(1, 10));
      await expect(journal.planLoad(2)).rejects.toThrow(/Cannot plan/);
      await expect(journal.planLoad(0)).rejects.toThrow(/Cannot plan/);
      const plan = await journal.planLoad(1);
      await expect(journal.planLoad(1)).rejects.toThrow(/open/);
      await expect(journal.completeLoad({ ...plan, load: plan.load + 1 })).rejects.toThrow(/not open/);
      await journal.completeLoad(plan);
      await expect(journal.completeLoad(plan)).rejects.toThrow(/not open/);
    });

    it("plans a load of a quarantine file, which takes no records of the journal", async () => {
      await using journal = await under.open(64 * MIB);
      await journal.append({ ...recordOf(1, 10), acceptedCount: 3 });
      const plan = await journal.planLoad(0, "traces-17");
      expect(plan).toMatchObject({ firstSequence: 1, lastSequence: 0, source: "traces-17" });
      expect(journal.openLoad()).toEqual(plan);
      await journal.completeLoad(plan);
      expect(journal.status()).toMatchObject({ completedSequence: 0, pendingRecords: 3 });
      expect(await journal.planLoad(1)).toMatchObject({ load: plan.load + 1, firstSequence: 1, lastSequence: 1 });
    });

    it("numbers its loads after those it is told of, and never lower", async () => {
      await using journal = await under.open(64 * MIB);
      expect(journal.recovery.isFresh).toBe(true);
      for (let number = 1; number <= 3; number++) await journal.append(recordOf(number, 10));
      const first = await journal.planLoad(1);
      await journal.completeLoad(first);
      journal.continueAfter(first.load + 1000);
      const second = await journal.planLoad(2);
      expect(second.load).toBe(first.load + 1001);
      await journal.completeLoad(second);
      journal.continueAfter(first.load);
      expect((await journal.planLoad(3)).load).toBe(first.load + 1002);
    });

    it("refuses what does not fit, stays usable, and takes more once a load made room", async () => {
      await using journal = await under.open(4 * MIB);
      const kept: number[] = [];
      let refused: Failure | undefined;
      while (refused === undefined && kept.length < 100)
        await journal.append(recordOf(kept.length + 1, 300_000)).then(
          (sequence) => kept.push(sequence),
          (error: Failure) => {
            refused = error;
          },
        );
      expect(refused?.code).toBe("disk-full");
      expect(refused?.retryAfterSeconds).toBeGreaterThan(0);
      expect(journal.status().trouble).toBe(refused?.message);
      expect(journal.status().diskBytes).toBeLessThanOrEqual(4 * MIB);
      expect(kept).toEqual(kept.map((_, index) => index + 1));
      expect(kept.length).toBeGreaterThan(8);
      expect((await readAll(journal, 1, kept.length)).map(({ sequence }) => sequence)).toEqual(kept);
      await journal.completeLoad(await journal.planLoad(kept.length));
      expect(await journal.append(recordOf(1, 300_000))).toBe(kept.length + 1);
      expect(journal.status().trouble).toBeUndefined();
      await expect(journal.append(recordOf(1, 5 * MIB))).rejects.toMatchObject({ code: "too-large" });
    });

    it("refuses appends once closed", async () => {
      const journal = await under.open(4 * MIB);
      await journal[Symbol.asyncDispose]();
      await expect(journal.append(recordOf(1, 1))).rejects.toMatchObject({ code: "unavailable" });
    });
  });
}
