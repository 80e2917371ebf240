import { createActivityJournal } from "./activity-journal.ts";
import type { CartLine } from "./cart-line.ts";
import { openChannel } from "./channel.ts";
import { currentCustomer } from "./customer-context.ts";
import { openDatabase } from "./database.ts";
import { openHeapGuard } from "./heap-guard.ts";
import { log } from "./log.ts";
import { Refusal } from "./refusal.ts";
import { ask } from "./shop-client.ts";
import { openShopServer } from "./shop-server.ts";
import { closeTelemetry, meter, VERSION } from "./telemetry.ts";

/** What a session means to buy. Two versions run side by side; a session stays with one. */
const channel = openChannel();
const database = openDatabase(channel, { maxConnections: 4, acquireTimeoutMs: 5_000 });
const journal = createActivityJournal();
const guard = openHeapGuard();

const MAX_QUANTITY = 20;
const LINES = {
  name: "cart-lines",
  text: "SELECT listing_id, quantity, price_cents FROM cart_items WHERE session = $1 ORDER BY listing_id",
};
const ADD = {
  name: "add-cart-line",
  text: `INSERT INTO cart_items (session, listing_id, region, quantity, price_cents) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (session, listing_id) DO UPDATE SET quantity = cart_items.quantity + excluded.quantity`,
};
const EMPTY = { name: "empty-cart", text: "DELETE FROM cart_items WHERE session = $1" };

const added = meter.createCounter("shop.cart.items_added", { unit: "{item}", description: "Items put into carts." });

async function add(session: string, body: unknown): Promise<readonly CartLine[]> {
  const { listing, quantity } = (body ?? {}) as { listing?: unknown; quantity?: unknown };
  if (typeof listing !== "number" || typeof quantity !== "number")
    throw new Refusal(400, "listing-missing", "say which listing and how many");
  if (quantity > MAX_QUANTITY) throw new Refusal(422, "quantity-too-large", `at most ${MAX_QUANTITY} of one listing`);
  const { region, tier } = currentCustomer();
  const found = (await ask(channel, "catalogue", {
    method: "GET",
    path: `/listings/${listing}`,
    stickyKey: session,
  })) as { readonly price_cents: number };
  log.debug("price looked up", { "shop.listing.id": listing, "shop.listing.price_cents": found.price_cents });
  await database.query(ADD, [session, listing, region, quantity, found.price_cents]);
  added.add(quantity, { "customer.region": region, "customer.tier": tier });
  const lines = await database.query<CartLine>(LINES, [session]);
  journal.record(session, lines);
  log.info("item added to cart", {
    "shop.listing.id": listing,
    "shop.cart.quantity": quantity,
    "shop.cart.lines": lines.length,
  });
  return lines;
}

const server = await openShopServer({
  routes: {
    "GET /carts/:session": async ({ params }) => {
      const session = params["session"] ?? "";
      const lines = await database.query<CartLine>(LINES, [session]);
      journal.record(session, lines);
      return { status: 200, body: lines };
    },
    "POST /carts/:session/items": async ({ params, body }) => ({
      status: 201,
      body: await add(params["session"] ?? "", body),
    }),
    "DELETE /carts/:session": async ({ params }) => {
      await database.query(EMPTY, [params["session"] ?? ""]);
      return { status: 200, body: [] };
    },
  },
});

channel.onCommand(({ action, active, subject }) => {
  if (action !== "keep-everything" || subject !== VERSION) throw new Error(`unknown command ${action} ${subject}`);
  journal.keepEverything = active;
  if (!active) journal.clear();
});
channel.onStop(async () => {
  guard.close();
  await server.close();
  await closeTelemetry().catch(() => undefined);
  await database.close();
});
channel.ready(server.port);
