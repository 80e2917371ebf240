import { openChannel } from "./channel.ts";
import { currentCustomer } from "./customer-context.ts";
import { openDatabase } from "./database.ts";
import { log } from "./log.ts";
import { Refusal } from "./refusal.ts";
import { CATEGORIES, SEARCHED_TEXT } from "./shop-data.ts";
import { openShopServer } from "./shop-server.ts";
import { closeTelemetry, meter, tracer } from "./telemetry.ts";

/** What can be bought: featured listings, categories, search, one listing with its stock. */
const channel = openChannel();
const database = openDatabase(channel, { maxConnections: 5, acquireTimeoutMs: 5_000 });

interface Listing {
  readonly id: number;
  readonly sku: string;
  readonly category: string;
  readonly name: string;
  readonly price_cents: number;
}

const COLUMNS = "id, sku, category, name, price_cents";
const FEATURED = {
  name: "featured-listings",
  text: `SELECT ${COLUMNS} FROM listings WHERE region = $1 ORDER BY popularity DESC LIMIT 24`,
};
const IN_CATEGORY = {
  name: "listings-in-category",
  text: `SELECT ${COLUMNS} FROM listings WHERE region = $1 AND category = $2 ORDER BY popularity DESC LIMIT 24`,
};
/** Found first, sorted second: PostgreSQL must not walk the popular listings and hope for 24 matches. */
const SEARCH = {
  name: "search-listings",
  text: `WITH found AS MATERIALIZED (
      SELECT ${COLUMNS}, popularity FROM listings
      WHERE region = $1 AND ${SEARCHED_TEXT} @@ plainto_tsquery('simple', $2)
    ) SELECT ${COLUMNS} FROM found ORDER BY popularity DESC LIMIT 24`,
};
const LISTING = {
  name: "listing-by-id",
  text: `SELECT ${COLUMNS}, description FROM listings WHERE region = $1 AND id = $2`,
};
const STOCK = {
  name: "stock-of-listing",
  text: "SELECT available FROM stock WHERE region = $1 AND listing_id = $2 AND tier = $3",
};

const searches = meter.createCounter("shop.searches", { unit: "{search}", description: "Searches by customers." });
const searchDuration = meter.createHistogram("shop.search.duration", {
  unit: "s",
  description: "How long a search takes.",
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] },
});

async function search(words: string): Promise<readonly Listing[]> {
  const { region, tier } = currentCustomer();
  const started = performance.now();
  const found = await tracer.startActiveSpan("search", { attributes: { "shop.search.words": words } }, async (span) => {
    try {
      const rows = await database.query<Listing>(SEARCH, [region, words]);
      span.setAttribute("shop.search.results", rows.length);
      return rows;
    } finally {
      span.end();
    }
  });
  const seconds = (performance.now() - started) / 1000;
  const attributes = { "customer.region": region, "customer.tier": tier };
  searches.add(1, { ...attributes, "shop.search.found": found.length > 0 });
  searchDuration.record(seconds, attributes);
  log.info("search answered", {
    "shop.search.words": words,
    "shop.search.results": found.length,
    "shop.search.duration_ms": Math.round(seconds * 1000),
  });
  return found;
}

const server = await openShopServer({
  routes: {
    "GET /listings": async () => ({ status: 200, body: await database.query(FEATURED, [currentCustomer().region]) }),
    "GET /categories/:category/listings": async ({ params }) => {
      const category = params["category"] ?? "";
      if (!CATEGORIES.includes(category)) throw new Refusal(404, "no-such-category", `no category ${category}`);
      return { status: 200, body: await database.query(IN_CATEGORY, [currentCustomer().region, category]) };
    },
    "GET /search": async ({ query }) => {
      const words = (query.get("q") ?? "").trim();
      if (words === "") throw new Refusal(400, "nothing-to-search", "say what to search for");
      return { status: 200, body: await search(words) };
    },
    "GET /listings/:id": async ({ params }) => {
      const { region, tier } = currentCustomer();
      const id = Number(params["id"]);
      if (!Number.isInteger(id)) throw new Refusal(400, "not-an-id", "a listing's id is a whole number");
      const [listing] = await database.query<Listing>(LISTING, [region, id]);
      if (listing === undefined) throw new Refusal(404, "no-such-listing", `no listing ${id} in ${region}`);
      const [stock] = await database.query<{ available: number }>(STOCK, [region, id, tier]);
      return { status: 200, body: { ...listing, available: stock?.available ?? null } };
    },
  },
});

channel.onStop(async () => {
  await server.close();
  await closeTelemetry().catch(() => undefined);
  await database.close();
});
channel.ready(server.port);
