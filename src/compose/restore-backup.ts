import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Settings } from "#config/settings.ts";
import { restore } from "#engine/backup.ts";
import type { Log } from "#runtime/log.ts";
import { openEngine } from "./open-engine.ts";

/** Restores the backup at `path` into an empty store. Throws what engine/backup.ts throws. */
export async function restoreBackup(settings: Settings, path: string, log: Log): Promise<void> {
  const dataDir = resolve(settings.data);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  await using engine = await openEngine(settings, dataDir, log, dirname(path));
  await restore(engine, path);
}
