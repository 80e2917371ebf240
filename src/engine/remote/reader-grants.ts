import { onCluster } from "../schema/ddl.ts";
import { TABLES, VIEWS } from "../schema/tables.ts";

/**
 * What makes a user of a ClickHouse server a confined reader: SELECT on our tables and views and nothing else, and a row
 * policy that shows the rows of the tenant which `log_comment` names. To be run by an administrator once, as the guide says;
 * the user itself and its password are the administrator's.
 */
export function readerGrants(user: string, database: string, cluster?: string): readonly string[] {
  const quoted = (name: string): string => `\`${name.replaceAll("\\", "\\\\").replaceAll("`", "\\`")}\``;
  const on = onCluster(cluster);
  const tables = TABLES.flatMap(({ name }) => (cluster === undefined ? [name] : [name, `${name}_local`]));
  return [
    ...[...tables, ...VIEWS.map(({ name }) => name)].map(
      (name) => `GRANT${on} SELECT ON ${quoted(database)}.${quoted(name)} TO ${quoted(user)}`,
    ),
    ...tables.map(
      (name) =>
        `CREATE ROW POLICY IF NOT EXISTS ${quoted(`traceo_${name}_${user}`)}${on} ON ${quoted(database)}.${quoted(name)} USING tenant = getSetting('log_comment') TO ${quoted(user)}`,
    ),
    // A table with a policy for one user shows nothing to the others without one for them.
    ...tables.map(
      (name) =>
        `CREATE ROW POLICY IF NOT EXISTS ${quoted(`traceo_${name}_all`)}${on} ON ${quoted(database)}.${quoted(name)} USING 1 TO ALL EXCEPT ${quoted(user)}`,
    ),
  ];
}
