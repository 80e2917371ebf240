import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { openChannel } from "./channel.ts";
import {
  type Action,
  busyness,
  type Customer,
  createCustomer,
  planVisit,
  staleListing,
  thinkTimeMs,
} from "./customer.ts";
import { chooseInstance } from "./directory.ts";
import { createRandom, exponential } from "./random.ts";

/*
 * The customers: outside the shop, so they send no telemetry. They arrive at random moments, more of them at noon, and walk
 * through the shop over HTTP.
 */
const channel = openChannel();
const random = createRandom(Number(process.env["SHOP_SEED"] ?? 1));
const perSecond = Number(process.env["SHOP_CUSTOMERS_PER_SECOND"] ?? 1);
const agent = new Agent({ keepAlive: true, maxSockets: 200 });
const MAX_VISITS = 150;
const PATIENCE_MS = 20_000;

interface Seen {
  readonly id: number;
}
interface Visit {
  readonly customer: Customer;
  listings: readonly Seen[];
  product: number;
}

let visits = 0;
let open = true;
channel.onStop(async () => {
  open = false;
});

function send(
  customer: Customer,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const { port } = chooseInstance(channel.directory(), "gateway", customer.session);
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        host: "127.0.0.1",
        port,
        method,
        path,
        timeout: PATIENCE_MS,
        headers: {
          host: "shop.example",
          "user-agent": customer.userAgent,
          "x-forwarded-for": customer.address,
          "x-edge-region": customer.region,
          "x-customer-tier": customer.tier,
          "x-session-id": customer.session,
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text).toString() }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () => {
          const answer = Buffer.concat(chunks).toString("utf8");
          resolve({ status: response.statusCode ?? 0, body: answer === "" ? null : JSON.parse(answer) });
        });
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("the customer lost patience")));
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

/** Does one thing; whether the customer goes on. */
async function act(visit: Visit, action: Action): Promise<boolean> {
  const { customer } = visit;
  const list = async (path: string): Promise<boolean> => {
    const { status, body } = await send(customer, "GET", path);
    if (status === 200 && Array.isArray(body) && body.length > 0) visit.listings = body as readonly Seen[];
    return status < 500;
  };
  switch (action.do) {
    case "open home":
      return list("/");
    case "open category":
      return list(`/categories/${action.category}`);
    case "search":
      return list(`/search?q=${encodeURIComponent(action.words)}`);
    case "open product": {
      const listing = visit.listings[Math.min(action.rank, visit.listings.length - 1)];
      if (action.stale) return (await send(customer, "GET", `/products/${staleListing(random)}`)).status < 500;
      if (listing === undefined) return false;
      visit.product = listing.id;
      return (await send(customer, "GET", `/products/${listing.id}`)).status < 500;
    }
    case "add to cart":
      if (visit.product === 0) return false;
      return (
        (await send(customer, "POST", "/cart/items", { listing: visit.product, quantity: action.quantity })).status <
        500
      );
    case "open cart":
      return (await send(customer, "GET", "/cart")).status < 500;
    case "check out":
      return (await send(customer, "POST", "/checkout", { postcode: action.postcode, card: action.card })).status < 400;
  }
}

async function visit(): Promise<void> {
  const customer = createCustomer(random, Date.now());
  const state: Visit = { customer, listings: [], product: 0 };
  for (const action of planVisit(random, customer)) {
    if (!open) return;
    let goesOn = await act(state, action);
    // Most people try once more before they leave.
    if (!goesOn && random() < 0.7) {
      await delay(thinkTimeMs(random));
      goesOn = await act(state, action);
    }
    if (!goesOn) return;
    await delay(thinkTimeMs(random));
  }
}

async function arrive(): Promise<void> {
  while (open) {
    await delay(exponential(random, 1_000 / (perSecond * busyness(Date.now()))));
    if (!open || visits >= MAX_VISITS) continue;
    visits++;
    visit()
      // A shop that does not answer at all loses the customer; the shop's own telemetry tells why.
      .catch(() => undefined)
      .finally(() => visits--);
  }
}

channel.ready(0);
void arrive();
