import type { Table } from "./tables.ts";

/** CREATE TABLE for an engine of one machine. */
export function createTableSql(table: Table): string {
  return `CREATE TABLE IF NOT EXISTS ${table.name} (
    ${tableBody(table)}
  ) ENGINE = ${table.engine} ${tableTail(table)}`;
}

export function tableBody(table: Table): string {
  const columns = table.columns.map(
    ({ name, type, rest }) => `\`${name}\` ${type}${rest === undefined ? "" : ` ${rest}`}`,
  );
  return [...columns, ...table.extras].join(",\n    ");
}

export function tableTail(table: Table): string {
  return `PARTITION BY ${table.partitionBy} ORDER BY ${table.orderBy} SETTINGS ${table.settings}`;
}

/**
 * One part per partition, whatever the size of the load: what arrives is gathered into one block before it is written. A
 * load that came as two parts could be half there after a kill, and its number would say that it is whole. The byte
 * threshold must be 0, for "none": any other value the engine silently lowers to a tenth of its memory limit.
 */
const ONE_PART =
  "min_insert_block_size_rows = 1000000000000, min_insert_block_size_bytes = 0, max_insert_threads = 1, insert_deduplicate = 0";

/** The INSERT that runs a table's recipe; `where` picks rows of the block. The load's number is the parameter `load`. */
export function insertSql(table: Table, where = "1"): string {
  const names = table.columns.map(({ name }) => `\`${name}\``).join(", ");
  const settings = table.insertSettings === "" ? ONE_PART : `${ONE_PART}, ${table.insertSettings}`;
  return `INSERT INTO ${table.name} (${names}) SETTINGS ${settings} ${recipeSql(table, "{load:UInt64}", where)}`;
}

/** A table's recipe with its load and its rows' filter filled in; `{block}` is left to the caller. */
export function recipeSql(table: Table, load: string, where: string): string {
  return table.recipe.replaceAll("{load}", () => load).replaceAll("{where}", () => where);
}
