import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openMemoryDocuments } from "#state/memory/memory-documents.ts";
import type { ServiceColours } from "./contract/shapes.ts";
import { assignSlots, readServiceColours } from "./service-colours.ts";
import { openTestApi, type TestApi } from "./test-api.suite.ts";

let api: TestApi;
beforeAll(async () => {
  api = await openTestApi();
});
afterAll(() => api[Symbol.asyncDispose]());

const span = (at: number, service: string, tenant = "default") => ({
  at,
  service,
  tenant,
  trace: "a".repeat(32),
  span: service.padEnd(16, "0"),
});

describe("slots of services", () => {
  it("go to new services in turn, are shared when there are none left, and never change", () => {
    const eight = assignSlots({}, ["a", "b", "c", "d", "e", "f", "g", "h"]);
    expect(Object.values(eight)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(assignSlots(eight, ["z", "y", "a"])).toEqual({ ...eight, z: 0, y: 1 });
    expect(assignSlots(eight, ["a"])).toBe(eight);
    expect(assignSlots({ a: 0, c: 2 }, ["n", "__proto__"])).toEqual(
      Object.fromEntries([
        ["a", 0],
        ["c", 2],
        ["n", 1],
        ["__proto__", 3],
      ]),
    );
  });

  it("forget services that are gone when there are too many", () => {
    const many = assignSlots(
      {},
      Array.from({ length: 2000 }, (_, n) => `pod-${n}`),
    );
    expect(assignSlots(many, ["pod-7", "new"])).toEqual({ "pod-7": many["pod-7"], new: expect.any(Number) });
  });

  it("follow the order of first sight, and stay when more services come", async () => {
    await api.store.addSpans([span(120_000, "alpha"), span(0, "zeta"), span(60_000, "mid"), span(0, "x", "other")]);
    const first = await api.get<ServiceColours>("/api/service-colours");
    expect(first.slots).toEqual({ zeta: 0, mid: 1, alpha: 2 });
    await api.store.addSpans([span(0, "aardvark")]);
    expect(await api.get("/api/service-colours")).toEqual(first);
    api.clock.advance(10_000);
    expect(await api.get("/api/service-colours")).toEqual({ slots: { ...first.slots, aardvark: 3 } });
    expect(await api.get("/api/service-colours", { headers: { "x-scope-orgid": "other" } })).toEqual({
      slots: { x: 0 },
    });
  });

  it("are the same for all who look at once", async () => {
    const documents = openMemoryDocuments();
    const ask = () => readServiceColours(api.store.question("default", 3_600_000), documents, 0);
    const found = await Promise.all(Array.from({ length: 8 }, ask));
    expect(Object.keys(found[0]!).length).toBe(4);
    for (const slots of found) expect(slots).toEqual(found[0]);
  });

  it("keep those that another server wrote meanwhile", async () => {
    const documents = openMemoryDocuments();
    const key = { tenant: "default", kind: "service-colours", id: "slots" };
    let written = false;
    const slots = await readServiceColours(
      api.store.question("default", 3_600_000),
      {
        ...documents,
        async get(asked) {
          const found = await documents.get(asked);
          if (!written) {
            written = true;
            await documents.put(key, { name: "n", owner: "o", updatedMs: 0, content: { theirs: 0 } }, 0);
          }
          return found;
        },
      },
      0,
    );
    expect(slots).toMatchObject({ theirs: 0, aardvark: 1, zeta: 2 });
  });
});
