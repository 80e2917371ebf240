import { describe, expect, it } from "vitest";
import { beat, createHeartbeat, watchHeartbeat } from "./heartbeat.ts";
import { openFileLimit, refuseOpenFiles } from "./open-files.ts";
import { isSaturated, type LoopSecond, saturationOf } from "./saturation.ts";
import { refuseWeight } from "./user-weight.ts";

const MB = 2 ** 20;

describe("what makes a run void or impossible", () => {
  const calm: LoopSecond = { busy: 0.3, lateMeanMs: 0.4, lateMaxMs: 8 };
  const busy: LoopSecond = { busy: 0.99, lateMeanMs: 9, lateMaxMs: 40 };

  it("calls a generator saturated when its own delay shows in the latencies", () => {
    expect(isSaturated(calm)).toBe(false);
    expect(isSaturated({ ...busy, lateMeanMs: 1 })).toBe(false);
    expect(isSaturated(busy)).toBe(true);
    // Starved by others: not busy itself, late all the same.
    expect(isSaturated({ busy: 0.2, lateMeanMs: 30, lateMaxMs: 90 })).toBe(true);
  });

  it("needs three such seconds and a tenth of all", () => {
    const seconds = (saturated: number, others: number): LoopSecond[] => [
      ...Array.from({ length: saturated }, () => busy),
      ...Array.from({ length: others }, () => calm),
    ];
    expect(saturationOf(seconds(2, 0))).toBeUndefined();
    expect(saturationOf(seconds(3, 40))).toBeUndefined();
    expect(saturationOf(seconds(3, 27))).toContain(
      "saturated in 3 of 30 seconds: its thread was 99% busy and came 9.0 ms late",
    );
  });

  it("refuses users that do not fit, names what is heavy and how many would fit", () => {
    const weight = {
      perUserBytes: 2 * MB,
      plannedUsers: 1000,
      heapLimitBytes: 1100 * MB,
      heapUsedBytes: 100 * MB,
      freeMemoryBytes: 8000 * MB,
    };
    const files = [
      { name: "main.js", sizeBytes: 2000 },
      { name: "lodash.js", sizeBytes: 540_000 },
    ];
    expect(refuseWeight({ ...weight, plannedUsers: 400 }, files)).toBeUndefined();
    const refusal = refuseWeight(weight, files);
    expect(refusal).toContain("1000 virtual users of this script would need 2000 MB (2048.0 KB each");
    expect(refusal).toContain("room for 800 MB, about 400 of them");
    expect(refusal).toContain("lodash.js (527.3 KB of source), main.js");
  });

  it("counts connections against the limit of open files", () => {
    expect(refuseOpenFiles(900, 1024)).toBeUndefined();
    expect(refuseOpenFiles(1000, 1024)).toContain("ulimit -n 2000");
    expect(refuseOpenFiles(1e9, undefined)).toBeUndefined();
    expect(
      openFileLimit(
        () => "Limit   Soft  Hard\nMax open files            20000                1048576              files\n",
      ),
    ).toBe(20_000);
    expect(openFileLimit(() => "")).toBeUndefined();
  });
});

describe("the heartbeat", () => {
  it("names the user in whose code a thread is stuck, and leaves a beating one alone", async () => {
    const silent = createHeartbeat();
    new Int32Array(silent.memory)[1] = 17;
    const alive = createHeartbeat();
    const own = beat(alive);
    const stuck: string[] = [];
    const watchAlive = watchHeartbeat(alive, 1000, () => stuck.push("alive"));
    await new Promise<void>((resolve) => {
      watchHeartbeat(silent, 300, (userId) => {
        stuck.push(`user ${userId}`);
        resolve();
      });
      // Both watches let the process end; here something has to keep it.
      setTimeout(resolve, 30_000).unref();
      const keep = setInterval(() => {
        if (stuck.length > 0) clearInterval(keep);
      }, 50);
    });
    watchAlive.stop();
    own.stop();
    expect(stuck).toEqual(["user 17"]);
  });
});
