import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { column, compare } from "#plan/expression.ts";
import { type RankedDifferences, rankDifferences } from "./span-differences.ts";
import { nano, openTestStore, type TestSpan, type TestStore } from "./test-store.suite.ts";

const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, "0");

/** One span in five is slow; of these nine in ten are of tier gold, of the others one in ten is. Ids differ everywhere. */
function spans(at: (index: number) => number, tenant: string): TestSpan[] {
  return Array.from({ length: 6000 }, (_, index) => {
    const isSlow = index % 5 === 0;
    const isGold = isSlow ? index % 50 !== 0 : index % 10 === 1;
    return {
      at: at(index),
      ms: isSlow ? 900 : 20,
      trace: hex(index + 1, 32),
      span: hex(index * 7919 + 1, 16),
      service: "cart",
      name: "GET /",
      tenant,
      attributes: { "customer.tier": isGold ? "gold" : "free", "order.id": String(index), region: "eu" },
      resource: { "service.version": isSlow ? "2" : "1" },
    };
  });
}

let store: TestStore;
beforeAll(async () => {
  store = await openTestStore();
  await store.addSpans(spans((index) => index * 100, "steady"));
  // All within six seconds of an hour: most pieces of the time have nothing.
  await store.addSpans(spans((index) => 1_000_000 + index, "burst"));
}, 60_000);
afterAll(() => store[Symbol.asyncDispose]());

async function rank(tenant: string, mostCounted?: number): Promise<RankedDifferences & { partial: boolean }> {
  const question = store.question(tenant, 3_600_000);
  const found = await rankDifferences(
    question,
    {
      range: { fromUnixNano: nano(0), toUnixNano: nano(3_600_000) },
      where: undefined,
      inside: compare(column("duration_nano"), ">=", 500_000_000),
      sameOperations: true,
      leaveOut: new Set(["duration"]),
      limit: 40,
    },
    mostCounted,
  );
  return { ...found, partial: question.statistics.partial };
}

describe("differences", () => {
  it("count every row where there are few", async () => {
    const { insideCount, outsideCount, note, partial, differences } = await rank("steady");
    expect({ insideCount, outsideCount, note, partial }).toEqual({
      insideCount: 1200,
      outsideCount: 4800,
      note: null,
      partial: false,
    });
    expect(
      differences.find(({ field, value }) => field === "attributes.customer.tier" && value === "gold"),
    ).toMatchObject({ insideCount: 1080, outsideCount: 600, insideShare: 0.9, outsideShare: 0.125, coverage: 1 });
    expect(differences[0]).toMatchObject({ field: "resource.service.version", insideShare: 1, outsideShare: 0 });
    expect(differences.map(({ field }) => field)).not.toContain("attributes.order.id");
    expect(differences.map(({ field }) => field)).not.toContain("attributes.region");
  });

  it.each(["steady", "burst"])("count a sample of many, and say so (%s)", async (tenant) => {
    const { insideCount, outsideCount, note, partial, differences } = await rank(tenant, 400);
    expect({ insideCount, outsideCount, partial }).toEqual({ insideCount: 1200, outsideCount: 4800, partial: true });
    expect(note).toMatch(/^Counted on \d+ of the 1200 selected and \d+ of the 4800 other rows/);
    const gold = differences.find(({ field, value }) => field === "attributes.customer.tier" && value === "gold")!;
    expect(gold.low).toBeLessThan(0.775);
    expect(gold.high).toBeGreaterThan(0.775);
    // Twice as wide as with every row, at least: a sample is not more certain than it is.
    expect(gold.high - gold.low).toBeGreaterThan(0.05);
    expect(Math.abs(gold.insideCount / 1080 - 1)).toBeLessThan(0.15);
    expect(gold.coverage).toBeCloseTo(1, 5);
    expect(differences.find(({ field, value }) => field === "resource.service.version" && value === "2")).toMatchObject(
      { insideCount: 1200, outsideCount: 0 },
    );
    expect(differences.map(({ field }) => field)).not.toContain("attributes.order.id");
  });
});
