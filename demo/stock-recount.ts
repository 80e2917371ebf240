import { setTimeout as delay } from "node:timers/promises";
import { ROOT_CONTEXT, SpanStatusCode } from "@opentelemetry/api";
import type { Channel } from "./channel.ts";
import type { Database } from "./database.ts";
import { log, printLine } from "./log.ts";
import { ask } from "./shop-client.ts";
import { tracer } from "./telemetry.ts";

const LOCK = {
  name: "lock-stock",
  text: "SELECT listing_id FROM stock WHERE tier = $1 ORDER BY region, listing_id FOR UPDATE",
};
const SHELVES = 70;
const PAUSE_MS = 500;
const WAREHOUSE = "warehouse.example";

export interface StockRecount {
  /** Counts a tier's allotment again and again. Resolves when the first count holds its locks. */
  start(tier: string): Promise<void>;
  /** Resolves when the count in progress has been rolled back and its locks are free. */
  stop(): Promise<void>;
}

/**
 * Counts stock as a careless job would: it locks every row of a tier's allotment, asks the warehouse shelf by shelf while it
 * holds them (about eight seconds), and only then commits. Whoever buys from that allotment queues behind it.
 */
export function openStockRecount(channel: Channel, database: Database): StockRecount {
  let running: { readonly aborted: AbortController; readonly done: Promise<void> } | null = null;

  const countOnce = (tier: string, signal: AbortSignal, onLocked: () => void): Promise<void> =>
    tracer.startActiveSpan("recount stock", { attributes: { "shop.stock.tier": tier } }, ROOT_CONTEXT, async (span) => {
      try {
        await database.transaction(async (client) => {
          const { rowCount } = await client.query({ ...LOCK, values: [tier] });
          span.setAttribute("shop.stock.locked_rows", rowCount ?? 0);
          log.info("stock recount started", { "shop.stock.tier": tier, "shop.stock.locked_rows": rowCount ?? 0 });
          onLocked();
          for (let shelf = 1; shelf <= SHELVES && !signal.aborted; shelf++) {
            await ask(channel, "partners", {
              method: "GET",
              path: `/v1/shelves/${shelf}`,
              hostname: WAREHOUSE,
              stickyKey: tier,
            });
            if (shelf % 20 === 0)
              printLine(`recount[${tier}]: shelf ${shelf}/${SHELVES} counted, transaction still open`);
          }
        });
        log.info("stock recount finished", { "shop.stock.tier": tier });
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR });
        log.error("stock recount failed", error, { "shop.stock.tier": tier });
      } finally {
        span.end();
      }
    });

  const stop = async (): Promise<void> => {
    const current = running;
    running = null;
    current?.aborted.abort();
    await current?.done;
  };
  return {
    async start(tier) {
      await stop();
      const aborted = new AbortController();
      await new Promise<void>((resolve) => {
        const loop = async (): Promise<void> => {
          while (!aborted.signal.aborted) {
            await countOnce(tier, aborted.signal, resolve);
            if (!aborted.signal.aborted) await delay(PAUSE_MS);
          }
        };
        running = { aborted, done: loop() };
      });
    },
    stop,
  };
}
