import { afterEach, expect, it } from "vitest";
import { buildTraces } from "../../src/wire/otlp-build.ts";
import { eventually, isAlive, removeData, startServer, type TestServer } from "./server.ts";

let server: TestServer | undefined;
afterEach(async () => {
  if (server === undefined) return;
  await server.kill();
  removeData(server);
  server = undefined;
});

it("drains at SIGTERM, exits with 0, leaves no process, and has everything after a restart", async () => {
  server = await startServer();
  const status = (await (await fetch(`${server.url}/api/status`)).json()) as { engine: { processId: number } };
  const records = 20_000;
  const start = BigInt(Date.now()) * 1_000_000n;
  const answers = await Promise.all(
    [1, 2, 3, 4].map((seed) =>
      fetch(`${server!.otlpHttp}/v1/traces`, {
        method: "POST",
        headers: { "content-type": "application/x-protobuf" },
        body: buildTraces(
          { records: records / 4, startUnixNano: start, idPrefix: seed.toString(16).padStart(8, "0") },
          seed,
        ),
      }),
    ),
  );
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/does not add up/);
  await eventually(async () => !isAlive(status.engine.processId));

  server = await startServer({ dataDir: server.dataDir });
  const running = server;
  const [found] = await eventually(async () => {
    const rows = await running.sql<{ n: string; ids: string }>(
      "SELECT count() AS n, uniqExact(span_id) AS ids FROM spans",
    );
    return Number(rows[0]!.n) >= records && rows;
  });
  expect(found).toEqual({ n: String(records), ids: String(records) });
});

it("stops at once at a second signal, and loses nothing that it acknowledged", async () => {
  server = await startServer();
  const answer = await fetch(`${server.otlpHttp}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: buildTraces({ records: 5000, startUnixNano: BigInt(Date.now()) * 1_000_000n }, 9),
  });
  expect(answer.status).toBe(200);
  process.kill(server.processId, "SIGTERM");
  process.kill(server.processId, "SIGTERM");
  await eventually(async () => !isAlive(server!.processId));
  server = await startServer({ dataDir: server.dataDir });
  const running = server;
  await eventually(async () => {
    const rows = await running.sql<{ n: string }>("SELECT uniqExact(span_id) AS n FROM spans");
    return rows[0]!.n === "5000";
  });
});
