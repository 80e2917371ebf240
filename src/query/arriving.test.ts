import { afterAll, beforeAll, expect, it } from "vitest";
import { readArriving } from "./arriving.ts";
import { nano, openTestStore, type TestStore } from "./test-store.suite.ts";

const MINUTE = 60_000;
let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
});
afterAll(() => store[Symbol.asyncDispose]());

it("counts what each service sends, from the first of all data on", async () => {
  const at = Array.from({ length: 240 }, (_, index) => 10 * MINUTE + index * 500);
  await store.addSpans(at.map((ms, index) => ({ at: ms, trace: `${index}`, span: `${index}`, service: "gateway" })));
  await store.addLogs(at.slice(0, 60).map((ms) => ({ at: ms, body: "x", service: "cart" })));
  await store.addSeries([
    {
      metric: "m",
      service: "cart",
      points: at.filter((_, index) => index % 2 === 0).map((ms) => ({ at: ms, value: 1 })),
    },
  ]);
  const ask = (minutes: number) =>
    readArriving(store.question("default", 12 * MINUTE), {
      fromUnixNano: nano((12 - minutes) * MINUTE),
      toUnixNano: nano(12 * MINUTE),
    });
  const expected = [
    { service: "gateway", spansPerSecond: 2, logsPerSecond: 0, pointsPerSecond: 0 },
    { service: "cart", spansPerSecond: 0, logsPerSecond: 0.5, pointsPerSecond: 1 },
  ];
  // Two minutes of data are two minutes, whether two or twelve are asked for.
  for (const minutes of [2, 12]) {
    const arriving = await ask(minutes);
    expect(arriving).toMatchObject(expected);
    expect(arriving[0]!.lastSeenMs).toBe(Number(nano(12 * MINUTE) / 1_000_000n));
  }
  expect(await readArriving(store.question("nobody", 0), { fromUnixNano: nano(0), toUnixNano: nano(MINUTE) })).toEqual(
    [],
  );
});
