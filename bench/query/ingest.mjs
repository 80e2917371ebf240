// OTLP over HTTP at half of the speed that the program takes it with: first as fast as it is answered, then half of that.
import { buildLogs, buildTraces } from "../../dist/wire/otlp-build.js";

const RECORDS = 2_000;
const BODIES = 8;
const FULL_MS = 6_000;

/** Resolves when the pace of half speed has begun; `stop` answers what was sent meanwhile. */
export async function startIngest(server, print) {
  const makers = { traces: buildTraces, logs: buildLogs };
  const bodies = Object.entries(makers).flatMap(([signal, make]) =>
    Array.from({ length: BODIES }, (_, seed) => ({
      signal,
      // Now: the newest minutes are what everybody asks for.
      bytes: make({ records: RECORDS, startUnixNano: BigInt(Date.now() - 2_000) * 1_000_000n }, seed + 1),
    })),
  );
  let sent = 0;
  let refused = 0;
  const send = async (turn) => {
    const { signal, bytes } = bodies[turn % bodies.length];
    const response = await fetch(`${server.otlp}/v1/${signal}`, {
      method: "POST",
      headers: { "content-type": "application/x-protobuf" },
      body: bytes,
    });
    await response.arrayBuffer();
    if (response.ok) sent += RECORDS;
    else refused++;
  };
  const started = performance.now();
  let turn = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (performance.now() - started < FULL_MS) await send(turn++);
    }),
  );
  await loaded(server);
  // Until all was queryable: what the program keeps up with, not what it can put aside.
  const perSecond = sent / ((performance.now() - started) / 1000);
  print({ figure: "ingest alone", recordsPerSecond: Math.round(perSecond) });
  const everyMs = (RECORDS / (perSecond / 2)) * 1000;
  sent = 0;
  refused = 0;
  const began = performance.now();
  const running = new Set();
  const timer = setInterval(() => {
    for (let due = Math.floor((performance.now() - began) / everyMs); turnsOf() < due && running.size < 16; ) {
      const one = send(turn++)
        .catch(() => refused++)
        .finally(() => running.delete(one));
      running.add(one);
    }
  }, 5);
  const first = turn;
  const turnsOf = () => turn - first;
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.allSettled(running);
      const seconds = (performance.now() - began) / 1000;
      return { recordsPerSecond: Math.round(sent / seconds), refusedRequests: refused };
    },
  };
}

/** Resolves when nothing that was received is still to be loaded. */
async function loaded(server) {
  for (;;) {
    const status = await (await fetch(`${server.url}/api/status`)).json();
    if (Object.values(status.ledger).every(({ pending }) => pending === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
