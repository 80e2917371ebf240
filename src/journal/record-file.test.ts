import { describe, expect, it } from "vitest";
import { SimulatedDisk } from "#runtime/disk-simulated.ts";
import { outline, recordOf } from "./journal.suite.ts";
import type { SequencedRecord } from "./journal.ts";
import { openRecordFile, writeRecordFile } from "./record-file.ts";

async function* three(): AsyncGenerator<SequencedRecord> {
  for (const sequence of [5, 6, 9]) yield { ...recordOf(sequence, 1000 * sequence), sequence };
}

async function files() {
  const machine = new SimulatedDisk({ random: () => 0.9 });
  const disk = machine.attach();
  await disk.makeDirectory("/aside");
  return { machine, disk };
}

describe("record file", () => {
  it("gives back its text and its records, and survives a crash once it is written", async () => {
    const { machine, disk } = await files();
    await writeRecordFile(disk, "/aside/one", '{"why":"größer"}', three());
    machine.crash();
    await using file = await openRecordFile(machine.attach(), "/aside/one");
    expect(file.text).toBe('{"why":"größer"}');
    const found = [];
    for await (const entry of file.entries())
      if (entry.kind === "record") found.push(outline(entry.record, entry.record.sequence));
    expect(found).toEqual([5, 6, 9].map((sequence) => outline(recordOf(sequence, 1000 * sequence), sequence)));
  });

  it("leaves nothing behind when it cannot be written whole", async () => {
    const { machine, disk } = await files();
    machine.capacityBytes = 15_000;
    await expect(writeRecordFile(disk, "/aside/one", "{}", three())).rejects.toMatchObject({ code: "disk-full" });
    expect(await disk.list("/aside")).toEqual([]);
  });

  it("says which record is damaged, and reads on behind a damaged body", async () => {
    const { machine, disk } = await files();
    await writeRecordFile(disk, "/aside/one", "{}", three());
    machine.damage("/aside/one", 32 + 200);
    const kinds = async (): Promise<string[]> => {
      await using file = await openRecordFile(disk, "/aside/one");
      const found: string[] = [];
      for await (const entry of file.entries())
        found.push(entry.kind === "record" ? `${entry.record.sequence}` : `damaged ${entry.damaged.firstSequence}`);
      return found;
    };
    expect(await kinds()).toEqual(["damaged 5", "6", "9"]);
    machine.damage("/aside/one", 32);
    expect(await kinds()).toEqual(["damaged 1"]);
    machine.damage("/aside/one", 25);
    await expect(openRecordFile(disk, "/aside/one")).rejects.toMatchObject({ code: "corrupt" });
    await expect(openRecordFile(disk, "/aside/two")).rejects.toMatchObject({ code: "not-found" });
  });
});
