import { Failure } from "#runtime/failure.ts";
import type { Engine } from "./engine.ts";
import { loadGate } from "./load-gate.ts";
import { readRows } from "./rows.ts";
import { MIGRATIONS, RESTORE_MARKER } from "./schema/migrate.ts";

/**
 * Backups are the engine's own (BACKUP DATABASE … TO File): checksummed, and only below the directory that the engine was
 * opened with as its `backupDir`. No load runs meanwhile, so the tables agree with each other, and with the journal if that is
 * copied by `alongside` before loads go on: its open load, if there is one, is finished after a restore as after a crash.
 */
export interface BackupReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly files: number;
}

/** Writes a backup into `path`, which must not be there yet. Throws "conflict" if it is. */
export async function backup(
  engine: Engine,
  path: string,
  alongside: () => Promise<void> = async () => undefined,
  signal?: AbortSignal,
): Promise<BackupReport> {
  return await loadGate.alone(async () => {
    const database = await currentDatabase(engine);
    try {
      await engine.execute(`BACKUP DATABASE ${database} TO File({path:String})`, { path }, signal);
    } catch (error) {
      if (error instanceof Failure && /BACKUP_ALREADY_EXISTS|already exists/.test(error.message))
        throw new Failure("conflict", `there is a backup at ${path} already`, { cause: error });
      throw error;
    }
    await alongside();
    const [row] = await readRows<[string, string]>(
      engine,
      "SELECT toString(total_size), toString(num_files) FROM system.backups WHERE status = 'BACKUP_CREATED' ORDER BY start_time DESC LIMIT 1",
      {},
      signal,
    );
    return { path, sizeBytes: Number(row?.[0] ?? 0), files: Number(row?.[1] ?? 0) };
  });
}

/**
 * Puts a backup in place of an empty database. Throws "conflict" where there are rows already, "config-invalid" where the
 * backup is a newer program's. Cut off, it is simply run again.
 */
export async function restore(engine: Engine, path: string, signal?: AbortSignal): Promise<void> {
  const database = await currentDatabase(engine);
  if (!(await isRestoreUnfinished(engine))) {
    const [row] = await readRows<[string]>(
      engine,
      "SELECT toString(sum(total_rows)) FROM system.tables WHERE database = currentDatabase() AND name != 'migrations'",
    );
    if (Number(row?.[0] ?? 0) > 0)
      throw new Failure("conflict", "a backup can only be restored into an empty data directory", {
        remedy: "Choose another --data, or move the old one away.",
      });
  }
  await engine.execute(`CREATE DATABASE IF NOT EXISTS ${RESTORE_MARKER}`);
  const tables = await readRows<[string]>(engine, "SELECT name FROM system.tables WHERE database = currentDatabase()");
  for (const [table] of tables) await engine.execute("DROP TABLE {table:Identifier} SYNC", { table });
  await engine.execute(
    `RESTORE DATABASE ${database} FROM File({path:String}) SETTINGS allow_different_database_def = 1`,
    { path },
    signal,
  );
  const [version] = await readRows<[number]>(engine, "SELECT max(version) FROM migrations");
  const known = Math.max(...MIGRATIONS.map((migration) => migration.version));
  if ((version?.[0] ?? 0) > known)
    throw new Failure("config-invalid", `the backup has schema ${version?.[0]}, this program knows only ${known}`, {
      remedy: "Restore it with the Traceo that wrote it, or a newer one.",
    });
  await engine.sync();
  await engine.execute(`DROP DATABASE ${RESTORE_MARKER}`);
}

/** True after a restore that was cut off: the database has a part of a backup and must not be used. */
export async function isRestoreUnfinished(engine: Engine): Promise<boolean> {
  const rows = await readRows(engine, "SELECT 1 FROM system.databases WHERE name = {marker:String}", {
    marker: RESTORE_MARKER,
  });
  return rows.length > 0;
}

async function currentDatabase(engine: Engine): Promise<string> {
  const [row] = await readRows<[string]>(engine, "SELECT currentDatabase()");
  return `\`${row![0].replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}
