import { describe, expect, it } from "vitest";
import { openAccess } from "#access/access.ts";
import { createApi } from "#api/app.ts";
import { QUICK, request, setUpWorkshop, withMethods } from "#ingest/ingest.suite.ts";
import { systemClock } from "#runtime/clock.ts";
import { Failure } from "#runtime/failure.ts";
import { openMemoryDocuments } from "#state/memory/memory-documents.ts";
import { buildTraces } from "#wire/otlp-build.ts";
import { administer } from "./administration.ts";

const workshop = setUpWorkshop();

describe("administration over the API", () => {
  it("lists a load that the engine refused, replays it once it takes it, and lists it no more", async () => {
    let refuses = true;
    const engine = withMethods(workshop.engine, {
      insert: async (sql, ...given) => {
        if (refuses && sql.includes("INTO span_stats")) throw new Failure("engine-error", "no such function");
        await workshop.engine.insert(sql, ...given);
      },
    });
    await using under = await workshop.open({ engine, settings: QUICK });
    const { ingest } = under;
    const api = createApi({
      engine,
      ingestLedger: () => ingest.ledger(),
      access: openAccess({ listen: ["127.0.0.1"] }),
      clock: systemClock,
      version: "0.0.0-test",
      addresses: { ui: "http://127.0.0.1:7070", otlpHttp: "http://127.0.0.1:4318", otlpGrpc: "off" },
      disk: () => ({ usedBytes: 1, budgetBytes: null, freeBytes: 2 }),
      administration: administer({ engine, ingest, documents: openMemoryDocuments(systemClock) }, workshop.work),
    });
    const ask = async (path: string, method = "GET"): Promise<{ status: number; answer: unknown }> => {
      const asked = new Request(`http://127.0.0.1:7070${path}`, { method, headers: { host: "127.0.0.1:7070" } });
      const response = await api.fetch(asked);
      return { status: response.status, answer: await response.json() };
    };

    await ingest.accept(request("traces", buildTraces({ records: 40, idPrefix: "5a" }), { tenant: "set-aside" }));
    await ingest.flush();
    const listed = await ask("/api/admin/quarantine");
    expect(listed).toMatchObject({
      status: 200,
      answer: { quarantined: [{ signal: "traces", recordCount: 40, reason: "no such function" }] },
    });
    const [{ name }] = (listed.answer as { quarantined: [{ name: string }] }).quarantined;
    const replay = `/api/admin/quarantine/${encodeURIComponent(name)}/replay`;

    expect(await ask(replay, "POST")).toMatchObject({ answer: { code: "engine-error" } });
    expect(await ask("/api/admin/quarantine")).toEqual(listed);

    refuses = false;
    expect(await ask(replay, "POST")).toEqual({ status: 200, answer: { records: 40 } });
    expect(await ask("/api/admin/quarantine")).toEqual({ status: 200, answer: { quarantined: [] } });
    expect(await ask(replay, "POST")).toMatchObject({ status: 404, answer: { code: "not-found" } });
    expect(await workshop.spansOf("5a")).toEqual({ spans: 40, ids: 40, summed: 40 });
    expect(await workshop.one("SELECT sum(count) FROM span_stats WHERE tenant = 'set-aside'")).toEqual(["40"]);
  });
});
