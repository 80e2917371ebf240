import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The engine's configuration file and its users. In chdb every connection is the user `default`, who holds two roles and
 * nothing else: `owner`, who may do everything, and `reader`, who has SELECT on the named tables and sees the rows of the
 * tenant that `log_comment` names. Both are active until the executor sends SET ROLE reader, before a confined statement.
 */
export interface EngineConfig {
  readonly database: string;
  /** Tables with a column `tenant`, and views over them. */
  readonly tables: readonly string[];
  readonly views: readonly string[];
  /** Where BACKUP may write and RESTORE may read. */
  readonly backupDir: string;
}

const OWNER_ROLE = "owner";
export const READER_ROLE = "reader";

/** Writes the files into `folder` and answers the path of the main one. */
export function writeConfigFile(folder: string, config: EngineConfig, memoryLimitBytes: number): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const usersPath = join(folder, "users.xml");
  const path = join(folder, "config.xml");
  writeFileSync(usersPath, usersXml(config, memoryLimitBytes), { mode: 0o600 });
  writeFileSync(path, mainXml(config, usersPath, memoryLimitBytes), { mode: 0o600 });
  return path;
}

function mainXml(config: EngineConfig, usersPath: string, memoryLimitBytes: number): string {
  return `<clickhouse>
  <users_config>${xml(usersPath)}</users_config>
  <!-- Start with whatever is whole; what is broken is moved aside and reported (lost-parts.ts). -->
  <merge_tree>
    <max_suspicious_broken_parts>1000000</max_suspicious_broken_parts>
    <max_suspicious_broken_parts_bytes>1000000000000000</max_suspicious_broken_parts_bytes>
  </merge_tree>
  <backups><allowed_path>${xml(config.backupDir)}</allowed_path></backups>
  <!-- A merge of a wide table holds 120 MB: two at once, and none is begun while they hold a third of the limit. -->
  <background_pool_size>2</background_pool_size>
  <merges_mutations_memory_usage_soft_limit>${Math.round(memoryLimitBytes / 3)}</merges_mutations_memory_usage_soft_limit>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
</clickhouse>
`;
}

/**
 * How the memory is shared. The engine has one limit for everything, and where it is met whoever asks next fails: under many
 * reads that was the INSERT. So statements together get a share, which leaves the rest to merges and caches; within it an
 * INSERT is never the one to go (schema/ddl.ts sets its denominator to 0). When it finds no room the engine stops the read
 * that holds most, and the INSERT waits for its memory.
 */
const STATEMENTS_SHARE = 0.6;
/** How long a statement waits for what a stopped one held. */
const MEMORY_WAIT_MICROSECONDS = 3_000_000;

function usersXml(config: EngineConfig, memoryLimitBytes: number): string {
  const grants = [...config.tables, ...config.views].map(
    (name) => `<query>GRANT SELECT ON ${xml(config.database)}.${xml(name)}</query>`,
  );
  const filter = `has(currentRoles(), '${OWNER_ROLE}') OR tenant = getSetting('log_comment')`;
  const filters = config.tables.map((name) => `<${name}><filter>${xml(filter)}</filter></${name}>`);
  return `<clickhouse>
  <!-- Compiling expressions costs 40 ms of CPU at every statement that does little, and memory. -->
  <profiles><default>
    <compile_expressions>0</compile_expressions>
    <compile_aggregate_expressions>0</compile_aggregate_expressions>
    <compile_sort_description>0</compile_sort_description>
    <!-- Parameters are SET as text; what people write is shorter (api/routes/sql.ts). -->
    <max_query_size>${32 << 20}</max_query_size>
    <max_memory_usage_for_user>${Math.round(memoryLimitBytes * STATEMENTS_SHARE)}</max_memory_usage_for_user>
    <memory_overcommit_ratio_denominator>1048576</memory_overcommit_ratio_denominator>
    <memory_usage_overcommit_max_wait_microseconds>${MEMORY_WAIT_MICROSECONDS}</memory_usage_overcommit_max_wait_microseconds>
  </default></profiles>
  <quotas><default/></quotas>
  <roles>
    <${OWNER_ROLE}><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></${OWNER_ROLE}>
    <${READER_ROLE}><grants>${grants.join("")}</grants></${READER_ROLE}>
  </roles>
  <users>
    <default>
      <password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants><query>GRANT ${OWNER_ROLE}</query><query>GRANT ${READER_ROLE}</query></grants>
      <databases><${config.database}>${filters.join("")}</${config.database}></databases>
    </default>
  </users>
</clickhouse>
`;
}

function xml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
