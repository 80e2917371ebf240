import { join } from "node:path";
import type { Administration } from "#api/dependencies.ts";
import { backup } from "#engine/backup.ts";
import { eraseTenant, eraseTrace } from "#engine/erase.ts";
import { backupFolder } from "./open-engine.ts";
import type { Store } from "./store.ts";

/** What an administrator may do to the store. What was acknowledged before is loaded first, so that nothing comes after. */
export function administer({ engine, ingest }: Pick<Store, "engine" | "ingest">, dataDir: string): Administration {
  return {
    backup: async (name) => {
      await ingest.flush();
      return await backup(engine, join(backupFolder(dataDir), name));
    },
    eraseTenant: async (tenant) => {
      await ingest.flush();
      return { rows: (await eraseTenant(engine, tenant)).rows };
    },
    eraseTrace: async (tenant, traceId) => {
      await ingest.flush();
      return { rows: (await eraseTrace(engine, tenant, traceId)).rows };
    },
    quarantined: async () =>
      (await ingest.quarantined()).map(({ name, signal, reason, recordCount, atUnixMs }) => ({
        name,
        signal,
        reason,
        recordCount,
        atUnixMs,
      })),
    replay: (name) => ingest.replayQuarantined(name),
  };
}
