import { exponential, pick, pickWeighted, type Random } from "./random.ts";
import { REGIONS, type Region, type Tier } from "./regions.ts";
import { CATEGORIES, LISTINGS_PER_REGION, MATERIALS, THINGS } from "./shop-data.ts";

/** A simulated customer on one visit. */
export interface Customer {
  readonly session: string;
  readonly region: Region;
  readonly tier: Tier;
  readonly address: string;
  readonly userAgent: string;
}

/** What a customer does next. `products` are the listings seen last, most prominent first. */
export type Action =
  | { readonly do: "open home" }
  | { readonly do: "open category"; readonly category: string }
  | { readonly do: "search"; readonly words: string }
  | { readonly do: "open product"; readonly rank: number; readonly stale: boolean }
  | { readonly do: "add to cart"; readonly quantity: number }
  | { readonly do: "open cart" }
  | { readonly do: "check out"; readonly postcode: string; readonly card: string };

const TIER_WEIGHTS = [
  ["free", 45],
  ["plus", 30],
  ["business", 25],
] as const;
/** How likely a visit ends in an order. */
const BUYS: Readonly<Record<Tier, number>> = { free: 0.4, plus: 0.65, business: 0.9 };

const USER_AGENTS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
];

/** The length of the shop's day: its waves are seen within a coffee break. */
export const DAY_MS = 20 * 60_000;

/**
 * How busy a region is at `timeMs`, around 1: one wave a day, each region's noon at its own hour, and never asleep.
 */
export function wave(region: Region, timeMs: number): number {
  const offset = REGIONS.indexOf(region) / REGIONS.length;
  return 1 + 0.3 * Math.sin(2 * Math.PI * (timeMs / DAY_MS - offset));
}

/** How busy the whole shop is at `timeMs`: the day's wave and a smaller, quicker one. */
export function busyness(timeMs: number): number {
  const day = 1 + 0.25 * Math.sin((2 * Math.PI * timeMs) / DAY_MS);
  return day * (1 + 0.1 * Math.sin((2 * Math.PI * timeMs) / 97_000));
}

export function createCustomer(random: Random, timeMs: number): Customer {
  const region = pickWeighted(
    random,
    REGIONS.map((name) => [name, wave(name, timeMs)] as const),
  );
  const byte = (): number => 1 + Math.floor(random() * 253);
  return {
    session: `s-${Math.floor(random() * 2 ** 32).toString(36)}${Math.floor(random() * 2 ** 32).toString(36)}`,
    region,
    tier: pickWeighted(random, TIER_WEIGHTS),
    // Addresses of the ranges kept for documentation (RFC 5737).
    address: `${pick(random, ["192.0.2", "198.51.100", "203.0.113"])}.${byte()}`,
    userAgent: pick(random, USER_AGENTS),
  };
}

/** A visit from the first page to the order, or to wherever the customer loses interest. */
export function planVisit(random: Random, customer: Customer): readonly Action[] {
  const actions: Action[] = [];
  if (random() < 0.6) actions.push({ do: "open home" });
  const buys = random() < BUYS[customer.tier];
  const rounds = 1 + Math.floor(random() * 2);
  for (let round = 0; round < rounds; round++) {
    if (random() < 0.35) actions.push({ do: "open category", category: pick(random, CATEGORIES) });
    else actions.push({ do: "search", words: `${pick(random, MATERIALS)} ${pick(random, THINGS)}` });
    actions.push({ do: "open product", rank: Math.floor(exponential(random, 3)), stale: random() < 0.01 });
    // Whoever buys puts something in the cart each time.
    if (buys || random() < 0.25)
      actions.push({ do: "add to cart", quantity: 1 + Math.floor(exponential(random, 0.6)) });
  }
  if (!buys) {
    if (random() < 0.2) actions.push({ do: "open cart" });
    return actions;
  }
  actions.push({ do: "open cart" });
  const postcode = random() < 0.015 ? "" : String(10_000 + Math.floor(random() * 89_999));
  const card = random() < 0.02 ? "tok_insufficient_funds" : "tok_valid";
  actions.push({ do: "check out", postcode, card });
  return actions;
}

/** How long a customer looks at a page before the next action. */
export function thinkTimeMs(random: Random): number {
  return Math.min(exponential(random, 1_500), 8_000);
}

/** The address of a listing that no longer exists, as old links have it. */
export function staleListing(random: Random): number {
  return LISTINGS_PER_REGION + 1 + Math.floor(random() * 10_000);
}
