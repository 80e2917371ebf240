import { setTimeout as delay } from "node:timers/promises";
import { ROOT_CONTEXT, SpanStatusCode } from "@opentelemetry/api";
import type { PoolClient } from "pg";
import { openChannel } from "./channel.ts";
import { openDatabase } from "./database.ts";
import { type FulfilmentMessage, QUEUE, receiveFulfilments } from "./fulfilment-queue.ts";
import { log, printLine } from "./log.ts";
import { createRandom } from "./random.ts";
import { openStockRecount } from "./stock-recount.ts";
import { closeTelemetry, meter, tracer } from "./telemetry.ts";

/** Works through paid orders from the queue, keeps the tables small, and counts stock when told to. */
const channel = openChannel();
const database = openDatabase(channel, { maxConnections: 4, acquireTimeoutMs: 10_000 });
const random = createRandom(Number(process.env["SHOP_SEED"] ?? 1) + 2);
const recount = openStockRecount(channel, database);

const POLL_MS = 500;
const BATCH = 10;
const TIDY_MS = 60_000;
/** Some labels are not printed at the first try, on the best of days. */
const LABEL_FAILS = 0.01;

const SHIP = { name: "ship-order", text: "UPDATE orders SET status = 'shipped' WHERE id = $1" };
const REFILL = {
  name: "refill-stock",
  text: "UPDATE stock SET available = 100000 WHERE region = $1 AND listing_id = $2 AND tier = $3 AND available < 1000",
};
const DEPTH = {
  name: "queue-depth",
  text: `SELECT count(*)::int AS depth, coalesce(max(extract(epoch FROM now() - enqueued_at)), 0)::float8 AS oldest
    FROM fulfilment_queue`,
};
const TIDY = [
  { name: "tidy-carts", text: "DELETE FROM cart_items WHERE added_at < now() - interval '30 minutes'" },
  { name: "tidy-orders", text: "DELETE FROM orders WHERE placed_at < now() - interval '6 hours'" },
  { name: "tidy-charges", text: "DELETE FROM charges WHERE created_at < now() - interval '6 hours'" },
];

class LabelPrinterBusy extends Error {
  override readonly name = "LabelPrinterBusy";
}

const depth = meter.createObservableGauge("shop.queue.depth", {
  unit: "{message}",
  description: "Messages in the queue.",
});
const oldest = meter.createObservableGauge("shop.queue.oldest_age", {
  unit: "s",
  description: "Age of the oldest message.",
});
meter.addBatchObservableCallback(
  async (result) => {
    const [row] = await database.query<{ depth: number; oldest: number }>(DEPTH, []);
    const queue = { "messaging.destination.name": QUEUE };
    result.observe(depth, row?.depth ?? 0, queue);
    result.observe(oldest, row?.oldest ?? 0, queue);
  },
  [depth, oldest],
);

async function fulfil(client: PoolClient, { order, region, tier, lines }: FulfilmentMessage): Promise<void> {
  if (random() < LABEL_FAILS) throw new LabelPrinterBusy("the label printer is busy");
  await client.query({ ...SHIP, values: [order] });
  for (const { listing_id } of lines) await client.query({ ...REFILL, values: [region, listing_id, tier] });
  const kilograms = (0.4 + random() * 6).toFixed(1);
  printLine(
    `label printed: order=${order} dest=${region} parcels=1 weight=${kilograms}kg carrier=${tier === "free" ? "post" : "courier"}`,
  );
  log.info("order shipped", { "shop.order.id": order, "shop.order.lines": lines.length });
}

async function tidyUp(): Promise<void> {
  await tracer.startActiveSpan("tidy up", {}, ROOT_CONTEXT, async (span) => {
    try {
      for (const statement of TIDY) await database.query(statement, []);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR });
      log.error("tidying up failed", error);
    } finally {
      span.end();
    }
  });
}

let open = true;
async function work(): Promise<void> {
  let tidiedAt = Date.now();
  while (open) {
    try {
      const taken = await receiveFulfilments(database, BATCH, fulfil);
      if (taken < BATCH) await delay(POLL_MS);
    } catch (error) {
      log.error("the queue cannot be read", error);
      await delay(POLL_MS * 4);
    }
    if (Date.now() - tidiedAt < TIDY_MS) continue;
    tidiedAt = Date.now();
    await tidyUp();
  }
}

channel.onCommand(async ({ action, active, subject }) => {
  if (action !== "recount-stock") throw new Error(`unknown command ${action}`);
  await (active ? recount.start(subject) : recount.stop());
});

let started = false;
let working: Promise<void> = Promise.resolve();
channel.onStop(async () => {
  open = false;
  await recount.stop();
  await working;
  await closeTelemetry().catch(() => undefined);
  await database.close();
});
channel.onDirectory((directory) => {
  if (directory.database === null || started) return;
  started = true;
  working = work();
});
channel.ready(0);
