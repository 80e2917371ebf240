import { describe, expect, it } from "vitest";
import { busyness, createCustomer, DAY_MS, planVisit, thinkTimeMs, wave } from "./customer.ts";
import { createRandom } from "./random.ts";
import { REGIONS, TIERS } from "./regions.ts";

function visits(seed: number, count: number) {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, index) => {
    const customer = createCustomer(random, (index * DAY_MS) / count);
    return { customer, actions: planVisit(random, customer) };
  });
}

describe("customers", () => {
  it("are the same for the same seed and others for another", () => {
    expect(visits(7, 50)).toEqual(visits(7, 50));
    expect(visits(7, 50)).not.toEqual(visits(8, 50));
  });

  it("come from every region and tier, none of them rare", () => {
    const all = visits(1, 3_000);
    for (const region of REGIONS)
      expect(all.filter(({ customer }) => customer.region === region).length / all.length).toBeGreaterThan(0.25);
    for (const tier of TIERS)
      expect(all.filter(({ customer }) => customer.tier === tier).length / all.length).toBeGreaterThan(0.2);
  });

  it("check out only with something in the cart, as the last thing they do", () => {
    for (const { actions } of visits(2, 1_000)) {
      const checkOut = actions.findIndex((action) => action.do === "check out");
      if (checkOut < 0) continue;
      expect(checkOut).toBe(actions.length - 1);
      expect(actions.slice(0, checkOut).some((action) => action.do === "add to cart")).toBe(true);
    }
  });

  it("make mistakes, but seldom", () => {
    const orders = visits(3, 4_000).flatMap(({ actions }) => actions.filter((action) => action.do === "check out"));
    const wrong = orders.filter(({ postcode, card }) => postcode === "" || card === "tok_insufficient_funds");
    expect(orders.length).toBeGreaterThan(2_000);
    expect(wrong.length / orders.length).toBeGreaterThan(0.01);
    expect(wrong.length / orders.length).toBeLessThan(0.06);
  });

  it("come in waves whose noon differs by region, and never stop coming", () => {
    const times = Array.from({ length: 200 }, (_, step) => (step * DAY_MS) / 200);
    const noon = (region: (typeof REGIONS)[number]): number =>
      times.reduce((best, time) => (wave(region, time) > wave(region, best) ? time : best), 0);
    expect(new Set(REGIONS.map(noon)).size).toBe(REGIONS.length);
    for (const time of times) {
      expect(busyness(time)).toBeGreaterThan(0.5);
      expect(busyness(time)).toBeLessThan(1.5);
    }
  });

  it("think for a bounded while", () => {
    const random = createRandom(4);
    for (let index = 0; index < 1_000; index++) {
      const ms = thinkTimeMs(random);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(8_000);
    }
  });
});
