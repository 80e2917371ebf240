import { randomUUID } from "node:crypto";
import { SpanStatusCode } from "@opentelemetry/api";
import { openChannel } from "./channel.ts";
import { currentCustomer } from "./customer-context.ts";
import { openDatabase } from "./database.ts";
import { log } from "./log.ts";
import { Outage, Refusal } from "./refusal.ts";
import { request, type ServiceAnswer } from "./shop-client.ts";
import { openShopServer } from "./shop-server.ts";
import { closeTelemetry, meter, tracer } from "./telemetry.ts";

/** Has a card charged by the provider, an outside party, and keeps what came of it. */
const channel = openChannel();
const database = openDatabase(channel, { maxConnections: 4, acquireTimeoutMs: 5_000 });

const PROVIDER = "cards.example";
const PROVIDER_TIMEOUT_MS = 1_500;
const ATTEMPTS = 2;

const OPEN = {
  name: "insert-charge",
  text: "INSERT INTO charges (id, order_id, amount_cents, status) VALUES ($1, $2, $3, 'open')",
};
const SETTLE = {
  name: "settle-charge",
  text: "UPDATE charges SET status = $2, provider_reference = $3 WHERE id = $1",
};

const charges = meter.createCounter("shop.charges", { unit: "{charge}", description: "Card charges, by outcome." });
const providerDuration = meter.createHistogram("shop.payment.provider.duration", {
  unit: "s",
  description: "How long the card provider takes.",
  advice: { explicitBucketBoundaries: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2.5] },
});

interface ProviderSaid {
  readonly reference?: string;
  readonly error?: string;
}

/** One try at the provider. Throws Outage when it refuses to work or does not answer in time. */
async function askProvider(charge: string, amountCents: number, card: unknown): Promise<ServiceAnswer> {
  const { region, session } = currentCustomer();
  const started = performance.now();
  let outcome = "timeout";
  try {
    const answer = await request(channel, "partners", {
      method: "POST",
      path: "/v1/charges",
      body: { charge, amountCents, card, region },
      hostname: PROVIDER,
      stickyKey: session,
      timeoutMs: PROVIDER_TIMEOUT_MS,
    });
    outcome = String(answer.status);
    if (answer.status >= 500)
      throw new Outage(
        502,
        `card provider answered ${answer.status}: ${(answer.body as ProviderSaid).error ?? "no reason"}`,
      );
    return answer;
  } finally {
    providerDuration.record((performance.now() - started) / 1000, {
      "customer.region": region,
      "shop.provider.answer": outcome,
    });
  }
}

async function charge(order: string, amountCents: number, card: unknown): Promise<string> {
  const { region, tier } = currentCustomer();
  const id = randomUUID();
  const labels = { "customer.region": region, "customer.tier": tier };
  await database.query(OPEN, [id, order, amountCents]);
  return tracer.startActiveSpan(
    "charge card",
    { attributes: { "shop.payment.provider": PROVIDER, "shop.payment.amount_cents": amountCents } },
    async (span) => {
      try {
        for (let attempt = 1; ; attempt++) {
          try {
            const { status, body } = await askProvider(id, amountCents, card);
            const said = body as ProviderSaid;
            if (status === 402) {
              await database.query(SETTLE, [id, "declined", null]);
              throw new Refusal(402, "card-declined", said.error ?? "declined");
            }
            if (status >= 400)
              throw new Refusal(422, "charge-invalid", said.error ?? "the provider did not accept the charge");
            await database.query(SETTLE, [id, "paid", said.reference ?? null]);
            charges.add(1, { ...labels, "shop.charge.outcome": "paid" });
            return id;
          } catch (error) {
            if (error instanceof Refusal || attempt >= ATTEMPTS) throw error;
            span.addEvent("retry", { "shop.payment.attempt": attempt });
            log.warn("card provider failed, trying again", {
              "shop.payment.attempt": attempt,
              "exception.message": error instanceof Error ? error.message : String(error),
            });
          }
        }
      } catch (error) {
        const declined = error instanceof Refusal;
        charges.add(1, { ...labels, "shop.charge.outcome": declined ? error.reason : "failed" });
        if (!declined) {
          span.recordException(error instanceof Error ? error : String(error));
          span.setStatus({ code: SpanStatusCode.ERROR, message: "the card provider does not work" });
          await database.query(SETTLE, [id, "failed", null]);
        }
        throw error;
      } finally {
        span.end();
      }
    },
  );
}

const server = await openShopServer({
  routes: {
    "POST /charges": async ({ body }) => {
      const { order, amountCents, card } = (body ?? {}) as { order?: unknown; amountCents?: unknown; card?: unknown };
      if (typeof order !== "string" || typeof amountCents !== "number")
        throw new Refusal(400, "charge-incomplete", "say for which order and how much");
      return { status: 201, body: { charge: await charge(order, amountCents, card) } };
    },
  },
});

channel.onStop(async () => {
  await server.close();
  await closeTelemetry().catch(() => undefined);
  await database.close();
});
channel.ready(server.port);
