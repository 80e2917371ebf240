import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Settings } from "#config/settings.ts";
import { restore } from "#engine/backup.ts";
import { systemClock } from "#runtime/clock.ts";
import type { Log } from "#runtime/log.ts";
import { openLmdbDocuments } from "#state/lmdb/lmdb-documents.ts";
import { documentsFile, readDocuments } from "./document-backup.ts";
import { openEngine } from "./open-engine.ts";

/** Restores the backup at `path` into an empty store. Throws what engine/backup.ts throws. */
export async function restoreBackup(settings: Settings, path: string, log: Log): Promise<void> {
  const dataDir = resolve(settings.data);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  await using engine = await openEngine(settings, dataDir, log, dirname(path));
  await restore(engine, path);
  await using documents = openLmdbDocuments(join(dataDir, "state"), systemClock);
  await readDocuments(documents, documentsFile(path));
}
