import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { openChannel } from "./channel.ts";
import { createRandom, exponential } from "./random.ts";

/*
 * Two outside parties the shop depends on: the card provider and the warehouse. They are not ours, so they send no
 * telemetry; what goes wrong here the shop can only see from its own side.
 */
const channel = openChannel();
const random = createRandom(Number(process.env["SHOP_SEED"] ?? 1) + 1);

/** The region whose acquiring bank is down, or none. */
let refusedRegion: string | null = null;
const HANGS = 0.3;
const HANG_MS = 30_000;
const SHELF_MS = 110;

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString("utf8")) as Record<string, unknown>);
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

async function charge(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { region, card, charge: id } = await readJson(request);
  if (region === refusedRegion) {
    if (random() < HANGS) {
      const hanging = new AbortController();
      response.once("close", () => hanging.abort());
      await delay(HANG_MS, undefined, { signal: hanging.signal });
    }
    reply(response, 503, { error: "acquirer_unavailable" });
    return;
  }
  await delay(15 + exponential(random, 20));
  if (card === "tok_insufficient_funds") reply(response, 402, { error: "insufficient_funds" });
  else reply(response, 200, { reference: `ch_${String(id).slice(0, 8)}` });
}

const server = createServer((request, response) => {
  const answer =
    request.method === "POST" && request.url === "/v1/charges"
      ? charge(request, response)
      : request.url?.startsWith("/v1/shelves/") === true
        ? delay(SHELF_MS).then(() => reply(response, 200, { counted: true }))
        : Promise.resolve(reply(response, 404, { error: "no_such_resource" }));
  // Callers that hang up are their own affair.
  answer.catch(() => response.destroy());
});
server.listen(Number(process.env["SHOP_PORT"] ?? 0), "127.0.0.1", () => {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  channel.ready(address.port);
});

channel.onCommand(({ action, active, subject }) => {
  if (action !== "refuse-region") throw new Error(`unknown command ${action}`);
  refusedRegion = active ? subject : null;
});
channel.onStop(async () => {
  server.close();
  server.closeAllConnections();
});
