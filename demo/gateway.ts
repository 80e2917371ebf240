import type { IncomingMessage } from "node:http";
import { openChannel } from "./channel.ts";
import { asCustomer, type CustomerContext, currentCustomer } from "./customer-context.ts";
import type { ServiceName } from "./directory.ts";
import { printLine } from "./log.ts";
import { isRegion, isTier } from "./regions.ts";
import { ask, type ServiceCall } from "./shop-client.ts";
import { type Answer, openShopServer } from "./shop-server.ts";
import { closeTelemetry, meter } from "./telemetry.ts";

/** The shop's front door: knows the customer, routes to the services, prints an access log. */
const channel = openChannel();

const actions = meter.createCounter("shop.actions", {
  unit: "{action}",
  description: "What customers did, by region, tier and outcome.",
});

/** The edge tells the region, the sign-in the tier; whoever says nothing is a free customer in the home region. */
function customerOf(request: IncomingMessage): CustomerContext {
  const header = (name: string): string => String(request.headers[name] ?? "");
  const region = header("x-edge-region");
  const tier = header("x-customer-tier");
  return {
    region: isRegion(region) ? region : "eu-west",
    tier: isTier(tier) ? tier : "free",
    session: header("x-session-id") || "none",
  };
}

async function forward(service: ServiceName, call: Omit<ServiceCall, "stickyKey">): Promise<Answer> {
  return { status: 200, body: await ask(channel, service, { ...call, stickyKey: currentCustomer().session }) };
}

const session = (): string => encodeURIComponent(currentCustomer().session);

const server = await openShopServer({
  around: (request, next) => asCustomer(customerOf(request), next),
  onAnswer: (request, status, sizeBytes, durationMs) => {
    const { region, tier } = customerOf(request);
    actions.add(1, { "customer.region": region, "customer.tier": tier, "http.response.status_code": status });
    printAccess(request, status, sizeBytes, durationMs);
  },
  routes: {
    "GET /": () => forward("catalogue", { method: "GET", path: "/listings" }),
    "GET /categories/:category": ({ params }) =>
      forward("catalogue", {
        method: "GET",
        path: `/categories/${encodeURIComponent(params["category"] ?? "")}/listings`,
      }),
    "GET /search": ({ query }) =>
      forward("catalogue", { method: "GET", path: `/search?q=${encodeURIComponent(query.get("q") ?? "")}` }),
    "GET /products/:id": ({ params }) =>
      forward("catalogue", { method: "GET", path: `/listings/${encodeURIComponent(params["id"] ?? "")}` }),
    "GET /cart": async () => {
      const [cart, delivery] = await Promise.all([
        forward("cart", { method: "GET", path: `/carts/${session()}` }),
        forward("checkout", { method: "GET", path: "/delivery-options" }),
      ]);
      return { status: 200, body: { cart: cart.body, delivery: delivery.body } };
    },
    "POST /cart/items": ({ body }) => forward("cart", { method: "POST", path: `/carts/${session()}/items`, body }),
    "POST /checkout": ({ body }) => forward("checkout", { method: "POST", path: "/orders", body, timeoutMs: 15_000 }),
  },
});

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number): string => String(value).padStart(2, "0");

/** One line in the combined log format, with the seconds it took, as a web server writes it. */
function printAccess(request: IncomingMessage, status: number, sizeBytes: number, durationMs: number): void {
  const now = new Date();
  const time =
    `${two(now.getUTCDate())}/${MONTHS[now.getUTCMonth()]}/${now.getUTCFullYear()}` +
    `:${two(now.getUTCHours())}:${two(now.getUTCMinutes())}:${two(now.getUTCSeconds())} +0000`;
  const agent = String(request.headers["user-agent"] ?? "-");
  const address = String(request.headers["x-forwarded-for"] ?? request.socket.remoteAddress ?? "-");
  const level = status >= 500 ? "ERROR" : status >= 400 ? "WARNING" : "INFO";
  printLine(
    `${address} - - [${time}] "${request.method} ${request.url} HTTP/1.1" ${status} ${sizeBytes} "-" "${agent}" ${(durationMs / 1000).toFixed(3)}`,
    level,
  );
}

channel.onStop(async () => {
  await server.close();
  await closeTelemetry().catch(() => undefined);
});
channel.ready(server.port);
