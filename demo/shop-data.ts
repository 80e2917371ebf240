import type { Client } from "pg";
import { REGIONS, type Region, regionSuffix, TIERS } from "./regions.ts";

/*
 * What the shop stores. Listings are partitioned by region, so that one region can lose its search index and the others
 * keep theirs. Without the index PostgreSQL really reads every listing of the region and parses its text (about 10 µs a row).
 */

export const LISTINGS_PER_REGION = 50_000;
/** The most popular listings are kept in stock, an allotment for each tier; the rest is made to order. */
export const STOCKED_PER_REGION = 4_000;

export const CATEGORIES = ["lighting", "seating", "tables", "textiles", "kitchen", "storage", "garden", "decoration"];
export const MATERIALS =
  "linen cotton oak walnut brass copper ceramic glass woollen leather slate marble bamboo cork steel velvet canvas birch ash clay".split(
    " ",
  );
export const THINGS =
  "lamp chair table vase rug shelf kettle mug cushion clock mirror basket bench stool planter bowl tray frame blanket candle desk drawer hook jar ladle".split(
    " ",
  );
const ROOMS = ["kitchen", "hall", "study", "garden", "bedroom", "bath"];

/** The searched text; the index and every search must spell it alike. */
export const SEARCHED_TEXT = "to_tsvector('simple', name || ' ' || description)";

const TABLES = `
CREATE TABLE listings (
  id int NOT NULL, region text NOT NULL, sku text NOT NULL, category text NOT NULL, name text NOT NULL,
  description text NOT NULL, price_cents int NOT NULL, popularity int NOT NULL, PRIMARY KEY (region, id)
) PARTITION BY LIST (region);
CREATE TABLE stock (
  region text NOT NULL, listing_id int NOT NULL, tier text NOT NULL, available int NOT NULL,
  PRIMARY KEY (region, listing_id, tier)
);
CREATE TABLE cart_items (
  session text NOT NULL, listing_id int NOT NULL, region text NOT NULL, quantity int NOT NULL, price_cents int NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (session, listing_id)
);
CREATE TABLE orders (
  id uuid PRIMARY KEY, session text NOT NULL, region text NOT NULL, tier text NOT NULL, total_cents int NOT NULL,
  status text NOT NULL, placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_lines (
  order_id uuid NOT NULL REFERENCES orders ON DELETE CASCADE, listing_id int NOT NULL, quantity int NOT NULL,
  price_cents int NOT NULL, PRIMARY KEY (order_id, listing_id)
);
CREATE TABLE charges (
  id uuid PRIMARY KEY, order_id uuid NOT NULL, amount_cents int NOT NULL, status text NOT NULL,
  provider_reference text, created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE delivery_options (
  region text NOT NULL, tier text NOT NULL, name text NOT NULL, price_cents int NOT NULL, days int NOT NULL,
  PRIMARY KEY (region, tier, name)
);
CREATE TABLE fulfilment_queue (
  id bigserial PRIMARY KEY, payload jsonb NOT NULL, headers jsonb NOT NULL, enqueued_at timestamptz NOT NULL DEFAULT now(),
  available_at timestamptz NOT NULL DEFAULT now(), attempts int NOT NULL DEFAULT 0
);
CREATE INDEX orders_placed_at ON orders (placed_at);
CREATE INDEX cart_items_added_at ON cart_items (added_at);
CREATE INDEX charges_created_at ON charges (created_at);
`;

const textArray = (words: readonly string[]): string => `(ARRAY['${words.join("','")}'])`;
/** SQL that picks a word for row `i`, the same one on every machine. */
const pick = (words: readonly string[], salt: number): string =>
  `${textArray(words)}[1 + (hashint4(i + ${salt}) & 2147483647) % ${words.length}]`;

function partition(region: Region): string {
  const suffix = regionSuffix(region);
  const salt = REGIONS.indexOf(region) * 1_000_003;
  return `
CREATE TABLE listings_${suffix} PARTITION OF listings FOR VALUES IN ('${region}');
INSERT INTO listings
SELECT i, '${region}', '${suffix}-' || i, ${pick(CATEGORIES, salt + 1)}, ${pick(MATERIALS, salt + 2)} || ' ' || ${pick(THINGS, salt + 3)},
  'A ' || ${pick(MATERIALS, salt + 4)} || ' and ' || ${pick(MATERIALS, salt + 5)} || ' piece for the ' || ${pick(ROOMS, salt + 6)} || ', made by hand in small numbers',
  500 + (hashint4(i + ${salt + 7}) & 2147483647) % 24000, ${LISTINGS_PER_REGION} - i
FROM generate_series(1, ${LISTINGS_PER_REGION}) i;
CREATE INDEX listings_popular_${suffix} ON listings_${suffix} (popularity DESC);
CREATE INDEX listings_category_${suffix} ON listings_${suffix} (category, popularity DESC);
ANALYZE listings_${suffix} (id, region, category, popularity);
${searchIndex(region)};
INSERT INTO stock SELECT '${region}', i, tier, 100000 FROM generate_series(1, ${STOCKED_PER_REGION}) i, unnest(${textArray(TIERS)}) tier;
`;
}

export function searchIndex(region: Region): string {
  const suffix = regionSuffix(region);
  return `CREATE INDEX IF NOT EXISTS listings_words_${suffix} ON listings_${suffix} USING gin (${SEARCHED_TEXT})`;
}

export function dropSearchIndex(region: Region): string {
  return `DROP INDEX IF EXISTS listings_words_${regionSuffix(region)}`;
}

/** Creates and fills an empty database: about 150 000 listings, in a few seconds. All or nothing. */
export async function createShopData(client: Client): Promise<void> {
  await client.query(TABLES);
  await client.query(`
    INSERT INTO delivery_options SELECT region, tier, option.name,
      CASE WHEN tier = 'business' THEN 0 ELSE option.price_cents END, option.days
    FROM unnest(${textArray(REGIONS)}) region, unnest(${textArray(TIERS)}) tier,
      (VALUES ('standard', 490, 4), ('express', 1290, 1), ('pickup', 0, 2)) AS option (name, price_cents, days)`);
  await client.query("SET maintenance_work_mem = '64MB'");
  for (const region of REGIONS) await client.query(partition(region));
  await client.query("ANALYZE stock; ANALYZE delivery_options");
}
