import { describe, expect, it } from "vitest";
import type { Command } from "./channel.ts";
import { createRandom } from "./random.ts";
import { createTroubleDesk, DeskRefusal } from "./trouble-desk.ts";
import { TROUBLES } from "./troubles.ts";

interface Sent extends Command {
  readonly service: string;
  readonly version: string | null;
}

function openDesk(seed: number, fails: (command: Command) => boolean = () => false) {
  const sent: Sent[] = [];
  const desk = createTroubleDesk({
    random: createRandom(seed),
    now: () => 1_000,
    command: async (service, version, command) => {
      sent.push({ service, version, ...command });
      if (fails(command)) throw new Error("the process does not answer");
    },
  });
  return { desk, sent };
}

describe("trouble desk", () => {
  it("breaks something without naming it, then says what it was and undoes it", async () => {
    const { desk, sent } = openDesk(1);
    expect(desk.state()).toEqual({ running: true, broken: false, brokenSinceMs: null });
    expect(await desk.break()).toEqual({ running: true, broken: true, brokenSinceMs: 1_000 });
    const reveal = await desk.reveal();
    expect(TROUBLES.map(({ name }) => name)).toContain(reveal.trouble);
    expect(sent.map(({ active }) => active)).toEqual([true, false]);
    expect({ ...sent[0], active: false }).toEqual(sent[1]);
    expect(desk.state().broken).toBe(false);
  });

  it("never breaks the same thing twice in a row, and in time everything", async () => {
    const { desk } = openDesk(3);
    const seen: string[] = [];
    for (let round = 0; round < 60; round++) {
      await desk.break();
      seen.push((await desk.reveal()).trouble);
    }
    for (let index = 1; index < seen.length; index++) expect(seen[index]).not.toBe(seen[index - 1]);
    expect(new Set(seen).size).toBe(TROUBLES.length);
  });

  it("replays its choices for a seed", async () => {
    const run = async (seed: number): Promise<readonly Sent[]> => {
      const { desk, sent } = openDesk(seed);
      for (let round = 0; round < 10; round++) {
        await desk.break();
        await desk.reveal();
      }
      return sent;
    };
    expect(await run(5)).toEqual(await run(5));
    expect(await run(5)).not.toEqual(await run(6));
  });

  it("lets a test choose, and refuses what does not exist", async () => {
    const { desk, sent } = openDesk(1);
    await expect(desk.break("meteorite")).rejects.toThrow("there are slow-query");
    await expect(desk.break("slow-query", "moon")).rejects.toThrow(DeskRefusal);
    expect(sent).toEqual([]);
    await desk.break("connection-pool");
    expect(sent).toEqual([
      { service: "checkout", version: "1.5.0", action: "hold-connections", active: true, subject: "1.5.0" },
    ]);
  });

  it("has one trouble at a time, and none to reveal before", async () => {
    const { desk } = openDesk(1);
    await expect(desk.reveal()).rejects.toThrow("nothing is broken");
    const both = await Promise.allSettled([desk.break(), desk.break()]);
    expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  });

  it("leaves nothing behind when it cannot break, and stays broken when it cannot undo", async () => {
    const cannotBreak = openDesk(1, ({ active }) => active);
    await expect(cannotBreak.desk.break("error-burst")).rejects.toThrow("does not answer");
    expect(cannotBreak.desk.state().broken).toBe(false);
    expect(cannotBreak.sent.map(({ active }) => active)).toEqual([true, false]);

    const cannotUndo = openDesk(1, ({ active }) => !active);
    await cannotUndo.desk.break("error-burst");
    await expect(cannotUndo.desk.reveal()).rejects.toThrow("does not answer");
    expect(cannotUndo.desk.state().broken).toBe(true);
  });

  it("gives a restarted process its trouble back, others nothing", async () => {
    const { desk, sent } = openDesk(1);
    await desk.restore("cart", "2.4.0");
    await desk.break("memory-leak");
    await desk.restore("cart", "2.3.1");
    await desk.restore("checkout", "1.5.0");
    expect(sent).toHaveLength(1);
    await desk.restore("cart", "2.4.0");
    expect(sent).toHaveLength(2);
    await desk.reveal();
    await desk.restore("cart", "2.4.0");
    expect(sent).toHaveLength(3);
  });
});
