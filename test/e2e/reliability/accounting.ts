import { expect } from "vitest";
import { eventually, type TestServer } from "../server.ts";
import type { Batch } from "./sender.ts";

interface Found {
  readonly prefix: string;
  readonly rows: number;
  readonly ids: number;
}

/**
 * Every acknowledged record is there exactly once, by id; a batch of unknown outcome is there once or not at all; a refused
 * one is not; and the summaries say the same as the rows.
 */
export async function expectExactlyOnce(server: TestServer, batches: readonly Batch[]): Promise<void> {
  const acknowledged = batches.filter((batch) => batch.outcome === "acknowledged");
  await waitUntilLoaded(server);
  for (const [signal, statement] of [
    [
      "traces",
      "SELECT substring(trace_id, 1, 8) AS prefix, toUInt32(count()) AS rows, toUInt32(uniqExact(span_id)) AS ids FROM spans GROUP BY prefix",
    ],
    [
      "logs",
      "SELECT substring(trace_id, 1, 8) AS prefix, toUInt32(count()) AS rows, toUInt32(uniqExact(trace_id, span_id, time, body)) AS ids FROM logs GROUP BY prefix",
    ],
  ] as const) {
    const found = new Map((await server.sql<Found>(statement)).map((row) => [row.prefix, row]));
    const wrong = batches
      .filter((batch) => batch.signal === signal)
      .flatMap((batch) => {
        const row = found.get(batch.prefix);
        const rows = row?.rows ?? 0;
        const complete = rows === batch.records && (signal === "logs" || row?.ids === batch.records);
        const fine =
          batch.outcome === "acknowledged"
            ? complete
            : batch.outcome === "refused"
              ? rows === 0
              : complete || rows === 0;
        return fine ? [] : [{ ...batch, rows, ids: row?.ids ?? 0 }];
      });
    expect(wrong).toEqual([]);
  }
  const total = async (sql: string): Promise<number> => Number((await server.sql<{ n: string }>(sql))[0]!.n);
  const spans = await total("SELECT count() AS n FROM spans");
  expect(await total("SELECT sum(span_count) AS n FROM traces")).toBe(spans);
  expect(await total("SELECT sum(count) AS n FROM span_stats")).toBe(spans);
  expect(await total("SELECT sum(count) AS n FROM log_stats")).toBe(await total("SELECT count() AS n FROM logs"));

  const points = await total("SELECT (SELECT count() FROM points) + (SELECT count() FROM histograms) AS n");
  const metrics = batches.filter((batch) => batch.signal === "metrics");
  const sum = (outcome: Batch["outcome"]): number =>
    metrics.filter((batch) => batch.outcome === outcome).reduce((count, batch) => count + batch.records, 0);
  expect(points).toBeGreaterThanOrEqual(sum("acknowledged"));
  expect(points).toBeLessThanOrEqual(sum("acknowledged") + sum("unknown"));
  expect(acknowledged.length).toBeGreaterThan(0);
}

/** Waits until nothing is pending and checks the ledger. */
export async function waitUntilLoaded(server: TestServer): Promise<void> {
  await eventually(async () => {
    const status = (await (await fetch(`${server.url}/api/status`)).json()) as {
      ledger: Record<string, { pending: number; missing: number }>;
    };
    return Object.values(status.ledger).every((ledger) => ledger.pending === 0 && ledger.missing === 0);
  }, 60_000);
}
