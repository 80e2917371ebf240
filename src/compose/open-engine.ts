import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Settings } from "#config/settings.ts";
import { openEmbeddedEngine } from "#engine/embedded/embedded-engine.ts";
import type { Engine } from "#engine/engine.ts";
import { readLostParts } from "#engine/lost-parts.ts";
import { openRemoteEngine } from "#engine/remote/remote-engine.ts";
import { migrate } from "#engine/schema/migrate.ts";
import { Failure } from "#runtime/failure.ts";
import type { Log } from "#runtime/log.ts";

/** Backups are written and read below this folder of the data directory. */
export function backupFolder(dataDir: string): string {
  return join(dataDir, "backup");
}

/** Opens the engine that the settings name; at each of its starts the schema is brought up to date and losses are reported. */
export async function openEngine(
  settings: Settings,
  dataDir: string,
  log: Log,
  backupDir = backupFolder(dataDir),
): Promise<Engine> {
  const onStart = [
    async (engine: Engine): Promise<void> => {
      const { from, to } = await migrate(engine);
      if (from !== to) log.info("schema brought up to date", { from, to });
      for (const { table, partition, part, reason, sizeBytes, path } of await readLostParts(engine))
        log.error("the engine could not read a part of a table; its rows are lost", {
          table,
          partition,
          part,
          reason,
          sizeBytes,
          path,
        });
    },
  ];
  const { engine } = settings;
  if (engine.url === "embedded")
    return await openEmbeddedEngine({
      dataDir: join(dataDir, "engine"),
      memoryLimitBytes: engine.memoryLimit,
      ownMemoryLimitBytes: engine.ownMemoryLimit,
      database: engine.database,
      backupDir,
      onStart,
    });
  if (!/^https?:\/\//.test(engine.url))
    throw new Failure("config-invalid", `engine.url: expected \`embedded\` or an address, not \`${engine.url}\`.`);
  return await openRemoteEngine({
    url: engine.url,
    user: engine.user,
    password: engine.passwordFile === undefined ? "" : readFileSync(engine.passwordFile, "utf8").trim(),
    database: engine.database,
    ...(engine.cluster === undefined ? {} : { cluster: engine.cluster }),
    ...(engine.reader === undefined ? {} : { reader: { role: engine.reader } }),
    onStart,
  });
}
