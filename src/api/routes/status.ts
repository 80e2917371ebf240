import { z } from "zod";
import type { Status } from "../contract/shapes.ts";
import { route } from "../route.ts";
import { status } from "../schema/status.ts";

export function statusRoute(startedMs: number) {
  return route({
    path: "/status",
    summary: "Version, readiness, engine, ledger and disk",
    pathParameters: z.object({}),
    query: z.object({}),
    answer: status,
    async handle({ dependencies, visitor }): Promise<Status> {
      const engine = dependencies.engine.status();
      return {
        version: dependencies.version,
        ready: engine.state === "ready",
        startedMs,
        nowMs: dependencies.clock.nowMs(),
        tenant: visitor.tenant,
        demo: dependencies.demo !== undefined,
        addresses: dependencies.addresses,
        engine: {
          kind: engine.kind,
          state: engine.state,
          version: engine.version,
          restarts: engine.restarts,
          processId: engine.processId ?? null,
          residentBytes: engine.residentBytes ?? null,
          memoryLimitBytes: engine.memoryLimitBytes ?? null,
          lastFailure: engine.lastFailure ?? null,
        },
        ledger: dependencies.ingestLedger(),
        disk: dependencies.disk(),
      };
    },
  });
}
