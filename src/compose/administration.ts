import { join } from "node:path";
import type { Administration } from "#api/dependencies.ts";
import { backup } from "#engine/backup.ts";
import { eraseTenant, eraseTrace } from "#engine/erase.ts";
import { documentsFile, writeDocuments } from "./document-backup.ts";
import { backupFolder } from "./open-engine.ts";
import type { Store } from "./store.ts";

/** What an administrator may do to the store. What was acknowledged before is loaded first, so that nothing comes after. */
export function administer(
  { engine, ingest, documents }: Pick<Store, "engine" | "ingest" | "documents">,
  dataDir: string,
): Administration {
  return {
    backup: async (name) => {
      await ingest.flush();
      const path = join(backupFolder(dataDir), name);
      return await backup(engine, path, () => writeDocuments(documents, documentsFile(path)));
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
