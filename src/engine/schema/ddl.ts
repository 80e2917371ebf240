import type { Table, View } from "./tables.ts";

/**
 * CREATE TABLE for one machine, or for a named cluster: there each shard keeps its part in `<name>_local`, replicated, and
 * `<name>` is a Distributed table over them, sharded by `load`. So one load lies on one shard, a partition of a load is still
 * there or not, and `load = N` asked of `<name>` is answered by the shard that has it.
 */
export function createTableSql(table: Table, cluster?: string): readonly string[] {
  if (cluster === undefined)
    return [
      `CREATE TABLE IF NOT EXISTS ${table.name} (
    ${tableBody(table)}
  ) ENGINE = ${table.engine} ${tableTail(table)}`,
    ];
  return [
    `CREATE TABLE IF NOT EXISTS ${localName(table.name, cluster)}${onCluster(cluster)} (
    ${tableBody(table)}
  ) ENGINE = Replicated${table.engine}('/clickhouse/tables/{uuid}/{shard}', '{replica}') ${tableTail(table)}`,
    `CREATE TABLE IF NOT EXISTS ${table.name}${onCluster(cluster)} AS ${localName(table.name, cluster)}
  ENGINE = Distributed(${identifier(cluster)}, currentDatabase(), ${localName(table.name, cluster)}, load)`,
  ];
}

/** CREATE VIEW; in a cluster every shard's share of a join must see all of the right side. */
export function createViewSql({ name, select }: View, cluster?: string): string {
  const joined = cluster === undefined ? select : select.replaceAll("LEFT JOIN", "GLOBAL LEFT JOIN");
  return `CREATE OR REPLACE VIEW ${name}${onCluster(cluster)} AS ${joined}`;
}

/** The table that holds the rows: what ALTER, DELETE and partitions are about. */
export function localName(table: string, cluster: string | undefined): string {
  return cluster === undefined ? table : `${table}_local`;
}

/** ` ON CLUSTER c`, or nothing. */
export function onCluster(cluster: string | undefined): string {
  return cluster === undefined ? "" : ` ON CLUSTER ${identifier(cluster)}`;
}

function identifier(name: string): string {
  return `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
}

function tableBody(table: Table): string {
  const columns = table.columns.map(
    ({ name, type, rest }) => `\`${name}\` ${type}${rest === undefined ? "" : ` ${rest}`}`,
  );
  return [...columns, ...table.extras].join(",\n    ");
}

function tableTail(table: Table): string {
  return `PARTITION BY ${table.partitionBy} ORDER BY ${table.orderBy} SETTINGS ${table.settings}`;
}

/**
 * One part per partition, whatever the size of the load: what arrives is gathered into one block before it is written. A
 * load that came as two parts could be half there after a kill, and its number would say that it is whole. The byte
 * threshold must be 0, for "none": any other value the engine silently lowers to a tenth of its memory limit.
 * The rest is about clusters: the shard has the rows, and a majority of its replicas, before the INSERT returns.
 */
const ONE_PART =
  "min_insert_block_size_rows = 1000000000000, min_insert_block_size_bytes = 0, max_insert_threads = 1, insert_deduplicate = 0";
/** Short of memory, the engine stops other statements rather than this one (embedded/config-file.ts). */
const SPARED = "memory_overcommit_ratio_denominator = 0";
const IN_CLUSTER = "distributed_foreground_insert = 1, insert_quorum = 'auto', insert_quorum_parallel = 0";

/** The INSERT that runs a table's recipe; `where` picks rows of the block. The load's number is the parameter `load`. */
export function insertSql(table: Table, where = "1", cluster?: string): string {
  return insertColumnsSql(table, table.name, recipeSql(table, "{load:UInt64}", where), cluster);
}

/** By this `log_comment` an INSERT that still runs is found in system.processes. */
export function insertComment(into: string): string {
  return `load into ${into}`;
}

/** An INSERT of all stored columns of `table`, in their order, into it or a twin of it. */
export function insertColumnsSql(table: Table, into: string, select: string, cluster?: string): string {
  const names = table.columns.map(({ name }) => `\`${name}\``).join(", ");
  const comment = `log_comment = '${insertComment(into)}'`;
  const settings = [ONE_PART, SPARED, comment, cluster === undefined ? "" : IN_CLUSTER, table.insertSettings].filter(
    (one) => one !== "",
  );
  return `INSERT INTO ${into} (${names}) SETTINGS ${settings.join(", ")} ${select}`;
}

/** A table's recipe with its load and its rows' filter filled in; `{block}` is left to the caller. */
export function recipeSql(table: Table, load: string, where: string): string {
  return table.recipe.replaceAll("{load}", () => load).replaceAll("{where}", () => where);
}
