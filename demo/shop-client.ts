import { randomUUID } from "node:crypto";
import type { LookupFunction } from "node:net";
import type { Channel } from "./channel.ts";
import { chooseInstance, type ServiceName } from "./directory.ts";
import { type Attempt, createRetryBudget, hedge } from "./hedge.ts";
import { Outage, Refusal } from "./refusal.ts";
import { loadInstrumented } from "./telemetry.ts";

const http = loadInstrumented("node:http");

/** Inside the shop names mean loopback; so `server.address` reads as it would anywhere else. */
export const toLoopback: LookupFunction = (_hostname, options, callback) => {
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

/** Set when the shop's calls go through a fault proxy (`--fault-proxy`): what then keeps it going is a second attempt. */
const HEDGE_AFTER_MS = Number(process.env["SHOP_HEDGE_AFTER_MS"] ?? 0);
const MOST_ATTEMPTS = 6;
/** At worst the shop asks itself twice as much. */
const budget = createRetryBudget(1, 100);

const agent = new http.Agent({
  keepAlive: true,
  // Calls that wait for retransmissions hold their sockets.
  maxSockets: HEDGE_AFTER_MS > 0 ? 512 : 64,
  timeout: 60_000,
  lookup: toLoopback,
});

export interface ServiceCall {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Sessions with the same key reach the same version. */
  readonly stickyKey: string;
  readonly timeoutMs?: number;
  /** What the service is called where it is not ours. */
  readonly hostname?: string;
}

export interface ServiceAnswer {
  readonly status: number;
  readonly body: unknown;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Calls another service. Any answer is returned, 5xx too.
 * Throws Outage 502 when it cannot be reached, 504 when it takes longer than `timeoutMs`.
 */
export function request(channel: Channel, service: ServiceName, call: ServiceCall): Promise<ServiceAnswer> {
  const deadlineMs = performance.now() + (call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  if (HEDGE_AFTER_MS === 0) return send(channel, service, call, deadlineMs).answer;
  // Whoever gets a change twice answers it once: see `idempotency-key` in shop-server.ts.
  const key = call.method === "GET" ? undefined : randomUUID();
  return hedge(() => send(channel, service, call, deadlineMs, key), {
    afterMs: HEDGE_AFTER_MS,
    mostAttempts: MOST_ATTEMPTS,
    budget,
  });
}

function send(
  channel: Channel,
  service: ServiceName,
  call: ServiceCall,
  deadlineMs: number,
  key?: string,
): Attempt<ServiceAnswer> {
  const { port } = chooseInstance(channel.directory(), service, call.stickyKey);
  const timeoutMs = Math.max(0, deadlineMs - performance.now());
  const text = call.body === undefined ? undefined : JSON.stringify(call.body);
  const answer = new Promise<ServiceAnswer>((resolve, reject) => {
    const outgoing = http.request(
      {
        agent,
        hostname: call.hostname ?? service,
        port,
        method: call.method,
        path: call.path,
        headers: {
          ...(text === undefined
            ? {}
            : { "content-type": "application/json", "content-length": Buffer.byteLength(text).toString() }),
          ...(key === undefined ? {} : { "idempotency-key": key }),
        },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          try {
            resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
          } catch (error) {
            reject(new Outage(502, `${service} answered something that is not JSON`, { cause: error }));
          }
        });
      },
    );
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(
        error instanceof Outage
          ? error
          : new Outage(502, `${service} cannot be reached: ${error.message}`, { cause: error }),
      );
    };
    const timer = setTimeout(() => {
      outgoing.destroy(new Outage(504, `${service} did not answer within ${Math.round(timeoutMs)} ms`));
    }, timeoutMs);
    outgoing.on("error", fail);
    outgoing.end(text);
  });
  // One that another attempt has overtaken goes on, so that its connection returns to the pool: a new one has to be opened
  // over the same bad network.
  return { answer, abandon: () => undefined };
}

/** As `request`, but only a 2xx is returned: a 4xx is the customer's (Refusal), a 5xx ours (Outage). */
export async function ask(channel: Channel, service: ServiceName, call: ServiceCall): Promise<unknown> {
  const { status, body } = await request(channel, service, call);
  if (status < 400) return body;
  const said = body as { error?: string; message?: string } | null;
  const message = said?.message ?? "no reason given";
  if (status < 500) throw new Refusal(status, said?.error ?? "refused", message);
  throw new Outage(status === 503 || status === 504 ? status : 502, `${service} answered ${status}: ${message}`);
}
