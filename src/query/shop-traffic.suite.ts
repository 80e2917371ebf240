import type { TestLog, TestSeries, TestSpan } from "./test-store.suite.ts";

/** A seeded source of numbers from 0 to 1 (Park and Miller's minimal standard). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

export type Trouble = "none" | "slow-query" | "error-burst" | "memory-leak" | "connection-pool" | "lock-convoy";

export interface ShopTraffic {
  readonly spans: readonly TestSpan[];
  readonly logs: readonly TestLog[];
  readonly series: readonly TestSeries[];
}

const REGIONS = ["eu-west", "us-east", "ap-south"];
const TIERS = ["free", "plus", "business"];

/**
 * What a small shop sends at some four requests a second: searches (gateway, catalogue, database) and orders (gateway,
 * checkout, pool, database, payment, provider). From `breakAt` on a trouble hits a part of them. Times in ms.
 */
export function shopTraffic(options: {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  readonly breakAt: number;
  readonly trouble: Trouble;
}): ShopTraffic {
  const random = seeded(options.seed);
  const spans: TestSpan[] = [];
  const logs: TestLog[] = [];
  let id = options.seed * 1_000_000;
  const next = (digits: number): string => (++id).toString(16).padStart(digits, "0");
  /** Log-normal around a median: most a little, few a lot. */
  const around = (median: number): number => {
    const normal = Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
    return median * Math.exp(0.35 * normal);
  };
  for (let at = options.from; at < options.to; at += 250 * -Math.log(random())) {
    const broken = at >= options.breakAt ? options.trouble : "none";
    const trace = next(32);
    const region = REGIONS[Math.floor(random() * 3)]!;
    const tier = TIERS[Math.floor(random() * 3)]!;
    const fresh = random() < 0.4;
    const attributes = { "customer.region": region, "customer.tier": tier, "session.id": next(8) };
    const resource = (service: string): Record<string, string> => ({
      "service.version": fresh ? "1.5.0" : "1.4.2",
      "service.instance.id": `${service}-${fresh ? "b" : "a"}`,
    });
    const span = (
      service: string,
      name: string,
      kind: string,
      start: number,
      ms: number,
      parent: string,
      status = "unset",
    ): string => {
      const own = next(16);
      spans.push({
        at: start,
        ms,
        trace,
        span: own,
        parent,
        service,
        name,
        kind,
        status,
        attributes,
        resource: resource(service),
      });
      return own;
    };
    if (random() < 0.6) {
      const query = around(4) + (broken === "slow-query" && region === "ap-south" ? around(700) : 0);
      const gateway = span("gateway", "GET /search", "server", at, query + 9, "");
      const call = span("gateway", "GET", "client", at + 1, query + 7, gateway);
      const catalogue = span("catalogue", "GET /listings", "server", at + 2, query + 4, call);
      span("catalogue", "pg.query:search-listings", "client", at + 3, query, catalogue);
      continue;
    }
    const starved = broken === "connection-pool" && fresh;
    const refused = broken === "error-burst" && region === "us-east" && random() < 0.8;
    const pool = starved ? 2500 : around(0.3);
    const lock = broken === "lock-convoy" && tier === "plus" ? around(2200) : around(3);
    const charge = starved ? 0 : around(40);
    const total = pool + (starved ? 0 : lock + charge) + 12;
    const failed = starved || refused ? "error" : "unset";
    const gateway = span("gateway", "POST /orders", "server", at, total + 3, "", failed);
    const call = span("gateway", "POST", "client", at + 1, total + 1, gateway, failed);
    const checkout = span("checkout", "POST /checkout", "server", at + 2, total, call, failed);
    span("checkout", "pg-pool.connect", "client", at + 3, pool, checkout, starved ? "error" : "unset");
    if (starved) {
      logs.push({ at: at + 2500, service: "checkout", severity: 17, body: "request failed: timeout", trace });
      continue;
    }
    span("checkout", "pg.query:reserve-stock", "client", at + 4 + pool, lock, checkout);
    const pay = span("checkout", "POST payment", "client", at + 5 + pool + lock, charge + 5, checkout, failed);
    const payment = span("payment", "POST /charges", "server", at + 6 + pool + lock, charge + 3, pay, failed);
    span("payment", "charge card", "client", at + 7 + pool + lock, charge, payment, failed);
    if (refused)
      logs.push({ at: at + 60, service: "payment", severity: 13, body: "card provider failed, trying again", trace });
    logs.push({ at: at + 60, service: "payment", body: `charge ${id} done`, trace });
  }
  const series = ["a", "b"].map((instance): TestSeries => {
    const points: { at: number; value: number }[] = [];
    let heap = 60e6;
    for (let at = options.from; at < options.to; at += 5000) {
      heap = 60e6 + 12e6 * random();
      const leaked =
        options.trouble === "memory-leak" && instance === "b" ? Math.max(0, at - options.breakAt) * 1500 : 0;
      points.push({ at, value: heap + leaked });
    }
    return {
      metric: "v8js.memory.heap.used",
      type: "gauge",
      unit: "By",
      service: "cart",
      attributes: { "v8js.heap.space.name": "old_space" },
      resource: { "service.instance.id": `cart-${instance}`, "service.version": instance === "b" ? "2.4.0" : "2.3.1" },
      points,
    };
  });
  return { spans, logs, series };
}
