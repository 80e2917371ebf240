import { randomUUID } from "node:crypto";
import type { PoolClient } from "pg";
import type { CartLine } from "./cart-line.ts";
import { openChannel } from "./channel.ts";
import { type CustomerContext, currentCustomer } from "./customer-context.ts";
import { openDatabase } from "./database.ts";
import { sendFulfilment } from "./fulfilment-queue.ts";
import { log } from "./log.ts";
import { Outage, Refusal } from "./refusal.ts";
import { ask } from "./shop-client.ts";
import { openShopServer } from "./shop-server.ts";
import { closeTelemetry, meter, tracer, VERSION } from "./telemetry.ts";

/** Turns a cart into an order: reserves stock, has it paid, sends it to fulfilment. Two versions run side by side. */
const channel = openChannel();
const database = openDatabase(channel, { maxConnections: 5, acquireTimeoutMs: 2_500, lockTimeoutMs: 4_000 });

const DELIVERY = {
  name: "delivery-options",
  text: "SELECT name, price_cents, days FROM delivery_options WHERE region = $1 AND tier = $2 ORDER BY days",
};
const RESERVE = {
  name: "reserve-stock",
  text: "UPDATE stock SET available = available - $4 WHERE region = $1 AND listing_id = $2 AND tier = $3",
};
const RELEASE = {
  name: "release-stock",
  text: "UPDATE stock SET available = available + $4 WHERE region = $1 AND listing_id = $2 AND tier = $3",
};
const ORDER = {
  name: "insert-order",
  text: "INSERT INTO orders (id, session, region, tier, total_cents, status) VALUES ($1, $2, $3, $4, $5, 'reserved')",
};
const LINE = {
  name: "insert-order-line",
  text: "INSERT INTO order_lines (order_id, listing_id, quantity, price_cents) VALUES ($1, $2, $3, $4)",
};
const STATUS = { name: "set-order-status", text: "UPDATE orders SET status = $2 WHERE id = $1" };

/** PostgreSQL's code for a lock that was not granted within `lock_timeout`. */
const LOCK_NOT_AVAILABLE = "55P03";

const orders = meter.createCounter("shop.orders", { unit: "{order}", description: "Orders, by how they ended." });
const revenue = meter.createCounter("shop.revenue", { unit: "{cent}", description: "Paid orders' totals." });
const orderDuration = meter.createHistogram("shop.checkout.duration", {
  unit: "s",
  description: "How long placing an order takes.",
  advice: { explicitBucketBoundaries: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
});

/** Connections that the delivery promise took and did not give back. Empty in a healthy shop. */
const heldConnections: PoolClient[] = [];
let holdsConnections = false;

async function deliveryOptions(): Promise<unknown> {
  const { region, tier } = currentCustomer();
  const client = await database.acquire();
  try {
    return (await client.query({ ...DELIVERY, values: [region, tier] })).rows;
  } finally {
    if (holdsConnections) heldConnections.push(client);
    else client.release();
  }
}

interface Order {
  readonly id: string;
  readonly lines: readonly CartLine[];
  readonly totalCents: number;
}

/** Takes the order's stock. Rows are locked in the order of their key, so that two orders never wait for each other. */
async function reserve(customer: CustomerContext, order: Order): Promise<void> {
  await tracer.startActiveSpan(
    "reserve stock",
    { attributes: { "shop.order.lines": order.lines.length } },
    async (span) => {
      try {
        await database.transaction(async (client) => {
          for (const { listing_id, quantity } of order.lines)
            await client.query({ ...RESERVE, values: [customer.region, listing_id, customer.tier, quantity] });
          await client.query({
            ...ORDER,
            values: [order.id, customer.session, customer.region, customer.tier, order.totalCents],
          });
          for (const { listing_id, quantity, price_cents } of order.lines)
            await client.query({ ...LINE, values: [order.id, listing_id, quantity, price_cents] });
        });
      } catch (error) {
        if ((error as { code?: string }).code === LOCK_NOT_AVAILABLE)
          throw new Outage(503, "stock could not be reserved: another transaction holds its rows", { cause: error });
        throw error;
      } finally {
        span.end();
      }
    },
  );
}

async function giveBack(customer: CustomerContext, order: Order, status: string): Promise<void> {
  await database.transaction(async (client) => {
    for (const { listing_id, quantity } of order.lines)
      await client.query({ ...RELEASE, values: [customer.region, listing_id, customer.tier, quantity] });
    await client.query({ ...STATUS, values: [order.id, status] });
  });
}

async function placeOrder(body: unknown): Promise<Order> {
  const customer = currentCustomer();
  const { postcode, card } = (body ?? {}) as { postcode?: unknown; card?: unknown };
  if (typeof postcode !== "string" || postcode === "")
    throw new Refusal(400, "postcode-missing", "the postcode is missing");
  const cartPath = `/carts/${encodeURIComponent(customer.session)}`;
  const lines = (await ask(channel, "cart", {
    method: "GET",
    path: cartPath,
    stickyKey: customer.session,
  })) as CartLine[];
  if (lines.length === 0) throw new Refusal(409, "cart-empty", "the cart is empty");
  const order: Order = {
    id: randomUUID(),
    lines,
    totalCents: lines.reduce((sum, { quantity, price_cents }) => sum + quantity * price_cents, 0),
  };
  await reserve(customer, order);
  try {
    await ask(channel, "payment", {
      method: "POST",
      path: "/charges",
      body: { order: order.id, amountCents: order.totalCents, card },
      stickyKey: customer.session,
    });
  } catch (error) {
    await giveBack(customer, order, error instanceof Refusal ? "declined" : "failed");
    throw error;
  }
  await database.transaction(async (client) => {
    await client.query({ ...STATUS, values: [order.id, "paid"] });
    await sendFulfilment(client, { order: order.id, region: customer.region, tier: customer.tier, lines });
  });
  await ask(channel, "cart", { method: "DELETE", path: cartPath, stickyKey: customer.session });
  return order;
}

const server = await openShopServer({
  routes: {
    "GET /delivery-options": async () => ({ status: 200, body: await deliveryOptions() }),
    "POST /orders": async ({ body }) => {
      const { region, tier } = currentCustomer();
      const labels = { "customer.region": region, "customer.tier": tier };
      const started = performance.now();
      let outcome = "failed";
      try {
        const order = await placeOrder(body);
        outcome = "paid";
        revenue.add(order.totalCents, labels);
        log.info("order placed", {
          "shop.order.id": order.id,
          "shop.order.total_cents": order.totalCents,
          "shop.order.lines": order.lines.length,
        });
        return { status: 201, body: { order: order.id, total_cents: order.totalCents } };
      } catch (error) {
        if (error instanceof Refusal) outcome = error.reason;
        throw error;
      } finally {
        orders.add(1, { ...labels, "shop.order.outcome": outcome });
        orderDuration.record((performance.now() - started) / 1000, { ...labels, "shop.order.outcome": outcome });
      }
    },
  },
});

channel.onCommand(({ action, active, subject }) => {
  if (action !== "hold-connections" || subject !== VERSION) throw new Error(`unknown command ${action} ${subject}`);
  holdsConnections = active;
  if (!active) for (const client of heldConnections.splice(0)) client.release();
});
channel.onStop(async () => {
  for (const client of heldConnections.splice(0)) client.release();
  await server.close();
  await closeTelemetry().catch(() => undefined);
  await database.close();
});
channel.ready(server.port);
