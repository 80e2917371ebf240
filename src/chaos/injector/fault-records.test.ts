import { describe, expect, it } from "vitest";
import { SimulatedDisk } from "#runtime/disk-simulated.ts";
import type { Fault } from "../fault/fault.ts";
import { openFaultRecords } from "./fault-records.ts";
import { replayUndo } from "./replay.ts";

const fault = (id: string): Fault => ({
  id,
  experiment: "e",
  name: "f".repeat(2000),
  spec: { type: "pause", processes: [{ pid: 7, started: "1", command: "sleep" }] },
  createdMs: 0,
  deadlineMs: 1,
  owner: { pid: 1, started: "1" },
});

/** mulberry32: a seed replays a bad day. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe("undo records", () => {
  it("survive a crash once written, and a crash while writing leaves all of a record or nothing", async () => {
    let crashes = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const random = seeded(seed);
      const disk = new SimulatedDisk({ random });
      await (await openFaultRecords(disk.attach(), "/faults")).write(fault("kept"));
      // The second one crashes at a random one of its operations, or not at all.
      let left = Math.floor(random() * 4);
      disk.beforeOperation = () => {
        if (left-- > 0) return;
        crashes++;
        disk.crash();
      };
      const records = await openFaultRecords(disk.attach(), "/faults");
      const isWritten = await records.write(fault("second")).then(
        () => true,
        () => false,
      );
      disk.beforeOperation = undefined;
      disk.crash();
      const after = await openFaultRecords(disk.attach(), "/faults");
      const found = await after.list();
      expect(found).toContainEqual(fault("kept"));
      for (const each of found) expect(each).toEqual(fault(each.id));
      if (isWritten) expect(found.map(({ id }) => id)).toEqual(["kept", "second"]);
      await after.close("kept");
      await after.close("kept");
      disk.crash();
      expect(await (await openFaultRecords(disk.attach(), "/faults")).read("kept")).toBeUndefined();
    }
    expect(crashes).toBeGreaterThan(100);
  });

  it("that hold something else are a person's to look at", async () => {
    const disk = new SimulatedDisk({ random: () => 0.9 });
    const attached = disk.attach();
    const records = await openFaultRecords(attached, "/faults");
    await records.write(fault("a"));
    await records.write(fault("b"));
    disk.damage("/faults/fault-a.json", 0);
    // The other one is undone all the same: its process is long gone.
    const replayed = await replayUndo(records, { removeTimeoutMs: 1000, nowMs: () => 0, force: true });
    expect(replayed.undone.map(({ id }) => id)).toEqual(["b"]);
    expect(replayed.failed).toEqual([{ id: "a", why: "/faults/fault-a.json is no undo record." }]);
  });
});
