import { Failure } from "#runtime/failure.ts";
import type { Engine } from "../engine.ts";
import { readRows } from "../rows.ts";
import { createTableSql, createViewSql, onCluster } from "./ddl.ts";
import { TABLES, VIEWS } from "./tables.ts";

/**
 * Ordered steps from an empty database to the present schema. A step is noted in `migrations` after its last statement; one
 * that was cut off runs again from its first, so every statement must be harmless when it has run before. The first step
 * creates the tables as they are today: a later step is then about databases that are older, and finds nothing to do in a
 * new one (ADD COLUMN IF NOT EXISTS …).
 */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly statements: (cluster: string | undefined) => readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: "tables and views",
    statements: (cluster) => [
      ...TABLES.flatMap((table) => createTableSql(table, cluster)),
      ...VIEWS.map((view) => createViewSql(view, cluster)),
    ],
  },
];

/** A database of this name stands while a restore is under way (backup.ts). */
export const RESTORE_MARKER = "traceo_restoring";

export interface MigrationReport {
  /** The version found; 0 for an empty database. */
  readonly from: number;
  readonly to: number;
}

/**
 * Brings the schema up to date. Throws "config-invalid" where a newer program has been at work, "corrupt" where a restore
 * was cut off.
 */
export async function migrate(engine: Engine, migrations: readonly Migration[] = MIGRATIONS): Promise<MigrationReport> {
  const { cluster } = engine.status();
  const unfinished = await readRows(engine, "SELECT 1 FROM system.databases WHERE name = {marker:String}", {
    marker: RESTORE_MARKER,
  });
  if (unfinished.length > 0)
    throw new Failure("corrupt", "a restore was cut off and has left a part of a backup", {
      remedy: "Run `traceo restore` again with the same backup.",
    });
  await engine.execute(migrationsTableSql(cluster));
  const [found] = await readRows<[number]>(engine, "SELECT max(version) FROM migrations");
  const from = found?.[0] ?? 0;
  const to = Math.max(0, ...migrations.map(({ version }) => version));
  if (from > to)
    throw new Failure("config-invalid", `the data has schema ${from}, this program knows only ${to}`, {
      remedy: "Start the newer Traceo that wrote this data, or restore a backup from before it.",
    });
  for (const { version, name, statements } of migrations) {
    if (version <= from) continue;
    for (const sql of statements(cluster)) await engine.execute(sql);
    await engine.execute("INSERT INTO migrations (version, name) VALUES ({version:UInt32}, {name:String})", {
      version,
      name,
    });
  }
  return { from, to };
}

/** Every node of a cluster has all of this table: it belongs to no shard. */
export function migrationsTableSql(cluster: string | undefined): string {
  const engine =
    cluster === undefined
      ? "MergeTree"
      : "ReplicatedMergeTree('/clickhouse/tables/{uuid}/migrations', '{shard}-{replica}')";
  return `CREATE TABLE IF NOT EXISTS migrations${onCluster(cluster)}
    (version UInt32, name String, time DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
    ENGINE = ${engine} ORDER BY version SETTINGS fsync_after_insert = 1, fsync_part_directory = 1`;
}
