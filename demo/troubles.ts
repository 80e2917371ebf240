import type { Command } from "./channel.ts";
import type { ServiceName } from "./directory.ts";
import { REGIONS, TIERS } from "./regions.ts";

/** Where a trouble shows: what a person, or a test, should end at. */
export interface TroubleAnswer {
  /** The service whose span is slow or fails because of it. */
  readonly service: string;
  /** The span that is the cause, or stands directly before it. */
  readonly span: string;
  /** What tells the affected apart: an attribute of that span (or of its resource) and its value. */
  readonly attribute: string;
  readonly value: string;
  /** A log line that names the cause: its service, and words it contains. */
  readonly log: { readonly service: string; readonly contains: string };
  /** A metric that moves. */
  readonly metric: string;
}

/** One thing that can go wrong in the shop. It is really done, by `action` in the process that `target` names. */
export interface Trouble {
  readonly name: string;
  readonly title: string;
  /** Whom it can hit; one is chosen each time. */
  readonly subjects: readonly string[];
  readonly target: (subject: string) => { readonly service: ServiceName; readonly version: string | null };
  readonly action: Command["action"];
  /** What was done, in past tense, for whoever looked for it. */
  readonly explain: (subject: string) => string;
  readonly affected: (subject: string) => string;
  readonly answer: (subject: string) => TroubleAnswer;
}

/** The versions that run side by side; a trouble that hits a version hits the newer one. */
export const CART_VERSIONS = ["2.3.1", "2.4.0"] as const;
export const CHECKOUT_VERSIONS = ["1.4.2", "1.5.0"] as const;

const anywhere = (service: ServiceName) => () => ({ service, version: null });

export const TROUBLES: readonly Trouble[] = [
  {
    name: "slow-query",
    title: "A search index was dropped",
    subjects: REGIONS,
    target: anywhere("postgresql"),
    action: "search-index",
    explain: (region) =>
      `The full-text index on the listings of ${region} was dropped. Every search there read all 50 000 listings of the region and parsed their text; the other regions kept their index.`,
    affected: (region) => `searches by customers in ${region} (customer.region = ${region})`,
    answer: (region) => ({
      service: "catalogue",
      span: "pg.query:search-listings shop",
      attribute: "customer.region",
      value: region,
      log: { service: "postgresql", contains: "Seq Scan on listings_" },
      metric: "postgresql.sequential_scans.rows",
    }),
  },
  {
    name: "error-burst",
    title: "The card provider refused one region",
    subjects: REGIONS,
    target: anywhere("partners"),
    action: "refuse-region",
    explain: (region) =>
      `The card provider's acquiring bank for ${region} went away: it answered most charges with 503 and let the others hang until payment gave up. Payment tried twice, then the order failed.`,
    affected: (region) => `orders by customers in ${region} (customer.region = ${region})`,
    answer: (region) => ({
      service: "payment",
      span: "charge card",
      attribute: "customer.region",
      value: region,
      log: { service: "payment", contains: "card provider failed, trying again" },
      metric: "shop.charges",
    }),
  },
  {
    name: "memory-leak",
    title: "A cart version kept everything in memory",
    subjects: [CART_VERSIONS[1]],
    target: (version) => ({ service: "cart", version }),
    action: "keep-everything",
    explain: (version) =>
      `cart ${version} stopped trimming its activity journal and kept a price for every hour of the year. Its heap filled, signing the journal took longer with each request, and at the limit the process exited and was started again.`,
    affected: (version) => `carts served by cart ${version} (service.version = ${version})`,
    answer: (version) => ({
      service: "cart",
      span: "sign journal",
      attribute: "service.version",
      value: version,
      log: { service: "cart", contains: "heap limit reached" },
      metric: "v8js.memory.heap.used",
    }),
  },
  {
    name: "connection-pool",
    title: "A checkout version did not return its database connections",
    subjects: [CHECKOUT_VERSIONS[1]],
    target: (version) => ({ service: "checkout", version }),
    action: "hold-connections",
    explain: (version) =>
      `checkout ${version} took a connection for every look at the delivery options and never gave it back. After five looks its pool was empty: every request waited 2.5 s for a connection and then failed.`,
    affected: (version) => `carts and orders served by checkout ${version} (service.version = ${version})`,
    answer: (version) => ({
      service: "checkout",
      span: "pg-pool.connect",
      attribute: "service.version",
      value: version,
      log: { service: "checkout", contains: "no database connection became free" },
      metric: "db.client.connection.wait_time",
    }),
  },
  {
    name: "lock-convoy",
    title: "A stock recount held its row locks",
    subjects: [...TIERS].filter((tier) => tier !== "free"),
    target: anywhere("worker"),
    action: "recount-stock",
    explain: (tier) =>
      `The worker began to recount the stock kept for ${tier} customers: it locked all of those rows and asked the warehouse shelf by shelf before it committed. Their orders queued behind it for up to 4 s; some gave up.`,
    affected: (tier) => `orders by ${tier} customers (customer.tier = ${tier})`,
    answer: (tier) => ({
      service: "checkout",
      span: "pg.query:reserve-stock shop",
      attribute: "customer.tier",
      value: tier,
      log: { service: "postgresql", contains: "still waiting for" },
      metric: "postgresql.lock.waiting",
    }),
  },
];
