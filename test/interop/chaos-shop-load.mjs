// An open-loop load on the demo shop without k6, for the test beside this file: RATE requests a second, the share of errors in
// the phase `hold` judged at the end (exit code 99 when it is over MOST_ERRORS). Writes what it counted to the file COUNTS.
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";

const rate = Number(process.env.RATE);
const mostErrors = Number(process.env.MOST_ERRORS);
const shop = new URL(process.env.SHOP);
const agent = new Agent({ keepAlive: true, maxSockets: 2000 });
const counts = {};
let made = 0;
let open = 0;

function phase() {
  try {
    return readFileSync(process.env.TRACEO_CHAOS_PHASE, "utf8") || "warmup";
  } catch {
    return "warmup";
  }
}

function send() {
  const number = made++;
  const now = phase();
  counts[now] ??= { requests: 0, errors: 0, slowestMs: 0 };
  const count = counts[now];
  count.requests++;
  open++;
  const started = performance.now();
  const isPost = number % 5 === 4;
  const path = isPost ? "/cart/items" : ["/", "/search?q=lamp", "/cart", "/"][number % 4];
  const headers = { "x-session-id": `load-${number}`, "x-edge-region": "eu-west", "content-type": "application/json" };
  const done = (isGood) => {
    open--;
    if (!isGood) count.errors++;
    count.slowestMs = Math.max(count.slowestMs, Math.round(performance.now() - started));
  };
  const outgoing = request({
    agent,
    host: shop.hostname,
    port: shop.port,
    path,
    headers,
    method: isPost ? "POST" : "GET",
    timeout: 20_000,
  });
  outgoing.on("response", (response) => {
    response.resume();
    response.on("end", () => done(response.statusCode < 500));
    response.on("error", () => done(false));
  });
  outgoing.on("timeout", () => outgoing.destroy(new Error("timeout")));
  outgoing.on("error", () => done(false));
  outgoing.end(isPost ? JSON.stringify({ listing: 1 + (number % 50), quantity: 1 }) : undefined);
}

const timer = setInterval(send, 1000 / rate);
process.on("SIGINT", () => {
  clearInterval(timer);
  const wait = setInterval(() => {
    if (open > 0) return;
    clearInterval(wait);
    writeFileSync(process.env.COUNTS, JSON.stringify(counts));
    const { requests, errors } = counts.hold ?? { requests: 0, errors: 0 };
    process.exit(requests > 0 && errors / requests <= mostErrors ? 0 : 99);
  }, 50);
});
