import { describe, expect, it } from "vitest";
import { Lane } from "./lane.ts";

const never = new AbortController().signal;

describe("lane", () => {
  it("lets so many in, and the others in turn as places come free", async () => {
    const lane = new Lane(2, 10);
    const inside: number[] = [];
    const leave: (() => void)[] = [];
    const enter = async (number: number): Promise<void> => {
      leave[number] = await lane.enter(never);
      inside.push(number);
    };
    const all = [0, 1, 2, 3].map(enter);
    await Promise.all(all.slice(0, 2));
    expect(inside).toEqual([0, 1]);
    leave[1]!();
    leave[1]!();
    await all[2];
    expect(inside).toEqual([0, 1, 2]);
    leave[0]!();
    await all[3];
    expect(inside).toEqual([0, 1, 2, 3]);
  });

  it("refuses when too many wait, as ClickHouse does", async () => {
    const lane = new Lane(1, 1);
    await lane.enter(never);
    const waiting = lane.enter(new AbortController().signal);
    await expect(lane.enter(never)).rejects.toMatchObject({ code: 202 });
    waiting.catch(() => undefined);
  });

  it("forgets who gave up waiting", async () => {
    const lane = new Lane(1, 5);
    const leave = await lane.enter(never);
    const impatient = new AbortController();
    const first = lane.enter(impatient.signal);
    const second = lane.enter(never);
    impatient.abort();
    await expect(first).rejects.toMatchObject({ code: 394 });
    leave();
    await expect(second).resolves.toBeTypeOf("function");
    await expect(lane.enter(AbortSignal.abort())).rejects.toMatchObject({ code: 394 });
  });
});
