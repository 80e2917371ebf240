import {
  type Attributes,
  context,
  propagation,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { PoolClient } from "pg";
import type { Database } from "./database.ts";
import { exceptionAttributes, log } from "./log.ts";
import { meter, tracer } from "./telemetry.ts";

/*
 * The queue between checkout and worker: a table in PostgreSQL. A message carries the trace context and baggage of the order
 * that sent it in its headers, as any broker's message would.
 *
 *   checkout: … → "send fulfilment" (producer)
 *   worker:   "receive fulfilment" (a trace of its own, links to every message it took)
 *             "process fulfilment" (consumer; continues the order's trace, links back to the receive)
 */

export const QUEUE = "fulfilment";
const MAX_ATTEMPTS = 5;
const RETRY_SECONDS = 2;

export interface FulfilmentMessage {
  readonly order: string;
  readonly region: string;
  readonly tier: string;
  readonly lines: readonly { readonly listing_id: number; readonly quantity: number }[];
}

interface QueuedRow {
  readonly id: string;
  readonly payload: FulfilmentMessage;
  readonly headers: Record<string, string>;
  readonly attempts: number;
  readonly waited_s: number;
}

const SEND = {
  name: "enqueue-fulfilment",
  text: "INSERT INTO fulfilment_queue (payload, headers) VALUES ($1, $2) RETURNING id",
};
const TAKE = {
  name: "take-fulfilments",
  text: `SELECT id, payload, headers, attempts, extract(epoch FROM now() - enqueued_at)::float8 AS waited_s
    FROM fulfilment_queue WHERE available_at <= now() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED`,
};
const DONE = { name: "delete-fulfilment", text: "DELETE FROM fulfilment_queue WHERE id = $1" };
const AGAIN = {
  name: "retry-fulfilment",
  text: "UPDATE fulfilment_queue SET attempts = attempts + 1, available_at = now() + make_interval(secs => $2) WHERE id = $1",
};

const sent = meter.createCounter("messaging.client.sent.messages", { unit: "{message}" });
const consumed = meter.createCounter("messaging.client.consumed.messages", { unit: "{message}" });
const processDuration = meter.createHistogram("messaging.process.duration", {
  unit: "s",
  advice: { explicitBucketBoundaries: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] },
});
const waitDuration = meter.createHistogram("shop.queue.wait_time", {
  unit: "s",
  description: "How long a message waited in the queue.",
  advice: { explicitBucketBoundaries: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] },
});

const named = (operation: string, type: string): Attributes => ({
  "messaging.system": "postgresql",
  "messaging.destination.name": QUEUE,
  "messaging.operation.name": operation,
  "messaging.operation.type": type,
});

/** Puts a message on the queue within the caller's transaction: it is sent exactly if that commits. */
export async function sendFulfilment(client: PoolClient, message: FulfilmentMessage): Promise<void> {
  await tracer.startActiveSpan(
    `send ${QUEUE}`,
    { kind: SpanKind.PRODUCER, attributes: named("send", "send") },
    async (span) => {
      try {
        const headers: Record<string, string> = {};
        propagation.inject(context.active(), headers);
        const { rows } = await client.query<{ id: string }>({ ...SEND, values: [message, headers] });
        span.setAttribute("messaging.message.id", rows[0]?.id ?? "");
        sent.add(1, { "messaging.destination.name": QUEUE, "messaging.system": "postgresql" });
      } finally {
        span.end();
      }
    },
  );
}

/**
 * Takes up to `limit` messages that no other worker holds and gives each to `handle`. A message whose handling throws goes
 * back for later, at most five times. Returns how many were taken.
 */
export async function receiveFulfilments(
  database: Database,
  limit: number,
  handle: (client: PoolClient, message: FulfilmentMessage) => Promise<void>,
): Promise<number> {
  const startTime = new Date();
  return database.transaction(async (client) => {
    const { rows } = await client.query<QueuedRow>({ ...TAKE, values: [limit] });
    if (rows.length === 0) return 0;
    const producers = rows.map(({ headers }) => propagation.extract(context.active(), headers));
    const links = producers.flatMap((producer) => {
      const spanContext = trace.getSpanContext(producer);
      return spanContext === undefined ? [] : [{ context: spanContext }];
    });
    const receive = tracer.startSpan(`receive ${QUEUE}`, {
      kind: SpanKind.CLIENT,
      startTime,
      links,
      attributes: { ...named("receive", "receive"), "messaging.batch.message_count": rows.length },
    });
    receive.end();
    for (const [index, row] of rows.entries())
      await context.with(producers[index]!, () => processOne(client, row, receive.spanContext(), handle));
    return rows.length;
  });
}

async function processOne(
  client: PoolClient,
  row: QueuedRow,
  receive: SpanContext,
  handle: (client: PoolClient, message: FulfilmentMessage) => Promise<void>,
): Promise<void> {
  const started = performance.now();
  const destination = { "messaging.destination.name": QUEUE, "messaging.system": "postgresql" };
  await tracer.startActiveSpan(
    `process ${QUEUE}`,
    {
      kind: SpanKind.CONSUMER,
      links: [{ context: receive }],
      attributes: {
        ...named("process", "process"),
        "messaging.message.id": row.id,
        "shop.queue.attempt": row.attempts + 1,
        "shop.queue.wait_seconds": row.waited_s,
      },
    },
    async (span) => {
      const measured: Attributes = { ...destination };
      // A failed statement would spoil the whole batch's transaction: each message gets a point to go back to.
      await client.query("SAVEPOINT message");
      try {
        await handle(client, row.payload);
        await client.query({ ...DONE, values: [row.id] });
      } catch (error) {
        await client.query("ROLLBACK TO SAVEPOINT message");
        measured["error.type"] = error instanceof Error ? error.name : "unknown";
        span.recordException(error instanceof Error ? error : String(error));
        const last = row.attempts + 1 >= MAX_ATTEMPTS;
        if (last) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: "given up" });
          log.error("message given up", error, { "messaging.message.id": row.id });
          await client.query({ ...DONE, values: [row.id] });
        } else {
          log.warn("message goes back to the queue", {
            "messaging.message.id": row.id,
            "shop.queue.attempt": row.attempts + 1,
            ...exceptionAttributes(error),
          });
          await client.query({ ...AGAIN, values: [row.id, RETRY_SECONDS * (row.attempts + 1)] });
        }
      } finally {
        span.end();
      }
      consumed.add(1, measured);
      processDuration.record((performance.now() - started) / 1000, measured);
      waitDuration.record(row.waited_s, destination);
    },
  );
}
