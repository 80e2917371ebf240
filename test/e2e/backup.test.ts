import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { hexId, sendGauge, sendLogs, sendSpans } from "./send.ts";
import { eventually, removeData, startServer } from "./server.ts";

const MAIN = join(import.meta.dirname, "../../dist/main.js");
const traceo = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [MAIN, ...args])).stdout;
const COUNTS =
  "SELECT (SELECT count() FROM spans) AS spans, (SELECT sum(span_count) FROM traces) AS traces, (SELECT sum(count) FROM span_stats) AS stats, (SELECT count() FROM logs) AS logs, (SELECT count() FROM samples) AS samples";

it("erases a trace and a tenant, backs up, and restores elsewhere", async () => {
  const quiet = ["--set", "telemetry.self=false"];
  let server = await startServer({ flags: quiet });
  const spans = [1, 2, 3].map((seed) => ({ traceId: hexId(seed, 16), spanId: hexId(seed, 8), name: "work" }));
  await sendSpans(server, "kept", spans);
  await sendLogs(server, "kept", [{ body: "line 1", traceId: hexId(1, 16) }, { body: "line 2" }]);
  await sendGauge(server, "kept", "gauge", [{ value: 1 }]);
  await sendSpans(server, "theirs", spans, { "x-scope-orgid": "gone" });

  const post = async (
    path: string,
    body: object,
    tenant = "default",
  ): Promise<{ status: number; answer: Record<string, unknown> }> => {
    const response = await fetch(`${server.url}${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", "x-scope-orgid": tenant },
    });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  };
  expect(await post("/api/admin/erase", { traceId: hexId(1, 16) })).toMatchObject({ status: 200, answer: { rows: 2 } });
  expect(await server.sql(COUNTS)).toEqual([{ spans: "2", traces: "2", stats: "2", logs: "1", samples: "1" }]);
  expect((await post("/api/admin/erase", { tenant: "gone" })).status).toBe(400);
  expect(await post("/api/admin/erase", { tenant: "gone" }, "gone")).toMatchObject({
    status: 200,
    answer: { rows: 3 },
  });
  expect(await server.sql("SELECT count() AS n FROM spans", "gone")).toEqual([{ n: "0" }]);

  const saved = await fetch(`${server.url}/api/documents/view/slow`, {
    method: "PUT",
    body: JSON.stringify({ name: "Slow checkouts", content: { path: "/traces?q=checkout" } }),
    headers: { "content-type": "application/json", "if-none-match": "*" },
  });
  expect(saved.ok).toBe(true);

  const made = JSON.parse(await traceo("backup", "night", "--url", server.url, "--json")) as { path: string };
  await expect(traceo("backup", "night", "--url", server.url)).rejects.toThrow(/already/);
  await sendSpans(server, "later", [{ traceId: hexId(9, 16), spanId: hexId(9, 8), name: "after the backup" }]);
  await eventually(async () => (await server.sql("SELECT 1 FROM spans WHERE service_name = 'later'")).length === 1);
  await server.stop();

  const dataDir = mkdtempSync(join(tmpdir(), "traceo-restored-"));
  expect(await traceo("restore", "--data", dataDir, made.path)).toContain("Restored");
  await expect(traceo("restore", "--data", dataDir, made.path)).rejects.toThrow(/restore/);
  const old = server;
  server = await startServer({ dataDir, flags: quiet });
  expect(await server.sql(COUNTS)).toEqual([{ spans: "2", traces: "2", stats: "2", logs: "1", samples: "1" }]);
  const restored = await fetch(`${server.url}/api/documents/view/slow`);
  expect(await restored.json()).toMatchObject({ name: "Slow checkouts", content: { path: "/traces?q=checkout" } });
  await server.stop();
  removeData(server);
  removeData(old);
});
