import { createHash } from "node:crypto";
import { tracer } from "./telemetry.ts";

/** One price of one listing at one hour. */
interface PricePoint {
  readonly listing: number;
  readonly hour: number;
  readonly cents: number;
}

interface JournalEntry {
  readonly session: string;
  readonly history: readonly PricePoint[];
}

const KEPT_ENTRIES = 20;
const DAYS = 30;
const HOURS = 365 * 24;

/**
 * Remembers what carts looked like, to show "cheapest in 30 days", and signs each entry at every change. Healthy, it keeps
 * the last 20 entries with a price a day. With `keepEverything` it keeps a price an hour and drops nothing: memory grows
 * with each change, and so does the time that signing takes, until the heap is full.
 */
export interface ActivityJournal {
  keepEverything: boolean;
  record(session: string, lines: readonly { readonly listing_id: number; readonly price_cents: number }[]): void;
  clear(): void;
}

export function createActivityJournal(): ActivityJournal {
  let entries: JournalEntry[] = [];
  return {
    keepEverything: false,
    record(session, lines) {
      const points = this.keepEverything ? HOURS : DAYS;
      const history = lines.flatMap(({ listing_id, price_cents }) =>
        Array.from({ length: points }, (_, hour) => ({
          listing: listing_id,
          hour,
          cents: price_cents + (hour % 7) * 10,
        })),
      );
      entries.push({ session, history });
      if (!this.keepEverything && entries.length > KEPT_ENTRIES) entries = entries.slice(-KEPT_ENTRIES);
      tracer.startActiveSpan("sign journal", (span) => {
        let signature = "";
        for (const entry of entries)
          signature = createHash("sha1").update(signature).update(JSON.stringify(entry)).digest("hex");
        span.setAttributes({ "shop.journal.entries": entries.length, "shop.journal.signature": signature });
        span.end();
      });
    },
    clear() {
      entries = entries.slice(-KEPT_ENTRIES).map((entry) => ({ ...entry, history: entry.history.slice(0, DAYS) }));
    },
  };
}
