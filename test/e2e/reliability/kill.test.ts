import { afterEach, expect, it } from "vitest";
import { eventually, isAlive, removeData, startServer, type TestServer } from "../server.ts";
import { expectExactlyOnce } from "./accounting.ts";
import { Sender } from "./sender.ts";

/** 5 here; `npm run torture` makes it 50. */
const ROUNDS = Number(process.env["TORTURE_ROUNDS"] ?? 5);
const SEED = Number(process.env["TORTURE_SEED"] ?? 1);

/** What the program says of itself would not be in the sender's books. */
const QUIET = ["--set", "telemetry.self=false"];

let server: TestServer | undefined;
afterEach(async () => {
  if (server === undefined) return;
  await server.kill();
  removeData(server);
  server = undefined;
});

const newSender = (): Sender =>
  new Sender({
    recordsPerBatch: 400,
    concurrency: 4,
    signals: ["traces", "logs", "metrics"],
    seed: SEED,
    startUnixNano: BigInt(Date.now()) * 1_000_000n,
  });

/** Different every round, the same for a seed. */
const wait = (round: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, 300 + ((SEED * 7919 + round * 104_729) % 1500)));

it(`keeps every acknowledged record exactly once over ${ROUNDS} kills of the whole program under load`, {
  timeout: ROUNDS * 30_000,
}, async () => {
  const sender = newSender();
  server = await startServer({ flags: QUIET });
  for (let round = 0; round < ROUNDS; round++) {
    const sending = sender.run(server.otlpHttp);
    await wait(round);
    const engine = await engineProcess(server);
    await server.kill();
    sender.stop();
    await sending;
    // The engine notices that its parent is gone; until then it holds the data directory.
    if (engine !== undefined) await eventually(async () => !isAlive(engine));
    server = await startServer({ dataDir: server.dataDir, flags: QUIET });
  }
  await expectExactlyOnce(server, sender.batches);
});

it(`keeps every acknowledged record exactly once over ${ROUNDS} kills of the engine under load, and goes on acknowledging meanwhile`, {
  timeout: ROUNDS * 30_000,
}, async () => {
  const sender = newSender();
  server = await startServer({ flags: QUIET });
  const running = server;
  const sending = sender.run(running.otlpHttp);
  for (let round = 0; round < ROUNDS; round++) {
    await wait(round);
    const engine = await eventually(() => engineProcess(running));
    const before = sender.acknowledged().length;
    process.kill(engine, "SIGKILL");
    await eventually(async () => sender.acknowledged().length > before);
    await eventually(async () => (await engineProcess(running)) !== engine);
  }
  sender.stop();
  await sending;
  expect(sender.batches.filter((batch) => batch.outcome === "unknown")).toEqual([]);
  await expectExactlyOnce(running, sender.batches);
});

/** The process id of a ready engine. */
async function engineProcess(of: TestServer): Promise<number | undefined> {
  const status = (await (await fetch(`${of.url}/api/status`)).json()) as {
    engine: { state: string; processId?: number | null };
  };
  return status.engine.state === "ready" ? (status.engine.processId ?? undefined) : undefined;
}
